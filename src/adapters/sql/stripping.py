"""Taking from an account what else than its password acts as it. Only the doors across companies import this."""

from datetime import datetime
from uuid import UUID

from adapters.sql.connection import Connection, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement

# Those of its users, and those that it made for service users: whoever set them up may not be who has the address.
_REVOKE_TOKENS = Statement.plain("""
update api_tokens t set revoked_at = %(at)s
  from (select a.company_id, a.id
          from api_tokens a join users u on u.company_id = a.company_id and u.id in (a.user_id, a.created_by)
         where u.account_id = %(account)s and a.revoked_at is null
         order by a.company_id, a.id for no key update of a) still_working
 where t.company_id = still_working.company_id and t.id = still_working.id
""")
_UNLINK = Statement.plain("delete from external_identities where account_id = %(account)s")


async def strip(connection: Connection, account_id: UUID, *, at: datetime) -> None:
    """Ends the API tokens of all users that an account is, and those that they made for others; at no provider is
    anybody recognised as the account any more.
    """
    await execute(
        connection,
        Asked(_REVOKE_TOKENS, {"account": account_id, "at": at}),
        Asked(_UNLINK, {"account": account_id}),
    )
