from datetime import datetime
from uuid import UUID

from core.auth.letters import Link, LinkPurpose
from core.auth.errors import RefreshInvalid, TokenInvalid
from core.auth.model import ACCESS_LIFE
from core.auth.read_models import Claims


class RememberedAccessTokens:
    """Numbers its tokens and remembers what they stand for; what it did not make is none."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Claims, datetime]] = {}

    def sign(self, claims: Claims, *, at: datetime) -> str:
        token = f"access-{len(self._made) + 1}"
        self._made[token] = (claims, at + ACCESS_LIFE)
        return token

    def verify(self, token: str, *, at: datetime) -> Claims:
        claims, expires = self._made.get(token, (None, at))
        if claims is None or at >= expires:
            raise TokenInvalid
        return claims


class ReadableRefreshTokens:
    """`<session>.<generation>.<nonce>`: as derivable as the real ones, and no secret at all."""

    def __init__(self) -> None:
        self._nonces = 0

    def new_nonce(self) -> bytes:
        self._nonces += 1
        return f"nonce{self._nonces}".encode()

    def derive(self, *, session_id: UUID, nonce: bytes, generation: int) -> str:
        return f"{session_id}.{generation}.{nonce.decode()}"

    def read(self, token: str) -> tuple[UUID, int]:
        try:
            session_id, generation, _ = token.split(".")
            return UUID(session_id), int(generation)
        except ValueError as error:
            raise RefreshInvalid from error

    def matches(self, token: str, *, session_id: UUID, nonce: bytes, generation: int) -> bool:
        return token == self.derive(session_id=session_id, nonce=nonce, generation=generation)


class CountedInvitationTokens:
    """Numbers its secrets."""

    def __init__(self) -> None:
        self._made = 0

    def new(self) -> str:
        self._made += 1
        return f"invitation-{self._made}"

    def digest(self, token: str) -> bytes:
        return b"digest of " + token.encode()


class ReadableLinkTokens:
    """`<purpose>.<owner>.<request>.<bound>`: as derivable as the real ones, and no secret at all."""

    def derive(self, link: Link) -> str:
        return f"{link.purpose}.{link.owner_id}.{link.request_id}.{link.bound.hex()}"

    def read(self, token: str) -> Link | None:
        try:
            purpose, owner, request, _ = token.split(".")
            return Link(purpose=LinkPurpose(purpose), owner_id=UUID(owner), request_id=UUID(request))
        except ValueError:
            return None

    def fits(self, token: str, link: Link) -> bool:
        return token == self.derive(link)
