"""Claiming messages to webhooks and settling them, in whatever company they are. Only the container may import this.

A claim is a lease in the row itself, and no lock: the transaction is over before anything is sent, and whoever dies
with a claim loses it in time. In a company one claims at a time, so that no two take a stream's messages out of order.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from itertools import groupby
from uuid import UUID

from adapters.sql import audit_log, event_log
from adapters.sql.connection import COMMIT, Connection, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.webhooks import (
    COLUMNS,
    DELIVERY_COLUMNS,
    LOAD_DELIVERY,
    SAVE,
    SAVE_DELIVERY,
    delivery_of,
    saved_delivery,
    saved_webhook,
    webhook_of,
)
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.upkeep import Upkeep
from adapters.sql.webhook_queue import EVENT_COLUMNS
from core.kernel.actor import NOWHERE, Via
from core.kernel.errors import DatabaseAway, Refusal, StorageFull
from core.kernel.events import Fact
from core.realtime.read_models import EventView
from core.webhooks.deliveries import AT_ONCE, Choice, Delivery, Outcome, Queue
from core.webhooks.model import Webhook
from core.webhooks.ports import Claimed

log = logging.getLogger("flowtrack.webhooks")

_CLAIMING = 7163298431
_MOST_TRIED = 200
_SHOWN = ", ".join(f"d.{name}" for name in DELIVERY_COLUMNS)

_AWAKE = "w.deleted_at is null and w.is_active and (w.open_until is null or w.open_until <= %(at)s)"
# By the upkeep role.
_WAITING = Statement.plain(f"""
select c.id
  from companies c
  cross join lateral (
    select min(first.due_at) as due_at from webhooks w
     cross join lateral (select d.due_at from webhook_deliveries d
                          where d.company_id = c.id and d.webhook_id = w.id and d.state = 'pending'
                            and d.due_at <= %(at)s and (d.lease_until is null or d.lease_until <= %(at)s)
                          order by d.due_at limit 1) first
     where w.company_id = c.id and {_AWAKE}) waiting
 where c.is_active and c.deleted_at is null and waiting.due_at is not null
 order by waiting.due_at, c.id
""")
_LOCK = Statement.plain("select pg_try_advisory_xact_lock(%(lock)s)")
# Asked once the lock is held: what another one claimed until then is seen.
_WEBHOOKS = Statement.plain(f"""
select {", ".join(f"w.{name}" for name in COLUMNS)} from webhooks w where w.company_id = {OWN} and {_AWAKE}
""")
_UNDER_WAY = Statement.plain(f"""
select d.webhook_id, count(*) from webhook_deliveries d
 where d.company_id = {OWN} and d.state = 'pending' and d.lease_until > %(at)s group by d.webhook_id
""")
# From stream to stream by the index, however many messages each of them has; of each those that were tried and have not
# arrived, and the first that was not.
_STREAMS = Statement.plain(f"""
with recursive streams as (
  (select d.webhook_id, d.stream from webhook_deliveries d
    where d.company_id = {OWN} and d.state = 'pending' and d.in_order
    order by d.webhook_id, d.stream limit 1)
  union all
  select following.* from streams s cross join lateral (
    select d.webhook_id, d.stream from webhook_deliveries d
     where d.company_id = {OWN} and d.state = 'pending' and d.in_order
       and (d.webhook_id, d.stream) > (s.webhook_id, s.stream)
     order by d.webhook_id, d.stream limit 1) following
)
select s.stream, {_SHOWN}
  from streams s
  join webhooks w on w.company_id = {OWN} and w.id = s.webhook_id and {_AWAKE}
  cross join lateral (
    select * from webhook_deliveries first
     where first.company_id = {OWN} and first.webhook_id = s.webhook_id and first.stream = s.stream
       and first.state = 'pending' and first.in_order
       and first.number <= coalesce((
         select untried.number from webhook_deliveries untried
          where untried.company_id = {OWN} and untried.webhook_id = s.webhook_id and untried.stream = s.stream
            and untried.state = 'pending' and untried.in_order and untried.attempts = 0
          order by untried.number limit 1), 9223372036854775807)
     order by first.number limit %(most)s) d
 order by d.webhook_id, s.stream, d.number
""")
# Of each webhook the oldest, so that none waits for those of another.
_BY_HAND = Statement.plain(f"""
select {_SHOWN} from (
  select found.*, row_number() over (partition by found.webhook_id order by found.due_at) as turn
    from webhook_deliveries found
    join webhooks w on w.company_id = {OWN} and w.id = found.webhook_id and {_AWAKE}
   where found.company_id = {OWN} and found.state = 'pending' and not found.in_order and found.due_at <= %(at)s
     and (found.lease_until is null or found.lease_until <= %(at)s)) d
 where d.turn <= {AT_ONCE}
""")
_EVENTS = Statement.plain(f"""
select {EVENT_COLUMNS}, trace from events where company_id = {OWN} and seq = any(%(seqs)s) order by seq
""")
_OVERTAKEN = Statement.plain(
    f"update webhook_deliveries set delayed = true where company_id = {OWN} and id = any(%(ids)s)"
)

# Unless somebody settled it since it was looked at.
_TAKE = Statement.plain(f"""
update webhook_deliveries
   set run_id = %(run)s, lease_until = %(until)s, attempts = %(attempts)s, tried_from = %(tried_from)s,
       delayed = delayed or %(delayed)s
 where company_id = {OWN} and id = %(delivery)s and state = 'pending'
   and run_id is not distinct from %(before)s::uuid and due_at <= %(at)s
""")
_GIVE_BACK = Statement.plain(f"""
update webhook_deliveries set run_id = null, lease_until = null
 where company_id = {OWN} and id = any(%(ids)s::uuid[]) and run_id = any(%(runs)s::uuid[]) and state = 'pending'
""")

_WEBHOOK = Statement.plain(f"""
select {", ".join(COLUMNS)} from webhooks
 where company_id = {OWN} and id = %(webhook)s and deleted_at is null for no key update
""")
_ATTEMPT = Statement.plain("""
insert into webhook_attempts (delivery_id, number, at, status, duration_ms, response, error)
values (%(delivery)s, %(number)s, %(at)s, %(status)s, %(duration_ms)s, %(response)s, %(error)s)
on conflict do nothing
""")
_DEPTH = Statement.plain("""
select count(*), coalesce(extract(epoch from %(at)s - min(d.due_at)), 0)::float8
  from webhook_deliveries d
  join webhooks w on w.company_id = d.company_id and w.id = d.webhook_id and w.deleted_at is null and w.is_active
  join companies c on c.id = d.company_id and c.is_active and c.deleted_at is null
 where d.state = 'pending'
""")


class SqlDispatches:
    """The messages of all companies: looked for as the upkeep role, and each touched inside its company's wall."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def waiting(self, *, at: datetime) -> list[UUID]:
        (found,) = await self._upkeep.ask(Asked(_WAITING, {"at": at}))
        return [row[0] for row in found.rows()]

    async def depth(self, *, at: datetime) -> tuple[int, float]:
        (found,) = await self._upkeep.ask(Asked(_DEPTH, {"at": at}))
        count, lag = found.rows()[0]
        return count, max(lag, 0.0)

    async def claim(
        self, company_id: UUID, *, run: UUID, at: datetime, choose: Callable[[Queue], list[Choice]]
    ) -> list[Claimed]:
        try:
            async with self._upkeep.within(company_id) as connection:
                return await _claimed(connection, company_id, run, at, choose)
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            # Something is held at this very moment: the others do not wait for it.
            log.warning("a company's webhooks were left to the next time: %s", refusal.code)
            return []
        except Exception:
            # A defect of ours keeps one company's webhooks back, and nobody else's.
            log.exception("the webhooks of company %s cannot be sent", company_id)
            return []

    async def give_back(self, company_id: UUID, claimed: Collection[Claimed]) -> None:
        values = {"ids": [each.delivery.id for each in claimed], "runs": [each.delivery.run_id for each in claimed]}
        async with self._upkeep.within(company_id) as connection:
            await execute(connection, Asked(_GIVE_BACK, values), Asked(COMMIT, {}))

    async def settle(
        self,
        claimed: Claimed,
        outcome: Outcome | None,
        *,
        at: datetime,
        settled: Callable[[Webhook, Delivery], tuple[Fact, ...]],
    ) -> bool:
        async with self._upkeep.within(claimed.company_id) as connection:
            key = {"webhook": claimed.webhook.id, "delivery": claimed.delivery.id}
            found, sent = await execute(connection, Asked(_WEBHOOK, key), Asked(LOAD_DELIVERY, key))
            webhook_row, delivery_row = found.first(), sent.first()
            if webhook_row is None or delivery_row is None:
                return False
            webhook, delivery = webhook_of(webhook_row), delivery_of(delivery_row)
            if delivery.run_id != claimed.delivery.run_id:
                return False
            facts = settled(webhook, delivery)
            asked = [Asked(SAVE, saved_webhook(webhook)), Asked(SAVE_DELIVERY, saved_delivery(delivery))]
            if outcome is not None:
                asked.append(_attempt(delivery, outcome, at=at))
            asked.extend(_telling(facts, at=at))
            await execute(connection, *asked, Asked(COMMIT, {}))
            return True


async def _claimed(
    connection: Connection, company_id: UUID, run: UUID, at: datetime, choose: Callable[[Queue], list[Choice]]
) -> list[Claimed]:
    lock = (company_id.int ^ _CLAIMING) % 2**63
    (tried,) = await execute(connection, Asked(_LOCK, {"lock": lock}))
    if tried.first() != (True,):
        return []
    queue = await _queue(connection, at)
    choices = choose(queue)
    if not choices:
        return []
    seqs = sorted({seq for each in choices for seq in each.delivery.seqs})
    told, *taken = await execute(
        connection, Asked(_EVENTS, {"seqs": seqs}), *(_taking(each, run=run, at=at) for each in choices)
    )
    choices = [each for each, result in zip(choices, taken, strict=True) if result.count]
    overtaken = {"ids": [each.id for choice in choices for each in choice.overtaken]}
    await execute(connection, *([Asked(_OVERTAKEN, overtaken)] if overtaken["ids"] else []), Asked(COMMIT, {}))
    rows = told.rows()
    events = {row[0]: EventView._make(row[:-1]) for row in rows}
    traces = {row[0]: row[-1] for row in rows if row[-1] is not None}
    return [
        Claimed(
            company_id,
            each.delivery,
            queue.webhooks[each.delivery.webhook_id],
            tuple(events[seq] for seq in each.delivery.seqs if seq in events),
            tuple(dict.fromkeys(traces[seq] for seq in each.delivery.seqs if seq in traces)),
        )
        for each in choices
    ]


def _taking(choice: Choice, *, run: UUID, at: datetime) -> Asked:
    delivery, before = choice.delivery, choice.delivery.run_id
    delivery.claim(run=run, at=at)
    delivery.delayed = delivery.delayed or bool(choice.overtaken)
    values = {
        "delivery": delivery.id,
        "run": run,
        "before": before,
        "until": delivery.lease_until,
        "attempts": delivery.attempts,
        "tried_from": delivery.tried_from,
        "delayed": delivery.delayed,
        "at": at,
    }
    return Asked(_TAKE, values)


async def _queue(connection: Connection, at: datetime) -> Queue:
    values = {"at": at, "most": _MOST_TRIED}
    found, under_way, streams, by_hand = await execute(
        connection,
        Asked(_WEBHOOKS, values),
        Asked(_UNDER_WAY, values),
        Asked(_STREAMS, values),
        Asked(_BY_HAND, values),
    )
    webhooks = [webhook_of(row) for row in found.rows()]
    deliveries = [(row[0], delivery_of(row[1:])) for row in streams.rows()]
    return Queue(
        webhooks={each.id: each for each in webhooks},
        streams=tuple(
            tuple(each for _, each in several)
            for _, several in groupby(deliveries, key=lambda each: (each[1].webhook_id, each[0]))
        ),
        by_hand=tuple(delivery_of(row) for row in by_hand.rows()),
        under_way={row[0]: row[1] for row in under_way.rows()},
    )


def _attempt(delivery: Delivery, outcome: Outcome, *, at: datetime) -> Asked:
    values = {
        "delivery": delivery.id,
        "number": delivery.attempts,
        "at": at,
        "status": outcome.status,
        "duration_ms": outcome.duration_ms,
        "response": outcome.response,
        "error": outcome.error,
    }
    return Asked(_ATTEMPT, values)


def _telling(facts: Iterable[Fact], *, at: datetime) -> list[Asked]:
    told = list(facts)
    if not told:
        return []
    notes = audit_log.notes_of(told)
    via = str(Via.SYSTEM)
    return [
        *audit_log.appending(notes, actor_id=None, via=via, origin=NOWHERE, at=at),
        event_log.append(told, actor_id=None, via=via, at=at),
    ]
