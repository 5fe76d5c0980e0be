"""Taking from an account what else than its password acts as it. Only the doors across companies import this."""

from datetime import datetime
from itertools import groupby
from uuid import UUID

from adapters.sql import audit_log, event_log
from adapters.sql.connection import Connection, execute
from adapters.sql.founding import ENTER
from adapters.sql.pipeline import Asked
from adapters.sql.readers.api_tokens import API_TOKEN_COLUMNS, api_token_of
from adapters.sql.repositories.api_tokens import REVOKE_API_TOKEN, revoked_values
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement
from core.kernel.actor import Origin, Via
from core.kernel.audit import AuditType, Note
from core.kernel.events import Fact

_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_AS_APPLICATION = Statement.plain("set local role none")
_NOTED = {**audit_log.NOTED, "details": "jsonb_build_object('tokens', lost.tokens)"}
# Those of its users, and those that it made for service users: whoever set them up may not be who has the address. Each
# company is told in one event that the account was stripped, and how many tokens ended with it.
_REVOKE_TOKENS = Statement.plain(f"""
with ended as (
  update api_tokens t set revoked_at = %(at)s
    from (select a.company_id, a.id
            from api_tokens a join users u on u.company_id = a.company_id and u.id in (a.user_id, a.created_by)
           where u.account_id = %(account)s and a.revoked_at is null
           order by a.company_id, a.id for no key update of a) still_working
   where t.company_id = still_working.company_id and t.id = still_working.id
  returning t.company_id
)
insert into audit_events (company_id, actor_id, {", ".join(_NOTED)})
select u.company_id, u.id, {", ".join(_NOTED.values())}
  from users u
  join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
  cross join lateral (select count(*) as tokens from ended e where e.company_id = u.company_id) lost
 where u.account_id = %(account)s and (lost.tokens > 0 or (u.is_active and u.accepted_at is not null))
""")  # noqa: S608  (columns of our own)
_UNLINK = Statement.plain("delete from external_identities where account_id = %(account)s")
_OWN_TOKENS = Statement.plain(f"""
select t.company_id, {", ".join(f"t.{column.name}" for column in API_TOKEN_COLUMNS)}
  from api_tokens t join users u on u.company_id = t.company_id and u.id = t.user_id
 where u.account_id = %(account)s and t.revoked_at is null and (t.expires_at is null or t.expires_at > %(at)s)
 order by t.company_id, t.id for no key update of t
""")  # noqa: S608  (columns of our own)


async def strip(connection: Connection, account_id: UUID, *, at: datetime, origin: Origin, stranger: str) -> None:
    """Ends the API tokens of all users that an account is, and those that they made for others; at no provider is
    anybody recognised as the account any more. The auditors of its companies are told, as `end_tokens` has it.
    """
    note = Note(type=AuditType.ACCOUNT_STRIPPED)
    said = audit_log.values(note, actor_id=None, via=stranger, origin=origin, at=at)
    await execute(
        connection,
        Asked(_REVOKE_TOKENS, {**said, "account": account_id}),
        Asked(_UNLINK, {"account": account_id}),
    )


async def end_tokens(connection: Connection, account_id: UUID, *, at: datetime, origin: Origin, stranger: str) -> None:
    """Ends the API tokens of all users that an account is, and tells each company, inside its wall. The `stranger` is
    who does it: the account's holder, who is not signed in, or the system.
    """
    (found,) = await execute(connection, Asked(_OWN_TOKENS, {"account": account_id, "at": at}))
    for company_id, rows in groupby(found.rows(), key=lambda row: row[0]):
        tokens = [api_token_of(tuple(row[1:])) for row in rows]
        facts: list[Fact] = [token.revoke(at=at) for token in tokens]
        is_system = stranger == str(Via.SYSTEM)
        actor_id = None if is_system else tokens[0].user_id
        notes = audit_log.notes_of(facts)
        await execute(
            connection,
            Asked(_AS_APPLICATION, {}),
            Asked(ENTER, {"company": str(company_id)}),
            *(Asked(REVOKE_API_TOKEN, revoked_values(token)) for token in tokens),
            *audit_log.appending(notes, actor_id=actor_id, via=stranger, origin=origin, at=at),
            event_log.append(facts, actor_id=actor_id, via=str(Via.SYSTEM if is_system else Via.SESSION), at=at),
            Asked(ENTER, {"company": ""}),
            Asked(_AS_UPKEEP, {}),
        )
