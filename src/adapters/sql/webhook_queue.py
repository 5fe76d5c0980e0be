"""Making messages of the companies' logs for their webhooks. Only the container may import this."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from adapters.sql.connection import Connection, Database, execute
from adapters.sql.log_reader import LOGS, Held, LogReader
from adapters.sql.pipeline import Asked, Result
from adapters.sql.repositories.webhooks import COLUMNS, webhook_of
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from core.realtime.read_models import EventView
from core.webhooks.deliveries import Delivery
from core.webhooks.model import Webhook

log = logging.getLogger("flowtrack.webhooks")

READER = "webhooks"
_MOST_WAITING = 1_000

# Whose log went on, or who is to be told of the past again and has not too much waiting. Who has no webhook costs
# nothing but this.
_BEHIND = Statement.plain(f"""
{LOGS}
 where exists (select from webhooks w
                where w.company_id = q.company_id and w.deleted_at is null and w.is_active
                  and (q.last_seq > greatest(p.seq, w.after_seq)
                       or w.behind_seq is not null and
                          (select count(*) from (
                             select from webhook_deliveries d
                              where d.company_id = w.company_id and d.webhook_id = w.id and d.state = 'pending'
                                and d.in_order limit {_MOST_WAITING}) waiting) < {_MOST_WAITING}))
 order by q.company_id
""")
# Asked once the position is held, so that each webhook that begins before the head is there.
_WEBHOOKS = Statement.plain(f"""
select {", ".join(COLUMNS)} from webhooks
 where company_id = {OWN} and deleted_at is null and is_active order by id for no key update
""")
EVENT_COLUMNS = "seq, event, channel, occurred_at, actor_id, via, project_id, body"
# Bodies are read when they are sent: those of five hundred events may be 400 MB.
_KNOWN_OF_EVENTS = EVENT_COLUMNS.replace("body", "'{}'::jsonb as body")
# What admins hear of; what is for named users alone never leaves by this door.
_EVENTS = Statement.plain(f"""
select {_KNOWN_OF_EVENTS} from events
 where company_id = {OWN} and seq > %(after)s and seq <= %(head)s
   and (for_admins or for_everyone) and event <> 'notification_created'
 order by seq limit %(most)s
""")
_WAITING = Statement.plain(f"""
select count(*) from (select from webhook_deliveries
 where company_id = {OWN} and webhook_id = %(webhook)s and state = 'pending' and in_order limit {_MOST_WAITING}) found
""")
_KEEP = Statement.plain(f"""
insert into webhook_deliveries
       (id, webhook_id, stream, project_id, event, seqs, state, attempts, in_order, delayed, due_at, created_at)
select id, webhook_id, coalesce(project_id, {OWN}), project_id, event, seqs::bigint[], 'pending', 0, true, false,
       %(at)s, %(at)s
  from unnest(%(ids)s::uuid[], %(webhooks)s::uuid[], %(projects)s::uuid[], %(events)s::text[], %(seqs)s::text[])
       with ordinality as made (id, webhook_id, project_id, event, seqs, place)
 order by place
""")
_TOLD = Statement.plain(f"update webhooks set behind_seq = %(behind)s where company_id = {OWN} and id = %(webhook)s")


class SqlEventQueues:
    """The logs of all companies that have webhooks."""

    def __init__(self, database: Database) -> None:
        self._logs = LogReader(
            database,
            name=READER,
            log=log,
            left="a company's webhooks were",
            failed="the webhooks of company %s cannot be told",
            behind=_BEHIND,
        )

    async def behind(self) -> list[UUID]:
        return await self._logs.behind()

    async def advance(
        self, company_id: UUID, *, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]
    ) -> bool:
        async def read(held: Held, _: list[Result]) -> bool:
            return await _read(held, most, queued)

        return await self._logs.advance(company_id, read)


async def _read(held: Held, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]) -> bool:
    connection = held.connection
    (found,) = await execute(connection, Asked(_WEBHOOKS, {}))
    webhooks = [webhook_of(row) for row in found.rows()]
    riding = [each for each in webhooks if each.behind_seq is None]
    # What happened while there was no webhook at all is passed over.
    after = max(held.after, min((each.after_seq for each in riding), default=held.head))
    events = await _events(connection, after, held.head, most)
    upto = events[-1].seq if len(events) == most else held.head
    made: list[Delivery] = []
    for webhook in riding:
        made.extend(queued([webhook], [each for each in events if each.seq > webhook.after_seq]))
    told: list[Asked] = []
    is_more = len(events) == most
    for webhook in webhooks:
        if webhook.behind_seq is None:
            continue
        (waiting,) = await execute(connection, Asked(_WAITING, {"webhook": webhook.id}))
        if waiting.rows()[0][0] >= _MOST_WAITING:
            continue
        past = await _events(connection, webhook.behind_seq, upto, most)
        made.extend(queued([webhook], past))
        is_through = len(past) < most
        told.append(Asked(_TOLD, {"webhook": webhook.id, "behind": None if is_through else past[-1].seq}))
        is_more = is_more or not is_through
    await held.move_on(upto, *([_keeping(made)] if made else []), *told)
    return is_more


async def _events(connection: Connection, after: int, head: int, most: int) -> list[EventView]:
    (found,) = await execute(connection, Asked(_EVENTS, {"after": after, "head": head, "most": most}))
    return [EventView._make(row) for row in found.rows()]


def _keeping(made: list[Delivery]) -> Asked:
    values: dict[str, Any] = {
        "at": made[0].created_at,
        "ids": [each.id for each in made],
        "webhooks": [each.webhook_id for each in made],
        "projects": [each.project_id for each in made],
        "events": [each.event for each in made],
        # An array of arrays would be flattened, so each travels as the text of an array.
        "seqs": ["{" + ",".join(map(str, each.seqs)) + "}" for each in made],
    }
    return Asked(_KEEP, values)
