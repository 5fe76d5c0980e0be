"""The door across companies for signing in. Only the container may import this.

They work under the upkeep role, for one transaction at a time (`SET LOCAL ROLE`); it has policies only on the tables
that these doors need. What belongs to a company is written as the application role, inside the tenant wall.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from adapters.sql import audit_log, event_log, letters, stripping
from adapters.sql.accounts import ACCOUNT_FIELDS, account_of, account_values
from adapters.sql.connection import COMMIT, Connection, Database, execute, opened, opening
from adapters.sql.founding import ENTER, found
from adapters.sql.pipeline import Asked, Result, Row
from adapters.sql.readers.companies import company_view
from adapters.sql.readers.users import invitation_of, user_view
from adapters.sql.repositories.users import (
    ADD_USER,
    SAVE_INVITATION,
    SAVE_USER,
    added_values,
    asking_for_username,
    free_of,
    invitation_values,
    saved_values,
    user_of,
)
from adapters.sql.roles import UPKEEP
from adapters.sql.sessions import SESSION_FIELDS, session_of, session_values
from adapters.sql.statement import Statement
from adapters.sql.telling import telling
from core.auth.letters import Letter
from core.auth.model import Account, LoginSession
from core.auth.ports import OfferedMembership
from core.auth.read_models import Membership
from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import NOWHERE, Actor, Origin, Role, Via
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.users.model import Invitation, User
from core.users.read_models import UserView

_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_AS_APPLICATION = Statement.plain("set local role none")

_ACCOUNT = f"select {', '.join(f'a.{field}' for field in ACCOUNT_FIELDS)} from accounts a"
_ACCOUNT_BY_EMAIL = Statement.plain(f"{_ACCOUNT} where a.email = %(email)s")
_ACCOUNT_BY_ID = Statement.plain(f"{_ACCOUNT} where a.id = %(id)s for no key update")
_BY_USERNAME = Statement.plain(f"""
select c.id, {", ".join(f"a.{field}" for field in ACCOUNT_FIELDS)} from companies c
  left join users u on u.company_id = c.id and u.is_active and u.accepted_at is not null
                   and lower(u.username) = lower(%(username)s)
  left join accounts a on a.id = u.account_id
 where c.is_active and c.deleted_at is null
   and (%(company_id)s::uuid is null or c.id = %(company_id)s::uuid)
   and (%(company_code)s::text is null or c.code = %(company_code)s::text)
""")
# Where the people of a company sign in that is entered by its own provider alone.
_SSO_CONNECTION = """
(select o.id from oidc_connections o where o.company_id = c.id and o.enforce_sso order by o.id limit 1)
"""
_MEMBERSHIPS = Statement.plain(f"""
select u.id, c.id, c.name, c.code, u.role, c.sso_enforced, u.break_glass and u.role = 'owner', {_SSO_CONNECTION}
  from users u join companies c on c.id = u.company_id
 where u.account_id = %(account)s and u.is_active and u.accepted_at is not null and c.is_active
   and c.deleted_at is null
 order by u.last_login_at desc nulls last, u.created_at, u.id
""")
_MEMBERSHIP = Statement.plain("""
select u.id, u.role, c.id, c.name, c.code, c.contact_email, c.is_active, c.members_edit_all_project_tasks, c.time_zone,
       c.version, c.created_at, c.updated_at,
       u.id, u.kind, u.name, u.email, u.username, u.role, u.is_active, u.last_login_at, u.version, u.created_at,
       u.updated_at
  from users u join companies c on c.id = u.company_id
 where u.account_id = %(account)s and u.company_id = %(company)s and u.is_active
   and u.accepted_at is not null and c.is_active and c.deleted_at is null
""")
_SESSION = Statement.plain(f"select {', '.join(SESSION_FIELDS)} from login_sessions where id = %(id)s for update")
_GLANCE = Statement.plain(f"select {', '.join(SESSION_FIELDS)} from login_sessions where id = %(id)s")
_ADD_SESSION = Statement.plain(
    f"insert into login_sessions ({', '.join(SESSION_FIELDS)}) "
    f"values ({', '.join(f'%({field})s' for field in SESSION_FIELDS)})"
)
_SAVE_SESSION = Statement.plain("""
update login_sessions set last_used_at = %(last_used_at)s, expires_at = %(expires_at)s, generation = %(generation)s,
       replaced_at = %(replaced_at)s, revoked_at = %(revoked_at)s, authenticated_at = %(authenticated_at)s,
       current_company_id = %(current_company_id)s, general_at = %(general_at)s,
       second_factor_at = %(second_factor_at)s, sso_company_ids = %(sso_company_ids)s
 where id = %(id)s
""")
_ADD_ACCOUNT = Statement.plain(
    f"insert into accounts ({', '.join(ACCOUNT_FIELDS)}) "
    f"values ({', '.join(f'%({field})s' for field in ACCOUNT_FIELDS)})"
)
_SAVE_ACCOUNT = Statement.plain(
    f"update accounts set {', '.join(f'{field} = %({field})s' for field in ACCOUNT_FIELDS[1:])} where id = %(id)s"
)

# In one order, whoever asks: two devices that sign all others out must not wait for each other.
_LOCK_ALL = Statement.plain("""
select id from login_sessions where account_id = (select account_id from login_sessions where id = %(id)s)
 order by id for update
""")
_REVOKE_ALL = Statement.plain("""
update login_sessions s set revoked_at = %(at)s
  from (select id from login_sessions
         where account_id = %(account)s and revoked_at is null and id is distinct from %(but)s::uuid
           and (%(reach)s::uuid[] is null or (general_at is null and sso_company_ids <@ %(reach)s::uuid[]))
         order by id for update) still_open
 where s.id = still_open.id
""")
_NOTE_LOGIN = Statement.plain(
    "update users set last_login_at = %(at)s where company_id = %(company)s and id = %(user)s"
)
# Of an account, to each company that it belongs to, or to one of them; of nobody known, and of whoever belongs to none,
# to the chain of no company. The same statement, whether there is such an account or not.
_NOTE = telling("""
joined as (
  select u.company_id, u.id
    from users u join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
   where u.account_id = %(account)s::uuid and u.is_active and u.accepted_at is not null
     and (%(company)s::uuid is null or u.company_id = %(company)s::uuid)
), told as (
  select company_id, id as actor_id from joined
  union all select %(nobody)s::uuid, null where not exists (select from joined)
)
""")

_INVITATION_FIELDS = (
    "id", "email", "role", "user_id", "token_digest", "invited_by", "created_at", "expires_at", "accepted_at",
    "revoked_at",
)  # fmt: skip
_INVITATION = f"""
select c.id, {", ".join(f"i.{field}" for field in _INVITATION_FIELDS)}, c.sso_enforced, {_SSO_CONNECTION}
  from invitations i join companies c on c.id = i.company_id and c.is_active and c.deleted_at is null
 where i.token_digest = %(digest)s
"""
_FIND_INVITATION = Statement.plain(_INVITATION)
_LOCK_INVITATION = Statement.plain(f"{_INVITATION} for update of i")
_DIGEST = Statement.plain("select token_digest from invitations where company_id = %(company)s and id = %(id)s")
USER_FIELDS = (
    "id", "account_id", "kind", "name", "email", "username", "role", "is_active", "accepted_at", "created_at",
    "updated_at", "version",
)  # fmt: skip
_USER = Statement.plain(
    f"select {', '.join(USER_FIELDS)} from users where company_id = %(company)s and id = %(user)s for update"
)
_INVITER = Statement.plain("""
select role from users
 where company_id = %(company)s and id = %(user)s and is_active and accepted_at is not null
""")


class SqlIdentityUnitOfWork:
    """A transaction over accounts and login sessions."""

    # Who acts where nobody is signed in.
    stranger = audit_log.VISITOR

    def __init__(self, database: Database, *, on_letters: Callable[[], None] | None = None) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._on_letters = on_letters
        self._has_letters = False

    async def caller(self, actor: Actor) -> Actor:
        (door,) = await execute(self._open_connection, opening(actor))
        return opened(actor, door).actor

    async def account(self, account_id: UUID) -> Account | None:
        return _account(await self._first(_ACCOUNT_BY_ID, {"id": account_id}))

    async def account_by_email(self, email: str) -> Account | None:
        return _account(await self._first(_ACCOUNT_BY_EMAIL, {"email": email}))

    async def account_by_username(
        self, username: str, *, company_id: UUID | None, company_code: str | None
    ) -> tuple[UUID | None, Account | None]:
        values = {"username": username, "company_id": company_id, "company_code": company_code}
        row = await self._first(_BY_USERNAME, values) or (None, None)
        return row[0], _account(row[1:] if row[1] is not None else None)

    async def memberships(self, account_id: UUID) -> tuple[Membership, ...]:
        rows = (await self._run(_MEMBERSHIPS, {"account": account_id})).rows()
        return tuple(
            Membership(
                user_id=row[0],
                company_id=row[1],
                company_name=row[2],
                company_code=row[3],
                role=Role(row[4]),
                sso_enforced=row[5],
                breaks_glass=row[6],
                sso_connection_id=row[7],
            )
            for row in rows
        )

    async def membership(self, account_id: UUID, company_id: UUID) -> tuple[UserView, CompanyView] | None:
        row = await self._first(_MEMBERSHIP, {"account": account_id, "company": company_id})
        return (user_view(row[12:]), company_view(row[:12])) if row is not None else None

    async def add_account(self, account: Account) -> None:
        await self._run(_ADD_ACCOUNT, account_values(account))

    async def save_account(self, account: Account) -> None:
        await self._run(_SAVE_ACCOUNT, account_values(account))

    async def invitation(self, token_digest: bytes) -> OfferedMembership | None:
        row = await self._first(_FIND_INVITATION, {"digest": token_digest})
        if row is None:
            return None
        company_id, *fields, _, _ = row
        user_id, user = invitation_of(tuple(fields)).user_id, None
        if user_id is not None:
            # Before the invitation, as whoever deactivates or asks the user again does.
            found = await self._first(_USER, {"company": company_id, "user": user_id})
            user = user_of(found) if found is not None else None
        row = await self._first(_LOCK_INVITATION, {"digest": token_digest})
        if row is None:
            return None
        invitation = invitation_of(tuple(row[1:-2]))
        inviter = await self._first(_INVITER, {"company": company_id, "user": invitation.invited_by})
        return OfferedMembership(
            company_id,
            invitation,
            user,
            Role(inviter[0]) if inviter is not None else None,
            sso_enforced=row[-2],
            sso_connection_id=row[-1],
        )

    async def invitation_by_id(self, company_id: UUID, invitation_id: UUID) -> OfferedMembership | None:
        row = await self._first(_DIGEST, {"company": company_id, "id": invitation_id})
        return await self.invitation(bytes(row[0])) if row is not None else None

    async def free_username(self, company_id: UUID, candidates: list[str]) -> str | None:
        asked = [Asked(*each) for each in asking_for_username(company_id, candidates)]
        results = await execute(
            self._open_connection,
            Asked(_AS_APPLICATION, {}),
            Asked(ENTER, {"company": str(company_id)}),
            *asked,
            Asked(ENTER, {"company": ""}),
            Asked(_AS_UPKEEP, {}),
        )
        return free_of(candidates, results[3].rows())

    async def join(
        self,
        company_id: UUID,
        user: User,
        invitation: Invitation,
        facts: list[Fact],
        *,
        is_new: bool,
        at: datetime,
        origin: Origin = NOWHERE,
    ) -> None:
        notes = audit_log.notes_of(facts)
        written = Asked(ADD_USER, added_values(user)) if is_new else Asked(SAVE_USER, saved_values(user))
        await execute(
            self._open_connection,
            Asked(_AS_APPLICATION, {}),
            Asked(ENTER, {"company": str(company_id)}),
            written,
            Asked(SAVE_INVITATION, invitation_values(invitation)),
            *audit_log.appending(notes, actor_id=user.id, via=str(Via.SESSION), origin=origin, at=at),
            event_log.append(facts, actor_id=user.id, via=str(Via.SESSION), at=at),
            Asked(ENTER, {"company": ""}),
            Asked(_AS_UPKEEP, {}),
        )

    async def add_company(
        self,
        company: Company,
        owner: User,
        facts: Callable[[], tuple[Fact, ...]],
        *,
        at: datetime,
        origin: Origin = NOWHERE,
    ) -> int:
        await self._run(_AS_APPLICATION)
        seq = await found(self._open_connection, company, owner, facts, at=at, origin=origin)
        await self._run(_AS_UPKEEP)
        return seq

    async def session(self, session_id: UUID, *, and_others: bool = False) -> LoginSession | None:
        if and_others:
            await self._run(_LOCK_ALL, {"id": session_id})
        row = await self._first(_SESSION, {"id": session_id})
        return session_of(row) if row is not None else None

    async def glance(self, session_id: UUID) -> LoginSession | None:
        row = await self._first(_GLANCE, {"id": session_id})
        return session_of(row) if row is not None else None

    async def add_session(self, session: LoginSession) -> None:
        await self._run(_ADD_SESSION, session_values(session))

    async def save_session(self, session: LoginSession) -> None:
        await self._run(_SAVE_SESSION, session_values(session))
        if session.revoked_at is not None:
            self._open_connection.ended.add(session.account_id)

    async def revoke_sessions(
        self, account_id: UUID, *, at: datetime, but: UUID | None = None, reach: tuple[UUID, ...] | None = None
    ) -> None:
        within = list(reach) if reach is not None else None
        await self._run(_REVOKE_ALL, {"account": account_id, "at": at, "but": but, "reach": within})
        self._open_connection.ended.add(account_id)

    async def note_login(self, user_id: UUID, company_id: UUID, *, at: datetime) -> None:
        await self._run(_NOTE_LOGIN, {"user": user_id, "company": company_id, "at": at})

    async def strip(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        await self.revoke_sessions(account_id, at=at)
        await stripping.strip(self._open_connection, account_id, at=at, origin=origin, stranger=self.stranger)

    async def end_tokens(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        await stripping.end_tokens(self._open_connection, account_id, at=at, origin=origin, stranger=self.stranger)

    async def users_of(self, account_id: UUID) -> list[tuple[UUID, User]]:
        return await letters.users_of(self._open_connection, account_id)

    async def save_user(
        self, company_id: UUID, user: User, facts: Sequence[Fact], *, at: datetime, origin: Origin = NOWHERE
    ) -> None:
        await letters.save_user(self._open_connection, company_id, user, facts, at=at, origin=origin)

    async def write(self, letter: Letter) -> None:
        await letters.write(self._open_connection, letter)
        self._has_letters = True

    async def pretend(self) -> None:
        await letters.pretend(self._open_connection)

    async def note(
        self,
        note: Note,
        *,
        account_id: UUID | None,
        origin: Origin,
        at: datetime,
        session_id: UUID | None = None,
        company_id: UUID | None = None,
        kept: bool = True,
    ) -> None:
        via = self.stranger if session_id is None else str(Via.SESSION)
        written = audit_log.values(note, actor_id=None, via=via, origin=origin, at=at, session_id=session_id)
        told = {"account": account_id, "company": company_id, "nobody": audit_log.NOBODYS, "kept": kept}
        await self._run(_NOTE, {**written, **told})

    async def commit(self) -> None:
        await self._run(COMMIT)
        # Nearly all that this transaction does is noted.
        self._database.noted()
        if self._has_letters and self._on_letters is not None:
            self._on_letters()

    async def __aenter__(self) -> Self:
        self._connection = await self._database.begin_upkeep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.end(connection)

    @property
    def _open_connection(self) -> Connection:
        assert self._connection is not None, "the unit of work is not open"
        return self._connection

    async def _run(self, statement: Statement, values: dict[str, Any] | None = None) -> Result:
        (found,) = await execute(self._open_connection, Asked(statement, values or {}))
        return found

    async def _first(self, statement: Statement, values: dict[str, Any]) -> Row | None:
        return (await self._run(statement, values)).first()


def _account(row: Row | None) -> Account | None:
    return account_of(row) if row is not None else None
