"""What requests with an Idempotency-Key resulted in, kept for 24 hours."""

from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked, Row
from adapters.sql.statement import Statement
from adapters.sql.tables.log import event_sequences, idempotency_keys
from core.kernel.actor import Actor
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made, Once, Refused

_KEPT: ColumnElement[Any] = literal_column("interval '24 hours'")
_table = idempotency_keys.c

# Takes the key's lock, which whoever carries the request out holds until the end: a second one is told so instead of
# waiting. What the key is known for is looked up in the same statement. Should the lock be given back in between, the
# row is not seen yet, and KEEP fails on it.
OPEN = Statement(
    select(
        func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)),
        _table.created_at <= func.now() - _KEPT,
        _table.digest,
        _table.kind,
        _table.resource_id,
        _table.resource_version,
        _table.status,
        _table.problem,
        _table.seq,
    ).select_from(
        select(literal_column("1"))
        .subquery("one")
        .outerjoin(
            idempotency_keys,
            _table.id == bindparam("key_id", type_=Uuid),
        )
    )
)

_insert = insert(idempotency_keys).values(
    id=bindparam("key_id", type_=Uuid),
    user_id=bindparam("user_id", type_=Uuid),
    digest=bindparam("digest", type_=LargeBinary),
    kind=bindparam("kind", type_=Text),
    resource_id=bindparam("resource_id", type_=Uuid),
    resource_version=bindparam("resource_version", type_=BigInteger),
    status=bindparam("status", type_=SmallInteger),
    problem=bindparam("problem", type_=LargeBinary),
    # After this transaction's own events, whose counter it therefore sees.
    seq=select(event_sequences.c.last_seq).scalar_subquery(),
    created_at=func.now(),
)
KEEP = Statement(_insert)
# A key that has expired is used again.
_new = _insert.excluded
KEEP_AGAIN = Statement(
    _insert.on_conflict_do_update(
        constraint="idempotency_keys_pkey",
        set_={
            name: _new[name]
            for name in (
                "digest",
                "kind",
                "resource_id",
                "resource_version",
                "status",
                "problem",
                "seq",
                "created_at",
            )
        },
    )
)


class Held(NamedTuple):
    """A caller's key, what it is kept under, and the number that stands for it among the advisory locks."""

    once: Once
    id: UUID
    lock: int


def held(actor: Actor, once: Once) -> Held:
    """The id is a digest of all that the key is scoped to: whole keys would make a wide index."""
    parts = (str(actor.user_id), once.method, once.path, once.key)
    key_id = UUID(bytes=blake2b("\x1f".join(parts).encode(), digest_size=16).digest())
    return Held(once, key_id, (actor.company_id.int ^ key_id.int) % 2**63)


def opening(key: Held) -> Asked:
    """What takes a key's lock and finds what the key is known for."""
    return Asked(OPEN, {"key_id": key.id, "lock": key.lock})


def ensure_new(once: Once, found: Row | None) -> Statement:
    """The statement that will keep the key.

    Raises InFlight if another request holds it, KeyReused if it belongs to another payload, AlreadyAnswered if this one
    was carried out.
    """
    if found is None or not found[0]:
        raise InFlight
    _, is_expired, digest, kind, resource_id, version, status, problem, seq = found
    if digest is None:
        return KEEP
    if is_expired:
        return KEEP_AGAIN
    if not once.is_of(bytes(digest)):
        raise KeyReused
    if status is not None:
        raise AlreadyAnswered(Refused(status=status, problem=bytes(problem)), seq=seq)
    outline = bytes(problem) if problem is not None else None
    raise AlreadyAnswered(Made(kind=kind, id=resource_id, version=version, outline=outline), seq=seq)


def made_values(key: Held, made: Made, *, user_id: UUID) -> dict[str, Any]:
    """The parameters of KEEP for a request that made something."""
    return {
        "key_id": key.id,
        "user_id": user_id,
        "digest": key.once.digest,
        "kind": made.kind,
        "resource_id": made.id,
        "resource_version": made.version,
        "status": None,
        # What came of the parts of a request stands where the problem of a refused one would.
        "problem": made.outline,
    }


class SqlOnceLedger:
    """Keeps refusals: their transaction was rolled back, so they are written in one of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def knows(self, actor: Actor, once: Once) -> bool:
        """Whether the key was used, for whatever payload. Raises InFlight."""
        connection, _, (found,) = await self._database.begin(actor, [opening(held(actor, once))])
        try:
            row = found.first()
        finally:
            await self._database.end(connection)
        if row is None or not row[0]:
            raise InFlight
        _, is_expired, digest, *_ = row
        return digest is not None and not is_expired

    async def refused(self, actor: Actor, once: Once, refused: Refused | None) -> None:
        """Remembers that the request was refused; `None`: that is not remembered, and the key only looked at.

        Raises AlreadyAnswered, InFlight or KeyReused if the key was used in the meantime. A request may come by its
        lock at the very moment at which an equal one commits: it is then refused for what that one did, and what that
        one did is its answer.
        """
        key = held(actor, once)
        connection, _, (found,) = await self._database.begin(actor, [opening(key)])
        try:
            keep = ensure_new(once, found.first())
            if refused is not None:
                await execute(connection, Asked(keep, _refused_values(key, refused, actor)), Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)


def _refused_values(key: Held, refused: Refused, actor: Actor) -> dict[str, Any]:
    return {
        "key_id": key.id,
        "user_id": actor.user_id,
        "digest": key.once.digest,
        "kind": None,
        "resource_id": None,
        "resource_version": None,
        "status": refused.status,
        "problem": refused.problem,
    }
