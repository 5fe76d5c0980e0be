"""The one store that all in-memory adapters of a test share: what one writes, the others read."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from uuid import UUID

from core.auth.model import Account, LoginSession
from core.companies.model import Company
from core.kernel.actor import Actor, Role
from core.kernel.once import Once, Refused
from core.kernel.ports import Ids
from core.users.events import UserCreated
from core.users.model import User
from tests.fakes.activity import InMemoryActivityReader
from tests.fakes.api_tokens import InMemoryApiTokenReader, InMemoryPresentedTokens
from tests.fakes.batches import InMemoryBatchUnitOfWork
from tests.fakes.clock import SettableClock
from tests.fakes.columns import InMemoryColumnReader
from tests.fakes.comments import InMemoryCommentReader, InMemoryCommentUnitOfWork
from tests.fakes.companies import InMemoryCompanyReader, InMemoryCompanyUnitOfWork
from tests.fakes.cycles import InMemoryCycleReader, InMemoryCycleUnitOfWork
from tests.fakes.digests import InMemoryDigestPosts
from tests.fakes.events import InMemoryEventReader
from tests.fakes.feeds import InMemoryFeedReader, InMemoryUsedTickets
from tests.fakes.imports import InMemoryImportUnitOfWork
from tests.fakes.jobs import InMemoryJobReader, InMemoryJobRuns, InMemoryJobUnitOfWork
from tests.fakes.webhooks import (
    InMemoryDispatches,
    InMemoryEventQueues,
    InMemoryWebhookReader,
    InMemoryWebhookUnitOfWork,
)
from tests.fakes.labels import InMemoryLabelReader, InMemoryLabelUnitOfWork
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.ids import CountingIds
from tests.fakes.mail import InMemoryAccountPosts, InMemoryCompanyPosts
from tests.fakes.operations import InMemoryTokenOperatorUnitOfWork
from tests.fakes.people import InMemoryPeopleUnitOfWork, InMemoryUserReader
from tests.fakes.members import InMemoryMemberReader, InMemoryMemberUnitOfWork
from tests.fakes.notifications import (
    InMemoryDeadlineDays,
    InMemoryInboxUnitOfWork,
    InMemoryNotificationReader,
    InMemoryNotifiedLogs,
)
from tests.fakes.oidc import InMemoryLinkingUnitOfWork, InMemoryOidcReader, InMemoryOidcUnitOfWork
from tests.fakes.projects import InMemoryProjectReader, InMemoryProjectUnitOfWork
from tests.fakes.reports import InMemoryDayCounts, InMemoryReportReader
from tests.fakes.search import InMemorySearchReader
from tests.fakes.sessions import InMemorySessionReader
from tests.fakes.store import Store
from tests.fakes.tables import OnceKey, StoredOutcome, Tables
from tests.fakes.tasks import InMemoryTaskReader, InMemoryTaskUnitOfWork
from tests.fakes.unit_of_work import InMemoryUnitOfWork
from tests.fakes.watching import InMemoryWatcherUnitOfWork


class World:
    """Companies, people and what they work on; the way to set a stage, and to look at what came of it.

    It is what the contracts in `tests/contracts` ask for (`tests.contracts.world.ContractWorld`), and some more.
    """

    def __init__(self, *, clock: SettableClock | None = None, ids: Ids | None = None) -> None:
        self.clock = clock or SettableClock()
        self.ids = ids or CountingIds()
        self.store = Store(clock=self.clock)
        self.task_reader = InMemoryTaskReader(self.store)
        self.cycle_reader = InMemoryCycleReader(self.store)
        self.label_reader = InMemoryLabelReader(self.store)
        self.webhook_reader = InMemoryWebhookReader(self.store)
        self.event_queues = InMemoryEventQueues(self.store)
        self.dispatches = InMemoryDispatches(self.store)
        self.comment_reader = InMemoryCommentReader(self.store)
        self.activity_reader = InMemoryActivityReader(self.store)
        self.search_reader = InMemorySearchReader(self.store)
        self.job_reader = InMemoryJobReader(self.store)
        self.job_runs = InMemoryJobRuns(self.store)
        self.column_reader = InMemoryColumnReader(self.store)
        self.project_reader = InMemoryProjectReader(self.store)
        self.member_reader = InMemoryMemberReader(self.store)
        self.event_reader = InMemoryEventReader(self.store)
        self.feed_reader = InMemoryFeedReader(self.store)
        self.used_tickets = InMemoryUsedTickets(self.store)
        self.company_reader = InMemoryCompanyReader(self.store)
        self.user_reader = InMemoryUserReader(self.store)
        self.api_token_reader = InMemoryApiTokenReader(self.store)
        self.presented_tokens = InMemoryPresentedTokens(self.store)
        self.session_reader = InMemorySessionReader(self.store)
        self.company_posts = InMemoryCompanyPosts(self.store)
        self.account_posts = InMemoryAccountPosts(self.store)
        self.oidc_reader = InMemoryOidcReader(self.store)
        self.report_reader = InMemoryReportReader(self.store)
        self.day_counts = InMemoryDayCounts(self.store)
        self.notification_reader = InMemoryNotificationReader(self.store)
        self.digest_posts = InMemoryDigestPosts(self.store)
        self.notified_logs = InMemoryNotifiedLogs(self.store)
        self.deadline_days = InMemoryDeadlineDays(self.store)

    @property
    def tables(self) -> Tables:
        return self.store.tables

    def snapshot(self) -> Tables:
        """All that is stored now, to compare with later."""
        return deepcopy(self.store.tables)

    # What is opened for each use case

    def task_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryTaskUnitOfWork:
        return InMemoryTaskUnitOfWork(self.store, actor, once=once)

    def batch_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryBatchUnitOfWork:
        return InMemoryBatchUnitOfWork(self.store, actor, once=once)

    def project_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryProjectUnitOfWork:
        return InMemoryProjectUnitOfWork(self.store, self.ids, actor, once=once)

    def people_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryPeopleUnitOfWork:
        return InMemoryPeopleUnitOfWork(self.store, actor, once=once)

    def webhook_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryWebhookUnitOfWork:
        return InMemoryWebhookUnitOfWork(self.store, actor, once=once)

    def label_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryLabelUnitOfWork:
        return InMemoryLabelUnitOfWork(self.store, actor, once=once)

    def comment_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryCommentUnitOfWork:
        return InMemoryCommentUnitOfWork(self.store, actor, once=once)

    def watcher_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryWatcherUnitOfWork:
        return InMemoryWatcherUnitOfWork(self.store, actor, once=once)

    def inbox_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryInboxUnitOfWork:
        return InMemoryInboxUnitOfWork(self.store, actor, once=once)

    def job_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryJobUnitOfWork:
        return InMemoryJobUnitOfWork(self.store, actor, once=once)

    def import_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryImportUnitOfWork:
        return InMemoryImportUnitOfWork(self.store, actor, once=once)

    def cycle_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryCycleUnitOfWork:
        return InMemoryCycleUnitOfWork(self.store, actor, once=once)

    def member_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryMemberUnitOfWork:
        return InMemoryMemberUnitOfWork(self.store, actor, once=once)

    def company_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryCompanyUnitOfWork:
        return InMemoryCompanyUnitOfWork(self.store, actor, once=once)

    def oidc_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InMemoryOidcUnitOfWork:
        return InMemoryOidcUnitOfWork(self.store, actor, once=once)

    def linking_unit_of_work(self) -> InMemoryLinkingUnitOfWork:
        return InMemoryLinkingUnitOfWork(self.store)

    def identity_unit_of_work(self) -> InMemoryIdentityUnitOfWork:
        return InMemoryIdentityUnitOfWork(self.store)

    def token_operator_unit_of_work(self) -> InMemoryTokenOperatorUnitOfWork:
        return InMemoryTokenOperatorUnitOfWork(self.store)

    # Setting the stage

    async def company(self, name: str = "Acme") -> Actor:
        """Opens a company, and answers its owner, signed in."""
        account, at = self._account(name=f"Owner of {name}"), self.clock.now()
        owner_id = self.ids.new()
        company = Company.found(id=self.ids.new(), name=name, contact_email=account.email, at=at)
        owner, user_created = self._user(owner_id, account, role=Role.OWNER)
        self.tables.found(company, owner, lambda: (company.founded(by=owner.id), user_created), at=at)
        return self._signed_in(account, company.id, owner)

    async def person(self, company_id: UUID, *, name: str = "Ann", role: Role = Role.MEMBER) -> Actor:
        """Makes somebody new a user of the company, and answers them, signed in."""
        account = self._account(name=name)
        user = self._joined(account, company_id, role=role)
        return self._signed_in(account, company_id, user)

    async def joins(self, actor: Actor, company_id: UUID, *, role: Role = Role.MEMBER) -> Actor:
        """Makes the same account a user of another company; they act there in the same login session."""
        user = self._joined(self.tables.accounts[actor.signed_in.account_id], company_id, role=role)
        return replace(actor, company_id=company_id, user_id=user.id, role=role)

    async def add_to_project(self, project_id: UUID, actor: Actor) -> None:
        tables = self.tables.companies[actor.company_id]
        tables.members |= {(project_id, actor.user_id)}

    async def change_role(self, actor: Actor, role: Role) -> None:
        self._change_user(actor, lambda user: replace(user, role=role))

    async def deactivate(self, actor: Actor) -> None:
        self._change_user(actor, lambda user: replace(user, is_active=False))

    async def confirm_address(self, actor: Actor) -> None:
        assert actor.account_id is not None
        accounts = self.tables.accounts
        accounts[actor.account_id] = replace(accounts[actor.account_id], email_verified_at=self.clock.now())

    async def take_acceptance_back(self, actor: Actor) -> None:
        """As if somebody else had made the actor's account a user, and they had not accepted yet."""
        self._change_user(actor, lambda user: replace(user, accepted_at=None))

    async def sign_out(self, actor: Actor) -> None:
        """Ends the actor's login session."""
        session = self.tables.sessions[actor.signed_in.session_id]
        self.tables.sessions[session.id] = replace(session, revoked_at=self.clock.now())

    async def let_members_edit_all(self, company_id: UUID) -> None:
        tables = self.tables.companies[company_id]
        settings = replace(tables.company.settings, members_edit_all_project_tasks=True)
        tables.company = replace(tables.company, settings=settings)

    async def forget_events(self, company_id: UUID, *, upto: int) -> None:
        self.tables.companies[company_id].forget(upto)

    async def jump(self, company_id: UUID, *, to: int) -> None:
        self.tables.companies[company_id].jump(to)

    async def keep_refusal(self, actor: Actor, once: Once, refused: Refused | None) -> None:
        """Remembers that a request with a key was refused, as REST does after the transaction was taken back."""
        async with InMemoryUnitOfWork(self.store, actor, once=once):
            pass
        if refused is None:
            return
        tables = self.tables.companies[actor.company_id]
        tables.once[OnceKey(user_id=actor.user_id, method=once.method, path=once.path, key=once.key)] = StoredOutcome(
            digest=once.digest, outcome=refused, seq=tables.last_seq, at=self.clock.now()
        )

    # Private parts

    def _account(self, *, name: str) -> Account:
        account_id, at = self.ids.new(), self.clock.now()
        account = Account(
            id=account_id,
            email=f"{account_id}@example.com",
            name=name,
            password_hash=None,
            claimed_at=at,
            created_at=at,
            updated_at=at,
        )
        self.tables.accounts[account.id] = account
        return account

    def _user(self, user_id: UUID, account: Account, *, role: Role) -> tuple[User, UserCreated]:
        return User.join(
            id=user_id,
            account_id=account.id,
            name=account.name,
            email=account.email,
            username=f"u{user_id}",
            role=role,
            at=self.clock.now(),
        )

    def _joined(self, account: Account, company_id: UUID, *, role: Role) -> User:
        user, _ = self._user(self.ids.new(), account, role=role)
        self.store.add_person(company_id, user)
        return user

    def _signed_in(self, account: Account, company_id: UUID, user: User) -> Actor:
        session = LoginSession.begin(
            id=self.ids.new(), account_id=account.id, nonce=b"n", agent=None, address=None, at=self.clock.now()
        )
        self.tables.sessions[session.id] = session
        self._note_login(company_id, user)
        return Actor(
            company_id=company_id, user_id=user.id, account_id=account.id, session_id=session.id, role=user.role
        )

    def _note_login(self, company_id: UUID, user: User) -> None:
        people = self.tables.companies[company_id].people
        people[user.id] = replace(people[user.id], last_login_at=self.clock.now())

    def _change_user(self, actor: Actor, changed: Callable[[User], User]) -> None:
        people = self.tables.companies[actor.company_id].people
        person = people[actor.user_id]
        people[actor.user_id] = replace(person, user=changed(person.user))
