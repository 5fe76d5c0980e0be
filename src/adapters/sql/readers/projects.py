"""Reading projects and their progress."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_keys, project_members, projects, tasks
from adapters.sql.tenancy import TenantTable, including_deleted
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.projects.policy import Visible
from core.projects.ports import ProjectFilter, ProjectRef
from core.projects.read_models import DeletedProjectView, ProgressView, ProjectView

View = TypeVar("View", ProjectView, DeletedProjectView)

_creators = users.alias("creators")
_all_projects = including_deleted(projects)

SORTS = {
    "name": Key(projects.c.name, Text(), lambda view: view.name),
    "created_at": Key(projects.c.created_at, DateTime(timezone=True), lambda view: view.created_at.isoformat()),
    "updated_at": Key(projects.c.updated_at, DateTime(timezone=True), lambda view: view.updated_at.isoformat()),
}


def is_member_of(project_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether `:member_id` belongs to a project."""
    return exists().where(
        project_members.c.project_id == project_id,
        project_members.c.user_id == bindparam("member_id", type_=Uuid),
    )


def named_project(by_key: bool, among: TenantTable = projects) -> ColumnElement[bool]:
    """The project that `:ref` names, by its id or by a key that it has or had."""
    if not by_key:
        return among.c.id == bindparam("ref", type_=Uuid)
    named = select(project_keys.c.project_id).where(project_keys.c.key == bindparam("ref", type_=Text))
    return among.c.id == named.scalar_subquery()


def ref_value(ref: UUID | str) -> UUID | str:
    """The parameter `:ref` for an id or a key."""
    return ref if isinstance(ref, UUID) else ref.upper()


def holds_query(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether `:query` stands in one of the texts, in any case. A pattern's signs mean themselves."""
    wanted = func.lower(bindparam("query", type_=Text))
    return or_(*(func.strpos(func.lower(column), wanted) > 0 for column in columns))


def _views(shown: TenantTable = projects) -> Select[Any]:
    return select(
        shown.c.id,
        shown.c.key,
        shown.c.name,
        shown.c.description,
        shown.c.deadline,
        shown.c.status,
        shown.c.is_active,
        shown.c.created_by,
        _creators.c.name,
        shown.c.version,
        shown.c.created_at,
        shown.c.updated_at,
    ).select_from(shown.outerjoin(_creators, _creators.c.id == shown.c.created_by))


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters. `deleted`: of what was deleted instead."""

    filters: frozenset[str]
    member: bool
    sort: Sort
    after: bool
    most: int
    skips: bool
    deleted: bool = False


def _filtered(
    query: Select[Any], filters: frozenset[str], *, member: bool, among: TenantTable = projects
) -> Select[Any]:
    if member:
        query = query.where(is_member_of(among.c.id))
    if "status" in filters:
        query = query.where(among.c.status == func.any(bindparam("status", type_=ARRAY(Text))))
    if "is_active" in filters:
        query = query.where(among.c.is_active == bindparam("is_active", type_=Boolean))
    if "query" in filters:
        query = query.where(holds_query(among.c.name, among.c.key, func.coalesce(among.c.description, "")))
    if "since" in filters:
        query = query.where(among.c.deleted_at > bindparam("since", type_=DateTime(timezone=True)))
    return query


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    among = _all_projects if shape.deleted else projects
    views = _views(among).add_columns(among.c.deleted_at) if shape.deleted else _views()
    key = SORTS[shape.sort.field]
    return Statement(
        ordered(
            _filtered(views, shape.filters, member=shape.member, among=among),
            key=key._replace(column=among.c[str(key.column.key)]),
            id_column=among.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@cache
def _count(filters: frozenset[str], member: bool, deleted: bool = False) -> Statement:
    among = _all_projects if deleted else projects
    return Statement(_filtered(select(func.count()).select_from(among), filters, member=member, among=among))


@cache
def _one(by_key: bool, member: bool) -> Statement:
    query = _views().where(named_project(by_key))
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


@cache
def _progress(by_key: bool, member: bool) -> Statement:
    query = (
        select(
            func.count(tasks.c.id).filter(tasks.c.status == "todo"),
            func.count(tasks.c.id).filter(tasks.c.status == "in_progress"),
            func.count(tasks.c.id).filter(tasks.c.status == "done"),
        )
        .select_from(projects.outerjoin(tasks, tasks.c.project_id == projects.c.id))
        .where(named_project(by_key))
        .group_by(projects.c.id)
    )
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


class SqlProjectReader:
    """What screens show of projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, visible: Visible, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[ProjectView]]:
        return await self._listed(actor, _filter_values(where), visible, sort, page, ProjectView._make)

    async def deleted(
        self, actor: Actor, *, visible: Visible, since: datetime, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedProjectView]]:
        values = {**_filter_values(where), "since": since}
        return await self._listed(actor, values, visible, sort, page, DeletedProjectView._make)

    async def _listed(
        self,
        actor: Actor,
        values: dict[str, Any],
        visible: Visible,
        sort: Sort,
        page: PageRequest,
        view_of: Callable[[Row], View],
    ) -> Answer[Page[View]]:
        filters, member, deleted = frozenset(values), visible.member_id is not None, "since" in values
        if member:
            values["member_id"] = visible.member_id
        shape = Shape(filters, member, sort, page.position is not None, page.limit + 1, page.skip > 0, deleted)
        count = (_count(filters, member, deleted), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        read = SORTS[sort.field].read
        views = [view_of(row) for row in found.rows]
        total = found.also[0][0] if page.include_total else None
        result = page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total)
        return Answer(result, found.seq)

    async def one(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProjectView | None]:
        found = await self._database.rows(actor, *_question(_one, ref, visible))
        return Answer(ProjectView._make(found.rows[0]) if found.rows else None, found.seq)

    async def progress(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProgressView | None]:
        found = await self._database.rows(actor, *_question(_progress, ref, visible))
        if not found.rows:
            return Answer(None, found.seq)
        todo, in_progress, done = found.rows[0]
        return Answer(ProgressView.of(todo=todo, in_progress=in_progress, done=done), found.seq)


def _filter_values(where: ProjectFilter) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if where.status:
        values["status"] = [str(status) for status in where.status]
    if where.is_active is not None:
        values["is_active"] = where.is_active
    if where.query is not None:
        values["query"] = where.query
    return values


def _question(shape: Any, ref: ProjectRef, visible: Visible) -> tuple[Statement, dict[str, Any]]:
    values: dict[str, Any] = {"ref": ref_value(ref)}
    if visible.member_id is not None:
        values["member_id"] = visible.member_id
    return shape(not isinstance(ref, UUID), visible.member_id is not None), values
