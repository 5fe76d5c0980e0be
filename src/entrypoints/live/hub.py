"""The hub of a process: it reads the log of each company that has open doors here, once for all of them.

A door has its own position, and a feed reads after the lowest of its doors. What is read says in the same snapshot who
of those at the doors may hear of it now, and whose login sessions still stand: so a removal from a project, another
role, a deactivation or a revocation holds from the very next event, and nothing is remembered that could be outdated.
"""

import asyncio
import contextvars
import logging
import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.kernel.errors import Busy, Unavailable
from core.realtime.errors import TooManyDoors
from core.realtime.model import HELD_AT_ONCE
from core.realtime.policy import hearing
from core.realtime.ports import Bus, FeedReader
from core.realtime.read_models import Moment, Portion
from entrypoints.ending import end
from entrypoints.live.doors import Backlogs, Door, Ending, Feed
from entrypoints.live.showing import Written

log = logging.getLogger("flowtrack.live")

MOST_AT_ONCE = 500
MOST_DOORS_OF_USER = 50
# So many bytes wait for slow readers, of all doors together.
MOST_KEPT = 256 * 1024 * 1024
POLLED_EVERY = 1.0
CHECKED_EVERY = 60.0
_AGAIN_AFTER = 0.5
# So long it goes on without letting anything else run, in seconds.
_IN_ONE_GO = 0.01
# So many logs are read at a time, and the rest of the database's connections are for requests.
_MOST_READING = 3


class Attendant(Protocol):
    """Is told whose doors are open here. It must be quick, and must not fail."""

    def came(self, company_id: UUID, user_id: UUID) -> None:
        """The first door of a user here was opened."""
        ...

    def left(self, company_id: UUID, user_id: UUID) -> None:
        """The last door of a user here was closed."""
        ...


class HubObserver(Protocol):
    """Is told what the hub does. It must be quick, and must not fail."""

    def passed_on(self, *, happened_at: datetime, times: int) -> None:
        """Events, the last of which happened then, were given to doors so many times."""
        ...

    def opened(self, *, sockets: int, streams: int) -> None:
        """So many are open."""
        ...

    def gave_up(self) -> None:
        """A door was closed since it was read too slowly."""
        ...


class HubTracing(Protocol):
    """Follows events on from the requests that made them. It must be quick, and must not fail."""

    def passed_on(self, portion: Portion, *, company_id: UUID, times: int, seconds: float) -> None:
        """The events of a portion were given to doors so many times, which took so long."""
        ...


class Hub:
    """All doors of this process. An ear of the bus."""

    def __init__(
        self,
        *,
        feeds: FeedReader,
        bus: Bus,
        attendant: Attendant | None = None,
        observer: HubObserver | None = None,
        tracing: HubTracing | None = None,
    ) -> None:
        self._attendant = attendant
        self._reader = feeds
        self._bus = bus
        self._observer = observer
        self._tracing = tracing
        self._feeds: dict[UUID, Feed] = {}
        self._admitted: set[Door] = set()
        self._sockets = 0
        self._of_users: Counter[UUID] = Counter()
        self._backlogs = Backlogs(most=MOST_KEPT)
        self._reading = asyncio.Semaphore(_MOST_READING)
        self._is_away = False
        self.is_draining = False
        bus.listen(self)

    def admit(self, door: Door) -> None:
        """Takes notice of a door that is going to be opened, and may be closed from now on. Raises TooManyDoors, and
        Busy while the process ends.
        """
        user_id = door.actor.user_id
        if self.is_draining:
            raise Busy
        if self._of_users[user_id] >= MOST_DOORS_OF_USER:
            raise TooManyDoors(retry_after=60)
        self._of_users[user_id] += 1
        if self._attendant is not None and self._of_users[user_id] == 1:
            self._attendant.came(door.actor.company_id, user_id)
        self._admitted.add(door)
        self._count(door, 1)

    def open(self, door: Door) -> None:
        """From now on an admitted door hears of all after its position."""
        if door not in self._admitted:
            return
        company_id = door.actor.company_id
        feed = self._feeds.get(company_id)
        if feed is None:
            feed = self._feeds[company_id] = Feed(company_id)
            self._bus.follow(company_id)
        feed.add(door)
        # What was committed before the company was followed, nobody announces any more.
        feed.is_to_check = True
        self._wake(feed)

    def close(self, door: Door) -> None:
        """It hears nothing any more. A door that was closed, or never opened, may be closed again."""
        if door not in self._admitted:
            return
        self._admitted.discard(door)
        self._backlogs.forget(door)
        self._count(door, -1)
        self._of_users[door.actor.user_id] -= 1
        if not self._of_users[door.actor.user_id]:
            del self._of_users[door.actor.user_id]
            if self._attendant is not None:
                self._attendant.left(door.actor.company_id, door.actor.user_id)
        feed = self._feeds.get(door.actor.company_id)
        if feed is None:
            return
        feed.discard(door)
        if not feed.doors:
            del self._feeds[feed.company_id]
            self._bus.leave(feed.company_id)

    def drain(self) -> None:
        """Closes all doors, as the process is about to end, and opens none any more."""
        self.is_draining = True
        for door in list(self._admitted):
            self._shut(door, Ending.RESTART)

    def give_up(self, door: Door, why: Ending = Ending.TOO_SLOW) -> None:
        """Closes a door that takes too slowly what it is given."""
        if self._observer is not None:
            self._observer.gave_up()
        self._shut(door, why)

    def keep(self, door: Door, size: int) -> None:
        """So many bytes wait at a door that is read slowly; where that is too much of all doors, some are closed."""
        if door not in self._admitted:
            return
        going = self._backlogs.note(door, size)
        for each in going:
            self.give_up(each, Ending.CROWDED_OUT)
        if going:
            log.warning("too much waited for slow readers: %d doors were closed, and come again", len(going))

    def appended(self, company_id: UUID, seq: int) -> None:
        feed = self._feeds.get(company_id)
        if feed is not None and seq > feed.wanted:
            feed.wanted = seq
            self._wake(feed)

    def ended(self, account_id: UUID) -> None:
        for company_id in {door.actor.company_id for door in self._admitted if door.actor.account_id == account_id}:
            feed = self._feeds.get(company_id)
            if feed is not None:
                self._check(feed)

    def told(self, moment: Moment) -> None:
        feed = self._feeds.get(moment.company_id)
        if feed is None:
            return
        kind, fields = moment.frame["type"], {name: each for name, each in moment.frame.items() if name != "type"}
        written = Written(fields, kind=kind, name=kind, channel=moment.channel, seq=None)
        for user_id in moment.user_ids:
            for door in list(feed.doors_of.get(user_id, ())):
                door.hear(written)

    def missed(self) -> None:
        for feed in self._feeds.values():
            self._check(feed)

    def stirred(self) -> None:
        """No matter here: what has doors here is followed."""

    def users_of(self, company_id: UUID) -> set[UUID]:
        """Who of a company listens here."""
        feed = self._feeds.get(company_id)
        return set(feed.doors_of) if feed is not None else set()

    def present(self) -> dict[UUID, set[UUID]]:
        """Who listens here, of each company."""
        return {company_id: self.users_of(company_id) for company_id in self._feeds}

    async def run(self) -> None:
        """Looks by itself what was not announced, until it is cancelled."""
        try:
            while True:
                await asyncio.sleep(POLLED_EVERY)
                await self._look()
        finally:
            await end([feed.reading for feed in self._feeds.values() if feed.reading is not None])

    async def _look(self) -> None:
        if not self._feeds:
            return
        try:
            heads, over = await self._reader.glance(list(self._feeds))
        except Unavailable as away:
            self._away(away)
            return
        except Exception:
            log.exception("the logs could not be looked at")
            return
        self._back()
        for company_id, seq in heads.items():
            self.appended(company_id, seq)
        # Whoever ended them may be a process that tells nobody, such as a command; and a program has no account that
        # could be named.
        losing = {door.actor.company_id for door in self._admitted if door.actor.key_id in over} if over else set()
        long_ago = time.monotonic() - CHECKED_EVERY
        for feed in self._feeds.values():
            # A company that is gone has no log.
            if feed.checked_at < long_ago or feed.company_id not in heads or feed.company_id in losing:
                self._check(feed)

    def _count(self, door: Door, by: int) -> None:
        self._sockets += by * door.is_socket
        if self._observer is not None:
            self._observer.opened(sockets=self._sockets, streams=len(self._admitted) - self._sockets)

    def _check(self, feed: Feed) -> None:
        feed.is_to_check = True
        self._wake(feed)

    def _wake(self, feed: Feed) -> None:
        if feed.reading is None and feed.is_behind:
            feed.reading = asyncio.get_running_loop().create_task(
                # Of whichever request woke it, it is no part.
                self._read(feed),
                name="feed",
                context=contextvars.Context(),
            )

    async def _read(self, feed: Feed) -> None:
        try:
            while feed.is_behind:
                try:
                    await self._read_once(feed)
                except Unavailable as away:
                    self._away(away)
                    await asyncio.sleep(_AGAIN_AFTER)
                except Exception:
                    log.exception("the log of company %s could not be read", feed.company_id)
                    await asyncio.sleep(2 * _AGAIN_AFTER)
        finally:
            feed.reading = None

    async def _read_once(self, feed: Feed) -> None:
        async with self._reading:
            if not feed.is_behind:
                return
            feed.is_to_check = False
            doors, wanted, position = list(feed.doors), feed.wanted, feed.position
            try:
                portion = await self._reader.read(
                    feed.company_id,
                    position=position,
                    most=MOST_AT_ONCE,
                    most_bytes=HELD_AT_ONCE,
                    **feed.roster()._asdict(),
                )
            except BaseException:
                feed.is_to_check = True
                raise
        self._back()
        feed.checked_at = time.monotonic()
        for door in doors:
            if door.actor.key_id not in portion.standing:
                self._shut(door, Ending.SIGNED_OUT)
        first = portion.events[0].event.seq if portion.events else wanted + 1
        if first > position + 1:
            doors = await self._going_on(feed, doors, position, first=first)
        await self._pass_on(feed.company_id, doors, portion)
        if portion.is_cut or len(portion.events) == MOST_AT_ONCE:
            # There may be more than anybody has announced.
            feed.is_to_check = True
        elif not portion.events and feed.wanted == wanted:
            # Announced was what is not there, as after a restore: it is not waited for.
            feed.wanted = position

    async def _going_on(self, feed: Feed, doors: list[Door], position: int, *, first: int) -> list[Door]:
        """Closes the doors, of those that stand at a position or after it, for which the log does not go on with its
        first event after that, as where its beginning was taken while a process slept: they would miss some. Answers
        the others.
        """
        is_kept = await self._reader.is_kept(feed.company_id, position=position)
        going_on = []
        for door in doors:
            if door.position >= first - 1 or (is_kept and door.position == position):
                going_on.append(door)
            else:
                self._shut(door, Ending.EXPIRED)
        return going_on

    async def _pass_on(self, company_id: UUID, doors: list[Door], portion: Portion) -> None:
        standing, times, since = portion.standing, 0, time.monotonic()
        began = since
        listening = [(door, standing[door.actor.key_id]) for door in doors if door.actor.key_id in standing]
        members: defaultdict[UUID | None, set[UUID]] = defaultdict(set)
        for project_id, user_id in portion.members:
            members[project_id].add(user_id)
        for event, audience in portion.events:
            written, seq = Written.event(event), event.seq
            hears = hearing(audience, members=members[audience.project_id])
            for door, audible in listening:
                if door.position >= seq:
                    continue
                door.position = seq
                if hears(audible):
                    times += 1
                    door.hear(written)
            if time.monotonic() - began > _IN_ONE_GO:
                await asyncio.sleep(0)
                began = time.monotonic()
        if self._observer is not None and portion.events:
            self._observer.passed_on(happened_at=portion.events[-1].event.occurred_at, times=times)
        if self._tracing is not None and portion.traces:
            self._tracing.passed_on(portion, company_id=company_id, times=times, seconds=time.monotonic() - since)

    def _away(self, away: Unavailable) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("logs cannot be read, and are tried again and again: %s", away.detail)

    def _back(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("logs are read again")

    def _shut(self, door: Door, why: Ending) -> None:
        self.close(door)
        door.shut(why)
