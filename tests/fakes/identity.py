from dataclasses import replace
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from core.users.errors import EmailTaken
from core.auth.letters import Letter
from core.auth.model import Account, LoginSession
from core.auth.ports import OfferedMembership
from core.auth.read_models import Membership
from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import NOWHERE, Actor, Origin
from core.kernel.audit import AuditType, Note
from core.kernel.events import Fact
from core.tokens.model import ApiTokenStatus
from core.users.model import Invitation, User
from core.users.read_models import UserView
from tests.fakes.companies import company_view, user_view
from tests.fakes.people import put_user
from tests.fakes.store import Store, Transaction
from tests.fakes.tables import CompanyTables, Letters, Person, Tables


class InMemoryIdentityUnitOfWork:
    """A transaction over accounts and login sessions."""

    stranger = "visitor"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._transaction = Transaction(store)

    async def caller(self, actor: Actor) -> Actor:
        return self._store.caller(actor)

    async def account(self, account_id: UUID) -> Account | None:
        account = self._transaction.seen().accounts.get(account_id)
        return replace(account) if account else None

    async def account_by_email(self, email: str) -> Account | None:
        accounts = self._transaction.seen().accounts.values()
        return next((replace(account) for account in accounts if account.email == email), None)

    async def account_by_username(
        self, username: str, *, company_id: UUID | None, company_code: str | None
    ) -> tuple[UUID | None, Account | None]:
        tables = self._transaction.seen()
        for each in tables.companies.values():
            company = each.company
            if company_id not in (None, company.id) or company_code not in (None, company.code):
                continue
            if not company.is_active:
                continue
            for person in _active(each):
                if person.user.username.lower() == username.lower() and person.user.account_id is not None:
                    return company.id, replace(tables.accounts[person.user.account_id])
            return company.id, None
        return None, None

    async def memberships(self, account_id: UUID) -> tuple[Membership, ...]:
        found = _of_account(self._transaction.seen(), account_id)
        # Sorting is stable: the earliest first, then by the last sign-in.
        found.sort(key=lambda each: (each[1].user.created_at, each[1].user.id))
        found.sort(key=lambda each: -each[1].last_login_at.timestamp() if each[1].last_login_at else 1)
        return tuple(
            Membership(
                user_id=person.user.id,
                company_id=tables.company.id,
                company_name=tables.company.name,
                company_code=tables.company.code,
                role=person.user.role,
                sso_enforced=tables.sso_enforced,
                breaks_glass=tables.breaks_glass(person),
                sso_connection_id=tables.sso_connection_id,
            )
            for tables, person in found
        )

    async def membership(self, account_id: UUID, company_id: UUID) -> tuple[UserView, CompanyView] | None:
        for tables, person in _of_account(self._transaction.seen(), account_id):
            if tables.company.id == company_id:
                return user_view(person), company_view(tables.company, role=person.user.role)
        return None

    async def add_account(self, account: Account) -> None:
        new = replace(account)

        def put(tables: Tables) -> None:
            if any(each.email == new.email for each in tables.accounts.values()):
                raise EmailTaken
            tables.accounts[new.id] = new

        self._transaction.do(put)

    async def save_account(self, account: Account) -> None:
        new = replace(account)

        def put(tables: Tables) -> None:
            if any(each.email == new.email and each.id != new.id for each in tables.accounts.values()):
                raise EmailTaken
            tables.accounts[new.id] = new

        self._transaction.do(put)

    async def invitation(self, token_digest: bytes) -> OfferedMembership | None:
        for tables in self._transaction.seen().companies.values():
            for invitation in tables.invitations.values():
                if invitation.token_digest == token_digest and tables.company.is_active:
                    person = tables.people.get(invitation.user_id) if invitation.user_id else None
                    user = replace(person.user) if person else None
                    inviter = tables.people.get(invitation.invited_by) if invitation.invited_by else None
                    role = inviter.user.role if inviter is not None and inviter.may_act else None
                    return OfferedMembership(
                        tables.company.id,
                        replace(invitation),
                        user,
                        role,
                        sso_enforced=tables.sso_enforced,
                        sso_connection_id=tables.sso_connection_id,
                    )
        return None

    async def invitation_by_id(self, company_id: UUID, invitation_id: UUID) -> OfferedMembership | None:
        tables = self._transaction.seen().companies.get(company_id)
        found = tables.invitations.get(invitation_id) if tables is not None else None
        return await self.invitation(found.token_digest) if found is not None else None

    async def free_username(self, company_id: UUID, candidates: list[str]) -> str | None:
        people = self._transaction.seen().companies[company_id].people.values()
        taken = {person.user.username.lower() for person in people}
        return next((each for each in candidates if each.lower() not in taken), None)

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
        joined, used = replace(user), replace(invitation)

        def put(tables: Tables) -> None:
            here = tables.companies[company_id]
            put_user(here, joined, is_new=is_new)
            here.invitations[used.id] = used
            here.append(facts, actor_id=joined.id, via="session", at=at)
            notes = [note for fact in facts for note in fact.notes()]
            tables.note(notes, company_id=company_id, actor_id=joined.id, via="session", origin=origin, at=at)

        self._transaction.do(put)

    async def add_company(
        self,
        company: Company,
        owner: User,
        facts: Callable[[], tuple[Fact, ...]],
        *,
        at: datetime,
        origin: Origin = NOWHERE,
    ) -> int:
        def put(tables: Tables) -> None:
            tables.found(company, owner, facts, at=at, origin=origin)

        self._transaction.do(put)
        return self._transaction.seen().companies[company.id].last_seq

    async def session(self, session_id: UUID, *, and_others: bool = False) -> LoginSession | None:
        session = self._transaction.seen().sessions.get(session_id)
        return replace(session) if session else None

    async def glance(self, session_id: UUID) -> LoginSession | None:
        return await self.session(session_id)

    async def add_session(self, session: LoginSession) -> None:
        await self.save_session(session)

    async def save_session(self, session: LoginSession) -> None:
        new = replace(session)

        def put(tables: Tables) -> None:
            tables.sessions[new.id] = new

        self._transaction.do(put)

    async def revoke_sessions(
        self, account_id: UUID, *, at: datetime, but: UUID | None = None, reach: tuple[UUID, ...] | None = None
    ) -> None:
        def revoke(tables: Tables) -> None:
            for session in list(tables.sessions.values()):
                if reach is not None and not (session.general_at is None and {*session.sso_company_ids} <= {*reach}):
                    continue
                if session.account_id == account_id and session.revoked_at is None and session.id != but:
                    tables.sessions[session.id] = replace(session, revoked_at=at)

        self._transaction.do(revoke)

    async def note_login(self, user_id: UUID, company_id: UUID, *, at: datetime) -> None:
        def note(tables: Tables) -> None:
            people = tables.companies[company_id].people
            people[user_id] = replace(people[user_id], last_login_at=at)

        self._transaction.do(note)

    async def strip(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        await self.revoke_sessions(account_id, at=at)

        def revoke(tables: Tables) -> None:
            for company_id, here in tables.companies.items():
                own = {person.user.id for person in here.people.values() if person.user.account_id == account_id}
                ended = 0
                for token in list(here.api_tokens.values()):
                    if token.revoked_at is None and own & {token.user_id, token.created_by}:
                        here.api_tokens[token.id] = replace(token, revoked_at=at)
                        ended += 1
                note = Note(type=AuditType.ACCOUNT_STRIPPED, details={"tokens": ended})
                for user_id in own if here.company.is_active else ():
                    if ended or here.people[user_id].may_act:
                        tables.note(
                            [note], company_id=company_id, actor_id=user_id, via=self.stranger, origin=origin, at=at
                        )
            for key, identity in list(tables.identities.items()):
                if identity.account_id == account_id:
                    del tables.identities[key]

        self._transaction.do(revoke)

    async def end_tokens(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        def end(tables: Tables) -> None:
            for company_id, here in sorted(tables.companies.items()):
                own = {person.user.id for person in here.people.values() if person.user.account_id == account_id}
                facts = []
                for token in sorted(here.api_tokens.values(), key=lambda each: each.id):
                    if token.user_id in own and token.status(at=at) is ApiTokenStatus.ACTIVE:
                        ended = replace(token)
                        facts.append(ended.revoke(at=at))
                        here.api_tokens[token.id] = ended
                if facts:
                    is_system = self.stranger == "system"
                    actor_id = None if is_system else facts[0].user_id
                    here.append(facts, actor_id=actor_id, via="system" if is_system else "session", at=at)
                    notes = [note for fact in facts for note in fact.notes()]
                    tables.note(
                        notes, company_id=company_id, actor_id=actor_id, via=self.stranger, origin=origin, at=at
                    )

        self._transaction.do(end)

    async def users_of(self, account_id: UUID) -> list[tuple[UUID, User]]:
        companies = sorted(self._transaction.seen().companies.items())
        return [
            (company_id, replace(person.user))
            for company_id, tables in companies
            for person in tables.people.values()
            if person.user.account_id == account_id and tables.company.is_active
        ]

    async def save_user(
        self, company_id: UUID, user: User, facts: Sequence[Fact], *, at: datetime, origin: Origin = NOWHERE
    ) -> None:
        changed = replace(user)

        def put(tables: Tables) -> None:
            here = tables.companies[company_id]
            put_user(here, changed, is_new=False)
            here.append(list(facts), actor_id=changed.id, via="session", at=at)
            notes = [note for fact in facts for note in fact.notes()]
            tables.note(notes, company_id=company_id, actor_id=changed.id, via="session", origin=origin, at=at)

        self._transaction.do(put)

    async def write(self, letter: Letter) -> None:
        def put(tables: Tables) -> None:
            waiting = tables.letters.get(letter.account_id, Letters())
            letters = (*waiting.letters, letter)
            tables.letters[letter.account_id] = replace(waiting, letters=letters, due_at=letter.at)

        self._transaction.do(put)

    async def pretend(self) -> None:
        """Nothing is done, and nobody takes the time."""

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
        if not kept:
            return

        def tell(tables: Tables) -> None:
            joined = _of_account(tables, account_id) if account_id is not None else []
            told: list[tuple[UUID | None, UUID | None]] = [
                (each.company.id, person.user.id) for each, person in joined if company_id in (None, each.company.id)
            ]
            via = self.stranger if session_id is None else "session"
            for company, actor in told or [(None, None)]:
                tables.note(
                    [note], company_id=company, actor_id=actor, via=via, origin=origin, session_id=session_id, at=at
                )

        self._transaction.do(tell)

    async def commit(self) -> None:
        self._transaction.commit()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was not committed was never there."""


def _active(tables: CompanyTables) -> list[Person]:
    return [person for person in tables.people.values() if person.may_act and tables.company.is_active]


def _of_account(tables: Tables, account_id: UUID) -> list[tuple[CompanyTables, Person]]:
    return [
        (each, person)
        for each in tables.companies.values()
        for person in _active(each)
        if person.user.account_id == account_id
    ]
