"""Loading and saving comments.

Whoever writes a comment locks its project's row first, not against others who do the same: an archived project stays as
it was left. Then the comment that is answered, then the one that is changed.
"""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.mentions import mentioned_by
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.repositories.task_rows import belongs_to
from adapters.sql.repositories.watchers import SqlWatchers
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import comment_mentions, comments
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.comments.model import Comment, Mention, in_order
from core.comments.ports import Ground, LoadedComment
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.tasks.ports import TaskRef

_INSTANT = DateTime(timezone=True)
_comment = bindparam("comment", type_=Uuid)
_parent = bindparam("parent", type_=Uuid)
_project = bindparam("project", type_=Uuid)
_answers = comments.alias("answers")
# The comment that another one answers.
_answered = comments.alias("answered")
_LOADED = ("id", "task_id", "parent_id", "author_id", "body", "created_at", "updated_at", "is_deleted", "version")


def _locking(project: Any) -> Statement:
    return Statement(
        select(projects.c.id, projects.c.is_active)
        .where(projects.c.id == project)
        .with_for_update(of=projects, read=True)
    )


@cache
def _lock_project(by_key: bool) -> Statement:
    return _locking(select(tasks.c.project_id).where(named_task(by_key)).scalar_subquery())


_LOCK_PROJECT_OF_COMMENT = _locking(
    select(tasks.c.project_id)
    .select_from(comments.join(tasks, tasks.c.id == comments.c.task_id))
    .where(comments.c.id == _comment)
    .scalar_subquery()
)


@cache
def _ground(by_key: bool) -> Statement:
    author = select(users.c.name).where(users.c.id == bindparam("for_user", type_=Uuid)).scalar_subquery()
    return Statement(
        select(tasks.c.id, tasks.c.project_id, belongs_to(tasks.c.project_id, "for_user"), author).where(
            named_task(by_key)
        )
    )


# By statements of their own: one that waits for a lock goes on to see what else there was before it waited.
_LOCK_PARENT = Statement(select(comments.c.id).where(comments.c.id == _parent).with_for_update(of=comments, read=True))
_of_comment = select(_answered.c.parent_id).where(_answered.c.id == _comment).scalar_subquery()
_LOCK = Statement(
    select(comments.c.id)
    .where(or_(comments.c.id == _comment, comments.c.id == _of_comment))
    .order_by(comments.c.parent_id.nulls_first())
    .with_for_update(of=comments)
)


def _loading(comment: Any, *more: Any) -> Statement:
    """Comments as `_comment_of` reads them, and what else is asked."""
    return Statement(
        select(*(comments.c[name] for name in _LOADED), tasks.c.project_id, *mentioned_by(comments), *more)
        .select_from(comments.join(tasks, tasks.c.id == comments.c.task_id))
        .where(comments.c.id == comment)
    )


_PARENT = _loading(_parent)
_LOAD = _loading(
    _comment,
    select(users.c.name).where(users.c.id == comments.c.author_id).scalar_subquery(),
    belongs_to(tasks.c.project_id, "for_user"),
    exists().where(_answers.c.parent_id == comments.c.id),
    exists().where(_answers.c.parent_id == comments.c.parent_id, _answers.c.id != comments.c.id),
)
_ANSWERED = _loading(_of_comment)

_belongs = exists().where(project_members.c.project_id == _project, project_members.c.user_id == users.c.id)
_MENTIONED = Statement(
    select(users.c.id, users.c.name).where(
        func.lower(users.c.username) == any_(bindparam("names", type_=ARRAY(Text))),
        users.c.is_active,
        or_(users.c.role != "member", _belongs),
    )
)

_FIXED: dict[str, Any] = {
    "id": Uuid,
    "task_id": Uuid,
    "parent_id": Uuid,
    "author_id": Uuid,
    "created_at": _INSTANT,
}
_WRITTEN: dict[str, Any] = {"body": Text, "is_deleted": Boolean, "version": Integer, "updated_at": _INSTANT}
_ADD = Statement(
    insert(comments).values({name: bindparam(name, type_=kind) for name, kind in {**_FIXED, **_WRITTEN}.items()})
)
_SAVE = Statement(
    update(comments)
    .where(comments.c.id == _comment, comments.c.version == bindparam("was", type_=Integer))
    .values({name: bindparam(f"new_{name}", type_=kind) for name, kind in _WRITTEN.items()})
)
_REMOVE = Statement(delete(comments).where(comments.c.id == _comment))
_UNMENTION = Statement(delete(comment_mentions).where(comment_mentions.c.comment_id == _comment))
_MENTION = Statement(
    insert(comment_mentions).from_select(
        ["comment_id", "user_id"], select(_comment, func.unnest(bindparam("users", type_=ARRAY(Uuid))))
    )
)


class SqlComments:
    """The comments of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, ref: TaskRef, *, for_user: UUID, parent: UUID | None) -> Ground | None:
        by_key, values = not isinstance(ref, UUID), ref_values(ref)
        asked: list[tuple[Statement, dict[str, Any]]] = [
            (_lock_project(by_key), values),
            (_ground(by_key), {**values, "for_user": for_user}),
        ]
        if parent is not None:
            asked += [(_LOCK_PARENT, {"parent": parent}), (_PARENT, {"parent": parent})]
        # Their locks are shared: another request with the same key does not wait for them.
        locked, found, *more = await self._unit.fetch(*asked, guarded=True)
        if not locked or not found:
            return None
        task_id, project_id, is_member, author_name = found[0]
        answered = _comment_of(more[-1][0]) if more and more[-1] else None
        if answered is not None and answered.task_id != task_id:
            answered = None
        return Ground(task_id, project_id, _is_active(locked, project_id), is_member, author_name, answered)

    async def load(self, comment_id: UUID, *, for_user: UUID) -> LoadedComment | None:
        values = {"comment": comment_id}
        locked, _, loaded, answered = await self._unit.fetch(
            (_LOCK_PROJECT_OF_COMMENT, values),
            (_LOCK, values),
            (_LOAD, {**values, "for_user": for_user}),
            (_ANSWERED, values),
        )
        if not locked or not loaded:
            return None
        comment = _comment_of(loaded[0])
        author_name, is_member, is_answered, has_sibling = loaded[0][-4:]
        parent = _comment_of(answered[0]) if answered else None
        return LoadedComment(
            comment=comment,
            author_name=author_name,
            project_is_active=_is_active(locked, comment.project_id),
            is_member=is_member,
            is_answered=is_answered,
            left_alone=parent if parent is not None and parent.is_deleted and not has_sibling else None,
        )

    async def mentioned(self, names: tuple[str, ...], *, project_id: UUID) -> tuple[Mention, ...]:
        (rows,) = await self._unit.fetch((_MENTIONED, {"names": list(names), "project": project_id}))
        return tuple(Mention._make(row) for row in rows)

    def add(self, comment: Comment) -> None:
        self._unit.write(_ADD, {name: getattr(comment, name) for name in (*_FIXED, *_WRITTEN)})
        self._mention(comment)

    def save(self, comment: Comment, *, was: int) -> None:
        written = {f"new_{name}": getattr(comment, name) for name in _WRITTEN}
        self._unit.write(_SAVE, {"comment": comment.id, "was": was, **written}, rows=1)
        self._unit.write(_UNMENTION, {"comment": comment.id})
        self._mention(comment)

    def remove(self, comment: Comment) -> None:
        self._unit.write(_REMOVE, {"comment": comment.id}, rows=1)

    def _mention(self, comment: Comment) -> None:
        if comment.mentions:
            self._unit.write(_MENTION, {"comment": comment.id, "users": list(comment.mentioned)})


class SqlCommentUnitOfWork(SqlUnitOfWork):
    """A unit of work with comments, and with those who watch the tasks."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.comments = SqlComments(self)
        self.watchers = SqlWatchers(self)


def _is_active(locked: list[Row], project_id: UUID) -> bool:
    """Whether the locked project is active. Raises ChangedMeanwhile if the task left it meanwhile."""
    locked_id, is_active = locked[0]
    if locked_id != project_id:
        raise ChangedMeanwhile
    return bool(is_active)


def _comment_of(row: Row) -> Comment:
    """The comment in a row that begins as `_loading` has it."""
    values: dict[str, Any] = dict(zip(_LOADED, row, strict=False))
    project_id, ids, names = row[len(_LOADED) : len(_LOADED) + 3]
    mentions = in_order(map(Mention, ids or (), names or ()))
    return Comment(project_id=project_id, mentions=mentions, **values)
