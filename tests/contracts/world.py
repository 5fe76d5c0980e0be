"""What a subclass of a contract must provide: an async fixture `world` that gives a `ContractWorld`.

    class TestSqlTasks(TaskContract):
        @pytest.fixture
        async def world(self, database) -> ContractWorld:
            return SqlWorld(database)

The world may hold other tests' companies: contracts open their own, and look only at those. Time must not stand still
on purpose between two of its `clock.now()`, but may. Everything that the ports can do themselves (projects, tasks,
events) the contracts do through the ports; a world adds only what no port of this slice offers.
"""

from typing import Protocol
from uuid import UUID

from core.activity.ports import ActivityReader
from core.auth.ports import IdentityUnitOfWork, SessionReader
from core.comments.ports import CommentReader, CommentUnitOfWork
from core.companies.ports import CompanyReader, CompanyUnitOfWork
from core.cycles.ports import CycleReader, CycleUnitOfWork
from core.imports.ports import ImportUnitOfWork
from core.jobs.ports import JobReader, JobRuns, JobUnitOfWork
from core.kernel.actor import Actor, Role
from core.kernel.once import Once, Refused
from core.kernel.ports import Clock, Ids
from core.labels.ports import LabelReader, LabelUnitOfWork
from core.mail.ports import AccountPosts, CompanyPosts, DigestPosts
from core.notifications.ports import DeadlineDays, InboxUnitOfWork, NotificationReader, NotifiedLogs
from core.oidc.ports import LinkingUnitOfWork, OidcReader, OidcUnitOfWork
from core.operations.ports import TokenOperatorUnitOfWork
from core.projects.ports import MemberReader, MemberUnitOfWork, ProjectReader, ProjectUnitOfWork
from core.realtime.ports import EventReader, FeedReader, UsedTickets
from core.reports.ports import DayCounts, ReportReader
from core.search.ports import SearchReader
from core.tasks.batches import BatchUnitOfWork
from core.tasks.ports import ColumnReader, TaskReader, TaskUnitOfWork
from core.tokens.ports import ApiTokenReader, ApiTokenUnitOfWork, PresentedTokens
from core.users.ports import PeopleUnitOfWork, UserReader
from core.watching.ports import WatcherUnitOfWork
from core.webhooks.ports import Dispatches, EventQueues, WebhookReader, WebhookUnitOfWork


class CycleAndTaskUnitOfWork(CycleUnitOfWork, TaskUnitOfWork, Protocol):
    """What the use cases of cycles and the listeners of tasks share."""


class PeopleAndTokenUnitOfWork(PeopleUnitOfWork, ApiTokenUnitOfWork, Protocol):
    """What the use cases of users and the listeners of tokens share."""


class ContractWorld(Protocol):
    """Adapters that share a store, and a way to set the stage in it."""

    @property
    def clock(self) -> Clock: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def task_reader(self) -> TaskReader: ...

    @property
    def column_reader(self) -> ColumnReader: ...

    @property
    def project_reader(self) -> ProjectReader: ...

    @property
    def label_reader(self) -> LabelReader: ...

    @property
    def webhook_reader(self) -> WebhookReader: ...

    @property
    def event_queues(self) -> EventQueues: ...

    @property
    def dispatches(self) -> Dispatches: ...

    @property
    def comment_reader(self) -> CommentReader: ...

    @property
    def activity_reader(self) -> ActivityReader: ...
    def search_reader(self) -> SearchReader: ...
    def job_reader(self) -> JobReader: ...

    @property
    def job_runs(self) -> JobRuns: ...

    @property
    def cycle_reader(self) -> CycleReader: ...

    @property
    def member_reader(self) -> MemberReader: ...

    @property
    def company_reader(self) -> CompanyReader: ...

    @property
    def user_reader(self) -> UserReader: ...

    @property
    def event_reader(self) -> EventReader: ...

    @property
    def feed_reader(self) -> FeedReader: ...

    @property
    def used_tickets(self) -> UsedTickets: ...

    @property
    def api_token_reader(self) -> ApiTokenReader: ...

    @property
    def presented_tokens(self) -> PresentedTokens: ...

    @property
    def session_reader(self) -> SessionReader: ...

    @property
    def company_posts(self) -> CompanyPosts: ...

    @property
    def account_posts(self) -> AccountPosts: ...

    @property
    def oidc_reader(self) -> OidcReader: ...

    @property
    def report_reader(self) -> ReportReader: ...

    @property
    def day_counts(self) -> DayCounts: ...

    @property
    def notification_reader(self) -> NotificationReader: ...

    @property
    def digest_posts(self) -> DigestPosts: ...

    @property
    def notified_logs(self) -> NotifiedLogs: ...

    @property
    def deadline_days(self) -> DeadlineDays: ...

    def task_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> TaskUnitOfWork: ...

    def project_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> ProjectUnitOfWork: ...

    def batch_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> BatchUnitOfWork: ...

    def webhook_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> WebhookUnitOfWork: ...

    def label_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> LabelUnitOfWork: ...

    def comment_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> CommentUnitOfWork: ...

    def watcher_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> WatcherUnitOfWork: ...
    def inbox_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> InboxUnitOfWork: ...

    def job_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> JobUnitOfWork: ...

    def import_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> ImportUnitOfWork: ...

    def cycle_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> CycleAndTaskUnitOfWork: ...

    def member_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> MemberUnitOfWork: ...

    def people_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> PeopleAndTokenUnitOfWork: ...

    def company_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> CompanyUnitOfWork: ...

    def token_operator_unit_of_work(self) -> TokenOperatorUnitOfWork: ...

    def identity_unit_of_work(self) -> IdentityUnitOfWork: ...

    def oidc_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> OidcUnitOfWork: ...

    def linking_unit_of_work(self) -> LinkingUnitOfWork: ...

    async def company(self, name: str = "Acme") -> Actor:
        """Opens a company with two facts in its log; answers its owner, signed in by an open login session."""
        ...

    async def person(self, company_id: UUID, *, name: str = "Ann", role: Role = Role.MEMBER) -> Actor:
        """A new account with a user of that name in the company, signed in. Addresses and usernames are its own."""
        ...

    async def joins(self, actor: Actor, company_id: UUID, *, role: Role = Role.MEMBER) -> Actor:
        """Makes the actor's account a user of another company too; answers them there, in the same login session."""
        ...

    async def add_to_project(self, project_id: UUID, actor: Actor) -> None:
        """Makes the actor's user a member of the project."""
        ...

    async def change_role(self, actor: Actor, role: Role) -> None:
        """Gives the actor's user another role; the actor, a hint, stays as it was."""
        ...

    async def let_members_edit_all(self, company_id: UUID) -> None:
        """Sets `members_edit_all_project_tasks` of the company."""
        ...

    async def forget_events(self, company_id: UUID, *, upto: int) -> None:
        """Takes the beginning of the company's log away, as the purge does."""
        ...

    async def jump(self, company_id: UUID, *, to: int) -> None:
        """Lets the company's log go on after a position beyond its head, as restoring a backup does."""
        ...

    async def deactivate(self, actor: Actor) -> None:
        """Makes the actor's user inactive."""
        ...

    async def confirm_address(self, actor: Actor) -> None:
        """Takes the address of the actor's account as confirmed."""
        ...

    async def take_acceptance_back(self, actor: Actor) -> None:
        """Makes the actor's user one who has not accepted the membership yet."""
        ...

    async def sign_out(self, actor: Actor) -> None:
        """Revokes the actor's login session."""
        ...

    async def keep_refusal(self, actor: Actor, once: Once, refused: Refused | None) -> None:
        """Remembers the refusal under the key, if there is one and the key is unused, as `SqlOnceLedger.refused` does."""
        ...
