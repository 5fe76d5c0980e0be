"""What the relay asks, across companies: who leads, where all logs stand, and how far their readers are. Only the
container may import this.
"""

from collections.abc import Iterable
from itertools import zip_longest
from uuid import UUID

from sqlalchemy import BigInteger, Double, Text, bindparam, cast, extract, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.posting import LETTERS
from adapters.sql.statement import Statement
from adapters.sql.tables.log import events
from adapters.sql.upkeep import AS_APPLICATION, ENTER, Upkeep
from core.notifications.model import CAUSES
from core.realtime.read_models import Backlog

# By the database's clock, so that those of the processes do not matter.
_TAKE = Statement.plain("""
insert into leases (name, holder, until)
values (%(name)s, %(holder)s, now() + make_interval(secs => %(seconds)s::double precision))
on conflict (name) do update set holder = excluded.holder, until = excluded.until
 where leases.holder = excluded.holder or leases.until < now()
returning name
""")
_GIVE_UP = Statement.plain("delete from leases where name = %(name)s and holder = %(holder)s")
_HEADS = Statement.plain("select company_id, last_seq from event_sequences")
# What nobody is to be told of does not wait.
_BACKLOGS = Statement.plain("""
select p.reader, p.company_id, p.seq, q.last_seq
  from log_positions p
  join event_sequences q on q.company_id = p.company_id and q.last_seq > p.seq
  join companies c on c.id = p.company_id and c.is_active and c.deleted_at is null
 where case p.reader
         when 'notifications' then q.last_for_people > p.seq
         when 'mail' then q.last_for_mail > p.seq
         when 'webhooks' then exists (select from webhooks w
                                       where w.company_id = p.company_id and w.deleted_at is null and w.is_active
                                         and q.last_seq > w.after_seq)
         else true end
 order by q.last_seq - p.seq desc
""")
_AS_APPLICATION = Statement.plain(AS_APPLICATION)
_ENTER = Statement.plain(ENTER)
_AGE, _AGE_OF = (
    Statement(
        select(cast(extract("epoch", func.now() - events.c.occurred_at), Double))
        .where(events.c.seq > bindparam("position", type_=BigInteger), *which)
        .order_by(events.c.seq)
        .limit(1)
    )
    for which in ((), (events.c.event == func.any(bindparam("read", type_=ARRAY(Text))),))
)
# What these pass over does not wait, however old it is.
_READ = {"notifications": list(CAUSES), "mail": list(LETTERS)}
# Of so many backlogs the first unread event is looked at, each inside its company's wall.
_MOST_LOOKED_AT = 100


class SqlLeases:
    """Who does what one process alone is to do."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def take(self, name: str, *, holder: UUID, seconds: float) -> bool:
        async with self._upkeep.across() as connection:
            values = {"name": name, "holder": holder, "seconds": seconds}
            taken, _ = await execute(connection, Asked(_TAKE, values), Asked(COMMIT, {}))
            return taken.first() is not None

    async def give_up(self, name: str, *, holder: UUID) -> None:
        async with self._upkeep.across() as connection:
            await execute(connection, Asked(_GIVE_UP, {"name": name, "holder": holder}), Asked(COMMIT, {}))


class SqlLogs:
    """The logs of all companies, from outside."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def heads(self) -> dict[UUID, int]:
        (found,) = await self._upkeep.ask(Asked(_HEADS, {}))
        return dict(found.rows())

    async def backlogs(self) -> Iterable[Backlog]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_BACKLOGS, {}))
            behind = found.rows()
            looked = [
                asked
                for reader, company_id, position, _ in behind[:_MOST_LOOKED_AT]
                for asked in (Asked(_ENTER, {"company": str(company_id)}), _age(reader, position))
            ]
            if not looked:
                return []
            _, *answers = await execute(connection, Asked(_AS_APPLICATION, {}), *looked)
            ages = [row[0] if (row := answer.first()) is not None else None for answer in answers[1::2]]
            return [Backlog._make((*row, age)) for row, age in zip_longest(behind, ages)]


def _age(reader: str, position: int) -> Asked:
    """How old the first event is that the reader has to do with, after a position."""
    if reader in _READ:
        return Asked(_AGE_OF, {"position": position, "read": _READ[reader]})
    return Asked(_AGE, {"position": position})
