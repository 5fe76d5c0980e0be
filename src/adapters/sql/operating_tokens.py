"""What the installation's operator does about API tokens, across companies. Only the container may import this.

Tokens and their holders are looked for as the upkeep role; what belongs to a company is written as the application
role, inside the tenant wall.
"""

from datetime import datetime
from uuid import UUID

from adapters.sql import audit_log, event_log
from adapters.sql.connection import execute
from adapters.sql.founding import ENTER
from adapters.sql.pipeline import Asked
from adapters.sql.readers.api_tokens import api_token_of
from adapters.sql.repositories.api_tokens import ADD_API_TOKEN, REVOKE_API_TOKEN, added_values, revoked_values
from adapters.sql.repositories.users import user_of
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.upkeep import AS_APPLICATION
from core.kernel.actor import NOWHERE, Via
from core.kernel.events import Fact
from core.operations.read_models import TokenLine
from core.tokens.model import ApiToken
from core.tokens.read_models import ApiTokenView
from core.users.model import User

_AS_APPLICATION = Statement.plain(AS_APPLICATION)
_HOLDER = Statement.plain("""
select c.id, u.id, u.account_id, u.kind, u.name, u.email, u.username, u.role, u.is_active, u.accepted_at, u.created_at,
       u.updated_at, u.version
  from users u join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
 where c.code = %(company)s and lower(u.username) = lower(%(username)s)
   for no key update of u
""")
_FIELDS = """t.id, t.user_id, t.name, t.scopes, t.digest, t.hint, t.created_by, t.created_at, t.expires_at,
       t.last_used_at, t.revoked_at"""
_COMPANY = Statement.plain("select id from companies where code = %(company)s")
_TOKENS = Statement.plain(f"""
select u.username, {_FIELDS}
  from api_tokens t
  join companies c on c.id = t.company_id and c.code = %(company)s
  join users u on u.company_id = t.company_id and u.id = t.user_id
 order by lower(u.username), t.created_at, t.id
""")  # noqa: S608  (columns of our own)
_TOKEN = Statement.plain(
    f"select t.company_id, {_FIELDS} from api_tokens t where t.id = %(token)s for no key update"  # noqa: S608
)


class SqlTokenOperatorUnitOfWork(SqlIdentityUnitOfWork):
    """A transaction of the operator over API tokens."""

    async def holder(self, *, company: str, username: str) -> tuple[UUID, User] | None:
        row = await self._first(_HOLDER, {"company": company, "username": username})
        return (row[0], user_of(row[1:])) if row is not None else None

    async def tokens(self, *, company: str, at: datetime) -> tuple[TokenLine, ...] | None:
        if await self._first(_COMPANY, {"company": company}) is None:
            return None
        rows = (await self._run(_TOKENS, {"company": company})).rows()
        return tuple(TokenLine(username=row[0], token=ApiTokenView.of(api_token_of(row[1:]), at=at)) for row in rows)

    async def token(self, token_id: UUID) -> tuple[UUID, ApiToken] | None:
        row = await self._first(_TOKEN, {"token": token_id})
        return (row[0], api_token_of(row[1:])) if row is not None else None

    async def add(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        await self._write(company_id, Asked(ADD_API_TOKEN, added_values(token)), fact, at=at)

    async def save(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        await self._write(company_id, Asked(REVOKE_API_TOKEN, revoked_values(token)), fact, at=at)

    async def _write(self, company_id: UUID, written: Asked, fact: Fact, *, at: datetime) -> None:
        via, notes = str(Via.SYSTEM), audit_log.notes_of([fact])
        await execute(
            self._open_connection,
            Asked(_AS_APPLICATION, {}),
            Asked(ENTER, {"company": str(company_id)}),
            written,
            *audit_log.appending(notes, actor_id=None, via=via, origin=NOWHERE, at=at),
            event_log.append([fact], actor_id=None, via=via, at=at),
        )
