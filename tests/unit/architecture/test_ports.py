"""Adapters have all that their ports ask for: what the container builds, no type checker compares."""

import inspect
from types import FunctionType

import pytest

from adapters.crypto.access_tokens import JwtAccessTokens
from adapters.crypto.api_tokens import ChecksummedApiTokenTexts
from adapters.crypto.link_tokens import RandomInvitationTokens
from adapters.crypto.door_tickets import SealedDoorTickets
from adapters.crypto.login_secrets import RandomLoginSecrets
from adapters.crypto.login_tickets import SealedLoginTickets
from adapters.crypto.link_tokens import DerivedLinkTokens, RandomInvitationTokens
from adapters.crypto.passwords import Argon2Passwords
from adapters.crypto.recovery_codes import RandomRecoveryCodes
from adapters.crypto.refresh_tokens import DerivedRefreshTokens
from adapters.crypto.sealing import Sealer
from adapters.crypto.time_codes import TotpCodes
from adapters.dns.records import DnsDomainRecords
from adapters.mail.addresses import ValidatedEmailAddresses
from adapters.mail.files import FileMail
from adapters.mail.smtp import SmtpMail
from adapters.charts.drawing import PygalCharts
from adapters.sql.counting import SqlDayCounts
from adapters.sql.deadlines import SqlDeadlineDays
from adapters.sql.digests import SqlDigestPosts
from adapters.sql.readers.reports import SqlReportReader
from adapters.jobs.queue import ProcrastinateQueue
from adapters.sql.job_runs import SqlJobRuns
from adapters.sql.posting import SqlAccountPosts, SqlCompanyPosts
from adapters.sql.notifying import SqlNotifiedLogs
from adapters.sql.readers.notifications import SqlNotificationReader
from adapters.sql.repositories.notifications import SqlInbox, SqlInboxUnitOfWork
from adapters.sql.people import SqlAccounts, SqlPeopleUnitOfWork
from adapters.sql.login_sessions import SqlSessionReader
from adapters.sql.presented_tokens import SqlPresentedTokens
from adapters.sql.readers.api_tokens import SqlApiTokenReader
from adapters.sql.readers.columns import SqlColumnReader
from adapters.crypto.device_tokens import DerivedDeviceTokens
from adapters.oidc.providers import AuthlibProviders
from adapters.sql.linking import SqlLinkingUnitOfWork
from adapters.sql.readers.oidc import SqlOidcReader
from adapters.sql.repositories.oidc import SqlConnections, SqlEmailDomains, SqlOidcUnitOfWork
from adapters.memory.attempts import LocalAttempts
from adapters.memory.bus import LocalBus
from adapters.memory.rate_limits import LocalRateLimits
from adapters.redis.attempts import SharedAttempts
from adapters.redis.bus import SharedBus
from adapters.redis.rate_limits import SharedRateLimits
from adapters.sql.operating import SqlOperatorUnitOfWork
from adapters.sql.operating_tokens import SqlTokenOperatorUnitOfWork
from adapters.sql.purging import SqlRemains
from adapters.sql.readers.companies import SqlCompanyReader
from adapters.sql.readers.cycles import SqlCycleReader
from adapters.sql.readers.events import SqlEventReader
from adapters.sql.feeds import SqlFeedReader
from adapters.sql.used_tickets import SqlUsedTickets
from entrypoints.live.hub import Hub
from entrypoints.tracing import NoTracing, Untraced
from entrypoints.live.presence import Presence
from entrypoints.live.relay import Relay
from adapters.memory.attendance import LocalAttendance
from adapters.redis.attendance import SharedAttendance
from adapters.sql.relaying import SqlLeases, SqlLogs
from adapters.crypto.webhook_secrets import RandomWebhookSecrets
from adapters.http.webhooks import HttpSending
from adapters.opentelemetry.tracing import AttemptSpan as OtlpAttemptSpan
from adapters.opentelemetry.tracing import OtlpTracing
from adapters.prometheus.metrics import Metrics
from adapters.sql.readers.jobs import SqlJobReader
from adapters.sql.readers.webhooks import SqlWebhookReader
from adapters.sql.repositories.webhooks import SqlDeliveries, SqlWebhooks, SqlWebhookUnitOfWork
from adapters.sql.webhook_dispatch import SqlDispatches
from adapters.sql.webhook_queue import SqlEventQueues
from adapters.sql.readers.members import SqlMemberReader
from adapters.sql.readers.projects import SqlProjectReader
from adapters.sql.readers.search import SqlSearchReader
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.readers.users import SqlUserReader
from adapters.sql.repositories.api_tokens import SqlApiTokens
from adapters.sql.repositories.batches import SqlBatches, SqlBatchUnitOfWork
from adapters.sql.repositories.companies import SqlCompanyUnitOfWork
from adapters.sql.repositories.cycles import SqlCycles, SqlCycleUnitOfWork
from adapters.sql.repositories.columns import SqlColumns
from adapters.sql.repositories.deleted_tasks import SqlDeletedTasks
from adapters.sql.repositories.recurrences import SqlRecurrences
from adapters.sql.repositories.assignments import SqlAssignments
from adapters.sql.repositories.jobs import SqlJobs, SqlJobUnitOfWork
from adapters.sql.repositories.members import SqlMembers, SqlMemberUnitOfWork
from adapters.sql.repositories.projects import SqlProjects, SqlProjectUnitOfWork
from adapters.sql.repositories.many_tasks import SqlManyTasks
from adapters.sql.repositories.task_imports import SqlImportUnitOfWork, SqlTaskImports
from adapters.sql.repositories.tasks import SqlTasks, SqlTaskUnitOfWork
from adapters.sql.repositories.users import SqlInvitations, SqlUsers
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.auth import ports as auth
from core.companies import ports as companies
from core.cycles import ports as cycles
from core.imports import ports as imports
from core.jobs import ports as jobs
from core.webhooks import ports as webhooks
from core.kernel import ports as kernel
from core.mail import ports as mail
from core.oidc import ports as oidc
from core.operations import ports as operations
from core.projects import ports as projects
from core.realtime import ports as realtime
from core.reports import ports as reports
from core.search import ports as search
from core.tasks import ports as tasks
from core.tasks import batches, recurring_ports
from core.tasks.use_cases.workspace import Workspace
from core.tokens import ports as tokens
from core.notifications import ports as notifications
from core.users import ports as users
from tests.fakes.addresses import PlainEmailAddresses
from tests.fakes.api_tokens import (
    InMemoryApiTokenReader,
    InMemoryApiTokens,
    InMemoryPresentedTokens,
    NumberedApiTokenTexts,
)
from tests.fakes.attempts import CountedAttempts, ReadableDeviceTokens
from tests.fakes.batches import InMemoryBatches, InMemoryBatchUnitOfWork
from tests.fakes.clock import SettableClock
from tests.fakes.codes import CountedRecoveryCodes, PredictableTimeCodes, RememberedTickets
from tests.fakes.columns import InMemoryColumnReader, InMemoryColumns
from tests.fakes.companies import InMemoryCompanyReader, InMemoryCompanyUnitOfWork
from tests.fakes.cycles import InMemoryCycleReader, InMemoryCycles, InMemoryCycleUnitOfWork
from tests.fakes.events import InMemoryEventReader
from tests.fakes.feeds import (
    InMemoryFeedReader,
    InMemoryLeases,
    InMemoryLogs,
    InMemoryUsedTickets,
    RememberedDoorTickets,
)
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.ids import CountingIds
from tests.fakes.imports import InMemoryImportUnitOfWork, InMemoryManyTasks, InMemoryTaskImports
from tests.fakes.webhooks import (
    CountedWebhookSecrets,
    InMemoryDeliveries,
    InMemoryDispatches,
    InMemoryEventQueues,
    InMemoryWebhookReader,
    InMemoryWebhooks,
    InMemoryWebhookUnitOfWork,
    RememberedDeliveries,
    RememberedSending,
)
from tests.fakes.jobs import InMemoryJobReader, InMemoryJobRuns, InMemoryJobs, InMemoryJobUnitOfWork, RememberedWakes
from tests.fakes.members import (
    InMemoryAssignments,
    InMemoryMemberReader,
    InMemoryMembers,
    InMemoryMemberUnitOfWork,
)
from tests.fakes.oidc import (
    CountedLoginSecrets,
    InMemoryConnections,
    InMemoryEmailDomains,
    InMemoryLinkingUnitOfWork,
    InMemoryOidcReader,
    InMemoryOidcUnitOfWork,
    KnownDomainRecords,
    PlainSealing,
    ScriptedProviders,
)
from tests.fakes.operations import (
    InMemoryOperatorUnitOfWork,
    InMemoryRemains,
    InMemoryTokenOperatorUnitOfWork,
)
from tests.fakes.digests import InMemoryDigestPosts
from tests.fakes.notifications import (
    InMemoryDeadlineDays,
    InMemoryInbox,
    InMemoryInboxUnitOfWork,
    InMemoryNotificationReader,
    InMemoryNotifiedLogs,
)
from tests.fakes.passwords import CheapPasswords
from tests.fakes.people import (
    InMemoryAccounts,
    InMemoryInvitations,
    InMemoryPeopleUnitOfWork,
    InMemoryUserReader,
    InMemoryUsers,
)
from tests.fakes.projects import InMemoryProjectReader, InMemoryProjects, InMemoryProjectUnitOfWork
from tests.fakes.reports import InMemoryDayCounts, InMemoryReportReader, WordyCharts
from tests.fakes.search import InMemorySearchReader
from tests.fakes.sessions import InMemorySessionReader
from tests.fakes.recurrences import InMemoryRecurrences
from tests.fakes.tasks import InMemoryDeletedTasks, InMemoryTaskReader, InMemoryTaskUnitOfWork, InMemoryTasks
from tests.fakes.mail import InMemoryAccountPosts, InMemoryCompanyPosts, Mailbox
from tests.fakes.tokens import (
    CountedInvitationTokens,
    ReadableLinkTokens,
    ReadableRefreshTokens,
    RememberedAccessTokens,
)

ADAPTERS = [
    (kernel.Clock, SystemClock, SettableClock),
    (kernel.Ids, UuidV7Ids, CountingIds),
    (kernel.RateLimits, LocalRateLimits, SharedRateLimits),
    (auth.Attempts, LocalAttempts, SharedAttempts, CountedAttempts),
    (auth.DeviceTokens, DerivedDeviceTokens, ReadableDeviceTokens),
    (auth.LoginTickets, SealedLoginTickets, RememberedTickets),
    (auth.TimeCodes, TotpCodes, PredictableTimeCodes),
    (auth.RecoveryCodes, RandomRecoveryCodes, CountedRecoveryCodes),
    (auth.LinkTokens, DerivedLinkTokens, ReadableLinkTokens),
    (mail.Mail, SmtpMail, FileMail, Mailbox),
    (mail.CompanyPosts, SqlCompanyPosts, InMemoryCompanyPosts),
    (mail.AccountPosts, SqlAccountPosts, InMemoryAccountPosts),
    (mail.DigestPosts, SqlDigestPosts, InMemoryDigestPosts),
    (notifications.NotificationReader, SqlNotificationReader, InMemoryNotificationReader),
    (notifications.Inbox, SqlInbox, InMemoryInbox),
    (notifications.InboxUnitOfWork, SqlInboxUnitOfWork, InMemoryInboxUnitOfWork),
    (notifications.NotifiedLogs, SqlNotifiedLogs, InMemoryNotifiedLogs),
    (notifications.DeadlineDays, SqlDeadlineDays, InMemoryDeadlineDays),
    (auth.Passwords, Argon2Passwords, CheapPasswords),
    (users.EmailAddresses, ValidatedEmailAddresses, PlainEmailAddresses),
    (users.InvitationTokens, RandomInvitationTokens, CountedInvitationTokens),
    (users.Users, SqlUsers, InMemoryUsers),
    (users.Invitations, SqlInvitations, InMemoryInvitations),
    (users.Accounts, SqlAccounts, InMemoryAccounts),
    (users.PeopleUnitOfWork, SqlPeopleUnitOfWork, InMemoryPeopleUnitOfWork),
    (users.UserReader, SqlUserReader, InMemoryUserReader),
    (tokens.ApiTokenTexts, ChecksummedApiTokenTexts, NumberedApiTokenTexts),
    (tokens.ApiTokens, SqlApiTokens, InMemoryApiTokens),
    (tokens.ApiTokenUnitOfWork, SqlPeopleUnitOfWork, InMemoryPeopleUnitOfWork),
    (tokens.ApiTokenReader, SqlApiTokenReader, InMemoryApiTokenReader),
    (tokens.PresentedTokens, SqlPresentedTokens, InMemoryPresentedTokens),
    (auth.AccessTokens, JwtAccessTokens, RememberedAccessTokens),
    (auth.RefreshTokens, DerivedRefreshTokens, ReadableRefreshTokens),
    (auth.IdentityUnitOfWork, SqlIdentityUnitOfWork, InMemoryIdentityUnitOfWork),
    (auth.SessionReader, SqlSessionReader, InMemorySessionReader),
    (auth.ProfileReader, SqlCompanyReader, InMemoryCompanyReader),
    (companies.ContactAddresses, ValidatedEmailAddresses, PlainEmailAddresses),
    (companies.CompanyReader, SqlCompanyReader, InMemoryCompanyReader),
    (companies.CompanyUnitOfWork, SqlCompanyUnitOfWork, InMemoryCompanyUnitOfWork),
    (projects.Projects, SqlProjects, InMemoryProjects),
    (projects.ProjectUnitOfWork, SqlProjectUnitOfWork, InMemoryProjectUnitOfWork),
    (projects.ProjectReader, SqlProjectReader, InMemoryProjectReader),
    (cycles.Cycles, SqlCycles, InMemoryCycles),
    (cycles.CycleUnitOfWork, SqlCycleUnitOfWork, InMemoryCycleUnitOfWork),
    (cycles.CycleReader, SqlCycleReader, InMemoryCycleReader),
    (imports.TaskImports, SqlTaskImports, InMemoryTaskImports),
    (imports.ManyTasks, SqlManyTasks, InMemoryManyTasks),
    (imports.ImportUnitOfWork, SqlImportUnitOfWork, InMemoryImportUnitOfWork),
    (webhooks.Webhooks, SqlWebhooks, InMemoryWebhooks),
    (webhooks.Deliveries, SqlDeliveries, InMemoryDeliveries),
    (webhooks.WebhookUnitOfWork, SqlWebhookUnitOfWork, InMemoryWebhookUnitOfWork),
    (webhooks.WebhookReader, SqlWebhookReader, InMemoryWebhookReader),
    (webhooks.EventQueues, SqlEventQueues, InMemoryEventQueues),
    (webhooks.Dispatches, SqlDispatches, InMemoryDispatches),
    (webhooks.Sending, HttpSending, RememberedSending),
    (webhooks.WebhookSecrets, RandomWebhookSecrets, CountedWebhookSecrets),
    (webhooks.Sealing, Sealer, PlainSealing),
    (webhooks.DeliveryObserver, Metrics, RememberedDeliveries),
    (webhooks.AttemptTracing, OtlpTracing, NoTracing),
    (webhooks.AttemptSpan, OtlpAttemptSpan, Untraced),
    (jobs.Jobs, SqlJobs, InMemoryJobs),
    (jobs.JobUnitOfWork, SqlJobUnitOfWork, InMemoryJobUnitOfWork),
    (jobs.JobReader, SqlJobReader, InMemoryJobReader),
    (jobs.JobRuns, SqlJobRuns, InMemoryJobRuns),
    (jobs.JobQueue, ProcrastinateQueue, RememberedWakes),
    (projects.Members, SqlMembers, InMemoryMembers),
    (projects.MemberUnitOfWork, SqlMemberUnitOfWork, InMemoryMemberUnitOfWork),
    (projects.MemberReader, SqlMemberReader, InMemoryMemberReader),
    (tasks.Assignments, SqlAssignments, InMemoryAssignments),
    (tasks.AssignmentUnitOfWork, SqlMemberUnitOfWork, InMemoryMemberUnitOfWork),
    (tasks.Tasks, SqlTasks, InMemoryTasks, Workspace),
    (tasks.TaskDesk, SqlTaskUnitOfWork, InMemoryTaskUnitOfWork, Workspace),
    (batches.Batches, SqlBatches, InMemoryBatches),
    (batches.BatchUnitOfWork, SqlBatchUnitOfWork, InMemoryBatchUnitOfWork),
    (tasks.TaskUnitOfWork, SqlTaskUnitOfWork, InMemoryTaskUnitOfWork),
    (tasks.DeletedTasks, SqlDeletedTasks, InMemoryDeletedTasks),
    (recurring_ports.Recurrences, SqlRecurrences, InMemoryRecurrences),
    (tasks.Columns, SqlColumns, InMemoryColumns),
    (tasks.ColumnReader, SqlColumnReader, InMemoryColumnReader),
    (tasks.TaskReader, SqlTaskReader, InMemoryTaskReader),
    (oidc.Sealing, Sealer, PlainSealing),
    (oidc.LoginSecrets, RandomLoginSecrets, CountedLoginSecrets),
    (oidc.DomainRecords, DnsDomainRecords, KnownDomainRecords),
    (oidc.Providers, AuthlibProviders, ScriptedProviders),
    (oidc.Connections, SqlConnections, InMemoryConnections),
    (oidc.EmailDomains, SqlEmailDomains, InMemoryEmailDomains),
    (oidc.OidcUnitOfWork, SqlOidcUnitOfWork, InMemoryOidcUnitOfWork),
    (oidc.OidcReader, SqlOidcReader, InMemoryOidcReader),
    (oidc.LinkingUnitOfWork, SqlLinkingUnitOfWork, InMemoryLinkingUnitOfWork),
    (operations.OperatorUnitOfWork, SqlOperatorUnitOfWork, InMemoryOperatorUnitOfWork),
    (operations.TokenOperatorUnitOfWork, SqlTokenOperatorUnitOfWork, InMemoryTokenOperatorUnitOfWork),
    (operations.Remains, SqlRemains, InMemoryRemains),
    (reports.ReportReader, SqlReportReader, InMemoryReportReader),
    (reports.DayCounts, SqlDayCounts, InMemoryDayCounts),
    (reports.Charts, PygalCharts, WordyCharts),
    (realtime.EventReader, SqlEventReader, InMemoryEventReader),
    (realtime.FeedReader, SqlFeedReader, InMemoryFeedReader),
    (realtime.UsedTickets, SqlUsedTickets, InMemoryUsedTickets),
    (realtime.TicketTexts, SealedDoorTickets, RememberedDoorTickets),
    (realtime.Bus, LocalBus, SharedBus),
    (realtime.Ear, Hub, Relay, Presence),
    (realtime.Leases, SqlLeases, InMemoryLeases),
    (realtime.Logs, SqlLogs, InMemoryLogs),
    (realtime.Attendance, LocalAttendance, SharedAttendance),
    (search.SearchReader, SqlSearchReader, InMemorySearchReader),
]
PAIRS = [(port, adapter) for port, *adapters in ADAPTERS for adapter in adapters]


class TestAdapters:
    @pytest.mark.parametrize(("port", "adapter"), PAIRS, ids=lambda each: each.__name__)
    def test_an_adapter_answers_each_call_of_its_port_as_the_port_spells_it(self, port: type, adapter: type) -> None:
        calls = {name: call for name, call in inspect.getmembers(port, inspect.isfunction) if _is_of_a_port(call)}
        missing = {name for name in calls if not hasattr(adapter, name)}
        assert missing == set()
        for name, call in calls.items():
            assert _parameters(getattr(adapter, name)) == _parameters(call), name

    def test_every_port_of_the_core_is_held_against_its_adapters(self) -> None:
        factories = {
            "OpenCompanyUnitOfWork",
            "OpenCycleUnitOfWork",
            "LeaveCycle",
            "OpenProjectUnitOfWork",
            "OpenTaskUnitOfWork",
            "OpenBatchUnitOfWork",
            "OpenPeopleUnitOfWork",
        }
        abstract = {"UnitOfWork", "NewPasswords", "JobWork"}
        factories |= {"OpenMemberUnitOfWork", "OnRemoved", "OpenApiTokenUnitOfWork", "OnEnded"}
        factories |= {"OpenJobUnitOfWork", "OpenImportUnitOfWork", "OpenWebhookUnitOfWork"}
        factories |= {"OpenOidcUnitOfWork", "OpenLinkingUnitOfWork", "OpenInboxUnitOfWork"}
        named = {port.__name__ for port, *_ in ADAPTERS}
        modules = (
            auth, batches, companies, cycles, imports, jobs, kernel, mail, notifications, oidc, operations, projects,
            realtime, recurring_ports, reports, search, tasks, tokens, users, webhooks,
        )  # fmt: skip
        found = {
            name
            for module in modules
            for name, port in inspect.getmembers(module, inspect.isclass)
            if getattr(port, "_is_protocol", False) and port.__module__ == module.__name__
        }
        assert found - factories - abstract == named


def _is_of_a_port(call: FunctionType) -> bool:
    return call.__module__.startswith("core.") and call.__name__ != "__init__" and not call.__name__.startswith("_no_")


def _parameters(call: object) -> list[tuple[str, object, object]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(call).parameters.values()]
