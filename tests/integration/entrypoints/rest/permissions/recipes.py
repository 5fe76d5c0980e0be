"""How each operation is asked so that it succeeds for whoever may: what is in its path, and the least body.

A new operation needs, at most:

- an entry in THINGS for each new `{name}` in its path: how to make such a thing where the case says, and in which places
  it can stand. It is made anew after each success, so that what one answer does to it is no matter to the next;
- an entry in BODIES, if it takes a body: one for each wording, where the rules differ by what is asked for;
- an entry in BEFORE, if something must have happened to the thing first, or must be known for the body;
- an entry in PLACES, if its body, not its path, says where (it then uses `case.project`);
- its id in SPENDS, if its success ends the caller or the stage: signing out, leaving, deactivating.

Then `make permissions` writes docs/permissions.md, and the difference is there to be read.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from uuid import uuid4

from tests.integration.api import PASSWORD
from tests.integration.entrypoints.rest.conformance import FILES
from tests.integration.entrypoints.rest.permissions.stage import COLLEAGUES, Case, Place, Role

Ids = dict[str, Any]
"""The ids in the path, by their names, and whatever else BEFORE found out for the body."""
Body = Callable[[Case, Ids], dict[str, Any] | bytes]

IN_PROJECTS = (Place.SHARED, Place.HIDDEN, Place.FOREIGN)
ANYWHERE = (Place.OWN, *IN_PROJECTS)


class ThingMaker(NamedTuple):
    """Makes a thing in its place and answers its id."""

    make: Callable[[Case], Awaitable[str]]
    places: tuple[Place, ...]


async def _project(case: Case) -> str:
    project = await case.host.project()
    if case.place is Place.SHARED:
        for role in (Role.MEMBER, Role.DEACTIVATED):
            case.stage.api.add_member(case.host.company_id, project["id"], case.stage.people[role].user_id)
    return str(project["id"])


async def _task(case: Case) -> str:
    task = await case.host.task(case.project)
    if case.place is Place.OWN:
        assert case.caller is not None
        case.stage.api.sql("update tasks set created_by = %s where id = %s", (case.caller.user_id, task["id"]))
    return str(task["id"])


def _company_of(case: Case) -> str:
    if case.place is Place.FOREIGN:
        return case.stage.stranger.company_id
    assert case.caller is not None
    return case.caller.company_id


async def _company(case: Case) -> str:
    return _company_of(case)


async def _user(case: Case) -> str:
    if case.place is Place.OWN:
        assert case.caller is not None
        return case.caller.user_id
    projects = (case.project,) if case.place is Place.SHARED else ()
    return (await case.stage.api.colleague(case.host, projects=projects)).user_id


async def _cycle(case: Case) -> str:
    project = await _project(case)
    return str((await case.host.post("/cycles", {"project_id": project, "name": "x"})).json()["id"])


async def _label(case: Case) -> str:
    # Their own was made by themselves, wherever they are.
    person = case.caller if case.place is Place.OWN else case.host
    assert person is not None
    made = await person.post("/labels", {"name": uuid4().hex})
    if made.status_code != 201:
        made = await case.host.post("/labels", {"name": uuid4().hex})
    return str(made.json()["id"])


async def _comment(case: Case) -> str:
    comment = (await case.host.post(f"/tasks/{await _task(case)}/comments", {"body": "x"})).json()
    if case.place is Place.OWN:
        assert case.caller is not None
        case.stage.api.sql("update comments set author_id = %s where id = %s", (case.caller.user_id, comment["id"]))
    return str(comment["id"])


async def _column(case: Case) -> str:
    given = {"name": "x", "category": "in_progress"}
    return str((await case.host.post(f"/projects/{await _project(case)}/columns", given)).json()["id"])


async def _session(case: Case) -> str:
    person = case.caller if case.place is Place.OWN else case.host
    assert person is not None
    if case.role is Role.DEACTIVATED and case.place is Place.OWN:
        return person.session_id
    # A second device of theirs, so that ending it leaves the caller signed in.
    return (await case.stage.api.login(person.email, company_id=person.company_id)).session_id


async def _invitation(case: Case) -> str:
    answer = await case.host.post("/invitations", {"email": f"{uuid4().hex}@example.com"})
    return str(answer.json()["id"])


async def _job(case: Case) -> str:
    person = case.caller if case.place is Place.OWN else case.host
    assert person is not None
    return case.stage.api.job(person)


async def _notification(case: Case) -> str:
    person = case.caller if case.place is Place.OWN else case.host
    assert person is not None
    return case.stage.api.notification(person)


def _token_of(case: Case, user_id: str) -> str:
    (row,) = case.stage.api.sql(
        "insert into api_tokens (company_id, id, user_id, name, scopes, digest, hint, created_at)"
        " select company_id, gen_random_uuid(), id, 'x', '{tasks:read}', uuid_send(gen_random_uuid()), 'ftk_', now()"
        " from users where id = %s returning id::text",
        (user_id,),
    )
    return str(row[0])


async def _token(case: Case) -> str:
    person = case.caller if case.place is Place.OWN else case.host
    assert person is not None
    return _token_of(case, person.user_id)


async def _connection(case: Case) -> str:
    # Where nobody answers.
    given = {"name": "x", "issuer": "https://127.0.0.1:1", "client_id": "x"}
    return str((await case.host.post(f"/companies/{case.host.company_id}/oidc-connections", given)).json()["id"])


async def _domain(case: Case) -> str:
    place, given = f"/companies/{case.host.company_id}/email-domains", {"domain": f"{uuid4().hex}.example"}
    domain = (await case.host.post(place, given)).json()
    # Proved, as the DNS would have it.
    case.stage.api.sql("update email_domains set verified_at = now() where id = %s", (domain["id"],))
    return str(domain["id"])


async def _webhook(case: Case) -> str:
    # A company has only so many; nobody listens there.
    if case.stage.api.count("webhooks", case.host.company_id) >= 40:
        case.stage.api.sql("delete from webhooks where company_id = %s returning 1", (case.host.company_id,))
    return str((await case.host.post("/webhooks", {"url": "http://127.0.0.1:1/"})).json()["id"])


async def _some_id(_: Case) -> str:
    return str(uuid4())


THINGS: dict[str, ThingMaker] = {
    "webhook_id": ThingMaker(_webhook, (Place.OWN, Place.FOREIGN)),
    # Made once it is known of which webhook.
    "delivery_id": ThingMaker(_some_id, (Place.OWN, Place.FOREIGN)),
    "cycle_id": ThingMaker(_cycle, IN_PROJECTS),
    "comment_id": ThingMaker(_comment, ANYWHERE),
    "column_id": ThingMaker(_column, IN_PROJECTS),
    "label_id": ThingMaker(_label, (Place.OWN, Place.FOREIGN)),
    "job_id": ThingMaker(_job, (Place.OWN, Place.HIDDEN, Place.FOREIGN)),
    # Of owners and admins too their own alone.
    "notification_id": ThingMaker(_notification, (Place.OWN, Place.HIDDEN, Place.FOREIGN)),
    "session_id": ThingMaker(_session, (Place.OWN, Place.FOREIGN)),
    # Of the company, whoever sent it: "another project" stands for the whole of it.
    "invitation_id": ThingMaker(_invitation, (Place.HIDDEN, Place.FOREIGN)),
    "project_id": ThingMaker(_project, IN_PROJECTS),
    "token_id": ThingMaker(_token, (Place.OWN, Place.FOREIGN)),
    "task_id": ThingMaker(_task, ANYWHERE),
    "connection_id": ThingMaker(_connection, (Place.OWN, Place.FOREIGN)),
    "domain_id": ThingMaker(_domain, (Place.OWN, Place.FOREIGN)),
    "company_id": ThingMaker(_company, (Place.OWN, Place.FOREIGN)),
    "user_id": ThingMaker(_user, ANYWHERE),
}


def _given(**fields: Any) -> Body:
    return lambda _, __: fields


def _me(case: Case, _: Ids) -> dict[str, Any]:
    return {"assigned_to": case.caller.user_id if case.caller is not None else None}


def _closed(case: Case, _: Ids) -> dict[str, Any]:
    return {"enforce_sso": True, "break_glass_user_id": case.host.user_id}


# By the operation's id, and by what is particular about the question; "" where nothing is.
BODIES: dict[str, dict[str, Body]] = {
    "register": {
        "": lambda _, __: {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "x"},
    },
    "login": {"": lambda case, _: {"email": case.stage.owner.email, "password": PASSWORD}},
    "refresh": {"with a token that is none": _given(refresh_token="none")},
    "logout": {"": _given()},
    "switchCompany": {"": lambda case, _: {"company_id": _company_of(case)}},
    "openCompany": {"": _given(name="x")},
    "openProject": {"": _given(name="x")},
    "changeProject": {
        "a name": _given(name="x"),
        "the key": lambda _, __: {"key": f"K{uuid4().hex[:9]}"},
        "into the archive": _given(is_active=False),
    },
    "createTask": {"": lambda case, _: {"project_id": case.project["id"], "title": "x"}},
    "bulkTasks": {
        "creating one": lambda case, _: {
            "operations": [{"op": "create", "project_id": case.project["id"], "title": "x"}]
        },
    },
    "importTasks": {"": lambda _, __: FILES["importTasks"]},
    "changeTask": {"a title": _given(title="x"), "taking it": _me},
    "moveTask": {"": _given(new_status="in_progress")},
    "completeTask": {"": _given(completed=True)},
    "restoreTask": {"": _given()},
    "createCycle": {"": lambda case, _: {"project_id": case.project["id"], "name": "x"}},
    "changeCycle": {"": _given(name="x")},
    "completeCycle": {"": _given()},
    "createLabel": {"": lambda _, __: {"name": uuid4().hex}},
    "changeLabel": {"": _given(color="#1f77b4")},
    "createComment": {"": _given(body="x")},
    "changeComment": {"": _given(body="y")},
    "readAllNotifications": {"": _given()},
    "changeNotificationPreferences": {"": _given(mentioned={"mail": "daily"})},
    "addColumn": {"": _given(name="x", category="in_progress")},
    "changeColumn": {"": _given(name="x")},
    "orderColumns": {"": lambda _, ids: {"column_ids": ids["column_ids"]}},
    "stepUp": {"": _given(password=PASSWORD)},
    "issueTicket": {"": _given(purpose="stream")},
    "loginWithSecondFactor": {"with a ticket that is none": _given(ticket="none", code="000000")},
    "confirmTotp": {"with nothing to confirm": _given(code="000000")},
    "disableTotp": {"with nothing to disable": _given(code="000000")},
    "changePassword": {"": _given(current_password=PASSWORD, new_password=PASSWORD[::-1])},
    "changeCompany": {"": _given(name="x")},
    "deleteCompany": {"confirmed by another code": _given(confirm="another")},
    "createUser": {
        "a member": lambda _, __: {"name": "x", "email": f"{uuid4().hex}@example.com"},
        "an owner": lambda _, __: {"name": "x", "email": f"{uuid4().hex}@example.com", "role": "owner"},
    },
    "changeUser": {
        "a name": _given(name="x"),
        "the role": _given(role="admin"),
    },
    "createWebhook": {"": _given(url="http://127.0.0.1:1/", description="x")},
    "changeWebhook": {"": _given(description="x")},
    "replayWebhook": {"": _given(after="0")},
    "createMyToken": {"": _given(name="x", scopes=["tasks:read"])},
    "createUserToken": {"": _given(name="x", scopes=["tasks:read"])},
    "sendInvitation": {
        "a member": lambda _, __: {"email": f"{uuid4().hex}@example.com"},
        "an owner": lambda _, __: {"email": f"{uuid4().hex}@example.com", "role": "owner"},
    },
    "forgotPassword": {"": lambda _, __: {"email": f"{uuid4().hex}@example.com"}},
    "resetPassword": {"with a token that is none": _given(token="none", new_password=PASSWORD)},
    "verifyEmail": {"with a token that is none": _given(token="none")},
    "changeEmail": {"": lambda _, __: {"email": f"{uuid4().hex}@example.com"}},
    "connectOidc": {
        "": _given(name="x", issuer="https://login.example.com", client_id="x"),
        "all other ways in closed": lambda case, ids: {
            "name": "x",
            "issuer": "https://login.example.com",
            "client_id": "x",
            **_closed(case, ids),
        },
    },
    "changeOidcConnection": {"a name": _given(name="x"), "all other ways in closed": _closed},
    "claimEmailDomain": {"": lambda _, __: {"domain": f"{uuid4().hex}.example"}},
    "redeemOidcCode": {"with a code that is none": _given(code="none")},
    "acceptInvitation": {"with a token that is none": _given(token="none", password=PASSWORD)},
}

QUERIES: dict[str, dict[str, Callable[[Case], dict[str, str]]]] = {
    "importTasks": {"": lambda case: {"project_id": case.project["id"]}},
    "discoverOidc": {"": lambda _: {"email": "ann@example.com"}},
    "listProjects": {"": lambda _: {}, "deleted ones": lambda _: {"deleted": "true"}},
    "search": {"": lambda _: {"q": "website"}},
}

PLACES: dict[str, tuple[Place, ...]] = {
    "createTask": IN_PROJECTS,
    "importTasks": IN_PROJECTS,
    "createCycle": IN_PROJECTS,
    "createUserToken": IN_PROJECTS,
    "getUserToken": ANYWHERE,
    "revokeUserToken": ANYWHERE,
    "switchCompany": (Place.OWN, Place.FOREIGN),
}


async def _started(case: Case, ids: Ids) -> None:
    await case.host.post(f"/cycles/{ids['cycle_id']}/start")


async def _task_deleted(case: Case, ids: Ids) -> None:
    await case.host.delete(f"/tasks/{ids['task_id']}")


async def _columns_known(case: Case, ids: Ids) -> None:
    board = await case.host.board({"id": ids["project_id"]})
    ids["column_ids"] = [column["id"] for column in board["columns"]]


async def _another_owner(case: Case, _: Ids) -> None:
    """The last owner could not go."""
    await case.stage.api.colleague(case.host, role="owner")


async def _deleted(case: Case, ids: Ids) -> None:
    answer = await case.host.delete(f"/projects/{ids['project_id']}")
    assert answer.is_success, answer.text


async def _joined(case: Case, ids: Ids) -> None:
    answer = await case.host.post(f"/projects/{ids['project_id']}/members/{ids['user_id']}")
    assert answer.is_success, answer.text


async def _a_service(case: Case, ids: Ids) -> None:
    """Nobody makes tokens for a person."""
    made = await case.host.post("/users", {"name": "x", "kind": "service"})
    ids["user_id"] = made.json()["id"]
    await case.host.post(f"/projects/{case.project['id']}/members/{ids['user_id']}")


async def _of_that_user(case: Case, ids: Ids) -> None:
    ids["token_id"] = _token_of(case, ids["user_id"])


async def _of_that_webhook(case: Case, ids: Ids) -> None:
    ids["delivery_id"] = case.stage.api.delivery(ids["webhook_id"])


BEFORE: dict[str, Callable[[Case, Ids], Awaitable[None]]] = {
    "resendWebhookDelivery": _of_that_webhook,
    "restoreProject": _deleted,
    "createUserToken": _a_service,
    "getUserToken": _of_that_user,
    "revokeUserToken": _of_that_user,
    "getProjectMember": _joined,
    "removeProjectMember": _joined,
    "completeCycle": _started,
    "restoreTask": _task_deleted,
    "orderColumns": _columns_known,
    "leaveCompany": _another_owner,
    "deactivateUser": _another_owner,
    "changeUser": _another_owner,
}

SPENDS: frozenset[str] = frozenset(
    {
        "changeOidcConnection",
        "connectOidc",
        "changePassword",
        "changeUser",
        "deactivateUser",
        "leaveCompany",
        "logout",
        "revokeLoginSession",
    }
)


def places_of(operation_id: str, names: list[str]) -> tuple[Place, ...]:
    """Where the things that an operation names can stand, all of them together."""
    if operation_id in PLACES:
        return PLACES[operation_id]
    places = [THINGS[name].places for name in names]
    return tuple(each for each in ANYWHERE if all(each in those for those in places)) if places else (Place.NOWHERE,)


def is_asked(role: Role, place: Place) -> bool:
    """Whether a caller of that kind can have a thing there: a visitor has none, and a stranger's own are elsewhere."""
    if role is Role.STRANGER:
        return place is not Place.FOREIGN
    return role in COLLEAGUES or place is not Place.OWN
