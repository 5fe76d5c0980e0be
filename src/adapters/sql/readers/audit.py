"""Reading a company's audit events."""

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.log import audit_events
from adapters.sql.tables.people import users
from core.audit.ports import AuditFilter
from core.audit.read_models import AuditEventView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort

_events = audit_events.c
_instant = DateTime(timezone=True)
_NEWEST = Key(_events.at, _instant, lambda view: view.at.isoformat())
_COLUMNS = [
    users.c.name.label("actor_name") if name == "actor_name" else _events[name] for name in AuditEventView._fields
]


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    filters: frozenset[str]
    descending: bool
    after: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], filters: frozenset[str]) -> Select[Any]:
    if "types" in filters:
        query = query.where(_events.type == func.any(bindparam("types", type_=ARRAY(Text))))
    if "actor_id" in filters:
        query = query.where(_events.actor_id == bindparam("actor_id", type_=Uuid))
    if "since" in filters:
        query = query.where(_events.at >= bindparam("since", type_=_instant))
    if "until" in filters:
        query = query.where(_events.at < bindparam("until", type_=_instant))
    return query


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    views = select(*_COLUMNS).select_from(audit_events.outerjoin(users, users.c.id == _events.actor_id))
    return Statement(
        ordered(
            _filtered(views, shape.filters),
            key=_NEWEST,
            id_column=_events.id,
            sort=Sort(field="at", descending=shape.descending),
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@lru_cache(maxsize=100)
def _count(filters: frozenset[str]) -> Statement:
    return Statement(_filtered(select(func.count()).select_from(audit_events), filters))


class SqlAuditReader:
    """The audit as a company's admins see it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, where: AuditFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[AuditEventView]]:
        values: dict[str, Any] = {"types": list(where.types)} if where.types else {}
        for name in ("actor_id", "since", "until"):
            if getattr(where, name) is not None:
                values[name] = getattr(where, name)
        filters = frozenset(values)
        shape = Shape(filters, sort.descending, page.position is not None, page.limit + 1, page.skip > 0)
        count = (_count(filters), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        views = [AuditEventView._make(row) for row in found.rows]
        total = found.also[0][0] if page.include_total else None
        read = _NEWEST.read
        return Answer(page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total), found.seq)
