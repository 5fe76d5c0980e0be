"""Reading comments."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, FromClause, Select, Uuid, bindparam, func, literal, select

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.mentions import mentioned_by
from adapters.sql.readers.paging import Key, in_order, ordered, page_of, position_values
from adapters.sql.readers.projects import is_member_of
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import comments
from adapters.sql.tables.people import users
from adapters.sql.tables.work import projects, tasks
from core.comments import model
from core.comments.model import Mention
from core.comments.read_models import CommentView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef

_authors = users.alias("authors")

SORTS = {
    "created_at": Key(comments.c.created_at, DateTime(timezone=True), lambda view: view.created_at.isoformat()),
}


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters. `member`: the caller must belong to the
    project.
    """

    by_key: bool
    member: bool
    sort: Sort
    after: bool
    most: int
    skips: bool


def visible_task(query: Select[Any], *, by_key: bool, member: bool) -> Select[Any]:
    """The query, of the task that was named; of nothing if its project was deleted, or hides it from the caller."""
    query = query.select_from(tasks.join(projects, projects.c.id == tasks.c.project_id)).where(named_task(by_key))
    return query.where(is_member_of(tasks.c.project_id)) if member else query


def task_values(ref: TaskRef, visible: Visible) -> dict[str, Any]:
    """The parameters of `visible_task`."""
    values = ref_values(ref)
    if visible.member_id is not None:
        values["member_id"] = visible.member_id
    return values


def _columns(rows: FromClause = comments) -> list[ColumnElement[Any]]:
    """What `_view` reads."""
    return [
        *(rows.c[name] for name in ("id", "task_id", "parent_id", "author_id")),
        _authors.c.name,
        *(rows.c[name] for name in ("body", "is_deleted", "version")),
        *mentioned_by(rows),
        rows.c.created_at,
        rows.c.updated_at,
    ]


def _with_authors(rows: FromClause) -> FromClause:
    return rows.outerjoin(_authors, _authors.c.id == rows.c.author_id)


@lru_cache(maxsize=100)
def _page(shape: Shape) -> Statement:
    """A page of comments alone, in order, and then the names that go with it."""
    key = SORTS[shape.sort.field]
    task = visible_task(select(tasks.c.id), by_key=shape.by_key, member=shape.member).correlate(None)
    page = ordered(
        select(comments).where(comments.c.task_id == task.scalar_subquery()),
        key=key,
        id_column=comments.c.id,
        sort=shape.sort,
        after=shape.after,
        after_null=False,
        most=shape.most,
        skips=shape.skips,
    ).subquery("page")
    again = in_order(page.c.created_at, page.c.id, sort=shape.sort, nullable=False)
    return Statement(select(*_columns(page)).select_from(_with_authors(page)).order_by(*again))


@cache
def _about(by_key: bool, member: bool, counted: bool) -> Statement:
    """A row if the task is visible, with the number of comments on it if they are to be counted."""
    count: ColumnElement[Any] = literal(0)
    if counted:
        count = (
            select(func.count()).select_from(comments).where(comments.c.task_id == tasks.c.id).correlate(tasks)
        ).scalar_subquery()
    return Statement(visible_task(select(count), by_key=by_key, member=member))


@cache
def _one(member: bool) -> Statement:
    standing = comments.join(tasks, tasks.c.id == comments.c.task_id).join(
        projects, projects.c.id == tasks.c.project_id
    )
    rows = standing.outerjoin(_authors, _authors.c.id == comments.c.author_id)
    query = select(*_columns()).select_from(rows).where(comments.c.id == bindparam("comment", type_=Uuid))
    return Statement(query.where(is_member_of(tasks.c.project_id)) if member else query)


class SqlCommentReader:
    """What screens show of comments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, sort: Sort, page: PageRequest
    ) -> Answer[Page[CommentView] | None]:
        values = task_values(ref, visible)
        by_key, member = not isinstance(ref, UUID), visible.member_id is not None
        shape = Shape(by_key, member, sort, page.position is not None, page.limit + 1, page.skip > 0)
        rows, seq, also = await self._database.rows(
            actor,
            _page(shape),
            {**values, **position_values(page)},
            also=(_about(by_key, member, page.include_total), values),
        )
        if not also:
            return Answer(None, seq)
        total, read = also[0][0] if page.include_total else None, SORTS[sort.field].read
        views = [_view(row) for row in rows]
        found = page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total)
        return Answer(found, seq)

    async def one(self, actor: Actor, comment_id: UUID, *, visible: Visible) -> Answer[CommentView | None]:
        values: dict[str, Any] = {"comment": comment_id}
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        rows, seq, _ = await self._database.rows(actor, _one(visible.member_id is not None), values)
        return Answer(_view(rows[0]) if rows else None, seq)


def _view(row: Row) -> CommentView:
    comment_id, task_id, parent_id, author_id, author_name, body, is_deleted, version, ids, names, created, updated = (
        row
    )
    mentions = model.in_order(map(Mention, ids or (), names or ()))
    return CommentView(
        id=comment_id,
        task_id=task_id,
        parent_id=parent_id,
        author_id=author_id,
        author_name=author_name,
        body=body,
        mentions=[{"id": mention.id, "name": mention.name} for mention in mentions],
        deleted=is_deleted,
        version=version,
        created_at=created,
        updated_at=updated,
    )
