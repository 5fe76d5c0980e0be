"""Reading webhooks, and what was sent to them."""

from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.repositories.webhooks import COLUMNS, webhook_of
from adapters.sql.statement import Statement
from adapters.sql.tables.webhooks import webhook_attempts, webhook_deliveries, webhooks
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.webhooks.deliveries import DeliveryState
from core.webhooks.ports import DeliveryFilter
from core.webhooks.read_models import DeliveryView, WebhookView

_ALL = Statement(select(*(webhooks.c[name] for name in COLUMNS)).order_by(webhooks.c.created_at, webhooks.c.id))
_the_webhook = bindparam("webhook", type_=Uuid)
_of = webhook_deliveries.c
# Written here as instants are everywhere: six digits, in UTC.
_AT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
_attempt = func.jsonb_build_object(
    "number", webhook_attempts.c.number,
    "at", func.to_char(func.timezone("UTC", webhook_attempts.c.at), literal(_AT)),
    "status", webhook_attempts.c.status,
    "duration_ms", webhook_attempts.c.duration_ms,
    "response", webhook_attempts.c.response,
    "error", webhook_attempts.c.error,
)  # fmt: skip
_attempts = (
    select(func.jsonb_agg(aggregate_order_by(_attempt, webhook_attempts.c.number), type_=JSONB))
    .where(webhook_attempts.c.delivery_id == _of.id)
    .correlate(webhook_deliveries)
    .scalar_subquery()
)
_SHOWN = (
    _of.id, _of.webhook_id, _of.event, _of.project_id, _of.seqs, _of.state, _of.delayed, _of.created_at, _of.due_at,
    _of.finished_at, _attempts,
)  # fmt: skip
_CREATED_AT = 7
SORTS = {"created_at": Key(_of.created_at, DateTime(timezone=True), lambda row: row[_CREATED_AT].isoformat())}
FILTERS = {"state": _of.state, "type": _of.event}
# Those alone, which an index of their own holds: said in the statement, since no parameter finds it.
_DEAD = "dead"


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    filters: tuple[str, ...]
    sort: Sort
    after: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], filters: tuple[str, ...]) -> Select[Any]:
    for name in filters:
        if name == _DEAD:
            query = query.where(_of.state == literal_column(f"'{DeliveryState.DEAD}'"))
            continue
        query = query.where(FILTERS[name] == func.any(bindparam(name, type_=ARRAY(Text))))
    return query.where(_of.webhook_id == _the_webhook)


@lru_cache(maxsize=100)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _filtered(select(*_SHOWN), shape.filters),
            key=SORTS[shape.sort.field],
            id_column=_of.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


_exists = select(webhooks.c.id).where(webhooks.c.id == _the_webhook).exists()


@lru_cache(maxsize=20)
def _beside(filters: tuple[str, ...], counted: bool) -> Statement:
    """Whether there is such a webhook, and how many messages to it."""
    count = _filtered(select(func.count()).select_from(webhook_deliveries), filters).scalar_subquery()
    return Statement(select(_exists, count if counted else literal(0)))


_ONE = Statement(_filtered(select(*_SHOWN), ()).where(_of.id == bindparam("delivery", type_=Uuid), _exists))


class SqlWebhookReader:
    """What screens show of webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, actor: Actor) -> Answer[list[WebhookView]]:
        found = await self._database.rows(actor, _ALL, {})
        return Answer([WebhookView.of(webhook_of(row)) for row in found.rows], found.seq)

    async def deliveries(
        self, actor: Actor, webhook_id: UUID, *, where: DeliveryFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeliveryView] | None]:
        filters = tuple(name for name in FILTERS if getattr(where, name))
        values: dict[str, Any] = {name: [str(each) for each in getattr(where, name)] for name in filters}
        if set(where.state) == {DeliveryState.DEAD}:
            filters, _ = tuple(_DEAD if name == "state" else name for name in filters), values.pop("state")
        values["webhook"] = webhook_id
        shape = Shape(filters, sort, page.position is not None, page.limit + 1, page.skip > 0)
        beside = (_beside(filters, page.include_total), values)
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=beside)
        is_there, count = found.also[0]
        if not is_there:
            return Answer(None, found.seq)
        read = SORTS[sort.field].read
        total = count if page.include_total else None
        rows = page_of(found.rows, page, position=lambda row: (read(row), str(row[0])), total=total)
        return Answer(Page([_view(row) for row in rows.items], rows.next_position, rows.total), found.seq)

    async def delivery(self, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> Answer[DeliveryView | None]:
        rows, seq, _ = await self._database.rows(actor, _ONE, {"webhook": webhook_id, "delivery": delivery_id})
        return Answer(_view(rows[0]) if rows else None, seq)


def _view(row: Row) -> DeliveryView:
    id, webhook_id, event, project_id, seqs, state, delayed, created_at, due_at, finished_at, attempts = row
    return DeliveryView(
        id=id,
        webhook_id=webhook_id,
        type=event,
        project_id=project_id,
        seqs=tuple(map(str, seqs)),
        state=DeliveryState(state),
        delayed=delayed,
        created_at=created_at,
        next_attempt_at=due_at if finished_at is None else None,
        finished_at=finished_at,
        attempts=tuple(attempts or ()),
    )
