"""Reading the companies' logs from stored positions: what all who do so share. Only the container may import who does.

A company's position is locked while its log is read, so that one does it at a time, and is moved in the transaction
that keeps what came of it: whoever dies in between has read nothing.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from adapters.sql.connection import COMMIT, SOON, Connection, Database, execute
from adapters.sql.pipeline import Asked, Result
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.upkeep import Upkeep
from core.kernel.errors import DatabaseAway, Refusal, StorageFull, TooSlow

_HERE = f"company_id = {OWN} and reader = %(reader)s"
MOST_LEFT: Final = 5_000
"""A reader comes to a log that went on by so many positions even where there is nothing for it, so that what it passes
over in one go stays bounded.
"""
EVERYWHERE_EVERY: Final = 600.0
"""And after so many seconds it comes to all that went on: what a process of the release before wrote, the counter does
not tell of.
"""
LOGS: Final = """
select q.company_id
  from event_sequences q
  join companies c on c.id = q.company_id and c.is_active and c.deleted_at is null
  left join log_positions p on p.company_id = q.company_id and p.reader = %(reader)s
"""
"""The companies at work, each with its counter `q` and a reader's position `p`, which may not be there yet."""

_BEGIN = Statement.plain("insert into log_positions (reader, seq) values (%(reader)s, 0) on conflict do nothing")
_TAKE = Statement.plain(f"select seq from log_positions where {_HERE} for update skip locked")
# All up to the head is committed: a sequence is given out in the order of commits. It is asked once the position is
# held, and not beside it: that is locked as it is by then, while all else in its statement would be as it was before
# whoever held it last had moved it on.
_HEAD = Statement.plain(f"select last_seq from event_sequences where company_id = {OWN}")
_MOVE_ON = Statement.plain(f"update log_positions set seq = %(seq)s where {_HERE} and seq <= %(seq)s")
# Whatever somebody holds is left to the next time, since the other companies wait meanwhile. What a stretch of the log
# concerns is looked up (decision 0035), and so is the stretch.
_BEFORE = Statement.plain("select set_config('lock_timeout', '2s', true), set_config('enable_sort', 'off', true)")


class Passing:
    """How far a log may go on before a reader comes to it that has nothing there."""

    def __init__(self, every: float = EVERYWHERE_EVERY) -> None:
        self._every = every
        self._next = time.monotonic() + every

    @property
    def most(self) -> int:
        """So far now."""
        return MOST_LEFT if time.monotonic() < self._next else 0

    def is_over(self, most: int) -> None:
        """The reader came to all logs that went on farther than that."""
        if most == 0:
            self._next = time.monotonic() + self._every


class Held:
    """A company's position, until the transaction ends."""

    __slots__ = ("_reader", "after", "connection", "head", "is_new")

    def __init__(self, connection: Connection, *, after: int, head: int, is_new: bool, reader: str) -> None:
        self.connection = connection
        self.after = after
        self.head = head
        self.is_new = is_new
        self._reader = reader

    async def move_on(self, upto: int, *kept: Asked, is_for_good: bool = False) -> None:
        """Commits what came of reading, and that it was read up to there. What appends to the log comes last of `kept`,
        so that the company's counter is held for one flush.

        Where nothing came of it, a position that a crash takes back is only read from once more: no disk is waited for,
        unless what was done before is to stay.
        """
        soon = [] if kept or is_for_good else [Asked(SOON, {})]
        moved = Asked(_MOVE_ON, {"reader": self._reader, "seq": upto})
        await execute(self.connection, *soon, moved, *kept, Asked(COMMIT, {}))


class LogReader:
    """Up to where one kind of reader has read each company's log."""

    def __init__(
        self,
        database: Database,
        *,
        name: str,
        log: logging.Logger,
        left: str,
        failed: str,
        behind: Statement,
    ) -> None:
        """`behind` finds the companies whose logs hold something to read. `left` names what is left to the next time,
        `failed` what cannot be done in company %s.
        """
        self._upkeep = Upkeep(database)
        self._named = {"reader": name}
        self._log, self._left, self._failed = log, left, failed
        self._behind = behind

    async def behind(self, given: Mapping[str, Any] = MappingProxyType({})) -> list[UUID]:
        """The companies whose logs hold something to read: one statement, one round trip for all of them. What it is
        `given` are parameters of that statement, beside the reader's name.
        """
        (found,) = await self._upkeep.ask(Asked(self._behind, {**self._named, **given}))
        return [row[0] for row in found.rows()]

    async def advance(
        self,
        company_id: UUID,
        read: Callable[[Held, list[Result]], Awaitable[bool]],
        *,
        beside: Callable[[], Sequence[Asked]] = tuple,
        shortened: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Holds the position of a company and has the log after it read, which ends by `move_on`; answers what `read`
        does: whether there is more. False, too, where another one holds it, nothing is new, or it failed: that keeps
        one company back and nobody else, and is in the log. Raises DatabaseAway and StorageFull.

        What is asked `beside` comes in the same round trip as the position, and after it; it may read what is not up to
        the head. `shortened` is asked where it took too long, and says whether it is worth to be tried again.
        """
        try:
            while True:
                try:
                    return await self._advance(company_id, read, beside())
                except TooSlow:
                    if not shortened():
                        raise
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            # Something was purged or is held at this very moment, or takes too long: the others do not wait for it.
            self._log.warning("%s left to the next time: %s", self._left, refusal.code)
        except Exception:
            # A defect of ours, or what somebody wrote past us: it keeps one company back, and nobody else.
            self._log.exception(self._failed, company_id)
        return False

    async def _advance(
        self, company_id: UUID, read: Callable[[Held, list[Result]], Awaitable[bool]], beside: Sequence[Asked]
    ) -> bool:
        taking = (Asked(_TAKE, self._named), Asked(_HEAD, {}), *beside)
        async with self._upkeep.entered(company_id, Asked(_BEFORE, {}), *taking) as (connection, (_, *first)):
            answers, is_new = first, False
            if answers[0].first() is None:
                # Nobody has read there yet, or somebody does now.
                begun, *answers = await execute(connection, Asked(_BEGIN, self._named), *taking)
                is_new = bool(begun.count)
            taken, there, *found = answers
            position, newest = taken.first(), there.first()
            if position is None or newest is None:
                return False
            (after,), (head,) = position, newest
            return await read(
                Held(connection, after=after, head=head, is_new=is_new, reader=self._named["reader"]), found
            )
