"""The accounts behind a company's users: a door across companies, beside those in `system`. Only the container may
import this.

Each step into the upkeep role and back is one round trip; what belongs to the company is written as the application
role, inside the tenant wall.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.repositories.api_tokens import SqlApiTokens
from adapters.sql.repositories.users import SqlInvitations, SqlUsers
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.auth.letters import LetterKind
from core.kernel.actor import Actor
from core.kernel.once import Made, Once
from core.kernel.ports import Clock
from core.users.ports import FoundAccount, Holding, SecondFactor

_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_AS_APPLICATION = Statement.plain("set local role none")

_OPEN_ACCOUNT = Statement.plain("""
insert into accounts (
  id, email, name, password_hash, password_is_temporary, claimed_at, version, created_at, updated_at
) values (%(id)s, %(email)s, %(name)s, %(password_hash)s, %(is_temporary)s, null, 1, %(at)s, %(at)s)
on conflict (email) do nothing
""")
_LOCK_BY_EMAIL = Statement.plain("select id from accounts where email = %(email)s for update")
_LOCK_ACCOUNT = Statement.plain("select id from accounts where id = %(account)s for update")
_HOLDING = Statement.plain("""
select exists (select from users where account_id = %(account)s and company_id <> %(company)s),
       exists (select from accounts
                where id = %(account)s and claimed_at is not null and not password_is_temporary)
""")
_SECOND_FACTOR = Statement.plain("""
select a.totp_enabled_at is not null, s.second_factor_at
  from login_sessions s join accounts a on a.id = s.account_id
 where s.id = %(session)s
""")
# Letters go to the address from before.
_CHANGE_ADDRESS = Statement.plain("""
update accounts set letters = letters || jsonb_build_array(%(letter)s::jsonb || jsonb_build_object('to', email)),
       letters_due_at = %(at)s, email = %(email)s, email_verified_at = null, version = version + 1, updated_at = %(at)s,
       reset_id = null, reset_at = null, verification_id = null, verification_at = null, pending_email = null
 where id = %(account)s
""")
_CHANGE_PASSWORD = Statement.plain("""
update accounts set letters = letters || jsonb_build_array(%(letter)s::jsonb || jsonb_build_object('to', email)),
       letters_due_at = %(at)s, password_hash = %(password_hash)s, password_is_temporary = true, version = version + 1,
       updated_at = %(at)s, reset_id = null, reset_at = null, verification_id = null, verification_at = null,
       pending_email = null
 where id = %(account)s
""")
_SIGN_OUT = Statement.plain(
    "update login_sessions set revoked_at = %(at)s where account_id = %(account)s and revoked_at is null"
)
_SIGN_OUT_IF_NOTHING_IS_LEFT = Statement.plain("""
update login_sessions set revoked_at = %(at)s
 where account_id = %(account)s and revoked_at is null
   and not exists (select from users u join companies c on c.id = u.company_id
                    where u.account_id = %(account)s and u.company_id <> %(company)s and u.is_active
                      and u.accepted_at is not null and c.is_active and c.deleted_at is null)
""")
# What the company's own provider began opens it no more, not even if the user comes back; what opens nothing else ends.
_GO_ON_ELSEWHERE = Statement.plain("""
update login_sessions s
   set current_company_id = nullif(s.current_company_id, %(company)s),
       sso_company_ids = array_remove(s.sso_company_ids, %(company)s),
       revoked_at = case when s.general_at is null and s.sso_company_ids <@ array[%(company)s]
                         then %(at)s::timestamptz end
  from (select id from login_sessions
         where account_id = %(account)s and revoked_at is null
           and (current_company_id = %(company)s or %(company)s = any (sso_company_ids))
         order by id for update) still_open
 where s.id = still_open.id
""")


class SqlAccounts:
    """The accounts behind one unit of work's users."""

    def __init__(self, unit: "SqlPeopleUnitOfWork") -> None:
        self._unit = unit

    async def find_or_open(
        self, email: str, *, id: UUID, name: str, temporary_password_hash: str | None, at: datetime
    ) -> FoundAccount:
        values = {
            "id": id,
            "email": email,
            "name": name,
            "password_hash": temporary_password_hash,
            "is_temporary": temporary_password_hash is not None,
            "at": at,
        }
        _, rows = await self._across((_OPEN_ACCOUNT, values), (_LOCK_BY_EMAIL, {"email": email}))
        found: UUID = rows[0][0]
        return FoundAccount(id=found, is_new=found == id)

    async def holding(self, account_id: UUID) -> Holding:
        account = {"account": account_id}
        _, rows = await self._across((_LOCK_ACCOUNT, account), (_HOLDING, self._here(account)))
        return Holding(*rows[0])

    async def second_factor(self, session_id: UUID) -> SecondFactor:
        (rows,) = await self._across((_SECOND_FACTOR, {"session": session_id}))
        return SecondFactor(*rows[0])

    async def change_address(self, account_id: UUID, email: str, *, letter_id: UUID, at: datetime) -> None:
        told = _letter(LetterKind.EMAIL_CHANGED, letter_id, at)
        await self._across((_CHANGE_ADDRESS, {"account": account_id, "email": email, "at": at, "letter": told}))

    async def change_password(
        self, account_id: UUID, temporary_password_hash: str, *, letter_id: UUID, at: datetime
    ) -> None:
        account, told = {"account": account_id, "at": at}, _letter(LetterKind.PASSWORD_CHANGED, letter_id, at)
        values = {**account, "password_hash": temporary_password_hash, "letter": told}
        await self._across((_CHANGE_PASSWORD, values), (_SIGN_OUT, account))
        self._unit.signed_out(account_id)

    async def end_access(self, account_id: UUID, *, at: datetime) -> None:
        values = self._here({"account": account_id, "at": at})
        await self._across((_SIGN_OUT_IF_NOTHING_IS_LEFT, values), (_GO_ON_ELSEWHERE, values))
        self._unit.signed_out(account_id)

    def _here(self, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "company": self._unit.actor.company_id}

    async def _across(self, *asked: tuple[Statement, dict[str, Any]]) -> list[list[Row]]:
        _, *found, _ = await self._unit.fetch((_AS_UPKEEP, {}), *asked, (_AS_APPLICATION, {}))
        return found


def _letter(kind: LetterKind, id: UUID, at: datetime) -> Jsonb:
    """A letter as `letters` keeps it, but for whom it goes to."""
    return Jsonb({"id": str(id), "kind": str(kind), "at": at.isoformat()})


class SqlPeopleUnitOfWork(SqlUnitOfWork):
    """A unit of work with users, their API tokens, invitations, and the accounts behind them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        actor: Actor,
        *,
        once: Once | None = None,
        on_letters: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(database, clock, actor, once=once)
        self._on_letters = on_letters
        self.users = SqlUsers(self)
        self.invitations = SqlInvitations(self)
        self.accounts = SqlAccounts(self)
        self.api_tokens = SqlApiTokens(self)

    async def commit(self, *, made: Made | None = None) -> int:
        seq = await super().commit(made=made)
        # Invitations are what most of these end with; looking in vain costs little.
        if self._on_letters is not None:
            self._on_letters()
        return seq
