"""Every refusal that a use case declares is raised by a scenario here, and nothing is written when it is.

The scenarios are a table, so that a use case that declares one more refusal fails this test until somebody adds the
scenario.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from core.auth.errors import (
    EmailInvalid,
    EmailTaken,
    InvalidCredentials,
    NoActiveMembership,
    PasswordTooWeak,
    RefreshInvalid,
    RegistrationClosed,
    SessionEnded,
    TokenInvalid,
)
from core.auth.use_cases.signing_in import AuthUseCases, Credentials
from core.companies.errors import CompaniesClosed, CompanyNotFound
from core.companies.use_cases import CompanyUseCases
from core.kernel.actor import System, Visitor
from core.kernel.errors import (
    FieldReadOnly,
    Forbidden,
    Invalid,
    ReferenceNotFound,
    Refusal,
    Stale,
    refusals_of,
)
from core.kernel.once import InFlight, KeyReused
from core.kernel.paging import CursorInvalid
from core.operations.errors import AccountNotFound
from core.operations.use_cases import OperatorUseCases, PurgeUseCases
from core.projects.errors import ProjectArchived, ProjectKeyTaken, ProjectNotFound
from core.projects.model import ProjectChanges
from core.projects.use_cases.projects import ProjectUseCases
from core.realtime.errors import PositionInvalid
from core.realtime.use_cases import EventUseCases
from core.tasks.errors import AssigneeCannotSeeProject, BoardIncomplete, MoveContradicts, TaskNotFound
from core.tasks.model import Status, TaskChanges
from core.tasks.use_cases.boards import BoardUseCases
from core.tasks.use_cases.tasks import Destination, NewTask, TaskUseCases
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.contracts.steps import a_key

Verb = Callable[..., Any]
Scenario = Callable[[Office], Awaitable[Awaitable[object]]]
USE_CASES = (
    AuthUseCases,
    BoardUseCases,
    CompanyUseCases,
    EventUseCases,
    OperatorUseCases,
    ProjectUseCases,
    PurgeUseCases,
    TaskUseCases,
)

RAISED_OUTSIDE = {
    ("TaskUseCases.list", CursorInvalid): "the transport opens cursors; the use case hands the refusal on to its docs",
    ("ProjectUseCases.list", CursorInvalid): "as above",
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


@refuses(AuthUseCases.login, NoActiveMembership)
async def _(office: Office) -> Awaitable[object]:
    await office.register()
    return office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD, company="acme"))


@refuses(AuthUseCases.login, Invalid)
async def _(office: Office) -> Awaitable[object]:
    return office.auth.login(Visitor(), Credentials(username="ann", password=PASSWORD))


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


# Companies


@refuses(CompanyUseCases.open, CompaniesClosed)
async def _(office: Office) -> Awaitable[object]:
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


# Creating and reading tasks


@refuses(TaskUseCases.create, ReferenceNotFound)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.nora, in_web(office))


@refuses(TaskUseCases.create, AssigneeCannotSeeProject)
async def _(office: Office) -> Awaitable[object]:
    return office.tasks.create(office.adam, in_web(office, assigned_to=office.nora.user_id))


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
    changes = task_changes(title="Paint", status=Status.DONE, column_id=office.column(Status.TODO))
    return office.tasks.change(office.adam, (await office.task()).id, changes)


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


@refuses(AuthUseCases.actor_of, TokenInvalid)
async def _(office: Office) -> Awaitable[object]:
    async def ask() -> object:
        return office.auth.actor_of("nonsense")

    return ask()


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
        assert before is None or office.world.tables == before

    def test_every_declared_refusal_has_a_scenario(self) -> None:
        assert declared() - SCENARIOS.keys() - RAISED_OUTSIDE.keys() == set()

    def test_every_scenario_is_of_a_declared_refusal(self) -> None:
        assert SCENARIOS.keys() - declared() == set()
        assert RAISED_OUTSIDE.keys() - declared() == set()
