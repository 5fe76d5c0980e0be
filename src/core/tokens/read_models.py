from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.kernel.actor import Actor, Role, Via
from core.tokens.model import ApiToken, ApiTokenStatus


class ApiTokenView(NamedTuple):
    """A token as its holder and admins see it; never its secret. `last_used_at` is right to about a minute."""

    id: UUID
    user_id: UUID
    name: str
    hint: str
    scopes: tuple[str, ...]
    status: ApiTokenStatus
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @staticmethod
    def of(token: ApiToken, *, at: datetime) -> "ApiTokenView":
        return ApiTokenView(
            id=token.id,
            user_id=token.user_id,
            name=token.name,
            hint=token.hint,
            scopes=token.scopes,
            status=token.status(at=at),
            created_by=token.created_by,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            revoked_at=token.revoked_at,
        )


class NewApiTokenView(NamedTuple):
    """A token that was just made, with its text; None when the request is answered again."""

    token: ApiTokenView
    secret: str | None = None


class Recognised(NamedTuple):
    """Whose a presented token is. All of it but `role`, a hint, never changes while the token works."""

    token_id: UUID
    company_id: UUID
    user_id: UUID
    account_id: UUID | None
    role: Role
    scopes: frozenset[str]
    expires_at: datetime | None

    def actor(self) -> Actor:
        """The caller that it stands for, as far as it can say."""
        return Actor(
            company_id=self.company_id,
            user_id=self.user_id,
            account_id=self.account_id,
            session_id=None,
            role=self.role,
            via=Via.TOKEN,
            token_id=self.token_id,
            scopes=self.scopes,
        )
