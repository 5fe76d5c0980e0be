"""Reading jobs."""

from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.jobs import jobs
from core.jobs.policy import Visible
from core.jobs.ports import JobFilter
from core.jobs.read_models import JobView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort

_SHOWN = (
    "id",
    "kind",
    "state",
    "done",
    "total",
    "unit",
    "result",
    "error",
    "created_by",
    "created_at",
    "started_at",
    "finished_at",
)
_CREATED_AT = _SHOWN.index("created_at")
SORTS = {"created_at": Key(jobs.c.created_at, DateTime(timezone=True), lambda row: row[_CREATED_AT].isoformat())}
FILTERS = ("kind", "state")


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    filters: tuple[str, ...]
    own: bool
    sort: Sort
    after: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], *, filters: tuple[str, ...], own: bool) -> Select[Any]:
    for name in filters:
        query = query.where(jobs.c[name] == func.any(bindparam(name, type_=ARRAY(Text))))
    return query.where(jobs.c.created_by == bindparam("asker", type_=Uuid)) if own else query


_COLUMNS = tuple(jobs.c[name] for name in _SHOWN)


@lru_cache(maxsize=100)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _filtered(select(*_COLUMNS), filters=shape.filters, own=shape.own),
            key=SORTS[shape.sort.field],
            id_column=jobs.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@lru_cache(maxsize=100)
def _count(filters: tuple[str, ...], own: bool) -> Statement:
    return Statement(_filtered(select(func.count()).select_from(jobs), filters=filters, own=own))


@lru_cache(maxsize=2)
def _one(own: bool) -> Statement:
    query = select(*_COLUMNS).where(jobs.c.id == bindparam("job", type_=Uuid))
    return Statement(_filtered(query, filters=(), own=own))


class SqlJobReader:
    """What screens show of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, visible: Visible, where: JobFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[JobView]]:
        filters = tuple(name for name in FILTERS if getattr(where, name))
        values = {**_visible(visible), **{name: [str(each) for each in getattr(where, name)] for name in filters}}
        own = visible.created_by is not None
        shape = Shape(filters, own, sort, page.position is not None, page.limit + 1, page.skip > 0)
        count = (_count(filters, own), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        total = found.also[0][0] if page.include_total else None
        read = SORTS[sort.field].read
        rows = page_of(found.rows, page, position=lambda row: (read(row), str(row[0])), total=total)
        return Answer(Page([_view(row) for row in rows.items], rows.next_position, rows.total), found.seq)

    async def one(self, actor: Actor, job_id: UUID, *, visible: Visible) -> Answer[JobView | None]:
        statement = _one(visible.created_by is not None)
        rows, seq, _ = await self._database.rows(actor, statement, {"job": job_id, **_visible(visible)})
        return Answer(_view(rows[0]) if rows else None, seq)


def _visible(visible: Visible) -> dict[str, Any]:
    return {"asker": visible.created_by} if visible.created_by is not None else {}


def _view(row: Row) -> JobView:
    values: dict[str, Any] = dict(zip(_SHOWN, row, strict=True))
    progress = {name: values.pop(name) for name in ("done", "total", "unit")}
    return JobView(progress=progress, **values)  # type: ignore[arg-type]  # the row has them all
