"""Writing audit events, in the transaction of what they tell of.

What tells of a person is kept beside a salted digest of it, and the digest alone goes into the chain: the texts and
their salt can be erased, and the chain still proves itself.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam
from sqlalchemy.dialects.postgresql import JSONB, insert

from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.tables.log import audit_events
from core.audit.model import digest_of, plain
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.events import Fact

# The chain of what happened in no company.
NOBODYS: Final = UUID(int=0)
VISITOR: Final = "visitor"
_SALT_BYTES = 16
_AGENT_LENGTH = 500

_TYPES: dict[str, Any] = {
    "type": Text,
    "at": DateTime(timezone=True),
    "actor_id": Uuid,
    "via": Text,
    "session_id": Uuid,
    "token_id": Uuid,
    "request_id": Text,
    "details": JSONB,
    "address": Text,
    "agent": Text,
    "personal": JSONB,
    "salt": LargeBinary,
    "digest": LargeBinary,
    "coalesced_by": Text,
}
COLUMNS: Final = tuple(_TYPES)

# For statements that find out themselves whose it is: all but company and actor, as parameters of their kinds.
NOTED: Final = {
    name: f"%({name})s::{kind}"
    for name, kind in {
        "type": "text", "at": "timestamptz", "via": "text", "session_id": "uuid", "token_id": "uuid",
        "request_id": "text", "details": "jsonb", "address": "text", "agent": "text", "personal": "jsonb",
        "salt": "bytea", "digest": "bytea", "coalesced_by": "text",
    }.items()
}  # fmt: skip

_append = insert(audit_events).values({name: bindparam(name, type_=kind) for name, kind in _TYPES.items()})
APPEND = Statement(_append)
# A refusal that was noted within the same minute is not noted again.
APPEND_ONCE = Statement(
    _append.on_conflict_do_nothing(
        index_elements=["company_id", "coalesced_by"], index_where=audit_events.c.coalesced_by.is_not(None)
    )
)


def notes_of(facts: Iterable[Fact]) -> list[Note]:
    """What facts tell an auditor."""
    return [note for fact in facts for note in fact.notes()]


def appending(
    notes: Iterable[Note],
    *,
    actor_id: UUID | None,
    via: str,
    origin: Origin,
    at: datetime,
    session_id: UUID | None = None,
    token_id: UUID | None = None,
) -> list[Asked]:
    """What writes some notes into the log of the company that is in force."""
    said = partial(values, actor_id=actor_id, via=via, origin=origin, at=at, session_id=session_id, token_id=token_id)
    return [Asked(APPEND, said(note)) for note in notes]


def of_actor(notes: Iterable[Note], actor: Actor, *, at: datetime) -> list[Asked]:
    """The same, of what a caller did, by a login session or by a token."""
    return appending(
        notes,
        actor_id=actor.user_id,
        via=str(actor.via),
        origin=actor.origin,
        at=at,
        session_id=actor.session_id,
        token_id=actor.token_id,
    )


def values(
    note: Note,
    *,
    actor_id: UUID | None,
    via: str,
    origin: Origin,
    at: datetime,
    session_id: UUID | None = None,
    token_id: UUID | None = None,
    coalesced_by: str | None = None,
) -> dict[str, Any]:
    """The parameters of APPEND."""
    salt = secrets.token_bytes(_SALT_BYTES)
    agent = "".join(filter(str.isprintable, origin.agent or ""))[:_AGENT_LENGTH] or None
    personal = plain(dict(note.personal)) if note.personal else None
    return {
        "type": str(note.type),
        "at": at,
        "actor_id": actor_id,
        "via": via,
        "session_id": session_id,
        "token_id": token_id,
        "request_id": origin.request_id,
        "details": Jsonb(plain(dict(note.details))),
        "address": origin.address,
        "agent": agent,
        "personal": Jsonb(personal) if personal is not None else None,
        "salt": salt,
        "digest": digest_of(salt, address=origin.address, agent=agent, personal=personal),
        "coalesced_by": coalesced_by,
    }
