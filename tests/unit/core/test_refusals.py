"""Every refusal that a use case declares is raised by a scenario here, and nothing is written when it is.

The scenarios are a table, so that a use case that declares one more refusal fails this test until somebody adds the
scenario.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from uuid import UUID

import pytest

from core.activity.use_cases import ActivityUseCases
from core.auth.errors import (
    InvalidCredentials,
    NoActiveMembership,
    PasswordChangeRequired,
    RefreshInvalid,
    RegistrationClosed,
    SessionEnded,
    SessionNotFound,
    SsoRequired,
    TokenInvalid,
    TooManyFailures,
)
from core.users.errors import EmailInvalid, EmailTaken, PasswordTooWeak
from core.auth.use_cases.accepting import AcceptanceUseCases
from core.auth.use_cases.factors import FactorUseCases
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.recovering import RecoveryUseCases
from core.auth.use_cases.verifying import EmailUseCases
from core.mail.use_cases import MailUseCases
from core.auth.use_cases.sessions import SessionUseCases
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.signing_in import AuthUseCases
from core.auth.use_cases.unlocking import UnlockingUseCases
from core.companies.errors import CompaniesClosed, CompanyNotFound
from core.comments.use_cases import CommentUseCases
from core.companies.use_cases import CompanyUseCases
from core.kernel.actor import Actor, System, Visitor
from core.cycles.errors import (
    AnotherCycleActive,
    CycleActive,
    CycleNotActive,
    CycleNotFound,
    CycleNotPlanned,
    CycleTakesNoTasks,
)
from core.cycles.model import CycleChanges
from core.cycles.use_cases import CycleUseCases, NewCycle
from core.kernel.errors import (
    ChangedMeanwhile,
    FieldReadOnly,
    Forbidden,
    Invalid,
    ReferenceNotFound,
    Refusal,
    Stale,
    refusals_of,
)
from core.kernel.once import InFlight, KeyReused, Once
from core.tasks.read_models import TaskView
from core.kernel.paging import CursorInvalid, PageRequest, Sort
from core.kernel.step_up import AccountProofRequired, StepUpRequired
from core.projects.errors import (
    ColleagueInactive,
    ColleagueNotFound,
    MemberNotFound,
    ProjectArchived,
    ProjectKeyTaken,
    ProjectNotDeleted,
    ProjectNotFound,
)
from core.imports.use_cases.asking import ImportUseCases
from core.jobs.use_cases.jobs import JobUseCases
from core.webhooks.use_cases.deliveries import DeliveryUseCases
from core.webhooks.use_cases.webhooks import WebhookUseCases
from core.jobs.use_cases.running import JobRunUseCases
from core.labels.errors import LabelNameTaken, LabelNotFound, TooManyLabels
from core.labels.model import LabelChanges
from core.labels.use_cases import LabelUseCases
from core.notifications.use_cases.inbox import InboxUseCases
from core.reports.use_cases.reports import ReportUseCases
from core.oidc.errors import LoginRefused
from core.oidc.use_cases.connections import OidcConnectionUseCases
from core.oidc.use_cases.domains import EmailDomainUseCases
from core.oidc.use_cases.logins import OidcLoginUseCases
from core.operations.errors import AccountNotFound
from core.operations.use_cases import OperatorUseCases, PurgeUseCases, TokenOperatorUseCases
from core.projects.model import ProjectChanges
from core.projects.ports import ProjectFilter
from core.projects.use_cases.members import MemberUseCases
from core.projects.use_cases.projects import ProjectUseCases
from core.realtime.errors import EventsExpired, PositionInvalid
from core.realtime.use_cases import EventUseCases
from core.search.errors import TooManyWords
from core.search.use_cases import SearchUseCases
from core.tasks.columns import MOST_COLUMNS, ColumnChanges
from core.tasks.errors import (
    AssigneeCannotSeeProject,
    BoardIncomplete,
    ColumnNotEmpty,
    ColumnNotFound,
    ExternalIdTaken,
    MoveContradicts,
    ParentTooDeep,
    ParentWithin,
    RecurrenceInvalid,
    TaskNotDeleted,
    TaskNotFound,
    BulkFailed,
    BulkTooLong,
    TooManyColumns,
    TooManyRecurring,
)
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from core.tasks.ports import TaskFilter
from core.tasks.use_cases.boards import BoardUseCases
from core.tasks.changes import NewTask
from core.tasks.use_cases.tasks import Destination, TaskUseCases
from core.users.use_cases.invitations import InvitationUseCases
from core.users.use_cases.users import UserUseCases
from core.tasks.use_cases.bulk import BulkUseCases
from core.tasks.use_cases.bulk_operations import DeleteTask, MoveTask
from core.tasks.use_cases.exporting import ExportUseCases
from core.tasks.use_cases.columns import ColumnUseCases, NewColumn
from core.tasks.use_cases.deleted_tasks import DeletedTaskUseCases
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.recurring import MOST_RECURRING
from core.watching.use_cases import WatchUseCases
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.contracts.steps import a_key
from core.tokens.use_cases.presenting import PresentedTokenUseCases
from core.tokens.use_cases.tokens import ApiTokenUseCases
from tests.unit.core import (
    comment_refusals,
    factor_refusals,
    job_refusals,
    mail_refusals,
    notification_refusals,
    oidc_refusals,
    webhook_refusals,
    people_refusals,
    report_refusals,
    token_refusals,
)

Verb = Callable[..., Any]
Scenario = Callable[[Office], Awaitable[Awaitable[object]]]
USE_CASES = (
    AcceptanceUseCases,
    ActivityUseCases,
    ApiTokenUseCases,
    AuthUseCases,
    BoardUseCases,
    BulkUseCases,
    ColumnUseCases,
    CommentUseCases,
    CompanyUseCases,
    CycleUseCases,
    JobRunUseCases,
    JobUseCases,
    LabelUseCases,
    DeletedTaskUseCases,
    EmailUseCases,
    EmailDomainUseCases,
    EventUseCases,
    SearchUseCases,
    ExportUseCases,
    FactorUseCases,
    ImportUseCases,
    InvitationUseCases,
    MailUseCases,
    MemberUseCases,
    OidcConnectionUseCases,
    OidcLoginUseCases,
    OperatorUseCases,
    PresentedTokenUseCases,
    ProjectUseCases,
    PurgeUseCases,
    SecondStepUseCases,
    RecoveryUseCases,
    InboxUseCases,
    ReportUseCases,
    SessionUseCases,
    TaskUseCases,
    UnlockingUseCases,
    TokenOperatorUseCases,
    UserUseCases,
    WatchUseCases,
    WebhookUseCases,
    DeliveryUseCases,
)

# Of these alone something is written: that they were refused.
TOLD_TO_AUDITORS = (LoginRefused,)
RAISED_OUTSIDE = {
    ("AuthUseCases.login", ChangedMeanwhile): "only if the browser is signed out at the same moment; see test_devices",
    ("SecondStepUseCases.login", ChangedMeanwhile): "as above",
    ("OidcLoginUseCases.redeem", ChangedMeanwhile): "as above",
    ("OidcLoginUseCases.redeem", SsoRequired): "only if the company closes its other ways in within those 60 seconds",
    ("TaskUseCases.list", CursorInvalid): "the transport opens cursors; the use case hands the refusal on to its docs",
    ("ProjectUseCases.list", CursorInvalid): "as above",
    ("InboxUseCases.list", CursorInvalid): "as above",
    ("UserUseCases.list", CursorInvalid): "as above",
    ("InvitationUseCases.list", CursorInvalid): "as above",
    ("SessionUseCases.list", CursorInvalid): "as above",
    ("ApiTokenUseCases.list", CursorInvalid): "as above",
    ("ApiTokenUseCases.list_of", CursorInvalid): "as above",
    ("CycleUseCases.list", CursorInvalid): "as above",
    ("JobUseCases.list", CursorInvalid): "as above",
    ("DeliveryUseCases.list", CursorInvalid): "as above",
    ("LabelUseCases.list", CursorInvalid): "as above",
    ("CommentUseCases.list", CursorInvalid): "as above",
    ("ActivityUseCases.list", CursorInvalid): "as above",
    ("ActivityUseCases.of_task", CursorInvalid): "as above",
    ("DeletedTaskUseCases.list", CursorInvalid): "as above",
    ("MemberUseCases.list", CursorInvalid): "as above",
    ("CompanyUseCases.list", CursorInvalid): "as above",
    ("OperatorUseCases.create_company", EmailTaken): "only if the owner registers at the same moment",
}
SCENARIOS: dict[tuple[str, type[Refusal]], Scenario] = {}


def refuses(verb: Verb, kind: type[Refusal]) -> Callable[[Scenario], Scenario]:
    """Adds a scenario: it sets the stage, and answers the call, not yet awaited."""

    def add(scenario: Scenario) -> Scenario:
        SCENARIOS[verb.__qualname__, kind] = scenario
        return scenario

    return add


def task_changes(**fields: object) -> TaskChanges:
    return TaskChanges(given=frozenset(fields), **fields)


def label_changes(**fields: object) -> LabelChanges:
    return LabelChanges(given=frozenset(fields), **fields)


def project_changes(**fields: object) -> ProjectChanges:
    return ProjectChanges(given=frozenset(fields), **fields)


def in_web(office: Office, **fields: object) -> NewTask:
    return NewTask(**{"project_id": office.web.id, "title": "Draw", **fields})


def declared() -> set[tuple[str, type[Refusal]]]:
    return {
        (verb.__qualname__, kind)
        for use_cases in USE_CASES
        for _, verb in inspect.getmembers(use_cases, inspect.isfunction)
        for kind in refusals_of(verb)
    }


# Registering and signing in


@refuses(AuthUseCases.register, EmailTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    return office.register()


@refuses(AuthUseCases.register, TooManyFailures)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    for _ in range(5):
        with pytest.raises(EmailTaken):
            await office.register(password="a wrong guess")
    return office.register()


@refuses(AuthUseCases.register, EmailInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.register("nowhere")


@refuses(AuthUseCases.register, PasswordTooWeak)
async def _(office: Office) -> Awaitable[object]:
    return office.register(password="short")


@refuses(AuthUseCases.register, RegistrationClosed)
async def _(office: Office) -> Awaitable[object]:
    return office.register()


@refuses(AuthUseCases.register, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.register(name=None)


@refuses(AuthUseCases.login, InvalidCredentials)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    return office.auth.login(Visitor(), Credentials(email="ann@example.com", password="a wrong guess"))


@refuses(AuthUseCases.login, TooManyFailures)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    given = Credentials(email="ann@example.com", password="a wrong guess")
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await office.auth.login(Visitor(), given)
    return office.auth.login(Visitor(), replace(given, password=PASSWORD))


@refuses(AuthUseCases.login, NoActiveMembership)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    return office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD, company="acme"))


@refuses(AuthUseCases.login, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.auth.login(Visitor(), Credentials(username="ann", password=PASSWORD))


@refuses(AuthUseCases.login, PasswordChangeRequired)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    office.change_account(password_is_temporary=True)
    return office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))


@refuses(AuthUseCases.login, PasswordTooWeak)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    office.change_account(password_is_temporary=True)
    return office.auth.login(
        Visitor(), Credentials(email="ann@example.com", password=PASSWORD, new_password="password1234")
    )


@refuses(AuthUseCases.refresh, RefreshInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.auth.refresh("nonsense", company_id=None, from_cookie=True)


@refuses(AuthUseCases.refresh, NoActiveMembership)
async def _(office: Office) -> Awaitable[object]:
    signed_in = await office.register()
    await office.world.deactivate(office.auth.actor_of(signed_in.access_token))
    return office.auth.refresh(signed_in.refresh_token, company_id=None, from_cookie=True)


@refuses(AuthUseCases.me, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.auth.me(office.mia)


@refuses(AuthUseCases.switch_company, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.auth.switch_company(office.mia, office.mia.company_id)


@refuses(AuthUseCases.switch_company, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    stranger = await office.world.company("Elsewhere")
    return office.auth.switch_company(office.mia, stranger.company_id)


# Login sessions and the password


async def signed_in(office: Office, *, later: timedelta = timedelta()) -> Actor:
    """Somebody with a password who signed in a while ago."""
    actor = office.auth.actor_of((await office.register()).access_token)
    office.clock.advance(later)
    return actor


@refuses(SessionUseCases.list, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.sessions.list(office.mia, sort=Sort(field="created_at"), page=PageRequest())


@refuses(SessionUseCases.revoke, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.sessions.revoke(office.mia, office.mia.session_id)


@refuses(SessionUseCases.revoke, SessionNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.sessions.revoke(office.mia, office.max.session_id)


@refuses(SessionUseCases.step_up, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.sessions.step_up(office.mia, password=PASSWORD)


async def guessed(office: Office, actor: Actor) -> None:
    """Five wrong proofs in a row."""
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(actor, password="a wrong guess")


@refuses(SessionUseCases.step_up, TooManyFailures)
async def _(office: Office) -> Awaitable[object]:
    await guessed(office, office.mia)
    return office.sessions.step_up(office.mia, password=PASSWORD)


@refuses(SessionUseCases.change_password, TooManyFailures)
async def _(office: Office) -> Awaitable[object]:
    await guessed(office, office.mia)
    return office.sessions.change_password(office.mia, current_password=PASSWORD, new_password=PASSWORD[::-1])


@refuses(SessionUseCases.step_up, InvalidCredentials)
async def _(office: Office) -> Awaitable[object]:
    return office.sessions.step_up(await signed_in(office), password="a wrong guess")


@refuses(SessionUseCases.change_password, SessionEnded)
async def _(office: Office) -> Awaitable[object]:
    await office.world.sign_out(office.mia)
    return office.sessions.change_password(office.mia, current_password=None, new_password=f"{PASSWORD}!")


@refuses(SessionUseCases.change_password, StepUpRequired)
async def _(office: Office) -> Awaitable[object]:
    actor = await signed_in(office, later=timedelta(minutes=10))
    return office.sessions.change_password(actor, current_password=None, new_password=f"{PASSWORD}!")


@refuses(SessionUseCases.change_password, InvalidCredentials)
async def _(office: Office) -> Awaitable[object]:
    return office.sessions.change_password(
        await signed_in(office), current_password="a wrong guess", new_password=f"{PASSWORD}!"
    )


@refuses(SessionUseCases.change_password, PasswordTooWeak)
async def _(office: Office) -> Awaitable[object]:
    return office.sessions.change_password(await signed_in(office), current_password=None, new_password="short")


# Companies


@refuses(CompanyUseCases.open, CompaniesClosed)
async def _(office: Office) -> Awaitable[object]:
    return office.companies.open(office.olga, name="More", contact_email=None)


@refuses(CompanyUseCases.open, AccountProofRequired)
async def _(office: Office) -> Awaitable[object]:
    session = office.world.tables.sessions[office.olga.session_id]
    vouched_for = replace(session, general_at=None, sso_company_ids=(office.olga.company_id,))
    office.world.tables.sessions[session.id] = vouched_for
    return office.companies.open(office.olga, name="More", contact_email=None)


@refuses(CompanyUseCases.open, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.companies.open(office.olga, name=" ", contact_email=None)


@refuses(CompanyUseCases.open, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.companies.open(office.olga, name="More", contact_email=None, once=a_key())
    return office.companies.open(office.olga, name="Other", contact_email=None, once=a_key(digest=b"other"))


@refuses(CompanyUseCases.open, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.company_unit_of_work(office.olga, once=a_key()).__aenter__()
    return office.companies.open(office.olga, name="More", contact_email=None, once=a_key())


@refuses(CompanyUseCases.get, CompanyNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.companies.get(office.olga, an_id())


# Projects


@refuses(ProjectUseCases.open, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.open(office.mia, name="Mine")


@refuses(ProjectUseCases.open, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.open(office.adam, name="\x00")


@refuses(ProjectUseCases.open, ProjectKeyTaken)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.open(office.adam, name="Again", key="web")


@refuses(ProjectUseCases.open, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.projects.open(office.adam, name="Once", once=a_key())
    return office.projects.open(office.adam, name="Other", once=a_key(digest=b"other"))


@refuses(ProjectUseCases.open, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.project_unit_of_work(office.adam, once=a_key()).__aenter__()
    return office.projects.open(office.adam, name="Once", once=a_key())


@refuses(ProjectUseCases.get, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.get(office.nora, "WEB")


@refuses(ProjectUseCases.progress, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.progress(office.nora, "WEB")


@refuses(ProjectUseCases.change, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.change(office.nora, "WEB", project_changes(name="Mine"))


@refuses(ProjectUseCases.change, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.change(office.mia, "WEB", project_changes(is_active=False))


@refuses(ProjectUseCases.change, FieldReadOnly)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.change(
        office.mia, "WEB", replace(project_changes(name="Shop"), unchanged={"created_by": an_id()})
    )


@refuses(ProjectUseCases.change, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.change(office.mia, "WEB", project_changes(name=""))


@refuses(ProjectUseCases.change, ProjectKeyTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.projects.open(office.adam, name="Shop", key="SHOP")
    return office.projects.change(office.adam, "WEB", project_changes(key="SHOP"))


@refuses(ProjectUseCases.change, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.projects.change(office.mia, "WEB", project_changes(name="Shop"))


@refuses(ProjectUseCases.change, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.change(office.mia, "WEB", project_changes(name="Shop"), expected=2)


@refuses(ProjectUseCases.delete, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.delete(office.nora, "WEB")


@refuses(ProjectUseCases.delete, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.delete(office.mia, "WEB")


@refuses(ProjectUseCases.delete, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.delete(office.adam, "WEB", expected=2)


@refuses(ProjectUseCases.list, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    by_name = Sort(field="name")
    return office.projects.list(office.mia, where=ProjectFilter(deleted=True), sort=by_name, page=PageRequest())


@refuses(ProjectUseCases.restore, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    await office.projects.delete(office.adam, "WEB")
    return office.projects.restore(office.mia, "WEB")


@refuses(ProjectUseCases.restore, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.restore(office.mia, "WEB")


@refuses(ProjectUseCases.restore, ProjectNotDeleted)
async def _(office: Office) -> Awaitable[object]:
    return office.projects.restore(office.adam, "WEB")


@refuses(ProjectUseCases.restore, Stale)
async def _(office: Office) -> Awaitable[object]:
    await office.projects.delete(office.adam, "WEB")
    return office.projects.restore(office.adam, "WEB", expected=1)


@refuses(ProjectUseCases.restore, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.projects.delete(office.adam, "WEB")
    await office.projects.restore(office.adam, "WEB", once=a_key())
    return office.projects.restore(office.adam, "WEB", once=a_key(digest=b"other"))


@refuses(ProjectUseCases.restore, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.project_unit_of_work(office.adam, once=a_key()).__aenter__()
    return office.projects.restore(office.adam, "WEB", once=a_key())


# Members of projects


@refuses(MemberUseCases.list, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.list(office.nora, "WEB", search=None, sort=Sort(field="name"), page=PageRequest())


@refuses(MemberUseCases.get, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.get(office.nora, "WEB", office.mia.user_id)


@refuses(MemberUseCases.get, MemberNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.get(office.mia, "WEB", office.nora.user_id)


@refuses(MemberUseCases.add, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.add(office.nora, "WEB", office.nora.user_id)


@refuses(MemberUseCases.add, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.members.add(office.mia, "WEB", office.nora.user_id)


@refuses(MemberUseCases.add, ColleagueNotFound)
async def _(office: Office) -> Awaitable[object]:
    stranger = await office.world.company("Elsewhere")
    return office.members.add(office.adam, "WEB", stranger.user_id)


@refuses(MemberUseCases.add, ColleagueInactive)
async def _(office: Office) -> Awaitable[object]:
    await office.world.deactivate(office.nora)
    return office.members.add(office.adam, "WEB", office.nora.user_id)


@refuses(MemberUseCases.add, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.members.add(office.adam, "WEB", office.nora.user_id)


@refuses(MemberUseCases.add, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.members.add(office.adam, "WEB", office.nora.user_id, once=a_key())
    return office.members.add(office.adam, "WEB", office.nora.user_id, once=a_key(digest=b"other"))


@refuses(MemberUseCases.add, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.member_unit_of_work(office.adam, once=a_key()).__aenter__()
    return office.members.add(office.adam, "WEB", office.nora.user_id, once=a_key())


@refuses(MemberUseCases.remove, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.remove(office.nora, "WEB", office.mia.user_id)


@refuses(MemberUseCases.remove, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.members.remove(office.mia, "WEB", office.mia.user_id)


@refuses(MemberUseCases.remove, MemberNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.members.remove(office.adam, "WEB", office.nora.user_id)


# Creating and reading tasks


@refuses(TaskUseCases.create, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.nora, in_web(office))


@refuses(TaskUseCases.create, AssigneeCannotSeeProject)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.adam, in_web(office, assigned_to=office.nora.user_id))


@refuses(TaskUseCases.create, ParentTooDeep)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.mia, in_web(office, parent_id=(await office.lineage(6))[-1].id))


@refuses(TaskUseCases.create, ExternalIdTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.task(external_id="JIRA-7")
    return office.tasks.create(office.mia, in_web(office, external_id="JIRA-7"))


@refuses(TaskUseCases.create, RecurrenceInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.mia, in_web(office, recurrence="FREQ=HOURLY"))


@refuses(TaskUseCases.change, RecurrenceInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(recurrence="weekly"))


@refuses(TaskUseCases.change, ParentTooDeep)
async def _(office: Office) -> Awaitable[object]:
    low, task = (await office.lineage(6))[-1], await office.task()
    return office.tasks.change(office.adam, task.id, task_changes(parent_id=low.id))


@refuses(TaskUseCases.change, ParentWithin)
async def _(office: Office) -> Awaitable[object]:
    top, *_, low = await office.lineage(3)
    return office.tasks.change(office.adam, top.id, task_changes(parent_id=low.id))


@refuses(TaskUseCases.change, ExternalIdTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.task(external_id="JIRA-7")
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(external_id="JIRA-7"))


@refuses(DeletedTaskUseCases.restore, ExternalIdTaken)
async def _(office: Office) -> Awaitable[object]:
    task = await office.task(external_id="JIRA-7")
    await office.tasks.delete(office.adam, task.id)
    await office.task(external_id="JIRA-7")
    return office.deleted_tasks.restore(office.adam, task.id)


@refuses(LabelUseCases.create, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.create(office.mia, name="one, two")


@refuses(LabelUseCases.create, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.labels.create(office.mia, name="design", once=a_key())
    return office.labels.create(office.mia, name="art", once=a_key(digest=b"other"))


@refuses(LabelUseCases.create, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.label_unit_of_work(office.mia, once=a_key()).__aenter__()
    return office.labels.create(office.mia, name="design", once=a_key())


@refuses(LabelUseCases.create, LabelNameTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.label("Design")
    return office.labels.create(office.mia, name="DESIGN")


@refuses(LabelUseCases.create, TooManyLabels)
async def _(office: Office) -> Awaitable[object]:
    for number in range(1_000):
        await office.label(f"label {number}")
    return office.labels.create(office.mia, name="one more")


@refuses(LabelUseCases.get, LabelNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.get(office.mia, an_id())


@refuses(LabelUseCases.change, LabelNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.change(office.mia, an_id(), label_changes(name="art"))


@refuses(LabelUseCases.change, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.change(office.mia, (await office.label()).id, label_changes(name="art"))


@refuses(LabelUseCases.change, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.change(office.adam, (await office.label()).id, label_changes(name="art"), expected=2)


@refuses(LabelUseCases.change, FieldReadOnly)
async def _(office: Office) -> Awaitable[object]:
    changes = LabelChanges(given=frozenset(), unchanged={"created_by": an_id()})
    return office.labels.change(office.adam, (await office.label()).id, changes)


@refuses(LabelUseCases.change, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.change(office.adam, (await office.label()).id, label_changes(color="red"))


@refuses(LabelUseCases.change, LabelNameTaken)
async def _(office: Office) -> Awaitable[object]:
    await office.label("art")
    return office.labels.change(office.adam, (await office.label()).id, label_changes(name="ART"))


@refuses(LabelUseCases.delete, LabelNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.delete(office.adam, an_id())


@refuses(LabelUseCases.delete, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.delete(office.mia, (await office.label(by=office.mia)).id)


@refuses(LabelUseCases.delete, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.labels.delete(office.adam, (await office.label()).id, expected=2)


@refuses(TaskUseCases.create, MoveContradicts)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.mia, in_web(office, status=Status.DONE, column_id=office.column(Status.TODO)))


@refuses(TaskUseCases.create, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.tasks.create(office.mia, in_web(office))


@refuses(TaskUseCases.create, BoardIncomplete)
async def _(office: Office) -> Awaitable[object]:
    office.drop_columns(Status.DONE)
    return office.tasks.create(office.mia, in_web(office, status=Status.DONE))


@refuses(TaskUseCases.create, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.mia, in_web(office, title=" "))


@refuses(TaskUseCases.create, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.tasks.create(office.mia, in_web(office), once=a_key())
    return office.tasks.create(office.mia, in_web(office, title="Other"), once=a_key(digest=b"other"))


@refuses(TaskUseCases.create, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.task_unit_of_work(office.mia, once=a_key()).__aenter__()
    return office.tasks.create(office.mia, in_web(office), once=a_key())


@refuses(TaskUseCases.create, CycleTakesNoTasks)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.mia, in_web(office, cycle_id=(await office.completed_cycle()).id))


def a_batch(office: Office, task: TaskView | None = None, once: Once | None = None) -> Awaitable[object]:
    """Deletes a task, of which there is none unless it is named."""
    operations = [DeleteTask(task=task.id if task is not None else an_id())]
    return office.bulk.carry_out(office.adam, operations, atomic=True, outline=lambda _: b"", once=once)


@refuses(BulkUseCases.carry_out, BulkFailed)
async def _(office: Office) -> Awaitable[object]:
    return a_batch(office)


@refuses(BulkUseCases.carry_out, BulkTooLong)
async def _(office: Office) -> Awaitable[object]:
    task = await office.task(description="x" * 100_000)
    operations = [MoveTask(task=task.id, to=Destination(new_status=Status.DONE))] * 105
    return office.bulk.carry_out(office.adam, operations, atomic=False, outline=lambda _: b"")


@refuses(BulkUseCases.carry_out, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await a_batch(office, await office.task(), a_key())
    return a_batch(office, await office.task(), a_key(digest=b"other"))


@refuses(BulkUseCases.carry_out, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.batch_unit_of_work(office.adam, once=a_key()).__aenter__()
    return a_batch(office, await office.task(), a_key())


@refuses(TaskUseCases.get, TaskNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.get(office.nora, (await office.task()).id)


@refuses(TaskUseCases.tag, TaskNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.tag(office.nora, (await office.task()).id)


@refuses(BoardUseCases.get, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.boards.get(office.nora, "WEB", tasks_per_column=1)


@refuses(EventUseCases.after, PositionInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.events.after(office.olga, position=office.head + 1, types=(), limit=1)


@refuses(EventUseCases.after, EventsExpired)
async def _(office: Office) -> Awaitable[object]:
    await office.world.forget_events(office.olga.company_id, upto=1)
    return office.events.after(office.olga, position=0, types=(), limit=1)


@refuses(SearchUseCases.search, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.searching.search(office.mia, text=" ", limit=1)


@refuses(SearchUseCases.search, TooManyWords)
async def _(office: Office) -> Awaitable[object]:
    return office.searching.search(office.mia, text="a b c d e f g h i j-k", limit=1)


# Changing, moving, completing and deleting a task: what they refuse alike


def calls(office: Office, actor: object, task_id: object, *, expected: int | None = None) -> dict[Verb, Any]:
    """The four verbs, none of them run: the one that is asked for is made when it is called."""
    return {
        TaskUseCases.change: lambda: office.tasks.change(
            actor, task_id, task_changes(status=Status.DONE), expected=expected
        ),
        TaskUseCases.move: lambda: office.tasks.move(
            actor, task_id, Destination(new_status=Status.DONE), expected=expected
        ),
        TaskUseCases.complete: lambda: office.tasks.complete(actor, task_id, expected=expected),
        TaskUseCases.delete: lambda: office.tasks.delete(actor, task_id, expected=expected),
    }


def _alike(verb: Verb) -> None:
    @refuses(verb, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return calls(office, office.nora, (await office.task()).id)[verb]()

    @refuses(verb, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return calls(office, office.max, (await office.task()).id)[verb]()

    @refuses(verb, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return calls(office, office.adam, (await office.task()).id, expected=2)[verb]()

    @refuses(verb, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        task = await office.task()
        await office.archive_web()
        return calls(office, office.adam, task.id)[verb]()

    if verb is not TaskUseCases.delete:

        @refuses(verb, BoardIncomplete)
        async def _(office: Office) -> Awaitable[object]:
            task = await office.task()
            office.drop_columns(Status.DONE)
            return calls(office, office.adam, task.id)[verb]()


for _verb in (TaskUseCases.change, TaskUseCases.move, TaskUseCases.complete, TaskUseCases.delete):
    _alike(_verb)


@refuses(TaskUseCases.change, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(assigned_to=an_id()))


@refuses(TaskUseCases.change, AssigneeCannotSeeProject)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(assigned_to=office.nora.user_id))


@refuses(TaskUseCases.change, MoveContradicts)
async def _(office: Office) -> Awaitable[object]:
    changes = task_changes(title="Paint", status=Status.DONE, column_id=office.column(Status.IN_PROGRESS))
    return office.tasks.change(office.adam, (await office.task()).id, changes)


@refuses(TaskUseCases.change, CycleTakesNoTasks)
async def _(office: Office) -> Awaitable[object]:
    cycle = await office.completed_cycle()
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(cycle_id=cycle.id))


@refuses(TaskUseCases.change, FieldReadOnly)
async def _(office: Office) -> Awaitable[object]:
    changes = replace(task_changes(title="Paint"), unchanged={"number": 9})
    return office.tasks.change(office.adam, (await office.task()).id, changes)


@refuses(TaskUseCases.change, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.change(office.adam, (await office.task()).id, task_changes(title="two\nlines"))


@refuses(TaskUseCases.move, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.move(office.adam, (await office.task()).id, Destination(before=an_id()))


@refuses(TaskUseCases.move, MoveContradicts)
async def _(office: Office) -> Awaitable[object]:
    task = await office.task()
    return office.tasks.move(office.adam, task.id, Destination(after=task.id))


@refuses(TaskUseCases.move, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.move(office.adam, (await office.task()).id, Destination())


@refuses(TaskUseCases.complete, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    task = await office.task()
    await office.tasks.complete(office.adam, task.id, once=a_key())
    return office.tasks.complete(office.adam, task.id, once=a_key(digest=b"other"))


@refuses(TaskUseCases.complete, InFlight)
async def _(office: Office) -> Awaitable[object]:
    task = await office.task()
    await office.world.task_unit_of_work(office.adam, once=a_key()).__aenter__()
    return office.tasks.complete(office.adam, task.id, once=a_key())


# Cycles


@refuses(CycleUseCases.create, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.create(office.nora, NewCycle(project_id=office.web.id, name="Mine"))


@refuses(CycleUseCases.create, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.cycles.create(office.adam, NewCycle(project_id=office.web.id, name="Late"))


@refuses(CycleUseCases.create, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.create(office.mia, NewCycle(project_id=office.web.id, name="x", s3_prefix="/x"))


@refuses(CycleUseCases.create, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    given = NewCycle(project_id=office.web.id, name="Once")
    await office.cycles.create(office.mia, given, once=a_key())
    return office.cycles.create(office.mia, given, once=a_key(digest=b"other"))


@refuses(CycleUseCases.create, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.cycle_unit_of_work(office.mia, once=a_key()).__aenter__()
    return office.cycles.create(office.mia, NewCycle(project_id=office.web.id, name="Once"), once=a_key())


@refuses(CycleUseCases.get, CycleNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.get(office.nora, (await office.cycle()).id)


@refuses(CycleUseCases.change, FieldReadOnly)
async def _(office: Office) -> Awaitable[object]:
    changes = CycleChanges(given=frozenset(), unchanged={"status": "active"})
    return office.cycles.change(office.mia, (await office.cycle()).id, changes)


@refuses(CycleUseCases.change, Invalid)
async def _(office: Office) -> Awaitable[object]:
    cycle = await office.cycle(starts_on=date(2026, 5, 2))
    changes = CycleChanges(given=frozenset({"ends_on"}), ends_on=date(2026, 5, 1))
    return office.cycles.change(office.mia, cycle.id, changes)


def cycle_calls(office: Office, actor: object, cycle_id: object, **more: object) -> dict[Verb, Any]:
    """As `calls`, for cycles."""
    renamed = CycleChanges(given=frozenset({"name"}), name="Winter")
    return {
        CycleUseCases.change: lambda: office.cycles.change(actor, cycle_id, renamed, **more),
        CycleUseCases.start: lambda: office.cycles.start(actor, cycle_id, **more),
        CycleUseCases.complete: lambda: office.cycles.complete(actor, cycle_id, **more),
        CycleUseCases.delete: lambda: office.cycles.delete(actor, cycle_id, **more),
    }


def _cycles_alike(verb: Verb) -> None:
    @refuses(verb, CycleNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return cycle_calls(office, office.nora, (await office.cycle()).id)[verb]()

    @refuses(verb, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return cycle_calls(office, office.adam, (await office.cycle()).id, expected=2)[verb]()

    @refuses(verb, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        cycle = await office.cycle()
        await office.archive_web()
        return cycle_calls(office, office.adam, cycle.id)[verb]()

    if verb in (CycleUseCases.start, CycleUseCases.complete):

        @refuses(verb, KeyReused)
        async def _(office: Office) -> Awaitable[object]:
            cycle = await (office.cycle() if verb is CycleUseCases.start else office.active_cycle())
            await cycle_calls(office, office.mia, cycle.id, once=a_key())[verb]()
            return cycle_calls(office, office.mia, cycle.id, once=a_key(digest=b"other"))[verb]()

        @refuses(verb, InFlight)
        async def _(office: Office) -> Awaitable[object]:
            cycle = await office.cycle()
            await office.world.cycle_unit_of_work(office.mia, once=a_key()).__aenter__()
            return cycle_calls(office, office.mia, cycle.id, once=a_key())[verb]()


for _verb in (CycleUseCases.change, CycleUseCases.start, CycleUseCases.complete, CycleUseCases.delete):
    _cycles_alike(_verb)


@refuses(CycleUseCases.start, CycleNotPlanned)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.start(office.mia, (await office.active_cycle()).id)


@refuses(CycleUseCases.start, AnotherCycleActive)
async def _(office: Office) -> Awaitable[object]:
    await office.active_cycle()
    return office.cycles.start(office.mia, (await office.cycle()).id)


@refuses(CycleUseCases.complete, CycleNotActive)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.complete(office.mia, (await office.cycle()).id)


@refuses(CycleUseCases.complete, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.complete(office.mia, (await office.active_cycle()).id, carry_over_to=an_id())


@refuses(CycleUseCases.complete, CycleTakesNoTasks)
async def _(office: Office) -> Awaitable[object]:
    past, now = await office.completed_cycle(), await office.active_cycle()
    await office.task(cycle_id=now.id)
    return office.cycles.complete(office.mia, now.id, carry_over_to=past.id)


@refuses(CycleUseCases.delete, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.delete(office.mia, (await office.cycle()).id)


@refuses(CycleUseCases.delete, CycleActive)
async def _(office: Office) -> Awaitable[object]:
    return office.cycles.delete(office.adam, (await office.active_cycle()).id)


# Deleted tasks


@refuses(DeletedTaskUseCases.list, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.deleted_tasks.list(office.mia, where=TaskFilter(), sort=Sort(field="number"), page=PageRequest())


async def deleted(office: Office) -> object:
    """The id of a deleted task of Adam's."""
    task = await office.task()
    await office.tasks.delete(office.adam, task.id)
    return task.id


@refuses(DeletedTaskUseCases.restore, TaskNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.deleted_tasks.restore(office.nora, await deleted(office))


@refuses(DeletedTaskUseCases.restore, Forbidden)
async def _(office: Office) -> Awaitable[object]:
    return office.deleted_tasks.restore(office.mia, await deleted(office))


@refuses(DeletedTaskUseCases.restore, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.deleted_tasks.restore(office.adam, await deleted(office), expected=1)


@refuses(DeletedTaskUseCases.restore, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    task_id = await deleted(office)
    await office.archive_web()
    return office.deleted_tasks.restore(office.adam, task_id)


@refuses(DeletedTaskUseCases.restore, TaskNotDeleted)
async def _(office: Office) -> Awaitable[object]:
    return office.deleted_tasks.restore(office.adam, (await office.task()).id)


@refuses(DeletedTaskUseCases.restore, BoardIncomplete)
async def _(office: Office) -> Awaitable[object]:
    task_id = await deleted(office)
    office.drop_columns(Status.TODO)
    return office.deleted_tasks.restore(office.adam, task_id)


@refuses(DeletedTaskUseCases.restore, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    task_id = await deleted(office)
    await office.deleted_tasks.restore(office.adam, task_id, once=a_key())
    return office.deleted_tasks.restore(office.adam, task_id, once=a_key(digest=b"other"))


@refuses(DeletedTaskUseCases.restore, InFlight)
async def _(office: Office) -> Awaitable[object]:
    task_id = await deleted(office)
    await office.world.task_unit_of_work(office.adam, once=a_key()).__aenter__()
    return office.deleted_tasks.restore(office.adam, task_id, once=a_key())


# Columns


def a_column(**fields: object) -> NewColumn:
    return NewColumn(**{"name": "Review", "category": Status.IN_PROGRESS, **fields})


def column_changes(**fields: object) -> ColumnChanges:
    return ColumnChanges(given=frozenset(fields), **fields)


@refuses(ColumnUseCases.add, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.add(office.nora, "WEB", a_column())


@refuses(ColumnUseCases.add, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.add(office.mia, "WEB", a_column(after=an_id()))


@refuses(ColumnUseCases.add, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.add(office.mia, "WEB", a_column(position=4))


@refuses(ColumnUseCases.add, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.board_columns.add(office.mia, "WEB", a_column())


@refuses(ColumnUseCases.add, TooManyColumns)
async def _(office: Office) -> Awaitable[object]:
    for _ in range(MOST_COLUMNS - 3):
        office.add_column(Status.TODO)
    return office.board_columns.add(office.mia, "WEB", a_column())


@refuses(ColumnUseCases.add, KeyReused)
async def _(office: Office) -> Awaitable[object]:
    await office.board_columns.add(office.mia, "WEB", a_column(), once=a_key())
    return office.board_columns.add(office.mia, "WEB", a_column(name="Other"), once=a_key(digest=b"other"))


@refuses(ColumnUseCases.add, InFlight)
async def _(office: Office) -> Awaitable[object]:
    await office.world.task_unit_of_work(office.mia, once=a_key()).__aenter__()
    return office.board_columns.add(office.mia, "WEB", a_column(), once=a_key())


@refuses(ColumnUseCases.get, ColumnNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.get(office.nora, office.column(Status.TODO))


@refuses(ColumnUseCases.change, ColumnNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.change(office.nora, office.column(Status.TODO), column_changes(name="Ideas"))


@refuses(ColumnUseCases.change, FieldReadOnly)
async def _(office: Office) -> Awaitable[object]:
    changes = replace(column_changes(name="Ideas"), unchanged={"task_count": 7})
    return office.board_columns.change(office.mia, office.column(Status.TODO), changes)


@refuses(ColumnUseCases.change, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.change(office.mia, office.column(Status.TODO), column_changes(position=3))


@refuses(ColumnUseCases.change, Stale)
async def _(office: Office) -> Awaitable[object]:
    changes = column_changes(name="Ideas")
    return office.board_columns.change(office.mia, office.column(Status.TODO), changes, expected=2)


@refuses(ColumnUseCases.change, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.board_columns.change(office.mia, office.column(Status.TODO), column_changes(name="Ideas"))


@refuses(ColumnUseCases.change, BoardIncomplete)
async def _(office: Office) -> Awaitable[object]:
    changes = column_changes(name="Ideas", category=Status.DONE)
    return office.board_columns.change(office.mia, office.column(Status.TODO), changes)


async def a_column_of_very_many_that_recur(office: Office) -> UUID:
    column = office.add_column(Status.TODO)
    task = office.stored_task((await office.task(column_id=column, recurrence="FREQ=DAILY")).id)
    for number in range(MOST_RECURRING):
        also = replace(task, id=an_id(), number=task.number + 1 + number)
        office.stored.tasks[also.id] = also
    return column


@refuses(ColumnUseCases.change, TooManyRecurring)
async def _(office: Office) -> Awaitable[object]:
    column = await a_column_of_very_many_that_recur(office)
    return office.board_columns.change(office.mia, column, column_changes(category=Status.DONE))


@refuses(ColumnUseCases.order, ProjectNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.order(office.nora, "WEB", [an_id()])


@refuses(ColumnUseCases.order, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.order(office.mia, "WEB", [an_id()])


@refuses(ColumnUseCases.order, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.order(office.mia, "WEB", [office.column(Status.TODO)])


@refuses(ColumnUseCases.order, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.board_columns.order(office.mia, "WEB", [office.column(Status.TODO)])


@refuses(ColumnUseCases.delete, ColumnNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.delete(office.nora, office.add_column(Status.TODO))


@refuses(ColumnUseCases.delete, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.delete(office.mia, office.add_column(Status.TODO), move_to=an_id())


@refuses(ColumnUseCases.delete, Invalid)
async def _(office: Office) -> Awaitable[object]:
    column = office.add_column(Status.TODO)
    return office.board_columns.delete(office.mia, column, move_to=column)


@refuses(ColumnUseCases.delete, Stale)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.delete(office.mia, office.add_column(Status.TODO), expected=2)


@refuses(ColumnUseCases.delete, ProjectArchived)
async def _(office: Office) -> Awaitable[object]:
    await office.archive_web()
    return office.board_columns.delete(office.mia, office.add_column(Status.TODO))


@refuses(ColumnUseCases.delete, BoardIncomplete)
async def _(office: Office) -> Awaitable[object]:
    return office.board_columns.delete(office.mia, office.column(Status.TODO))


@refuses(ColumnUseCases.delete, ColumnNotEmpty)
async def _(office: Office) -> Awaitable[object]:
    column = office.add_column(Status.TODO)
    await office.task(column_id=column)
    return office.board_columns.delete(office.mia, column)


@refuses(ColumnUseCases.delete, TooManyRecurring)
async def _(office: Office) -> Awaitable[object]:
    column = await a_column_of_very_many_that_recur(office)
    return office.board_columns.delete(office.mia, column, move_to=office.column(Status.DONE))


@refuses(AuthUseCases.actor_of, TokenInvalid)
async def _(office: Office) -> Awaitable[object]:
    async def ask() -> object:
        return office.auth.actor_of("nonsense")

    return ask()


comment_refusals.add_to(refuses)
factor_refusals.add_to(refuses)
job_refusals.add_to(refuses)
webhook_refusals.add_to(refuses)
people_refusals.add_to(refuses)
mail_refusals.add_to(refuses)
notification_refusals.add_to(refuses)
oidc_refusals.add_to(refuses)
token_refusals.add_to(refuses)
report_refusals.add_to(refuses)


# What the operator does


def a_company(office: Office, **given: Any) -> Awaitable[object]:
    fields = {"name": "Acme", "owner": "ann@example.com", "owner_name": None, "temporary_password": PASSWORD, **given}
    return office.operator.create_company(System(), **fields)


@refuses(OperatorUseCases.create_company, EmailInvalid)
async def _(office: Office) -> Awaitable[object]:
    return a_company(office, owner="nowhere")


@refuses(OperatorUseCases.create_company, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return a_company(office, name="   ")


@refuses(OperatorUseCases.reset_password, EmailInvalid)
async def _(office: Office) -> Awaitable[object]:
    return office.operator.reset_password(System(), "nowhere", temporary_password=PASSWORD)


@refuses(OperatorUseCases.reset_password, AccountNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.operator.reset_password(System(), "nobody@example.com", temporary_password=PASSWORD)


class TestRefusals:
    @pytest.mark.parametrize(("verb", "kind"), list(SCENARIOS))
    async def test_it_is_raised_and_nothing_is_written(self, verb: str, kind: type[Refusal]) -> None:
        office = await Office.open(registration="closed" if kind in (RegistrationClosed, CompaniesClosed) else "open")
        before = None
        with pytest.raises(kind) as refused:
            # Some values cannot even be made; then the stage is all that stands.
            call = await SCENARIOS[verb, kind](office)
            before = office.world.snapshot()
            await call
        assert type(refused.value) is kind
        if before is not None and kind in TOLD_TO_AUDITORS:
            assert len(office.world.tables.notes) == len(before.notes) + 1
            before.notes = office.world.tables.notes
        assert before is None or office.world.tables == before

    def test_every_declared_refusal_has_a_scenario(self) -> None:
        assert declared() - SCENARIOS.keys() - RAISED_OUTSIDE.keys() == set()

    def test_every_scenario_is_of_a_declared_refusal(self) -> None:
        assert SCENARIOS.keys() - declared() == set()
        assert RAISED_OUTSIDE.keys() - declared() == set()
