"""What requests with an Idempotency-Key resulted in, kept for 24 hours."""

from hashlib import blake2b
from typing import Any
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
from core.kernel.once import AlreadyAnswered, KeyReused, Made, Once, Refused

_KEPT: ColumnElement[Any] = literal_column("interval '24 hours'")
_table = idempotency_keys.c

# Whoever holds it is carrying the request out; a second one is told so instead of waiting.
LOCK = Statement.plain("select pg_try_advisory_xact_lock(%(lock)s::bigint)")

FIND = Statement(
    select(
        _table.digest,
        _table.kind,
        _table.resource_id,
        _table.resource_version,
        _table.status,
        _table.problem,
        _table.seq,
    ).where(
        _table.user_id == bindparam("user_id", type_=Uuid),
        _table.method == bindparam("method", type_=Text),
        _table.path == bindparam("path", type_=Text),
        _table.key == bindparam("key", type_=Text),
        _table.created_at > func.now() - _KEPT,
    )
)

_insert = insert(idempotency_keys).values(
    user_id=bindparam("user_id", type_=Uuid),
    method=bindparam("method", type_=Text),
    path=bindparam("path", type_=Text),
    key=bindparam("key", type_=Text),
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
_new = _insert.excluded
# A key that has expired may be used again.
KEEP = Statement(
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
        where=literal_column("idempotency_keys.created_at") <= func.now() - _KEPT,
    )
)


def key_values(once: Once, *, user_id: UUID) -> dict[str, Any]:
    """The parameters that name a key."""
    return {"user_id": user_id, "method": once.method, "path": once.path, "key": once.key}


def made_values(once: Once, made: Made, *, user_id: UUID) -> dict[str, Any]:
    """The parameters of KEEP for a request that made something."""
    return {
        **key_values(once, user_id=user_id),
        "digest": once.digest,
        "kind": made.kind,
        "resource_id": made.id,
        "resource_version": made.version,
        "status": None,
        "problem": None,
    }


def ensure_new(once: Once, found: Row | None) -> None:
    """Raises KeyReused if the key belongs to another request, AlreadyAnswered if this one was carried out."""
    if found is None:
        return
    digest, kind, resource_id, version, status, problem, seq = found
    if bytes(digest) != once.digest:
        raise KeyReused
    if status is not None:
        raise AlreadyAnswered(Refused(status=status, problem=bytes(problem)), seq=seq)
    raise AlreadyAnswered(Made(kind=kind, id=resource_id, version=version), seq=seq)


class SqlOnceLedger:
    """Keeps refusals: their transaction was rolled back, so they are written in one of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refused(self, actor: Actor, once: Once, refused: Refused) -> None:
        """Remembers that the request was refused, unless its key was used in the meantime."""
        values = {
            **key_values(once, user_id=actor.user_id),
            "digest": once.digest,
            "kind": None,
            "resource_id": None,
            "resource_version": None,
            "status": refused.status,
            "problem": refused.problem,
        }
        lock = Asked(LOCK, {"lock": lock_number(actor, once)})
        connection, _, (locked,) = await self._database.begin(actor, [lock])
        try:
            # Whoever has the lock is carrying the same request out again: what comes of that is what counts.
            if locked.rows() == [(True,)]:
                await execute(connection, Asked(KEEP, values), Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)


def lock_number(actor: Actor, once: Once) -> int:
    """The number that stands for a caller's key among the advisory locks."""
    parts = (str(actor.company_id), str(actor.user_id), once.method, once.path, once.key)
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
