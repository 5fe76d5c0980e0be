"""Tickets between the two steps of signing in: `ftt_<sealed>`. They are nowhere stored."""

import base64
from datetime import datetime
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapters.crypto.sealing import Sealer
from core.auth.read_models import Ticket

_PREFIX = "ftt_"
_LONGEST = 1500


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    account_id: UUID
    version: int
    expires_at: datetime
    company_id: UUID | None
    company: str | None
    password_hash: str | None
    is_new: bool


class SealedLoginTickets:
    """Sealed with a key of their own, so that nothing else that is sealed can be taken for one."""

    def __init__(self, sealer: Sealer) -> None:
        self._box = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in sealer.keys_for("flowtrack login tickets")]
        )

    def issue(self, ticket: Ticket) -> str:
        written = msgspec.json.encode(
            _Sealed(
                account_id=ticket.account_id,
                version=ticket.version,
                expires_at=ticket.expires_at,
                company_id=ticket.company_id,
                company=ticket.company,
                password_hash=ticket.password_hash,
                is_new=ticket.is_new,
            )
        )
        return _PREFIX + self._box.encrypt(written).decode()

    def read(self, text: str) -> Ticket | None:
        if not text.startswith(_PREFIX) or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            written = self._box.decrypt(text.removeprefix(_PREFIX).encode())
        except InvalidToken:
            return None
        return Ticket(**msgspec.structs.asdict(msgspec.json.decode(written, type=_Sealed)))
