"""The doors of a process, those of each company together."""

import asyncio
import time
from collections import defaultdict
from enum import Enum, auto
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from entrypoints.live.showing import Written


class Ending(Enum):
    """Why a door is closed from inside."""

    SIGNED_OUT = auto()
    TOO_SLOW = auto()
    EXPIRED = auto()
    CROWDED_OUT = auto()
    RESTART = auto()
    FAILED = auto()


class Door(Protocol):
    """Somebody listens here. What it is given it takes at once, or it closes the door."""

    actor: Actor
    position: int
    is_socket: bool

    @property
    def waiting(self) -> int:
        """How many bytes are kept for it, since they were not read yet."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it can take anything."""
        ...

    def hear(self, written: Written) -> None:
        """Takes an event, or a moment, unless it is of no interest here."""
        ...

    def shut(self, why: Ending) -> None:
        """Ends, and stays ended."""
        ...


class Backlogs:
    """What is kept in this process for doors that are read slowly. Each of them may have much waiting, and all of them
    together no more than there is memory for.
    """

    def __init__(self, *, most: int) -> None:
        """`most` is in bytes."""
        self._most = most
        self._sizes: dict[Door, int] = {}
        self._sum = 0

    def note(self, door: Door, size: int) -> list[Door]:
        """So much waits at a door now. The doors that have to go for it, where it is too much in all: those at which
        most waits, until a quarter is free again.
        """
        self._sum += size - self._sizes.get(door, 0)
        self._sizes[door] = size
        if self._sum <= self._most:
            return []
        # What was read since, nobody told.
        self._sizes = {each: each.waiting for each in self._sizes if each.is_open and each.waiting}
        self._sum = sum(self._sizes.values())
        going: list[Door] = []
        # Looked at again only after as much has come as is left free here.
        if self._sum > self._most * 7 // 8:
            for each in sorted(self._sizes, key=self._sizes.__getitem__, reverse=True):
                if self._sum <= self._most * 3 // 4:
                    break
                self.forget(each)
                going.append(each)
        return going

    def forget(self, door: Door) -> None:
        """Nothing is kept for it any more."""
        self._sum -= self._sizes.pop(door, 0)


class Roster(NamedTuple):
    """What listeners are signed in by, and who they are."""

    sessions: list[UUID]
    tokens: list[UUID]
    users: list[UUID]


class Feed:
    """The doors of one company."""

    def __init__(self, company_id: UUID) -> None:
        self.company_id = company_id
        self.doors: set[Door] = set()
        self.doors_of: defaultdict[UUID, set[Door]] = defaultdict(set)
        self.wanted = 0
        self.checked_at = time.monotonic()
        self.is_to_check = False
        self.reading: asyncio.Task[None] | None = None
        self._roster: Roster | None = None

    def add(self, door: Door) -> None:
        self.doors.add(door)
        self.doors_of[door.actor.user_id].add(door)
        self._roster = None

    def discard(self, door: Door) -> None:
        self.doors.discard(door)
        of_user = self.doors_of[door.actor.user_id]
        of_user.discard(door)
        if not of_user:
            del self.doors_of[door.actor.user_id]
        self._roster = None

    def roster(self) -> Roster:
        """Who listens. Of a thousand doors that stay as they are it is not written down for each event."""
        if self._roster is None:
            actors = [door.actor for door in self.doors]
            self._roster = Roster(
                sessions=list({actor.session_id for actor in actors if actor.session_id is not None}),
                tokens=list({actor.token_id for actor in actors if actor.token_id is not None}),
                users=list({actor.user_id for actor in actors}),
            )
        return self._roster

    @property
    def position(self) -> int:
        """After which it has to be read."""
        return min(door.position for door in self.doors)

    @property
    def is_behind(self) -> bool:
        """Whether there is something to read, or to look after."""
        return bool(self.doors) and (self.is_to_check or self.wanted > self.position)
