"""One company's ids in another's requests: generated from the OpenAPI document, so that a new route is covered too.

For every operation that takes an id in its path, or a uuid in its query or body: it is asked with ids of another
company that exist, and with ids that never were. The two answers are the same, they are the ones that the contract
names, and nothing of the other company has changed. Before that, the same request with own ids has to succeed; where
it does not, the test has to be taught how to fill the operation in.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import PASSWORD, Api, Person, shown
from tests.integration.entrypoints.rest.conformance import CSV, Conformance, FILES, json_schema_of

Ids = dict[str, list[str]]

# What the document cannot say: a body with which the operation succeeds, beyond its required fields.
GIVEN: dict[str, Callable[["Side"], dict[str, Any]]] = {
    "register": lambda side: {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "x"},
    "login": lambda side: {"email": side.person.email, "password": PASSWORD},
    "refresh": lambda side: {"refresh_token": side.refresh_token},
    "stepUp": lambda side: {"password": PASSWORD},
    "issueTicket": lambda side: {"purpose": "stream"},
    "changePassword": lambda side: {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
    "forgotPassword": lambda side: {"email": side.person.email},
    "changeEmail": lambda side: {"email": f"{uuid4().hex}@example.com"},
    "moveTask": lambda side: {"new_status": "in_progress"},
    "bulkTasks": lambda side: {
        "operations": [
            {"op": "create", "project_id": side.project["id"], "title": "x", "ref": "x"},
            {"op": "update", "id": side.task["key"], "title": "y"},
            {"op": "move", "id": {"ref": "x"}, "before": side.task["id"]},
            {"op": "delete", "id": {"ref": "x"}},
        ]
    },
    "createUser": lambda side: {"email": f"{uuid4().hex}@example.com"},
    "sendInvitation": lambda side: {"email": f"{uuid4().hex}@example.com"},
    "forgotPassword": lambda side: {"email": f"{uuid4().hex}@example.com"},
    "changeEmail": lambda side: {"email": f"{uuid4().hex}@example.com"},
    "createMyToken": lambda side: {"scopes": ["tasks:read"]},
    "createUserToken": lambda side: {"scopes": ["tasks:read"]},
    "connectOidc": lambda side: {"name": "Own", "issuer": "https://127.0.0.1:1", "client_id": "x"},
    "claimEmailDomain": lambda side: {"domain": f"{uuid4().hex}.example"},
    "addColumn": lambda side: {"name": "Review", "category": "in_progress"},
    "orderColumns": lambda side: {"column_ids": side.columns},
    "createWebhook": lambda side: {"url": "http://127.0.0.1:1/"},
    "replayWebhook": lambda side: {"after": "0"},
    "createLabel": lambda side: {"name": uuid4().hex},
    "createComment": lambda side: {"body": "x"},
}
# The query that an operation cannot do without.
ASKED = {"search": {"q": "task"}}
# They would end the caller's own access, or need a link that somebody else made, or codes: tried in tests of their own.
NOT_CARRIED_OUT = {
    "leaveCompany", "deleteCompany", "acceptInvitation", "loginWithSecondFactor", "confirmTotp", "disableTotp",
    "renewRecoveryCodes", "resetPassword", "verifyEmail", "resendEmailLink",
}  # fmt: skip
NOT_CARRIED_OUT |= {"resetPassword", "verifyEmail"}
# Nor do these: they need a provider, or a record in the DNS.
NOT_CARRIED_OUT |= {
    "beginOidcLogin", "returnFromOidc", "returnFromOidcConnection", "redeemOidcCode", "discoverOidc", "verifyEmailDomain",
}  # fmt: skip
# Whoever is not signed in yet is of no company.
OF_ANYBODY = {"beginOidcLogin", "returnFromOidcConnection"}
# Where a list of ids is asked for, one of them is foreign.
IN_A_LIST = {"column_ids", "project_ids"}
# What must have been done before an operation succeeds.
FIRST: dict[str, Callable[["Side"], Awaitable[Any]]] = {
    "restoreProject": lambda side: side.person.delete(f"/projects/{side.project['id']}"),
    "restoreTask": lambda side: side.person.delete(f"/tasks/{side.task['id']}"),
    "completeCycle": lambda side: side.person.post(f"/cycles/{side.cycle['id']}/start"),
}
# A filter that takes one value, so that no foreign one stands beside it.
OF_ONE = {("listAuditEvents", "actor")}
# What an auditor of one company hears of whoever works in another: what concerns the account as a whole.
OF_ACCOUNT = {
    "auth.registered", "auth.login_succeeded", "auth.login_failed", "auth.logged_out", "auth.refresh_reused",
    "auth.session_revoked", "auth.stepped_up", "auth.refreshed", "password.changed", "password.reset_requested",
    "totp.enabled", "totp.disabled", "recovery.renewed", "email.changed", "email.verified", "user.created",
    "invitation.accepted", "auth.locked", "auth.unlocked",
}  # fmt: skip
# A parameter that says what to do, not what to look for.
ORDERS = {("deleteColumn", "move_to"), ("importTasks", "project_id")}
# A parameter that an operation cannot do without.
QUERIES: dict[str, Callable[["Side"], dict[str, str]]] = {
    "importTasks": lambda side: {"project_id": side.project["id"]},
}
# Where a company's id in a body is refused otherwise than a reference: there it says where to act, and as whom.
ACTING = {"login", "refresh"}


class Side:
    """One person in one company, with one of everything."""

    def __init__(
        self,
        person: Person,
        project: dict[str, Any],
        cycle: dict[str, Any],
        task: dict[str, Any],
        other: dict[str, Any],
        *,
        user: dict[str, Any],
        invitation: dict[str, Any],
        tokens: list[str],
    ) -> None:
        self.person, self.project, self.cycle, self.task, self.other = person, project, cycle, task, other
        self.user, self.invitation, self.tokens = user, invitation, tokens
        self.refresh_token = ""
        self.columns: list[str] = []
        self.connection: dict[str, Any] = {}
        self.label: dict[str, Any] = {}
        self.comment: dict[str, Any] = {}
        self.job = ""
        self.webhook = self.delivery = ""
        self.notification = ""
        self.domain: dict[str, Any] = {}

    def path_ids(self) -> Ids:
        """By the name of the path's parameter: id and key."""
        return {
            "project_id": [self.project["id"], self.project["key"]],
            "task_id": [self.task["id"], self.task["key"]],
            "cycle_id": [self.cycle["id"]],
            "label_id": [self.label["id"]],
            "comment_id": [self.comment["id"]],
            "job_id": [self.job],
            "notification_id": [self.notification],
            "column_id": self.columns[-1:],
            "company_id": [self.person.company_id],
            "user_id": [self.user["id"]],
            "invitation_id": [self.invitation["id"]],
            "session_id": [self.person.session_id],
            "token_id": self.tokens[:1],
            "getUserToken.token_id": self.tokens[1:],
            "revokeUserToken.token_id": self.tokens[1:],
            "connection_id": [self.connection["id"]],
            "domain_id": [self.domain["id"]],
            "webhook_id": [self.webhook],
            "delivery_id": [self.delivery],
        }

    def field_ids(self) -> Ids:
        """By the name of the query's parameter or the body's field."""
        return {
            "project_id": [self.project["id"]],
            "project_ids": [self.project["id"]],
            "cycle_id": [self.cycle["id"]],
            "carry_over_to": [self.cycle["id"]],
            "parent_id": [self.other["id"]],
            "createComment.parent_id": [self.comment["id"]],
            "task_id": [self.task["id"]],
            "author_id": [self.person.user_id],
            "changeComment.parent_id": [self.comment["id"]],
            "column_id": [self.task["column_id"]],
            "assigned_to": [self.person.user_id],
            "created_by": [self.person.user_id],
            "before": [self.other["id"]],
            "after": [self.other["id"]],
            "addColumn.after": self.columns[:1],
            "column_ids": self.columns[:1],
            "move_to": self.columns[:1],
            "company_id": [self.person.company_id],
            "break_glass_user_id": [self.person.user_id],
            "actor": [self.person.user_id],
        }


async def token(person: Person, path: str) -> str:
    """One that works: a person has a hundred of them at most."""
    found = (await person.get(f"{path}?status=active")).json()
    made = found[0] if found else (await person.post(path, {"name": "Report", "scopes": ["tasks:read"]})).json()
    return str(made["id"])


async def settled(person: Person, key: str | None = None) -> Side:
    """Fresh things of a person's own, so that what one request does to them is no matter to the next."""
    project = await person.project(**({"key": key} if key else {}))
    user = await person.post("/users", {"name": "Robot", "kind": "service"})
    await person.post(f"/projects/{project['id']}/members/{user.json()['id']}")
    invitation = await person.post("/invitations", {"email": f"{uuid4().hex}@example.com"})
    tokens = [await token(person, path) for path in ("/auth/tokens", f"/users/{user.json()['id']}/tokens")]
    cycle = await person.cycle(project)
    tasks = [await person.task(project, assigned_to=person.user_id, cycle_id=cycle["id"]) for _ in range(2)]
    await person.task(project, parent_id=tasks[1]["id"])
    side = Side(person, project, cycle, *tasks, user=user.json(), invitation=invitation.json(), tokens=tokens)
    side.label = (await person.post("/labels", {"name": uuid4().hex})).json()
    side.comment = (await person.post(f"/tasks/{side.task['id']}/comments", {"body": "x"})).json()
    side.columns = [column["id"] for column in (await person.board(project))["columns"]]
    added = await person.post(f"/projects/{project['id']}/columns", {"name": "Ideas", "category": "todo"})
    side.columns.append(added.json()["id"])
    company = f"/companies/{person.company_id}"
    # A company has no more than some of these.
    for place in (f"{company}/oidc-connections", f"{company}/email-domains"):
        for each in (await person.get(place)).json():
            await person.delete(f"{place}/{each['id']}")
    for each in (await person.get("/webhooks")).json():
        await person.delete(f"/webhooks/{each['id']}")
    side.webhook = (await person.post("/webhooks", {"url": "http://127.0.0.1:1/"})).json()["id"]
    # Where nobody answers.
    provider = {"name": "Own", "issuer": "https://127.0.0.1:1", "client_id": "x"}
    side.connection = (await person.post(f"{company}/oidc-connections", provider)).json()
    side.domain = (await person.post(f"{company}/email-domains", {"domain": f"{uuid4().hex}.example"})).json()
    return side


async def _nothing(_: Side) -> None:
    pass


def uuid_fields(conformance: Conformance, operation: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The schema of an operation's body, and the names of its fields that are uuids."""
    schema = json_schema_of(operation)
    if schema is None:
        return {}, []
    options = [conformance.schema(each) for each in schema.get("anyOf", [schema])]
    body = next(each for each in options if "properties" in each)
    return body, [name for name, described in body["properties"].items() if is_uuid(conformance, described)]


def is_uuid(conformance: Conformance, described: dict[str, Any]) -> bool:
    described = conformance.schema(described)
    if described.get("format") == "uuid":
        return True
    parts = [*described.get("anyOf", []), *([described["items"]] if "items" in described else [])]
    return any(is_uuid(conformance, part) for part in parts)


def filled_body(conformance: Conformance, operation: dict[str, Any], side: Side) -> dict[str, Any]:
    """A body that should succeed: what GIVEN says, and every required field by its name or type."""
    schema, _ = uuid_fields(conformance, operation)
    body = GIVEN.get(operation["operationId"], lambda _: {})(side)
    for name in schema.get("required", []):
        if name in body:
            continue
        described = schema["properties"][name]
        if is_uuid(conformance, described):
            body[name] = known(side.field_ids(), name, operation)[0]
        else:
            body[name] = {"string": "Text", "integer": 1, "boolean": True}.get(
                conformance.schema(described).get("type")
            )
    return body


def known(ids: Ids, name: str, operation: dict[str, Any]) -> list[str]:
    """The ids of that name, or of that name in that operation alone."""
    name = f"{operation['operationId']}.{name}" if f"{operation['operationId']}.{name}" in ids else name
    if name not in ids:
        pytest.fail(f"{operation['operationId']}: teach this test what the id {name} is of")
    return ids[name]


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """An answer without what differs from request to request."""
    body = shown(answer) if answer.content else None
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("instance", "request_id")}
    names = sorted(name for name in answer.headers if name != "content-length")
    return answer.status_code, body, names, answer.headers.get("x-event-seq")


async def ask(
    side: Side, method: str, path: str, body: dict[str, Any] | bytes | None, query: dict[str, str] | None = None
) -> httpx.Response:
    more: dict[str, Any] = {"json": body} if body is not None else {}
    if isinstance(body, bytes):
        more = {"content": body, "headers": CSV}
    if query:
        more["params"] = query
    answer = await side.person.send(method.upper(), path.removeprefix("/api/v1"), **more)
    side.person.client.cookies.clear()
    return answer


def tenant_tables(api: Api) -> list[tuple[str, str]]:
    """Every table that has rows of companies, with the column that says whose; from the catalogue."""
    found = api.sql(
        "select c.table_name from information_schema.columns c join information_schema.tables t"
        " using (table_schema, table_name) where c.column_name = 'company_id' and c.table_schema = 'public'"
        " and t.table_type = 'BASE TABLE' order by 1"
    )
    return [("companies", "id"), *((row[0], "company_id") for row in found)]


def snapshot(api: Api, company_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a company, table by table; but for what servers do by themselves: whoever mails reads on, audit
    events get their proofs, and days are counted.
    """
    shown = {"audit_events": "(t.id, t.type, t.details)::text"}
    return {
        table: api.sql(
            f"select {shown.get(table, 't::text')} from {table} t where {column} = %s order by 1", (company_id,)
        )
        for table, column in tenant_tables(api)
        if table not in ("log_positions", "counted_tasks", "project_days", "cycle_days", "notification_days")
    }


async def refreshed(api: Api, side: Side) -> None:
    """A refresh token of a new device: they are for one use."""
    answer = await api.client.post(
        "/api/v1/auth/login",
        json={
            "email": side.person.email, "password": PASSWORD, "return_refresh_token": True,
            "company_id": side.person.company_id,
        },
    )  # fmt: skip
    side.refresh_token = answer.json()["refresh_token"]
    api.client.cookies.clear()


async def probe(
    api: Api,
    conformance: Conformance,
    caller: Person,
    foreign: Side,
    *,
    own_companies: frozenset[str],
    foreign_users: list[str],
) -> int:
    """Asks every operation as `caller` with the ids of `foreign`; answers how many pairs of answers were compared."""
    compared = 0
    foreign_path, foreign_field = foreign.path_ids(), foreign.field_ids()
    for name in ("assigned_to", "created_by"):
        foreign_field[name] = [*foreign_field[name], *foreign_users]
    wrong: list[str] = []

    async def fresh() -> Side:
        side = await settled(await signed_in())
        side.job = api.job(side.person)
        side.delivery = api.delivery(side.webhook)
        side.notification = api.notification(side.person)
        await refreshed(api, side)
        return side

    async def signed_in() -> Person:
        """A session of its own each time: signing out is an operation as well."""
        found = await api.login(caller.email, company_id=caller.company_id)
        api.client.cookies.clear()
        return found

    # In the end what nobody signs in after as before.
    operations = sorted(conformance.operations(), key=lambda each: each[2]["operationId"] == "changePassword")
    for method, template, operation in operations:
        operation_id = operation["operationId"]
        names = re.findall(r"\{(\w+)\}", template)
        queries = [
            each["name"]
            for each in operation.get("parameters", [])
            if each["in"] == "query" and is_uuid(conformance, each["schema"])
        ]
        _, fields = uuid_fields(conformance, operation)
        has_body = "requestBody" in operation
        own = (await fresh()).path_ids()

        def path_with(side: Side, **ids: str) -> str:
            return re.sub(
                r"\{(\w+)\}",
                lambda found: ids.get(found[1]) or known(side.path_ids(), found[1], operation)[0],
                template,
            )

        def body_of(side: Side) -> dict[str, Any] | bytes | None:
            if operation_id in FILES:
                return FILES[operation_id]
            return filled_body(conformance, operation, side) if has_body else None

        async def ready() -> Side:
            """Fresh things, and what the operation needs to have been done to them."""
            side = await fresh()
            await FIRST.get(operation_id, _nothing)(side)
            return side

        if operation_id not in NOT_CARRIED_OUT:
            side = await ready()
            query = QUERIES[operation_id](side) if operation_id in QUERIES else ASKED.get(operation_id)
            control = await ask(side, method, path_with(side), body_of(side), query)
            if not control.is_success:
                pytest.fail(
                    f"{operation_id} cannot be filled in; teach GIVEN how: {control.status_code} {control.text}"
                )

        for name in names if operation_id not in OF_ANYBODY else ():
            known(own, name, operation)
            for place, foreign_id in enumerate(known(foreign_path, name, operation)):
                if foreign_id in own_companies:
                    continue
                side = await fresh()
                missing = str(uuid4()) if place == 0 else foreign_id.replace("FRGN", "NONE")
                answers = [
                    await ask(side, method, path_with(side, **{name: each}), body_of(side))
                    for each in (foreign_id, missing)
                ]
                compared += 1
                if answers[0].status_code != 404 or shape(answers[0]) != shape(answers[1]):
                    wrong.append(
                        f"{operation_id} path {name}={foreign_id}: {shape(answers[0])} but {shape(answers[1])}"
                    )

        for name in queries:
            if (operation_id, name) in ORDERS:
                answers = []
                for each in (known(foreign_field, name, operation)[0], str(uuid4())):
                    side = await ready()
                    answers.append(await ask(side, method, path_with(side), body_of(side), {name: each}))
                compared += 1
                if answers[0].json()["code"] != "reference.not_found" or shape(answers[0])[:2] != shape(answers[1])[:2]:
                    wrong.append(f"{operation_id} query {name}: {shape(answers[0])} but {shape(answers[1])}")
                continue
            for foreign_id in known(foreign_field, name, operation):
                side = await fresh()
                answers = [
                    await ask(side, method, path_with(side), body_of(side), {name: each})
                    for each in (foreign_id, str(uuid4()))
                ]
                compared += 1
                if answers[0].status_code != 200 or shown(answers[0]) != [] or shape(answers[0]) != shape(answers[1]):
                    wrong.append(f"{operation_id} query {name}: {shape(answers[0])} but {shape(answers[1])}")
                if (operation_id, name) in OF_ONE:
                    continue
                mine = known(side.field_ids(), name, operation)[0]
                alone = await ask(side, method, path_with(side), body_of(side), {name: mine})
                both = await ask(side, method, path_with(side), body_of(side), {name: f"{mine},{foreign_id}"})
                if shown(alone) == [] or shown(both) != shown(alone):
                    wrong.append(f"{operation_id} query {name} with a foreign value beside an own one")

        for name in fields:
            ids = {"id": foreign_path[names[-1]][:1]} if name == "id" and names else foreign_field
            for foreign_id in known(ids, name, operation):
                if foreign_id in own_companies:
                    continue
                answers = []
                for each in (foreign_id, str(uuid4())):
                    side = await ready()
                    body = {**(body_of(side) or {}), name: [each] if name in IN_A_LIST else each}
                    if name in ("before", "after", "column_id"):
                        body = {key: value for key, value in body.items() if key not in ("new_status", "status")}
                    answers.append(await ask(side, method, path_with(side), body))
                compared += 1
                code = answers[0].json().get("code") if answers[0].content else None
                if operation_id in ACTING and name == "company_id":
                    fits = (answers[0].status_code, code) == (403, "auth.no_active_membership")
                else:
                    fits = answers[0].status_code == 422 and code in ("reference.not_found", "field.read_only")
                    place = f"/{name}/0" if name in IN_A_LIST else f"/{name}"
                    fits = fits and answers[0].json()["errors"][0]["pointer"] == place
                first, second = (shape(answer)[:2] for answer in answers)
                if not fits or first != second:
                    wrong.append(f"{operation_id} body {name}: {first} but {second}")
    assert not wrong, "\n".join(wrong)
    return compared


async def test_the_owner_of_another_company_reaches_nothing(api: Api, conformance: Conformance) -> None:
    victim, attacker = await api.register(), await api.register()
    foreign = await settled(victim, "FRGN")
    foreign.job = api.job(victim)
    foreign.delivery = api.delivery(foreign.webhook)
    foreign.notification = api.notification(victim)
    before = snapshot(api, victim.company_id)
    assert all(
        before[table]
        for table in ("companies", "users", "api_tokens", "projects", "cycles", "tasks", "events", "board_columns")
    )
    compared = await probe(
        api, conformance, attacker, foreign, own_companies=frozenset({attacker.company_id}), foreign_users=[]
    )
    assert compared >= 30
    assert snapshot(api, victim.company_id) == before


async def test_one_account_in_two_companies_reaches_the_other_only_by_switching(
    api: Api, conformance: Conformance
) -> None:
    victim, account = await api.register(), await api.register()
    foreign = await settled(victim, "FRGN")
    foreign.job = api.job(victim)
    foreign.delivery = api.delivery(foreign.webhook)
    foreign.notification = api.notification(victim)
    there = await api.colleague(victim, who=account, role="owner")
    assert (await there.get(f"/tasks/{foreign.task['id']}")).status_code == 200, "as an owner of that company"
    before = snapshot(api, victim.company_id)
    compared = await probe(
        api,
        conformance,
        account,
        foreign,
        own_companies=frozenset({account.company_id, victim.company_id}),
        foreign_users=[there.user_id],
    )
    assert compared >= 30
    after = snapshot(api, victim.company_id)
    # What becomes of an account is told in each of its companies.
    told, tells = before.pop("audit_events"), after.pop("audit_events")
    assert {name for (name,) in api.sql(
        "select type from audit_events where company_id = %s and actor_id = %s", (victim.company_id, there.user_id)
    )} <= OF_ACCOUNT  # fmt: skip
    assert len(tells) >= len(told)
    assert after == before


async def test_a_key_of_another_company_is_no_key_of_this_one(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    mine, theirs = await settled(ann, "SAME"), await settled(bob, "SAME")
    assert (await ann.get("/projects/SAME")).json()["id"] == mine.project["id"]
    assert (await bob.get("/projects/SAME")).json()["id"] == theirs.project["id"]
    assert (await ann.get("/tasks/SAME-1")).json()["id"] == mine.task["id"]
    await bob.delete("/tasks/SAME-1")
    assert (await ann.get("/tasks/SAME-1")).status_code == 200


async def test_a_token_does_not_open_the_company_that_it_is_edited_to(api: Api, container: Any) -> None:
    """Even signed by us: the opening statement asks whether the session's account belongs there."""
    import json as text
    from base64 import urlsafe_b64decode

    from joserfc import jwt

    ann, bob = await api.register(), await api.register()
    header, claims = (text.loads(urlsafe_b64decode(part + "==")) for part in ann.token.split(".")[:2])
    for changes in (
        {"company_id": bob.company_id},
        {"company_id": bob.company_id, "user_id": bob.user_id},
        {"company_id": str(uuid4())},
    ):
        token = jwt.encode(header, {**claims, **changes}, container.access_tokens()._keys[0].key, algorithms=["EdDSA"])
        forged = Person(client=ann.client, token=token, email=ann.email, user=ann.user, company=ann.company)
        for path in ("/auth/me", "/tasks", "/projects", "/companies", "/events"):
            answer = await forged.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "auth.session_ended")
        answer = await forged.post("/projects", {"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.session_ended")
    assert api.count("projects", bob.company_id) == 0
