"""The in-memory adapters keep the contracts that the real ones keep."""

import pytest
from hypothesis import given, settings

from core.tasks.use_cases.bulk_operations import Operation
from tests.contracts.api_tokens import ApiTokenContract
from tests.contracts.batches import BATCHES, CALLERS, CASES, agree_at_once, gather_little_of_what_is_below
from tests.contracts.cycles import CycleContract
from tests.contracts.columns import ColumnContract
from tests.contracts.companies import CompanyReaderContract
from tests.contracts.deleted_tasks import DeletedTaskContract, TransferContract
from tests.contracts.digests import DigestContract
from tests.contracts.events import EventContract
from tests.contracts.feeds import FeedContract
from tests.contracts.identity import IdentityContract
from tests.contracts.imports import ImportContract
from tests.contracts.jobs import JobContract
from tests.contracts.kin import KinContract
from tests.contracts.activity import ActivityContract
from tests.contracts.comments import CommentContract
from tests.contracts.watching import WatchingContract
from tests.contracts.labels import LabelContract
from tests.contracts.webhooks import WebhookContract
from tests.contracts.linking import LinkingContract, OidcContract
from tests.contracts.members import MemberContract
from tests.contracts.joining import JoiningContract
from tests.contracts.notifications import NotificationContract
from tests.contracts.people import CompanyContract, PeopleContract
from tests.contracts.people_lists import UserReaderContract
from tests.contracts.posts import PostContract
from tests.contracts.projects import ProjectContract
from tests.contracts.recurrences import RecurrenceContract
from tests.contracts.reports import ReportContract
from tests.contracts.search import SearchContract
from tests.contracts.tasks import TaskContract
from tests.contracts.transactions import ConcurrentReadContract, OnceContract, TransactionContract
from tests.contracts.visibility import BOUNDED, PLANS, Plan, agree
from tests.fakes.world import World


class InMemory:
    @pytest.fixture
    async def world(self) -> World:
        return World()


class TestInMemoryTransactions(InMemory, TransactionContract):
    pass


class TestInMemoryOnce(InMemory, OnceContract):
    pass


class TestInMemoryOidc(InMemory, OidcContract):
    pass


class TestInMemoryLinking(InMemory, LinkingContract):
    pass


class TestInMemoryReads(InMemory, ConcurrentReadContract):
    pass


class TestInMemoryTasks(InMemory, TaskContract):
    pass


class TestInMemoryRecurrences(InMemory, RecurrenceContract):
    pass


class TestInMemorySearch(InMemory, SearchContract):
    pass


class TestInMemoryJobs(InMemory, JobContract):
    pass


class TestInMemoryImports(InMemory, ImportContract):
    pass


class TestInMemoryCycles(InMemory, CycleContract):
    pass


class TestInMemoryColumns(InMemory, ColumnContract):
    pass


class TestInMemoryDeletedTasks(InMemory, DeletedTaskContract):
    pass


class TestInMemoryKin(InMemory, KinContract):
    pass


class TestInMemoryComments(InMemory, CommentContract):
    pass


class TestInMemoryWatching(InMemory, WatchingContract):
    pass


class TestInMemoryActivity(InMemory, ActivityContract):
    pass


class TestInMemoryWebhooks(InMemory, WebhookContract):
    pass


class TestInMemoryLabels(InMemory, LabelContract):
    pass


class TestInMemoryTransfers(InMemory, TransferContract):
    pass


class TestInMemoryProjects(InMemory, ProjectContract):
    pass


class TestInMemoryReports(InMemory, ReportContract):
    pass


class TestInMemoryEvents(InMemory, EventContract):
    pass


class TestInMemoryFeeds(InMemory, FeedContract):
    """The fake."""


class TestInMemoryIdentity(InMemory, IdentityContract):
    pass


class TestInMemoryMembers(InMemory, MemberContract):
    pass


class TestInMemoryPeople(InMemory, PeopleContract):
    pass


class TestInMemoryUserReader(InMemory, UserReaderContract):
    pass


class TestInMemoryApiTokens(InMemory, ApiTokenContract):
    pass


class TestInMemoryNotifications(InMemory, NotificationContract):
    pass


class TestInMemoryDigests(InMemory, DigestContract):
    pass


class TestInMemoryJoining(InMemory, JoiningContract):
    pass


class TestInMemoryPosts(InMemory, PostContract):
    pass


class TestInMemoryCompany(InMemory, CompanyContract):
    pass


class TestInMemoryCompanyReader(InMemory, CompanyReaderContract):
    pass


class TestInMemoryVisibility(InMemory):
    @given(plan=PLANS)
    @settings(**BOUNDED)
    async def test_lists_show_what_the_policies_say(self, plan: Plan) -> None:
        await agree(World(), plan)


class TestInMemoryBatches(InMemory):
    @given(operations=BATCHES, who=CALLERS)
    @settings(**BOUNDED | {"max_examples": 25})
    async def test_do_what_their_operations_do_one_by_one(self, operations: list[Operation], who: str) -> None:
        # A world of its own: in one that grows, each transaction would copy more.
        await agree_at_once(World(), who, operations)

    @pytest.mark.parametrize("case", CASES)
    async def test_do_so_in_cases_that_went_wrong(self, case: str) -> None:
        await agree_at_once(World(), "olga", CASES[case])

    async def test_gather_little_of_what_is_below(self) -> None:
        await gather_little_of_what_is_below(World())
