from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.auth.letters import LetterKind
from core.auth.model import Account
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.users.errors import AlreadyUser, EmailTaken, UsernameTaken
from core.users.model import Invitation, InvitationStatus, User
from core.users.ports import FoundAccount, Holding, LoadedUser, SecondFactor, UserFilter
from core.users.read_models import InvitationView, UserView
from tests.fakes.api_tokens import InMemoryApiTokens
from tests.fakes.companies import user_view
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, Letters, Person, Tables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

_INSTANT = {"write": datetime.isoformat, "read": datetime.fromisoformat}
SORTS = {
    "name": Key(lambda person: person.user.name),
    "username": Key(lambda person: person.user.username),
    "created_at": Key(lambda person: person.user.created_at, **_INSTANT),
    "last_login_at": Key(lambda person: person.last_login_at, **_INSTANT),
}
INVITATION_SORTS = {
    "created_at": Key(lambda invitation: invitation.created_at, **_INSTANT),
    "expires_at": Key(lambda invitation: invitation.expires_at, **_INSTANT),
    "email": Key(lambda invitation: invitation.email),
}

# Of an account that somebody else changed: links that were asked for before are good no more.
NOTHING_ASKED = dict.fromkeys(("reset_id", "reset_at", "verification_id", "verification_at", "pending_email"))


def put_user(tables: CompanyTables, user: User, *, is_new: bool) -> None:
    """Writes a user. Raises what the tables' uniques stand for."""
    others = [person.user for person in tables.people.values() if person.user.id != user.id]
    if any(each.username.lower() == user.username.lower() for each in others):
        raise UsernameTaken
    if user.account_id is not None and any(each.account_id == user.account_id for each in others):
        raise AlreadyUser
    if is_new:
        tables.people[user.id] = Person(user=user)
    else:
        tables.people[user.id] = replace(tables.people[user.id], user=user)


class InMemoryUsers:
    def __init__(self, unit: "InMemoryPeopleUnitOfWork") -> None:
        self._unit = unit

    async def lock_ownership(self, caller_id: UUID) -> Role | None:
        caller = self._unit.now.people.get(caller_id)
        return caller.user.role if caller is not None and caller.may_act else None

    async def others_own(self, user_id: UUID) -> bool:
        people = self._unit.now.people.values()
        return any(person.user.owns and person.last_login_at for person in people if person.user.id != user_id)

    async def load(self, user_id: UUID, *, for_user: UUID) -> LoadedUser | None:
        person = self._unit.now.people.get(user_id)
        if person is None:
            return None
        shares = shares_project(self._unit.now, user_id, for_user)
        return LoadedUser(replace(person.user), person.last_login_at, shares)

    async def by_address(self, email: str) -> LoadedUser | None:
        for person in self._unit.now.people.values():
            if person.user.email == email:
                return LoadedUser(replace(person.user), person.last_login_at, shares_project=False)
        return None

    async def free_username(self, candidates: list[str]) -> str | None:
        taken = {person.user.username.lower() for person in self._unit.now.people.values()}
        return next((each for each in candidates if each.lower() not in taken), None)

    def add(self, user: User) -> None:
        new = replace(user)
        self._unit.transaction.defer(self._unit.within(lambda tables: put_user(tables, new, is_new=True)))

    def save(self, user: User) -> None:
        changed = replace(user)

        def put(tables: CompanyTables) -> None:
            if changed.id not in tables.people:
                raise Conflict("the user is gone")
            put_user(tables, changed, is_new=False)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryInvitations:
    def __init__(self, unit: "InMemoryPeopleUnitOfWork") -> None:
        self._unit = unit

    async def load(self, invitation_id: UUID) -> Invitation | None:
        found = self._unit.now.invitations.get(invitation_id)
        return replace(found) if found else None

    async def open_for(self, email: str) -> Invitation | None:
        for each in self._unit.now.invitations.values():
            if each.email == email and each.accepted_at is None and each.revoked_at is None:
                return replace(each)
        return None

    def add(self, invitation: Invitation) -> None:
        new = replace(invitation)

        def put(tables: CompanyTables) -> None:
            if any(
                each.email == new.email and each.accepted_at is None and each.revoked_at is None
                for each in tables.invitations.values()
            ):
                raise Conflict("there is an open invitation")
            tables.invitations[new.id] = new

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, invitation: Invitation) -> None:
        changed = replace(invitation)

        def put(tables: CompanyTables) -> None:
            if changed.id not in tables.invitations:
                raise Conflict("the invitation is gone")
            tables.invitations[changed.id] = changed

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryAccounts:
    def __init__(self, unit: "InMemoryPeopleUnitOfWork") -> None:
        self._unit = unit

    async def find_or_open(
        self, email: str, *, id: UUID, name: str, temporary_password_hash: str | None, at: datetime
    ) -> FoundAccount:
        for account in self._tables.accounts.values():
            if account.email == email:
                return FoundAccount(id=account.id, is_new=False)
        account = Account(
            id=id,
            email=email,
            name=name,
            password_hash=temporary_password_hash,
            password_is_temporary=temporary_password_hash is not None,
            created_at=at,
            updated_at=at,
        )

        def put(tables: Tables) -> None:
            tables.accounts[account.id] = account

        self._unit.transaction.do(put)
        return FoundAccount(id=id, is_new=True)

    async def holding(self, account_id: UUID) -> Holding:
        here = self._unit.actor.company_id
        account = self._tables.accounts.get(account_id)
        is_proved = account is not None and account.claimed_at is not None and not account.password_is_temporary
        is_shared = any(
            person.user.account_id == account_id
            for company_id, tables in self._tables.companies.items()
            for person in tables.people.values()
            if company_id != here
        )
        return Holding(is_shared=is_shared, is_proved=is_proved)

    async def second_factor(self, session_id: UUID) -> SecondFactor:
        session = self._tables.sessions[session_id]
        return SecondFactor(self._tables.accounts[session.account_id].has_second_factor, session.second_factor_at)

    async def change_address(self, account_id: UUID, email: str, *, letter_id: UUID, at: datetime) -> None:
        self._tell(LetterKind.EMAIL_CHANGED, account_id, letter_id, at)

        def put(tables: Tables) -> None:
            if any(each.email == email and each.id != account_id for each in tables.accounts.values()):
                raise EmailTaken
            account = tables.accounts[account_id]
            tables.accounts[account_id] = replace(
                account,
                email=email,
                email_verified_at=None,
                version=account.version + 1,
                updated_at=at,
                **NOTHING_ASKED,
            )

        self._unit.transaction.do(put)

    async def change_password(
        self, account_id: UUID, temporary_password_hash: str, *, letter_id: UUID, at: datetime
    ) -> None:
        self._tell(LetterKind.PASSWORD_CHANGED, account_id, letter_id, at)

        def put(tables: Tables) -> None:
            account = tables.accounts[account_id]
            tables.accounts[account_id] = replace(
                account,
                password_hash=temporary_password_hash,
                password_is_temporary=True,
                version=account.version + 1,
                updated_at=at,
                **NOTHING_ASKED,
            )
            _sign_out(tables, account_id, at=at)

        self._unit.transaction.do(put)

    def _tell(self, kind: LetterKind, account_id: UUID, letter_id: UUID, at: datetime) -> None:
        def write(tables: Tables) -> None:
            letter = tables.accounts[account_id].letter(kind, id=letter_id, at=at)
            waiting = tables.letters.get(account_id, Letters())
            tables.letters[account_id] = replace(waiting, letters=(*waiting.letters, letter), due_at=at)

        self._unit.transaction.do(write)

    async def end_access(self, account_id: UUID, *, at: datetime) -> None:
        here = self._unit.actor.company_id

        def put(tables: Tables) -> None:
            elsewhere = any(
                person.user.account_id == account_id and person.may_act and each.company.is_active
                for company_id, each in tables.companies.items()
                for person in each.people.values()
                if company_id != here
            )
            if not elsewhere:
                _sign_out(tables, account_id, at=at)
            for session in list(tables.sessions.values()):
                if session.account_id != account_id or session.revoked_at is not None:
                    continue
                left = tuple(each for each in session.sso_company_ids if each != here)
                opens_nothing = session.general_at is None and not left
                tables.sessions[session.id] = replace(
                    session,
                    sso_company_ids=left,
                    revoked_at=at if opens_nothing else None,
                    current_company_id=None if session.current_company_id == here else session.current_company_id,
                )

        self._unit.transaction.do(put)

    @property
    def _tables(self) -> Tables:
        return self._unit.transaction.seen()


def _sign_out(tables: Tables, account_id: UUID, *, at: datetime) -> None:
    for session in list(tables.sessions.values()):
        if session.account_id == account_id and session.revoked_at is None:
            tables.sessions[session.id] = replace(session, revoked_at=at)


class InMemoryPeopleUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with users, their API tokens, invitations, and the accounts behind them."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.users = InMemoryUsers(self)
        self.invitations = InMemoryInvitations(self)
        self.accounts = InMemoryAccounts(self)
        self.api_tokens = InMemoryApiTokens(self)


class InMemoryUserReader:
    """What screens show of people."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, actor: Actor, *, where: UserFilter, sort: Sort, page: PageRequest) -> Answer[Page[UserView]]:
        tables = self._store.read(actor)
        people = [person for person in tables.people.values() if _fits(person.user, where)]
        found = page_of(people, page, key=SORTS[sort.field], sort=sort, id_of=lambda person: person.user.id)
        views = [user_view(person) for person in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, user_id: UUID) -> Answer[tuple[UserView, bool] | None]:
        tables = self._store.read(actor)
        person = tables.people.get(user_id)
        if person is None:
            return Answer(None, tables.last_seq)
        return Answer((user_view(person), shares_project(tables, user_id, actor.user_id)), tables.last_seq)

    async def invitation(self, actor: Actor, invitation_id: UUID, *, at: datetime) -> Answer[InvitationView | None]:
        tables = self._store.read(actor)
        found = tables.invitations.get(invitation_id)
        return Answer(InvitationView.of(found, at=at) if found is not None else None, tables.last_seq)

    async def invitations(
        self, actor: Actor, *, status: tuple[InvitationStatus, ...], at: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[InvitationView]]:
        tables = self._store.read(actor)
        views = [InvitationView.of(each, at=at) for each in tables.invitations.values()]
        fitting = [view for view in views if not status or view.status in status]
        found = page_of(fitting, page, key=INVITATION_SORTS[sort.field], sort=sort, id_of=lambda view: view.id)
        return Answer(found, tables.last_seq)


def shares_project(tables: CompanyTables, one: UUID, other: UUID) -> bool:
    """Whether two users have a project in common that stands."""
    projects = [{project for project, user in tables.members if user == each} for each in (one, other)]
    return any(tables.project(project) is not None for project in projects[0] & projects[1])


def _fits(user: User, where: UserFilter) -> bool:
    held = [user.name, user.username, user.email or ""]
    return (
        (where.search is None or any(where.search.lower() in each.lower() for each in held))
        and (not where.role or user.role in where.role)
        and where.is_active in (None, user.is_active)
    )
