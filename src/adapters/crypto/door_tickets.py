"""Tickets for sockets and streams: `fts_<sealed>`. They are nowhere stored."""

import base64
from datetime import datetime
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapters.crypto.sealing import Sealer
from core.kernel.actor import Actor, Role
from core.realtime.model import Purpose, Ticket

_PREFIX = "fts_"
_LONGEST = 1500


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    id: UUID
    purpose: str
    expires_at: datetime
    company_id: UUID
    user_id: UUID
    account_id: UUID
    session_id: UUID
    role: str


class SealedDoorTickets:
    """Sealed with a key of their own, so that nothing else that is sealed can be taken for one."""

    def __init__(self, sealer: Sealer) -> None:
        self._box = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in sealer.keys_for("flowtrack door tickets")]
        )

    def issue(self, ticket: Ticket) -> str:
        actor = ticket.actor
        account_id, session_id = actor.signed_in
        sealed = _Sealed(
            id=ticket.id,
            purpose=str(ticket.purpose),
            expires_at=ticket.expires_at,
            company_id=actor.company_id,
            user_id=actor.user_id,
            account_id=account_id,
            session_id=session_id,
            role=str(actor.role),
        )
        return _PREFIX + self._box.encrypt(msgspec.json.encode(sealed)).decode()

    def read(self, text: str) -> Ticket | None:
        if not text.startswith(_PREFIX) or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            written = self._box.decrypt(text.removeprefix(_PREFIX).encode())
        except InvalidToken:
            return None
        found = msgspec.json.decode(written, type=_Sealed)
        return Ticket(
            id=found.id,
            purpose=Purpose(found.purpose),
            expires_at=found.expires_at,
            actor=Actor(
                company_id=found.company_id,
                user_id=found.user_id,
                account_id=found.account_id,
                session_id=found.session_id,
                role=Role(found.role),
            ),
        )
