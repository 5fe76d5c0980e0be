"""Reading who belongs to a project."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, FromClause, Select, Text, Uuid, and_, bindparam, func, literal, select

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.readers.projects import holds_query, is_member_of, named_project, ref_value
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects
from core.kernel.actor import Actor, Role
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.projects.policy import Visible
from core.projects.ports import ProjectRef, Sought
from core.projects.read_models import ColleagueView, MemberView

# Beside the membership of whoever asks.
_memberships = project_members.alias("memberships")

SORTS = {
    "name": Key(users.c.name, Text(), lambda view: view.name),
    "added_at": Key(_memberships.c.added_at, DateTime(timezone=True), lambda view: view.added_at.isoformat()),
}


class Project(NamedTuple):
    """How the project is named, and whether the caller must belong to it."""

    by_key: bool
    member: bool


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    project: Project
    addresses: bool
    search: bool
    sort: Sort
    after: bool
    most: int
    skips: bool


def _view(addresses: bool) -> list[ColumnElement[Any]]:
    shown: list[ColumnElement[Any]] = [
        users.c.id,
        users.c.name,
        users.c.username,
        users.c.role,
        users.c.is_active,
        _memberships.c.added_at,
    ]
    return [*shown, users.c.email] if addresses else shown


def _members() -> FromClause:
    return _memberships.join(users, users.c.id == _memberships.c.user_id)


def _visible(query: Select[Any], project: Project) -> Select[Any]:
    query = query.where(named_project(project.by_key))
    return query.where(is_member_of(projects.c.id)) if project.member else query


def _found(query: Select[Any], *, project: Project, addresses: bool, search: bool) -> Select[Any]:
    """The members of the project that fit the search."""
    id_of_project = _visible(select(projects.c.id), project).correlate(None).scalar_subquery()
    query = query.where(_memberships.c.project_id == id_of_project)
    if not search:
        return query
    texts = [users.c.name, users.c.username]
    # Nobody finds by an address who is not shown it.
    return query.where(holds_query(*texts, func.coalesce(users.c.email, "")) if addresses else holds_query(*texts))


@lru_cache(maxsize=200)
def _page(shape: Shape) -> Statement:
    query = select(*_view(shape.addresses)).select_from(_members())
    return Statement(
        ordered(
            _found(query, project=shape.project, addresses=shape.addresses, search=shape.search),
            key=SORTS[shape.sort.field],
            id_column=users.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@cache
def _about(project: Project, addresses: bool, search: bool, counted: bool) -> Statement:
    """A row if the project is visible, with the number of members found if it is to be counted."""
    count: ColumnElement[Any] = literal(0)
    if counted:
        query = select(func.count()).select_from(_members())
        count = _found(query, project=project, addresses=addresses, search=search).scalar_subquery()
    return Statement(_visible(select(count).select_from(projects), project))


@cache
def _one(project: Project, addresses: bool) -> Statement:
    wanted = and_(
        _memberships.c.project_id == projects.c.id,
        _memberships.c.user_id == bindparam("user_id", type_=Uuid),
    )
    rows = projects.outerjoin(_memberships.join(users, users.c.id == _memberships.c.user_id), wanted)
    return Statement(_visible(select(*_view(addresses)).select_from(rows), project))


class SqlMemberReader:
    """What screens show of a project's members."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        actor: Actor,
        ref: ProjectRef,
        *,
        visible: Visible,
        addresses: bool,
        search: str | None,
        sort: Sort,
        page: PageRequest,
    ) -> Answer[Page[MemberView] | Page[ColleagueView] | None]:
        project, values = _project(ref, visible)
        if search is not None:
            values["query"] = search
        searched, after = search is not None, page.position is not None
        shape = Shape(project, addresses, searched, sort, after, page.limit + 1, page.skip > 0)
        about = _about(project, addresses, searched, page.include_total)
        rows, seq, also = await self._database.rows(
            actor, _page(shape), {**values, **position_values(page)}, also=(about, values)
        )
        if not also:
            return Answer(None, seq)
        total, read = also[0][0] if page.include_total else None, SORTS[sort.field].read
        views = [_shown(row, addresses) for row in rows]
        return Answer(page_of(views, page, position=lambda view: (read(view), str(view.user_id)), total=total), seq)

    async def one(
        self, actor: Actor, ref: ProjectRef, user_id: UUID, *, visible: Visible, addresses: bool
    ) -> Answer[Sought | None]:
        project, values = _project(ref, visible)
        rows, seq, _ = await self._database.rows(actor, _one(project, addresses), {**values, "user_id": user_id})
        if not rows:
            return Answer(None, seq)
        return Answer(Sought(_shown(rows[0], addresses) if rows[0][0] is not None else None), seq)


def _project(ref: ProjectRef, visible: Visible) -> tuple[Project, dict[str, Any]]:
    values: dict[str, Any] = {"ref": ref_value(ref)}
    if visible.member_id is not None:
        values["member_id"] = visible.member_id
    return Project(not isinstance(ref, UUID), visible.member_id is not None), values


def _shown(row: Row, addresses: bool) -> Any:
    """A MemberView with the address, or a ColleagueView without."""
    user_id, name, username, role, *rest = row
    return (MemberView if addresses else ColleagueView)(user_id, name, username, Role(role), *rest)
