"""Accounts, and who they are at providers: a door across companies, beside that in `system`. Only the container may
import this.
"""

from datetime import datetime
from uuid import UUID

from adapters.sql import audit_log, event_log
from adapters.sql.connection import execute
from adapters.sql.founding import ENTER
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.oidc import (
    ADD_DOMAIN,
    CONNECTION_COLUMNS,
    DOMAIN_COLUMNS,
    SAVE_DOMAIN,
    added_domain,
    connection_of,
    domain_of,
    saved_domain,
)
from adapters.sql.repositories.users import (
    ADD_USER,
    SAVE_INVITATION,
    SAVE_USER,
    added_values,
    invitation_values,
    saved_values,
    user_of,
)
from adapters.sql.roles import UPKEEP
from adapters.sql.sessions import SESSION_FIELDS, session_of, session_values
from adapters.sql.statement import Statement
from adapters.sql.system import USER_FIELDS, SqlIdentityUnitOfWork
from adapters.sql.telling import telling
from core.auth.model import LoginSession
from core.auth.ports import OfferedMembership
from core.kernel.actor import NOWHERE, Origin, Via
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.oidc.model import EmailDomain, ExternalIdentity
from core.oidc.ports import CompanyConnection
from core.oidc.read_models import WayIn
from core.users.model import Invitation, User

_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_AS_APPLICATION = Statement.plain("set local role none")
_ACTIVE = "c.is_active and c.deleted_at is null"

_CONNECTION = Statement.plain(f"""
select c.id, array(select d.domain from email_domains d where d.company_id = c.id and d.verified_at is not null),
       {", ".join(f"o.{column.name}" for column in CONNECTION_COLUMNS)}
  from oidc_connections o join companies c on c.id = o.company_id and {_ACTIVE}
 where o.id = %(id)s
""")
_WAYS_IN = Statement.plain(f"""
select o.id, o.name, c.name
  from email_domains d
  join oidc_connections o on o.company_id = d.company_id and d.domain = any (o.domains)
  join companies c on c.id = d.company_id and {_ACTIVE}
 where d.domain = %(domain)s and d.verified_at is not null
 order by c.name, o.name, o.id
""")
_ACCOUNT_OF = Statement.plain(
    "select account_id from external_identities where issuer = %(issuer)s and subject = %(subject)s"
)
_LINK = Statement.plain("""
insert into external_identities (issuer, subject, account_id, created_at)
values (%(issuer)s, %(subject)s, %(account_id)s, %(created_at)s)
""")
_USER_OF = Statement.plain(f"""
select {", ".join(USER_FIELDS)} from users where account_id = %(account)s and company_id = %(company)s for update
""")
_OFFER_TO = Statement.plain("""
select token_digest from invitations
 where company_id = %(company)s and email = %(email)s and accepted_at is null and revoked_at is null
""")
_AWAIT_CODE = Statement.plain("""
update login_sessions set code_digest = %(code)s, state_digest = %(state)s, code_expires_at = %(until)s
 where id = %(id)s
""")
_UNREDEEMED = Statement.plain(f"""
select {", ".join(SESSION_FIELDS)} from login_sessions
 where code_digest = %(code)s and state_digest = %(state)s and code_expires_at > %(at)s and revoked_at is null
""")
_REDEEM = Statement.plain("""
update login_sessions set code_digest = null, code_expires_at = null, current_company_id = %(current_company_id)s,
       last_used_at = %(last_used_at)s, expires_at = %(expires_at)s, authenticated_at = %(authenticated_at)s,
       created_at = %(created_at)s, general_at = %(general_at)s, second_factor_at = %(second_factor_at)s,
       sso_company_ids = %(sso_company_ids)s
 where id = %(id)s and code_digest = %(code)s and revoked_at is null
""")
_COMPANY_OF_CODE = Statement.plain(f"select c.id from companies c where c.code = %(code)s and {_ACTIVE}")
_DOMAIN = Statement.plain(f"""
select {", ".join(column.name for column in DOMAIN_COLUMNS)} from email_domains
 where company_id = %(company)s and domain = %(domain)s
""")

_NOTE_OF_NOBODY = telling("told as (select %(company)s::uuid as company_id, null::uuid as actor_id)")


class SqlLinkingUnitOfWork(SqlIdentityUnitOfWork):
    """A transaction over accounts, and over who they are at providers."""

    async def connection(self, connection_id: UUID) -> CompanyConnection | None:
        row = await self._first(_CONNECTION, {"id": connection_id})
        if row is None:
            return None
        company_id, domains, *columns = row
        return CompanyConnection(
            company_id=company_id, connection=connection_of(tuple(columns)), proved_domains=frozenset(domains)
        )

    async def ways_in(self, domain: str) -> tuple[WayIn, ...]:
        return tuple(WayIn(*row) for row in (await self._run(_WAYS_IN, {"domain": domain})).rows())

    async def account_of(self, issuer: str, subject: str) -> UUID | None:
        row = await self._first(_ACCOUNT_OF, {"issuer": issuer, "subject": subject})
        return row[0] if row is not None else None

    async def link(self, identity: ExternalIdentity) -> None:
        values = {name: getattr(identity, name) for name in ("issuer", "subject", "account_id", "created_at")}
        await self._run(_LINK, values)

    async def user_of(self, account_id: UUID, company_id: UUID) -> User | None:
        row = await self._first(_USER_OF, {"account": account_id, "company": company_id})
        return user_of(row) if row is not None else None

    async def offer_to(self, email: str, company_id: UUID) -> OfferedMembership | None:
        row = await self._first(_OFFER_TO, {"email": email, "company": company_id})
        return await self.invitation(bytes(row[0])) if row is not None else None

    async def admit(
        self,
        company_id: UUID,
        user: User,
        facts: list[Fact],
        *,
        invitation: Invitation | None,
        is_new: bool,
        origin: Origin,
        at: datetime,
    ) -> None:
        written = [Asked(ADD_USER, added_values(user)) if is_new else Asked(SAVE_USER, saved_values(user))]
        if invitation is not None:
            written.append(Asked(SAVE_INVITATION, invitation_values(invitation)))
        await self._within(company_id, *written, *_told(facts, actor_id=user.id, via=Via.SESSION, origin=origin, at=at))

    async def add_unredeemed(
        self, session: LoginSession, *, code_digest: bytes, state_digest: bytes, until: datetime
    ) -> None:
        await self.add_session(session)
        await self._run(_AWAIT_CODE, {"id": session.id, "code": code_digest, "state": state_digest, "until": until})

    async def unredeemed(self, code_digest: bytes, *, state_digest: bytes, at: datetime) -> LoginSession | None:
        row = await self._first(_UNREDEEMED, {"code": code_digest, "state": state_digest, "at": at})
        return session_of(row) if row is not None else None

    async def redeem(self, session: LoginSession, *, code_digest: bytes) -> bool:
        return (await self._run(_REDEEM, {**session_values(session), "code": code_digest})).count == 1

    async def note_of_nobody(
        self, note: Note, *, company_id: UUID | None, origin: Origin, at: datetime, coalesced_by: str
    ) -> None:
        told = audit_log.values(
            note, actor_id=None, via=audit_log.VISITOR, origin=origin, at=at, coalesced_by=coalesced_by
        )
        await self._run(_NOTE_OF_NOBODY, {**told, "company": company_id or audit_log.NOBODYS, "kept": True})

    async def company_of_code(self, code: str) -> UUID | None:
        row = await self._first(_COMPANY_OF_CODE, {"code": code})
        return row[0] if row is not None else None

    async def prove_domain(self, company_id: UUID, domain: EmailDomain, *, at: datetime) -> EmailDomain:
        row = await self._first(_DOMAIN, {"company": company_id, "domain": domain.domain})
        known = domain_of(row) if row is not None else None
        proved = known or domain
        verified = proved.verify(at=at)
        if verified is None:
            return proved
        written = Asked(SAVE_DOMAIN, saved_domain(proved)) if known else Asked(ADD_DOMAIN, added_domain(proved))
        await self._within(company_id, written, *_told([verified], actor_id=None, via=Via.SYSTEM, at=at))
        return proved

    async def _within(self, company_id: UUID, *asked: Asked) -> None:
        """As the application role, inside the wall of one company."""
        await execute(
            self._open_connection,
            Asked(_AS_APPLICATION, {}),
            Asked(ENTER, {"company": str(company_id)}),
            *asked,
            Asked(ENTER, {"company": ""}),
            Asked(_AS_UPKEEP, {}),
        )


def _told(facts: list[Fact], *, actor_id: UUID | None, via: Via, at: datetime, origin: Origin = NOWHERE) -> list[Asked]:
    """What tells the company's log and its auditors."""
    if not facts:
        return []
    notes = audit_log.notes_of(facts)
    return [
        *audit_log.appending(notes, actor_id=actor_id, via=str(via), origin=origin, at=at),
        event_log.append(facts, actor_id=actor_id, via=str(via), at=at),
    ]
