"""Doing a thing once although it is asked twice: the Idempotency-Key of a request."""

from dataclasses import dataclass
from hmac import compare_digest
from uuid import UUID

from core.kernel.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A caller's key for one request; `path` and `method` are part of the key.

    `digest` is that of the payload, under a key of the installation: payloads hold passwords, which nobody who reads
    the table may try. `earlier` are those under the keys that it replaced.
    """

    key: str
    method: str
    path: str
    digest: bytes
    earlier: tuple[bytes, ...] = ()

    def is_of(self, digest: bytes) -> bool:
        """Whether a digest that was kept is that of this payload."""
        fits = [compare_digest(digest, each) for each in (self.digest, *self.earlier)]
        return any(fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a request with a key resulted in: which thing, at which version.

    `outline` is what came of each part of a request that had many, as the transport wrote it.
    """

    kind: str
    id: UUID
    version: int
    outline: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal by rule that was kept under the key, as the transport wrote it."""

    status: int
    problem: bytes


class AlreadyAnswered(Exception):
    """The request was carried out before; `outcome` says what came of it. No refusal: it is answered again."""

    def __init__(self, outcome: Made | Refused, *, seq: int) -> None:
        super().__init__("the request was answered before")
        self.outcome = outcome
        self.seq = seq


class KeyReused(Invalid):
    code = "idempotency.key_reused"
    title = "The Idempotency-Key was used before, for another request"


class InFlight(Conflict):
    code = "idempotency.in_flight"
    title = "A request with this Idempotency-Key is being carried out"
