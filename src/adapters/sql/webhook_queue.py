"""Making messages of the companies' logs for their webhooks. Only the container may import this.

A company's position is locked while its log is read, so that one does it at a time, and is moved in the transaction
that keeps the messages.
"""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from adapters.sql.connection import COMMIT, SOON, Connection, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.webhooks import COLUMNS, webhook_of
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.upkeep import Upkeep
from core.kernel.errors import DatabaseAway, Refusal, StorageFull
from core.realtime.read_models import EventView
from core.webhooks.deliveries import Delivery
from core.webhooks.model import Webhook

log = logging.getLogger("flowtrack.webhooks")

READER = "webhooks"
_MOST_WAITING = 1_000
_HERE = f"company_id = {OWN} and reader = '{READER}'"

# By the upkeep role: whose log went on, or who is to be told of the past again and has not too much waiting.
_BEHIND = Statement.plain(f"""
select q.company_id
  from event_sequences q
  join companies c on c.id = q.company_id and c.is_active and c.deleted_at is null
  left join log_positions p on p.company_id = q.company_id and p.reader = '{READER}'
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
_BEGIN = Statement.plain(f"insert into log_positions (reader, seq) values ('{READER}', 0) on conflict do nothing")
_TAKE = Statement.plain(f"select seq from log_positions where {_HERE} for update skip locked")
# Asked once the position is held: all up to the head is committed, and so is each webhook that begins before it.
_HEAD = Statement.plain(f"select last_seq from event_sequences where company_id = {OWN}")
_WEBHOOKS = Statement.plain(f"""
select {", ".join(COLUMNS)} from webhooks
 where company_id = {OWN} and deleted_at is null and is_active order by id for no key update
""")
EVENT_COLUMNS = "seq, event, channel, occurred_at, actor_id, via, project_id, body"
# What admins hear of; what is for named users alone never leaves by this door.
_EVENTS = Statement.plain(f"""
select {EVENT_COLUMNS} from events
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
_MOVE_ON = Statement.plain(f"update log_positions set seq = %(seq)s where {_HERE} and seq <= %(seq)s")
_TOLD = Statement.plain(f"update webhooks set behind_seq = %(behind)s where company_id = {OWN} and id = %(webhook)s")


class SqlEventQueues:
    """The logs of all companies that have webhooks."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def behind(self) -> list[UUID]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_BEHIND, {}))
            return [row[0] for row in found.rows()]

    async def advance(
        self, company_id: UUID, *, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]
    ) -> bool:
        try:
            async with self._upkeep.within(company_id) as connection:
                return await self._advance(connection, most, queued)
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            # Something is held at this very moment: the others do not wait for it.
            log.warning("a company's webhooks were left to the next time: %s", refusal.code)
            return False
        except Exception:
            # A defect of ours keeps one company's webhooks back, and nobody else's.
            log.exception("the webhooks of company %s cannot be told", company_id)
            return False

    async def _advance(
        self, connection: Connection, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]
    ) -> bool:
        _, taken = await execute(connection, Asked(_BEGIN, {}), Asked(_TAKE, {}))
        position = taken.first()
        if position is None:
            return False
        newest, found = await execute(connection, Asked(_HEAD, {}), Asked(_WEBHOOKS, {}))
        webhooks = [webhook_of(row) for row in found.rows()]
        ((head,),) = newest.rows()
        riding = [each for each in webhooks if each.behind_seq is None]
        # What happened while there was no webhook at all is passed over.
        after = max(position[0], min((each.after_seq for each in riding), default=head))
        events = await _events(connection, after, head, most)
        upto = events[-1].seq if len(events) == most else head
        made: list[Delivery] = []
        for webhook in riding:
            made.extend(queued([webhook], [each for each in events if each.seq > webhook.after_seq]))
        asked = [Asked(_MOVE_ON, {"seq": upto})]
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
            asked.append(Asked(_TOLD, {"webhook": webhook.id, "behind": None if is_through else past[-1].seq}))
            is_more = is_more or not is_through
        # Where nothing was made, a position that a crash takes back is only read from once more: no disk is waited for.
        asked.insert(0, _keeping(made) if made else Asked(SOON, {}))
        await execute(connection, *asked, Asked(COMMIT, {}))
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
