"""Reading cycles."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, DateTime, Integer, Select, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.work import cycles, project_members, projects
from core.cycles.policy import Visible
from core.cycles.ports import CycleFilter
from core.cycles.read_models import CycleView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort

_instant = DateTime(timezone=True)
SORTS = {
    "number": Key(cycles.c.number, Integer(), lambda view: view.number),
    "name": Key(cycles.c.name, Text(), lambda view: view.name),
    "starts_on": Key(cycles.c.starts_on, Date(), lambda view: _day(view.starts_on), nullable=True),
    "ends_on": Key(cycles.c.ends_on, Date(), lambda view: _day(view.ends_on), nullable=True),
    "created_at": Key(cycles.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "updated_at": Key(cycles.c.updated_at, _instant, lambda view: view.updated_at.isoformat()),
}


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    filters: frozenset[str]
    sort: Sort
    after: bool
    after_null: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], filters: frozenset[str]) -> Select[Any]:
    """Cycles of projects that still stand. Not EXISTS, which would become a join, and a sort of all that it finds."""
    standing = select(projects.c.id.is_not(None)).where(projects.c.id == cycles.c.project_id)
    query = query.where(standing.scalar_subquery())
    # One project is compared as such: PostgreSQL then reads an index in the list's order.
    if "project_id is" in filters:
        query = query.where(cycles.c.project_id == bindparam("project_id", type_=Uuid))
    if "project_id among" in filters:
        query = query.where(cycles.c.project_id == func.any(bindparam("project_id", type_=ARRAY(Uuid))))
    if "status" in filters:
        query = query.where(cycles.c.status == func.any(bindparam("status", type_=ARRAY(Text))))
    if "member_id" in filters:
        of_member = select(project_members.c.user_id.is_not(None)).where(
            project_members.c.project_id == cycles.c.project_id,
            project_members.c.user_id == bindparam("member_id", type_=Uuid),
        )
        query = query.where(of_member.scalar_subquery())
    return query


def _views() -> Select[Any]:
    return select(*(cycles.c[name] for name in CycleView._fields))


@lru_cache(maxsize=500)
def page_statement(shape: Shape) -> Statement:
    """The statement of a list."""
    return Statement(
        ordered(
            _filtered(_views(), shape.filters),
            key=SORTS[shape.sort.field],
            id_column=cycles.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=shape.after_null,
            most=shape.most,
            skips=shape.skips,
        )
    )


@cache
def count_statement(filters: frozenset[str]) -> Statement:
    """How many cycles a list has in all."""
    return Statement(_filtered(select(func.count()).select_from(cycles), filters))


@cache
def one_statement(filters: frozenset[str]) -> Statement:
    """One cycle, by its id."""
    return Statement(_filtered(_views(), filters).where(cycles.c.id == bindparam("cycle", type_=Uuid)))


class SqlCycleReader:
    """What screens show of cycles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, visible: Visible, where: CycleFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[CycleView]]:
        filters, values = _limits(visible)
        if where.project_id:
            alone = len(where.project_id) == 1
            filters |= {"project_id is" if alone else "project_id among"}
            values["project_id"] = where.project_id[0] if alone else list(where.project_id)
        if where.status:
            filters |= {"status"}
            values["status"] = [str(status) for status in where.status]
        position = page.position
        shape = Shape(
            filters,
            sort,
            after=position is not None,
            after_null=position is not None and position[0] is None,
            most=page.limit + 1,
            skips=page.skip > 0,
        )
        count = (count_statement(filters), values) if page.include_total else None
        asked = {**values, **position_values(page)}
        found = await self._database.rows(actor, page_statement(shape), asked, also=count)
        read = SORTS[sort.field].read
        views = [CycleView._make(row) for row in found.rows]
        total = found.also[0][0] if page.include_total else None
        return Answer(page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total), found.seq)

    async def one(self, actor: Actor, cycle_id: UUID, *, visible: Visible) -> Answer[CycleView | None]:
        filters, values = _limits(visible)
        found = await self._database.rows(actor, one_statement(filters), {**values, "cycle": cycle_id})
        return Answer(CycleView._make(found.rows[0]) if found.rows else None, found.seq)


def _limits(visible: Visible) -> tuple[frozenset[str], dict[str, Any]]:
    """What the caller's sight makes of the shape of a filter, and the parameters for it."""
    if visible.member_id is None:
        return frozenset(), {}
    return frozenset({"member_id"}), {"member_id": visible.member_id}


def _day(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
