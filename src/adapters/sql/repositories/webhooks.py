"""Loading and saving webhooks, and the messages to them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    null,
    select,
)
from sqlalchemy import update as changing
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.events import goes_on
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.log import event_sequences, events
from adapters.sql.tables.webhooks import webhook_deliveries, webhooks
from adapters.sql.tables.work import projects
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.events import Channel
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.webhooks.deliveries import Delivery, DeliveryState
from core.webhooks.model import DisabledReason, Webhook, WebhookFields

_INSTANT = DateTime(timezone=True)
_KINDS: dict[str, Any] = {
    "id": Uuid,
    "url": Text,
    "description": Text,
    "types": ARRAY(Text),
    "channels": ARRAY(Text),
    "project_ids": ARRAY(Uuid),
    "is_active": Boolean,
    "sealed_secret": LargeBinary,
    "sealed_previous_secret": LargeBinary,
    "previous_until": _INSTANT,
    "disabled_reason": Text,
    "disabled_at": _INSTANT,
    "failures": Integer,
    "failing_since": _INSTANT,
    "open_until": _INSTANT,
    "after_seq": BigInteger,
    "behind_seq": BigInteger,
    "created_by": Uuid,
    "version": Integer,
    "created_at": _INSTANT,
    "updated_at": _INSTANT,
}
COLUMNS = tuple(_KINDS)
_DELIVERY_KINDS: dict[str, Any] = {
    "id": Uuid,
    "webhook_id": Uuid,
    "project_id": Uuid,
    "event": Text,
    "seqs": ARRAY(BigInteger),
    "state": Text,
    "attempts": Integer,
    "in_order": Boolean,
    "delayed": Boolean,
    "due_at": _INSTANT,
    "run_id": Uuid,
    "lease_until": _INSTANT,
    "tried_from": _INSTANT,
    "created_at": _INSTANT,
    "finished_at": _INSTANT,
}
DELIVERY_COLUMNS = (*_DELIVERY_KINDS, "number")
_UNCHANGING = frozenset({"id", "webhook_id", "project_id", "event", "seqs", "created_at"})

_the_webhook = bindparam("webhook", type_=Uuid)
_the_delivery = bindparam("delivery", type_=Uuid)
_head = select(event_sequences.c.last_seq).scalar_subquery()

# Of two who add the last one the second counts once the first is done. Foreign keys to the company do not wait for it.
_LOCK_COMPANY = Statement(select(companies.c.id).with_for_update(of=companies, key_share=True))
_COUNT = Statement(select(func.count()).select_from(webhooks))
_LOAD = Statement(
    select(*(webhooks.c[name] for name in COLUMNS))
    .where(webhooks.c.id == _the_webhook)
    .with_for_update(of=webhooks, key_share=True)
)
_HEAD = Statement(select(event_sequences.c.last_seq))
_KEPT = Statement(
    select(func.count()).select_from(events).where(events.c.seq == func.any(bindparam("seqs", type_=ARRAY(BigInteger))))
)
_GOES_ON = Statement(select(goes_on))
_KNOWN = Statement(select(projects.c.id).where(projects.c.id == func.any(bindparam("projects", type_=ARRAY(Uuid)))))
_ADD = Statement(
    insert(webhooks).values({name: bindparam(name, type_=kind) for name, kind in _KINDS.items()} | {"after_seq": _head})
)
_changed = {
    name: bindparam(f"new_{name}", type_=kind) for name, kind in _KINDS.items() if name not in ("id", "created_at")
}
_save = changing(webhooks).where(webhooks.c.id == _the_webhook)
SAVE = Statement(_save.values(_changed))
_SAVE_FROM_NOW = Statement(_save.values(_changed | {"after_seq": _head}))
_TRY_ANEW = Statement(
    changing(webhook_deliveries)
    .where(
        webhook_deliveries.c.webhook_id == _the_webhook,
        webhook_deliveries.c.state == bindparam("pending", type_=Text),
        webhook_deliveries.c.tried_from.is_not(None),
    )
    .values(tried_from=null())
)
_REMOVE = Statement(
    _save.values(
        sealed_secret=bindparam("nothing", type_=LargeBinary),
        sealed_previous_secret=bindparam("nothing", type_=LargeBinary),
        deleted_at=func.now(),
    )
)

LOAD_DELIVERY = Statement(
    select(*(webhook_deliveries.c[name] for name in DELIVERY_COLUMNS))
    .where(webhook_deliveries.c.webhook_id == _the_webhook, webhook_deliveries.c.id == _the_delivery)
    .with_for_update(of=webhook_deliveries, key_share=True)
)
_ADD_DELIVERY = Statement(
    insert(webhook_deliveries).values(
        {name: bindparam(name, type_=kind) for name, kind in _DELIVERY_KINDS.items()}
        | {"stream": bindparam("stream", type_=Uuid)}
    )
)
SAVE_DELIVERY = Statement(
    changing(webhook_deliveries)
    .where(webhook_deliveries.c.id == _the_delivery)
    .values(
        {
            name: bindparam(f"new_{name}", type_=kind)
            for name, kind in _DELIVERY_KINDS.items()
            if name not in _UNCHANGING
        }
    )
)


class SqlWebhooks:
    """The webhooks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def count(self) -> int:
        _, rows = await self._unit.fetch((_LOCK_COMPANY, {}), (_COUNT, {}))
        return int(rows[0][0])

    async def load(self, webhook_id: UUID) -> Webhook | None:
        (rows,) = await self._unit.fetch((_LOAD, {"webhook": webhook_id}))
        return webhook_of(rows[0]) if rows else None

    async def head(self) -> int:
        (rows,) = await self._unit.fetch((_HEAD, {}))
        return int(rows[0][0])

    async def goes_on(self, *, after: int) -> bool:
        (rows,) = await self._unit.fetch((_GOES_ON, {"position": after}))
        return bool(rows[0][0])

    async def are_kept(self, seqs: Collection[int]) -> bool:
        if not seqs:
            return True
        (rows,) = await self._unit.fetch((_KEPT, {"seqs": list(seqs)}))
        return int(rows[0][0]) == len(set(seqs))

    async def unknown_projects(self, project_ids: Collection[UUID]) -> set[UUID]:
        (rows,) = await self._unit.fetch((_KNOWN, {"projects": list(project_ids)}))
        return set(project_ids) - {row[0] for row in rows}

    def add(self, webhook: Webhook) -> None:
        self._unit.write(_ADD, _values(webhook))

    def save(self, webhook: Webhook, *, from_now: bool = False) -> None:
        self._unit.write(_SAVE_FROM_NOW if from_now else SAVE, saved_webhook(webhook), rows=1)
        if from_now:
            self._unit.write(_TRY_ANEW, {"webhook": webhook.id, "pending": str(DeliveryState.PENDING)})

    def remove(self, webhook: Webhook) -> None:
        self._unit.write(_REMOVE, {"webhook": webhook.id, "nothing": b""}, rows=1)


class SqlDeliveries:
    """The messages of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        (rows,) = await self._unit.fetch((LOAD_DELIVERY, {"webhook": webhook_id, "delivery": delivery_id}))
        return delivery_of(rows[0]) if rows else None

    def add(self, delivery: Delivery) -> None:
        values = _delivery_values(delivery)
        self._unit.write(_ADD_DELIVERY, {**values, "stream": delivery.project_id or self._unit.company_id})

    def save(self, delivery: Delivery) -> None:
        self._unit.write(SAVE_DELIVERY, saved_delivery(delivery), rows=1)


class SqlWebhookUnitOfWork(SqlUnitOfWork):
    """A unit of work with webhooks and the messages to them."""

    def __init__(self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(database, clock, actor, once=once)
        self.webhooks = SqlWebhooks(self)
        self.deliveries = SqlDeliveries(self)


def webhook_of(row: Row) -> Webhook:
    """A webhook from a row of COLUMNS."""
    values = dict(zip(COLUMNS, row, strict=True))
    reason = values["disabled_reason"]
    return Webhook(
        id=values["id"],
        chosen=WebhookFields(
            url=values["url"],
            description=values["description"],
            types=tuple(values["types"]),
            channels=tuple(map(Channel, values["channels"])),
            project_ids=tuple(values["project_ids"]),
            is_active=values["is_active"],
        ),
        secret=bytes(values["sealed_secret"]),
        previous_secret=bytes(values["sealed_previous_secret"]),
        previous_until=values["previous_until"],
        disabled_reason=DisabledReason(reason) if reason is not None else None,
        disabled_at=values["disabled_at"],
        failures=values["failures"],
        failing_since=values["failing_since"],
        open_until=values["open_until"],
        after_seq=values["after_seq"],
        behind_seq=values["behind_seq"],
        created_by=values["created_by"],
        version=values["version"],
        created_at=values["created_at"],
        updated_at=values["updated_at"],
    )


def _values(webhook: Webhook) -> dict[str, Any]:
    chosen = webhook.chosen
    return {
        **{name: getattr(webhook, name, None) for name in COLUMNS},
        "url": chosen.url,
        "description": chosen.description,
        "types": list(chosen.types),
        "channels": [str(each) for each in chosen.channels],
        "project_ids": list(chosen.project_ids),
        "is_active": chosen.is_active,
        "sealed_secret": webhook.secret,
        "sealed_previous_secret": webhook.previous_secret,
        "disabled_reason": str(webhook.disabled_reason) if webhook.disabled_reason is not None else None,
    }


def saved_webhook(webhook: Webhook) -> dict[str, Any]:
    """The parameters of SAVE."""
    values = {f"new_{name}": value for name, value in _values(webhook).items()}
    return {**values, "webhook": webhook.id}


def delivery_of(row: Row) -> Delivery:
    """A message from a row of DELIVERY_COLUMNS."""
    values: dict[str, Any] = dict(zip(DELIVERY_COLUMNS, row, strict=True))
    values |= {"seqs": tuple(values["seqs"]), "state": DeliveryState(values["state"])}
    return Delivery(**values)


def _delivery_values(delivery: Delivery) -> dict[str, Any]:
    values = {name: getattr(delivery, name) for name in _DELIVERY_KINDS}
    return {**values, "seqs": list(delivery.seqs), "state": str(delivery.state)}


def saved_delivery(delivery: Delivery) -> dict[str, Any]:
    """The parameters of SAVE_DELIVERY."""
    values = {f"new_{name}": value for name, value in _delivery_values(delivery).items()}
    return {**values, "delivery": delivery.id}
