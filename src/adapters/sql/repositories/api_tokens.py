"""Loading and saving the API tokens of a company's users."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.readers.api_tokens import API_TOKEN_COLUMNS, WORKS, api_token_of
from adapters.sql.statement import Statement
from adapters.sql.tables.people import api_tokens
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.tokens.model import ApiToken

_instant = DateTime(timezone=True)
_KINDS: dict[str, Any] = {
    "id": Uuid,
    "user_id": Uuid,
    "name": Text,
    "scopes": ARRAY(Text),
    "digest": LargeBinary,
    "hint": Text,
    "created_by": Uuid,
    "created_at": _instant,
    "expires_at": _instant,
}
_LOAD = Statement(
    select(*API_TOKEN_COLUMNS)
    .where(api_tokens.c.id == bindparam("token_id", type_=Uuid))
    .with_for_update(of=api_tokens, key_share=True)
)
_ACTIVE_OF = Statement(
    select(*API_TOKEN_COLUMNS)
    .where(api_tokens.c.user_id == bindparam("user_id", type_=Uuid), WORKS)
    .order_by(api_tokens.c.id)
    .with_for_update(of=api_tokens, key_share=True)
)
ADD_API_TOKEN = Statement(
    insert(api_tokens).values({name: bindparam(name, type_=kind) for name, kind in _KINDS.items()})
)
REVOKE_API_TOKEN = Statement(
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("token_id", type_=Uuid))
    .values(revoked_at=bindparam("new_revoked_at", type_=_instant))
)


class SqlApiTokens:
    """The API tokens of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, token_id: UUID) -> ApiToken | None:
        (rows,) = await self._unit.fetch((_LOAD, {"token_id": token_id}))
        return api_token_of(rows[0]) if rows else None

    async def active_of(self, user_id: UUID, *, at: datetime) -> tuple[ApiToken, ...]:
        (rows,) = await self._unit.fetch((_ACTIVE_OF, {"user_id": user_id, "now": at}))
        return tuple(api_token_of(row) for row in rows)

    def add(self, token: ApiToken) -> None:
        self._unit.write(ADD_API_TOKEN, added_values(token))

    def save(self, token: ApiToken) -> None:
        self._unit.write(REVOKE_API_TOKEN, revoked_values(token), rows=1)


def added_values(token: ApiToken) -> dict[str, Any]:
    """The parameters of ADD_API_TOKEN."""
    return {**{name: getattr(token, name) for name in _KINDS}, "scopes": list(token.scopes)}


def revoked_values(token: ApiToken) -> dict[str, Any]:
    """The parameters of REVOKE_API_TOKEN."""
    return {"token_id": token.id, "new_revoked_at": token.revoked_at}
