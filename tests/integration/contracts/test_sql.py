"""The SQL adapters keep the contracts that the in-memory ones keep, on real PostgreSQL, as the application role."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings

from adapters.sql.connection import Database
from adapters.sql.counting import SqlDayCounts
from adapters.sql.deadlines import SqlDeadlineDays
from adapters.sql.digests import SqlDigestPosts
from adapters.sql.job_runs import SqlJobRuns
from adapters.sql.linking import SqlLinkingUnitOfWork
from adapters.sql.login_sessions import SqlSessionReader
from adapters.sql.notifying import SqlNotifiedLogs
from adapters.sql.once_ledger import SqlOnceLedger
from adapters.sql.operating_tokens import SqlTokenOperatorUnitOfWork
from adapters.sql.people import SqlPeopleUnitOfWork
from adapters.sql.posting import SqlAccountPosts, SqlCompanyPosts
from adapters.sql.presented_tokens import SqlPresentedTokens
from adapters.sql.readers.api_tokens import SqlApiTokenReader
from adapters.sql.readers.companies import SqlCompanyReader
from adapters.sql.readers.cycles import SqlCycleReader
from adapters.sql.readers.jobs import SqlJobReader
from adapters.sql.readers.labels import SqlLabelReader
from adapters.sql.readers.activity import SqlActivityReader
from adapters.sql.readers.comments import SqlCommentReader
from adapters.sql.repositories.comments import SqlCommentUnitOfWork
from adapters.sql.repositories.watchers import SqlWatcherUnitOfWork
from adapters.sql.readers.columns import SqlColumnReader
from adapters.sql.readers.events import SqlEventReader
from adapters.sql.feeds import SqlFeedReader
from adapters.sql.used_tickets import SqlUsedTickets
from adapters.sql.readers.members import SqlMemberReader
from adapters.sql.readers.notifications import SqlNotificationReader
from adapters.sql.readers.oidc import SqlOidcReader
from adapters.sql.readers.projects import SqlProjectReader
from adapters.sql.readers.reports import SqlReportReader
from adapters.sql.readers.search import SqlSearchReader
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.readers.users import SqlUserReader
from adapters.sql.repositories.batches import SqlBatchUnitOfWork
from adapters.sql.repositories.companies import SqlCompanyUnitOfWork
from adapters.sql.repositories.cycles import SqlCycleUnitOfWork
from adapters.sql.repositories.jobs import SqlJobUnitOfWork
from adapters.sql.repositories.labels import SqlLabelUnitOfWork
from adapters.sql.repositories.members import SqlMemberUnitOfWork
from adapters.sql.repositories.notifications import SqlInboxUnitOfWork
from adapters.sql.repositories.oidc import SqlOidcUnitOfWork
from adapters.sql.repositories.projects import SqlProjectUnitOfWork
from adapters.sql.repositories.task_imports import SqlImportUnitOfWork
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.readers.webhooks import SqlWebhookReader
from adapters.sql.repositories.webhooks import SqlWebhookUnitOfWork
from adapters.sql.webhook_dispatch import SqlDispatches
from adapters.sql.webhook_queue import SqlEventQueues
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.auth.model import Account, LoginSession
from core.companies.model import Company
from core.kernel.actor import Actor, Role
from core.kernel.once import Once, Refused
from core.tasks.use_cases.bulk_operations import Operation
from core.users.model import User
from tests.contracts.api_tokens import ApiTokenContract
from tests.contracts.batches import BATCHES, CALLERS, CASES, agree_at_once, gather_little_of_what_is_below
from tests.contracts.cycles import CycleContract
from tests import pooler
from tests.contracts.columns import ColumnContract
from tests.contracts.companies import CompanyReaderContract
from tests.contracts.deleted_tasks import DeletedTaskContract, TransferContract
from tests.contracts.events import EventContract
from tests.contracts.feeds import FeedContract
from tests.contracts.identity import IdentityContract
from tests.contracts.imports import ImportContract
from tests.contracts.jobs import JobContract
from tests.contracts.kin import KinContract
from tests.contracts.comments import CommentContract
from tests.contracts.webhooks import WebhookContract
from tests.contracts.watching import WatchingContract
from tests.contracts.activity import ActivityContract
from tests.contracts.labels import LabelContract
from tests.contracts.linking import LinkingContract, OidcContract
from tests.contracts.members import MemberContract
from tests.contracts.joining import JoiningContract
from tests.contracts.notifications import NotificationContract
from tests.contracts.people import CompanyContract, PeopleContract
from tests.contracts.people_lists import UserReaderContract
from tests.contracts.projects import ProjectContract
from tests.contracts.recurrences import RecurrenceContract
from tests.contracts.reports import ReportContract
from tests.contracts.search import SearchContract
from tests.contracts.tasks import TaskContract
from tests.contracts.transactions import ConcurrentReadContract, OnceContract, TransactionContract
from tests.contracts.visibility import BOUNDED, PLANS, Plan, agree
from tests.integration.conftest import TestDatabase


class SqlWorld:
    """The real adapters; what no port offers yet is done by the superuser."""

    def __init__(self, database: Database, superuser: psycopg.Connection[Any]) -> None:
        self.clock, self.ids = SystemClock(), UuidV7Ids()
        self.task_reader = SqlTaskReader(database)
        self.label_reader = SqlLabelReader(database)
        self.webhook_reader = SqlWebhookReader(database)
        self.event_queues = SqlEventQueues(database)
        self.dispatches = SqlDispatches(database)
        self.comment_reader = SqlCommentReader(database)
        self.activity_reader = SqlActivityReader(database)
        self.search_reader = SqlSearchReader(database)
        self.job_reader = SqlJobReader(database)
        self.job_runs = SqlJobRuns(database)
        self.cycle_reader = SqlCycleReader(database)
        self.column_reader = SqlColumnReader(database)
        self.project_reader = SqlProjectReader(database)
        self.member_reader = SqlMemberReader(database)
        self.company_reader = SqlCompanyReader(database)
        self.user_reader = SqlUserReader(database)
        self.event_reader = SqlEventReader(database)
        self.feed_reader = SqlFeedReader(database)
        self.used_tickets = SqlUsedTickets(database)
        self.api_token_reader = SqlApiTokenReader(database)
        self.presented_tokens = SqlPresentedTokens(database)
        self.session_reader = SqlSessionReader(database)
        self.company_posts = SqlCompanyPosts(database)
        self.account_posts = SqlAccountPosts(database)
        self.oidc_reader = SqlOidcReader(database)
        self.report_reader = SqlReportReader(database)
        self.day_counts = SqlDayCounts(database)
        self.notification_reader = SqlNotificationReader(database)
        self.digest_posts = SqlDigestPosts(database)
        self.notified_logs = SqlNotifiedLogs(database)
        self.deadline_days = SqlDeadlineDays(database)
        self._database = database
        self._superuser = superuser

    def task_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlTaskUnitOfWork:
        return SqlTaskUnitOfWork(self._database, self.clock, actor, once=once)

    def comment_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlCommentUnitOfWork:
        return SqlCommentUnitOfWork(self._database, self.clock, actor, once=once, lazy=True)

    def watcher_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlWatcherUnitOfWork:
        return SqlWatcherUnitOfWork(self._database, self.clock, actor, once=once, lazy=True)

    def batch_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlBatchUnitOfWork:
        return SqlBatchUnitOfWork(self._database, self.clock, actor, once=once)

    def label_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlLabelUnitOfWork:
        return SqlLabelUnitOfWork(self._database, self.clock, actor, once=once)

    def inbox_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlInboxUnitOfWork:
        return SqlInboxUnitOfWork(self._database, self.clock, actor, once=once, lazy=True)

    def job_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlJobUnitOfWork:
        return SqlJobUnitOfWork(self._database, self.clock, actor, once=once)

    def import_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlImportUnitOfWork:
        return SqlImportUnitOfWork(self._database, self.clock, actor, once=once)

    def cycle_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlCycleUnitOfWork:
        return SqlCycleUnitOfWork(self._database, self.clock, actor, once=once)

    def project_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlProjectUnitOfWork:
        return SqlProjectUnitOfWork(self._database, self.clock, self.ids, actor, once=once)

    def member_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlMemberUnitOfWork:
        return SqlMemberUnitOfWork(self._database, self.clock, actor, once=once)

    def people_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlPeopleUnitOfWork:
        return SqlPeopleUnitOfWork(self._database, self.clock, actor, once=once)

    def company_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlCompanyUnitOfWork:
        return SqlCompanyUnitOfWork(self._database, self.clock, actor, once=once)

    def token_operator_unit_of_work(self) -> SqlTokenOperatorUnitOfWork:
        return SqlTokenOperatorUnitOfWork(self._database)

    def webhook_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlWebhookUnitOfWork:
        return SqlWebhookUnitOfWork(self._database, self.clock, actor, once=once)

    def oidc_unit_of_work(self, actor: Actor, *, once: Once | None = None) -> SqlOidcUnitOfWork:
        return SqlOidcUnitOfWork(self._database, self.clock, actor, once=once)

    def linking_unit_of_work(self) -> SqlLinkingUnitOfWork:
        return SqlLinkingUnitOfWork(self._database)

    def identity_unit_of_work(self) -> SqlIdentityUnitOfWork:
        return SqlIdentityUnitOfWork(self._database)

    async def company(self, name: str = "Acme") -> Actor:
        account, session = await self._signed_in(name=f"Owner of {name}")
        owner_id, at = self.ids.new(), self.clock.now()
        company = Company.found(id=self.ids.new(), name=name, contact_email=account.email, at=at)
        owner, user_created = User.join(
            id=owner_id,
            account_id=account.id,
            name=account.name,
            email=account.email,
            username=f"u{owner_id}",
            role=Role.OWNER,
            at=at,
        )
        async with self.identity_unit_of_work() as uow:
            await uow.add_company(company, owner, lambda: (company.founded(by=owner_id), user_created), at=at)
            await uow.note_login(owner.id, company.id, at=at)
            await uow.commit()
        return Actor(
            company_id=company.id, user_id=owner.id, account_id=account.id, session_id=session.id, role=Role.OWNER
        )

    async def person(self, company_id: UUID, *, name: str = "Ann", role: Role = Role.MEMBER) -> Actor:
        account, session = await self._signed_in(name=name)
        actor = Actor(
            company_id=company_id, user_id=self.ids.new(), account_id=account.id, session_id=session.id, role=role
        )
        self._join(actor)
        self._sql("update users set last_login_at = now() where id = %s", (actor.user_id,))
        return actor

    async def joins(self, actor: Actor, company_id: UUID, *, role: Role = Role.MEMBER) -> Actor:
        there = replace(actor, company_id=company_id, user_id=self.ids.new(), role=role)
        self._join(there)
        return there

    async def add_to_project(self, project_id: UUID, actor: Actor) -> None:
        self._sql(
            "insert into project_members (company_id, project_id, user_id, added_at) values (%s, %s, %s, now())",
            (actor.company_id, project_id, actor.user_id),
        )

    async def change_role(self, actor: Actor, role: Role) -> None:
        self._sql("update users set role = %s where id = %s", (str(role), actor.user_id))

    async def let_members_edit_all(self, company_id: UUID) -> None:
        self._sql("update companies set members_edit_all_project_tasks = true where id = %s", (company_id,))

    async def deactivate(self, actor: Actor) -> None:
        self._sql("update users set is_active = false where id = %s", (actor.user_id,))

    async def confirm_address(self, actor: Actor) -> None:
        self._sql("update accounts set email_verified_at = now() where id = %s", (actor.account_id,))

    async def take_acceptance_back(self, actor: Actor) -> None:
        self._sql("update users set accepted_at = null where id = %s", (actor.user_id,))

    async def sign_out(self, actor: Actor) -> None:
        self._sql("update login_sessions set revoked_at = now() where id = %s", (actor.session_id,))

    async def forget_events(self, company_id: UUID, *, upto: int) -> None:
        self._superuser.execute("delete from events where company_id = %s and seq <= %s", (company_id, upto))

    async def jump(self, company_id: UUID, *, to: int) -> None:
        self._sql("update event_sequences set last_seq = %s where company_id = %s", (to, company_id))

    async def keep_refusal(self, actor: Actor, once: Once, refused: Refused | None) -> None:
        await SqlOnceLedger(self._database).refused(actor, once, refused)

    # Private parts

    async def _signed_in(self, *, name: str) -> tuple[Account, LoginSession]:
        at = self.clock.now()
        account = Account(
            id=self.ids.new(),
            email=f"{uuid.uuid4()}@example.com",
            name=name,
            password_hash=None,
            claimed_at=at,
            created_at=at,
            updated_at=at,
        )
        session = LoginSession.begin(
            id=self.ids.new(), account_id=account.id, nonce=b"n", agent=None, address=None, at=at
        )
        async with self.identity_unit_of_work() as uow:
            await uow.add_account(account)
            await uow.add_session(session)
            await uow.commit()
        return account, session

    def _join(self, actor: Actor) -> None:
        self._sql(
            "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,"
            " version, created_at, updated_at)"
            " select %s, %s, id, 'person', name, email, %s, %s, true, now(), 1, now(), now()"
            " from accounts where id = %s",
            (actor.company_id, actor.user_id, f"u{actor.user_id}", str(actor.role), actor.account_id),
        )

    def _sql(self, statement: str, values: tuple[Any, ...]) -> None:
        assert self._superuser.execute(statement, values).rowcount == 1


@pytest.fixture(scope="module")
async def sql_world(test_database: TestDatabase) -> AsyncIterator[SqlWorld]:
    async with opened_world(test_database) as world:
        yield world


@asynccontextmanager
async def opened_world(test_database: TestDatabase) -> AsyncIterator[SqlWorld]:
    """The adapters over a database."""
    database = Database(url=test_database.product, prepared_statements=not pooler.is_wanted())
    try:
        await database.open()
        with psycopg.connect(test_database.superuser, autocommit=True) as superuser:
            yield SqlWorld(database, superuser)
    finally:
        await database.close()


class Sql:
    @pytest.fixture
    async def world(self, sql_world: SqlWorld) -> SqlWorld:
        return sql_world


class TestSqlTransactions(Sql, TransactionContract):
    pass


class TestSqlOnce(Sql, OnceContract):
    pass


class TestSqlWebhooks(Sql, WebhookContract):
    pass


class TestSqlOidc(Sql, OidcContract):
    pass


class TestSqlLinking(Sql, LinkingContract):
    pass


class TestSqlReads(Sql, ConcurrentReadContract):
    pass


class TestSqlTasks(Sql, TaskContract):
    pass


class TestSqlJobs(Sql, JobContract):
    pass


class TestSqlImports(Sql, ImportContract):
    pass


class TestSqlCycles(Sql, CycleContract):
    pass


class TestSqlColumns(Sql, ColumnContract):
    pass


class TestSqlDeletedTasks(Sql, DeletedTaskContract):
    pass


class TestSqlRecurrences(Sql, RecurrenceContract):
    pass


class TestSqlKin(Sql, KinContract):
    pass


class TestSqlComments(Sql, CommentContract):
    pass


class TestSqlWatching(Sql, WatchingContract):
    pass


class TestSqlActivity(Sql, ActivityContract):
    pass


class TestSqlLabels(Sql, LabelContract):
    pass


class TestSqlSearch(Sql, SearchContract):
    pass


class TestSqlTransfers(Sql, TransferContract):
    pass


class TestSqlProjects(Sql, ProjectContract):
    pass


class TestSqlReports(Sql, ReportContract):
    pass


class TestSqlEvents(Sql, EventContract):
    pass


class TestSqlFeeds(Sql, FeedContract):
    """PostgreSQL."""


class TestSqlIdentity(Sql, IdentityContract):
    pass


class TestSqlMembers(Sql, MemberContract):
    pass


class TestSqlPeople(Sql, PeopleContract):
    pass


class TestSqlUserReader(Sql, UserReaderContract):
    pass


class TestSqlApiTokens(Sql, ApiTokenContract):
    pass


class TestSqlNotifications(Sql, NotificationContract):
    pass


class TestSqlJoining(Sql, JoiningContract):
    pass


class TestSqlCompany(Sql, CompanyContract):
    pass


class TestSqlCompanyReader(Sql, CompanyReaderContract):
    pass


class TestSqlVisibility(Sql):
    @given(plan=PLANS)
    @settings(**BOUNDED)
    async def test_lists_show_what_the_policies_say(self, world: SqlWorld, plan: Plan) -> None:
        await agree(world, plan)


class TestSqlBatches(Sql):
    @given(operations=BATCHES, who=CALLERS)
    @settings(**BOUNDED)
    async def test_do_what_their_operations_do_one_by_one(
        self, world: SqlWorld, operations: list[Operation], who: str
    ) -> None:
        await agree_at_once(world, who, operations)

    @pytest.mark.parametrize("case", CASES)
    async def test_do_so_in_cases_that_went_wrong(self, world: SqlWorld, case: str) -> None:
        await agree_at_once(world, "olga", CASES[case])

    async def test_gather_little_of_what_is_below(self, world: SqlWorld) -> None:
        await gather_little_of_what_is_below(world)
