"""What is kept of an audit event, and the chain that proves it.

Each event's proof is an HMAC over itself and the proof before it, so that none can be altered, left out or put in
without all after it. What tells of a person counts by a salted digest only: it can be erased with its salt, and the
chain still proves itself.
"""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID


class AuditEvent(NamedTuple):
    """An audit event as it is kept. Without a `number` it has not been taken up by the chain yet.

    `salt` is None once what tells of a person (`address`, `agent`, `personal`) was erased, at `erased_at`.
    """

    company_id: UUID
    id: UUID
    type: str
    at: datetime
    actor_id: UUID | None
    via: str
    session_id: UUID | None
    token_id: UUID | None
    request_id: str | None
    details: dict[str, object]
    address: str | None
    agent: str | None
    personal: dict[str, object] | None
    salt: bytes | None
    digest: bytes
    erased_at: datetime | None
    coalesced_by: str | None
    number: int | None
    mac: bytes | None


class Head(NamedTuple):
    """The end of a chain: how many events it has, and the proof of the last. An empty chain has no proof."""

    length: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.length}:{self.mac.hex()}"

    @classmethod
    def read(cls, text: str) -> "Head":
        """What `str` wrote. Raises ValueError."""
        length, mark, mac = text.partition(":")
        if not mark:
            raise ValueError("a head is COUNT:PROOF")
        return cls(int(length), bytes.fromhex(mac))


EMPTY = Head(0, b"")


class Defect(StrEnum):
    """What can be wrong with a chain."""

    ALTERED = "altered"
    MISSING = "missing"
    PERSONAL_ALTERED = "altered in what it tells of a person"
    CUT_OFF = "missing, with all after it"
    REPLACED = "not the one that the given head names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """The first event of a chain that is not as it was; `id` is unknown of one that is missing."""

    number: int
    defect: Defect
    id: UUID | None = None


def digest_of(salt: bytes, *, address: str | None, agent: str | None, personal: object) -> bytes:
    """What stands for the texts about a person; without the salt nobody can try which texts they were."""
    return sha256(salt + _canonical([address, agent, personal])).digest()


def proof(event: AuditEvent, *, after: Head, key: bytes) -> Head:
    """The chain's end once it has taken the event up."""
    number = after.length + 1
    fields = [
        number,
        event.company_id,
        event.id,
        event.type,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.actor_id,
        event.via,
        event.session_id,
        event.token_id,
        event.request_id,
        event.details,
        event.digest.hex(),
        event.coalesced_by,
    ]
    return Head(number, hmac.digest(key, after.mac + _canonical(fields), sha256))


class Examination:
    """Goes along one company's chain, event by event, in order of their numbers, and remembers the first flaw."""

    def __init__(self, *, key: bytes, expected: Head | None = None, unproved: int = 0) -> None:
        """`expected` is a head that was written down earlier: what it proves must still be there. Of the first
        `unproved` events the key was lost: that none is missing is all that can be said.
        """
        self._key = key
        self._expected = expected
        self._unproved = unproved
        self.head = EMPTY
        self.flaw: Flaw | None = None

    def look_at(self, events: Iterable[AuditEvent]) -> None:
        """The next events. After a flaw none proves anything."""
        for event in events:
            if self.flaw is None:
                self.flaw = self._examined(event)

    def finish(self) -> None:
        """There are no more. What an expected head had, and is not there, was cut off."""
        if self.flaw is None and self._expected is not None and self.head.length < self._expected.length:
            self.flaw = Flaw(number=self.head.length + 1, defect=Defect.CUT_OFF)

    def _examined(self, event: AuditEvent) -> Flaw | None:
        number = self.head.length + 1
        if event.number != number:
            return Flaw(number=number, defect=Defect.MISSING)
        lost = number <= self._unproved
        now = Head(number, event.mac or b"") if lost else proof(event, after=self.head, key=self._key)
        if not hmac.compare_digest(now.mac, event.mac or b""):
            return Flaw(number=number, defect=Defect.ALTERED, id=event.id)
        if not _is_of_its_digest(event):
            return Flaw(number=number, defect=Defect.PERSONAL_ALTERED, id=event.id)
        expected = self._expected
        if expected is not None and number == expected.length and not hmac.compare_digest(now.mac, expected.mac):
            return Flaw(number=number, defect=Defect.REPLACED, id=event.id)
        self.head = now
        return None


def plain(value: object) -> object:
    """A value as JSON carries it, so that it is the same after the database has kept it."""
    return json.loads(_canonical(value))


def _is_of_its_digest(event: AuditEvent) -> bool:
    if event.salt is None:
        # Erased on purpose, and then there is nothing left that could be altered.
        return event.erased_at is not None and (event.address, event.agent, event.personal) == (None, None, None)
    found = digest_of(event.salt, address=event.address, agent=event.agent, personal=event.personal)
    return hmac.compare_digest(found, event.digest)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()
