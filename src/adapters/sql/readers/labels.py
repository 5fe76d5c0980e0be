"""Reading labels."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, func, select

from adapters.sql.connection import Database
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.readers.projects import holds_query
from adapters.sql.statement import Statement
from adapters.sql.tables.labels import labels
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.labels.read_models import LabelView

_CREATED_AT = LabelView._fields.index("created_at")
SORTS = {
    "name": Key(labels.c.folded, Text(collation="C"), lambda row: row[-1]),
    "created_at": Key(labels.c.created_at, DateTime(timezone=True), lambda row: row[_CREATED_AT].isoformat()),
}


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    searches: bool
    sort: Sort
    after: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], *, searches: bool) -> Select[Any]:
    return query.where(holds_query(labels.c.name)) if searches else query


_SHOWN = tuple(labels.c[name] for name in LabelView._fields)


@lru_cache(maxsize=100)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _filtered(select(*_SHOWN, labels.c.folded), searches=shape.searches),
            key=SORTS[shape.sort.field],
            id_column=labels.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@cache
def _count(searches: bool) -> Statement:
    return Statement(_filtered(select(func.count()).select_from(labels), searches=searches))


_ONE = Statement(select(*_SHOWN).where(labels.c.id == bindparam("label", type_=Uuid)))


class SqlLabelReader:
    """What screens show of labels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, actor: Actor, *, search: str | None, sort: Sort, page: PageRequest) -> Answer[Page[LabelView]]:
        values: dict[str, Any] = {"query": search} if search else {}
        shape = Shape(bool(search), sort, page.position is not None, page.limit + 1, page.skip > 0)
        count = (_count(bool(search)), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        total = found.also[0][0] if page.include_total else None
        read = SORTS[sort.field].read
        rows = page_of(found.rows, page, position=lambda row: (read(row), str(row[0])), total=total)
        views = [LabelView._make(row[:-1]) for row in rows.items]
        return Answer(Page(views, rows.next_position, rows.total), found.seq)

    async def one(self, actor: Actor, label_id: UUID) -> Answer[LabelView | None]:
        rows, seq, _ = await self._database.rows(actor, _ONE, {"label": label_id})
        return Answer(LabelView._make(rows[0]) if rows else None, seq)
