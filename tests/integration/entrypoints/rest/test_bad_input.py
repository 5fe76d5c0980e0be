"""Whatever is sent: the contract's answer, never a 5xx, and nothing written by what was refused."""

import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import NOBODYS_ID, PASSWORD, Api, Person, shown
from tests.integration.entrypoints.rest.conformance import Conformance, json_schema_of

JSON = {"Content-Type": "application/json"}

# Strings that no field takes, as they stand inside a JSON string.
NEVER = {
    "NUL": r"a\u0000b",
    "NUL alone": r"\u0000",
    "bell": r"a\u0007b",
    "escape": r"a\u001bb",
    "carriage return": r"a\rb",
    "C1 control": r"a\u0085b",
    "delete": r"a\u007fb",
    "high surrogate": r"a\ud800b",
    "low surrogate": r"a\udfffb",
    "surrogates the wrong way round": r"\udc00\ud800",
}
# Strings that are odd but text: taken as they are, or refused for another reason.
ODD = {
    "SQL quote": "x'; drop table tasks; --",
    "SQL or": "' or '1'='1",
    "SQL union": "x' union select password_hash from accounts --",
    "SQL setting": "'; select set_config('app.company_id', '00000000-0000-0000-0000-000000000000', false); --",
    "driver's placeholder": "%s %(id)s %% %b :id $1 ? {0}",
    "backslash": "\\'; \\x00 \\u0000",
    "template": "{{7*7}} ${7*7} <%= 7*7 %>",
    "markup": "<script>alert(1)</script>",
    "path": "../../../../etc/passwd",
    "unicode": "𝕬 ﷺ e\u0301 \u202e \u200b \ufeff 👩‍👩‍👧",
    "numbers": "1e309",
    "null": "null",
    "formula": "=cmd|' /C calc'!A0",
}
MALFORMED = {
    "cut off": b"{",
    "single quotes": b"{'title': 'x'}",
    "comma too many": b'{"title": "x",}',
    "comment": b'{"title": "x"} // x',
    "two values": b"{}{}",
    "NUL byte": b'{"title": "\x00"}',
    "invalid UTF-8": b'{"title": "\xff\xfe"}',
    "overlong UTF-8": b'{"title": "\xc0\x80"}',
    "encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "only garbage": b"\xde\xad\xbe\xef",
    "raw newline in a string": b'{"title": "a\nb"}',
    "bad escape": b'{"title": "\\x"}',
    "10,000 lists": b"[" * 10_000,
    "10,000 closed lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects": b'{"a":' * 10_000,
    "10,000 closed objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "5,000 digits": b'{"version": ' + b"9" * 5_000 + b"}",
    "4,000 digits": b'{"version": ' + b"9" * 4_000 + b"}",
    "NaN": b'{"version": NaN}',
    "Infinity": b'{"version": -Infinity}',
    "1e400": b'{"version": 1e400}',
    "a list": b"[]",
    "a number": b"7",
    "a string": b'"x"',
    "a list of bodies": b'[{"title": "x"}]',
}


class World:
    """A person, one of everything, and what there is in the company."""

    def __init__(self, api: Api, conformance: Conformance, ann: Person, project: Any, task: Any, cycle: Any) -> None:
        self.api, self.conformance, self.ann, self.project, self.task = api, conformance, ann, project, task
        self._ids = {
            "project_id": project["id"],
            "task_id": task["id"],
            "user_id": ann.user_id,
            "invitation_id": str(uuid4()),
            "token_id": str(uuid4()),
            "connection_id": str(uuid4()),
            "domain_id": str(uuid4()),
            "session_id": ann.session_id,
            "cycle_id": cycle["id"],
            "label_id": str(uuid4()),
            "comment_id": str(uuid4()),
            "job_id": str(uuid4()),
            "webhook_id": str(uuid4()),
            "delivery_id": str(uuid4()),
            "notification_id": str(uuid4()),
            "company_id": ann.company_id,
        }
        self._tables = [
            row[0]
            for row in api.sql(
                "select c.table_name from information_schema.columns c join information_schema.tables t"
                " using (table_schema, table_name) where c.column_name = 'company_id' and c.table_schema = 'public'"
                " and t.table_type = 'BASE TABLE' order by 1"
            )
            # What is refused may well be told to auditors; who mails reads on meanwhile, and days are counted.
            if row[0] not in ("audit_events", "log_positions", "counted_tasks", "project_days", "cycle_days")
        ]
        assert {"tasks", "events", "idempotency_keys"} <= set(self._tables)
        self._ids["column_id"] = task["column_id"]

    def filled(self, path: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: str(self._ids[found[1]]), path).removeprefix("/api/v1")

    def counts(self) -> list[tuple[Any, ...]]:
        """How many rows the company has in each table, and how many accounts and companies there are."""
        own = ", ".join(
            f"(select count(*) from {table} where company_id = '{self.ann.company_id}')" for table in self._tables
        )
        return self.api.sql(f"select {own}, (select count(*) from accounts), (select count(*) from companies)")

    def bodies(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Method, path, operation id and the schema of the body, of each operation that takes one."""
        found = []
        for method, path, operation in self.conformance.operations():
            if (schema := json_schema_of(operation)) is not None:
                options = [self.conformance.schema(each) for each in schema.get("anyOf", [schema])]
                found.append(
                    (
                        method.upper(),
                        self.filled(path),
                        operation["operationId"],
                        next(each for each in options if "properties" in each),
                    )
                )
        assert len(found) >= 10
        return found

    def without_body(self) -> list[tuple[str, str, str]]:
        """Method, path and operation id of each operation that takes no body; HEAD is one wherever GET is."""
        found = [
            (method.upper(), self.filled(path) + _needed_query(operation), operation["operationId"])
            for method, path, operation in self.conformance.operations()
            if "requestBody" not in operation
        ]
        assert {method for method, _, _ in found} >= {"GET", "POST", "DELETE"}
        return [*found, *(("HEAD", path, name) for method, path, name in found if method == "GET")]

    def usual(self, operation_id: str) -> dict[str, Any]:
        """A body that the operation takes."""
        return {
            "addColumn": {"name": "x", "category": "todo"},
            "orderColumns": {"column_ids": [self.task["column_id"]]},
            "register": {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "x"},
            "login": {"email": self.ann.email, "password": PASSWORD},
            "switchCompany": {"company_id": self.ann.company_id},
            "stepUp": {"password": PASSWORD},
            "issueTicket": {"purpose": "stream"},
            "changePassword": {"current_password": PASSWORD, "new_password": f"{PASSWORD} {uuid4()}"},
            "loginWithSecondFactor": {"ticket": "none", "code": "000000"},
            "confirmTotp": {"code": "000000"},
            "disableTotp": {"code": "000000"},
            "openCompany": {"name": "x"},
            "openProject": {"name": "x"},
            "createTask": {"project_id": self.project["id"], "title": "x"},
            "createLabel": {"name": uuid4().hex},
            "createWebhook": {"url": "https://hooks.example.com/"},
            "replayWebhook": {"after": "0"},
            "rotateWebhookSecret": {"end_previous": True},
            "createComment": {"body": "x"},
            "createCycle": {"project_id": self.project["id"], "name": "x"},
            "moveTask": {"new_status": "todo"},
            "createUser": {"name": "x", "email": f"{uuid4().hex}@example.com"},
            "sendInvitation": {"email": f"{uuid4().hex}@example.com"},
            "acceptInvitation": {"token": "none", "password": PASSWORD},
            "deleteCompany": {"confirm": "none"},
            "createMyToken": {"name": "x", "scopes": ["tasks:read"]},
            "createUserToken": {"name": "x", "scopes": ["tasks:read"]},
            "connectOidc": {"name": "x", "issuer": "https://login.example.com", "client_id": "x"},
            "claimEmailDomain": {"domain": f"{uuid4().hex}.example"},
            "redeemOidcCode": {"code": "none"},
        }.get(operation_id, {})


def _needed_query(operation: dict[str, Any]) -> str:
    """What an operation cannot do without."""
    needed = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query" and each["required"]]
    usual = {"email": "ann@example.com", "q": "website"}
    return "?" + "&".join(f"{name}={usual[name]}" for name in needed) if needed else ""


@pytest.fixture
async def world(api: Api, conformance: Conformance) -> World:
    ann = await api.register()
    project = await ann.project()
    webhook = (await ann.post("/webhooks", {"url": "http://127.0.0.1:1/", "is_active": False})).json()
    world = World(api, conformance, ann, project, await ann.task(project), await ann.cycle(project))
    world._ids["webhook_id"] = webhook["id"]
    return world


def is_string(conformance: Conformance, schema: dict[str, Any]) -> bool:
    return any(conformance.schema(each).get("type") == "string" for each in schema.get("anyOf", [schema]))


async def raw(person: Person, method: str, path: str, content: Any, **headers: str) -> httpx.Response:
    answer = await person.send(method, path, content=content, headers={**JSON, **headers})
    person.client.cookies.clear()
    return answer


# Bodies


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_body_that_is_no_json_or_no_object_is_refused(world: World, name: str) -> None:
    before = world.counts()
    for method, path, operation_id, _ in world.bodies():
        answer = await raw(world.ann, method, path, MALFORMED[name])
        assert answer.status_code in (400, 422), f"{operation_id} -> {answer.status_code}"
        if answer.status_code == 400:
            assert answer.json()["code"] == "body.malformed"
    assert world.counts() == before


async def test_no_body_is_refused_where_one_is_needed(world: World) -> None:
    before = world.counts()
    for method, path, operation_id, schema in world.bodies():
        if "required" in schema:
            for content in (b"", b"null", b"{}"):
                answer = await raw(world.ann, method, path, content)
                assert answer.status_code in (400, 422), f"{operation_id} {content!r} -> {answer.status_code}"
            bare = await world.ann.send(method, path)
            assert bare.status_code in (400, 415, 422), operation_id
    assert world.counts() == before


@pytest.mark.parametrize("name", NEVER)
async def test_text_that_no_field_takes_is_refused_in_every_string_of_every_body(world: World, name: str) -> None:
    before = world.counts()
    for method, path, operation_id, schema in world.bodies():
        for field, described in schema["properties"].items():
            if not is_string(world.conformance, described):
                continue
            body = {**world.usual(operation_id), field: "@"}
            content = json.dumps(body).replace('"@"', f'"{NEVER[name]}"').encode()
            answer = await raw(world.ann, method, path, content)
            place = f"{operation_id} {field} -> {answer.status_code} {answer.text[:200]}"
            if operation_id in ("login", "refresh"):
                assert answer.status_code in (401, 403, 422), place
            elif operation_id == "acceptInvitation" and field.endswith("password") and "surrogate" not in name:
                assert answer.status_code == 404, place
            elif operation_id == "changeUser" and field == "password" and "surrogate" not in name:
                # One's own is not changed there, whatever it is.
                assert answer.status_code == 403, place
            elif field.endswith("password") and "surrogate" not in name:
                # A password is as it was typed, and not trimmed; what never was one is a wrong one.
                assert answer.status_code in (201, 204, 401, 422), place
                before = world.counts()
            else:
                assert answer.status_code == 422, place
                assert f"/{field}" in [error["pointer"] for error in answer.json()["errors"]], place
    assert world.counts() == before


@pytest.mark.parametrize("name", ODD)
async def test_odd_text_is_taken_as_it_is_or_refused_and_never_understood(world: World, name: str) -> None:
    text, before = ODD[name], world.counts()
    for method, path, operation_id, schema in world.bodies():
        for field, described in schema["properties"].items():
            if not is_string(world.conformance, described):
                continue
            answer = await raw(world.ann, method, path, json.dumps({**world.usual(operation_id), field: text}).encode())
            assert answer.status_code < 500, f"{operation_id} {field}: {answer.text}"
            if answer.status_code >= 400:
                assert world.counts() == before, f"{operation_id} {field}"
                continue
            before = world.counts()
            if field in ("title", "description", "name"):
                shown = answer.json() if operation_id != "register" else answer.json()["user"]
                assert shown[field] == text.strip()
    assert world.api.sql("select count(*) from tasks")[0][0] > 0


async def test_unknown_fields_are_refused_in_every_body(world: World) -> None:
    before = world.counts()
    for method, path, operation_id, _ in world.bodies():
        for field in (
            "nothing",
            "company_id2",
            "",
            "__proto__",
            "Title",
            "$where",
            "a/b",
            r"\u0000",
            r"\ud800",
            "x" * 5000,
        ):
            content = json.dumps({**world.usual(operation_id), "@": 1}).replace('"@"', f'"{field}"').encode()
            answer = await raw(world.ann, method, path, content)
            assert answer.status_code == 422, f"{operation_id} {field[:20]} -> {answer.status_code}"
    assert world.counts() == before


async def test_of_a_repeated_key_the_last_counts_or_none(world: World) -> None:
    path = f"/tasks/{world.task['id']}"
    answer = await raw(world.ann, "PATCH", path, b'{"title": "first", "title": "last"}')
    assert answer.status_code in (200, 400)
    assert (await world.ann.get(path)).json()["title"] == ("last" if answer.status_code == 200 else "A task")


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_eleven_megabytes_are_too_large_everywhere(world: World, chunked: bool) -> None:
    block = b" " * 1_000_000

    async def stream() -> AsyncIterator[bytes]:
        yield b"{"
        for _ in range(11):
            yield block

    before = world.counts()
    for method, path, operation_id, _ in world.bodies():
        answer = await raw(world.ann, method, path, stream() if chunked else b"{" + block * 11)
        assert (answer.status_code, answer.json()["code"]) == (413, "body.too_large"), operation_id
    assert world.counts() == before


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_a_body_where_none_belongs_is_refused_by_name(world: World, chunked: bool) -> None:
    before = world.counts()
    plain = {"Content-Type": "text/plain"}
    for method, path, operation_id in world.without_body():
        for content, headers, status, code, pointers in (
            (b"x" * 2_000_000, {}, 413, "body.too_large", None),
            (b"{}", plain, 415, "body.media_type_unsupported", None),
            (b"{", {}, 400, "body.malformed", None),
            (b"\xff", {}, 400, "body.malformed", None),
            (b'{"title": "x", "a/b": 1}', {}, 422, "body.unexpected", ["/title", "/a~1b"]),
            (b'{"": "\\ud800"}', {}, 422, "body.unexpected", ["/"]),
            (b"[]", {}, 422, "body.unexpected", [""]),
            (b"null", {}, 422, "body.unexpected", [""]),
        ):
            answer = await raw(world.ann, method, path, in_chunks(content) if chunked else content, **headers)
            place = f"{method} {operation_id} {content[:20]!r}"
            assert answer.status_code == status, place
            if method != "HEAD":
                assert answer.json()["code"] == code, place
                assert [error["pointer"] for error in answer.json().get("errors", [])] == (pointers or []), place
    assert world.counts() == before


async def test_an_empty_object_says_as_little_as_no_body(world: World) -> None:
    for method, path, operation_id in world.without_body():
        if method != "DELETE":
            statuses = {(await raw(world.ann, method, path, body)).status_code for body in (b"", b"{}", b" { } ")}
            assert len(statuses) == 1 and not statuses & {400, 413, 415, 422}, operation_id
    other = await world.ann.task(world.project)
    assert (await raw(world.ann, "DELETE", f"/tasks/{other['id']}", b"{}")).status_code == 204
    for path in ("/health", "/openapi.json"):
        assert (await world.api.client.request("GET", path, json={})).status_code == 200
        assert (await world.api.client.request("GET", path, json={"x": 1})).json()["code"] == "body.unexpected"


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "", "0x10", "9" * 30, "+5", "5, 5"])
async def test_a_length_that_is_none_is_refused_or_too_large(world: World, length: str) -> None:
    before = world.counts()
    request = world.ann.client.build_request("POST", "/api/v1/projects", content=b'{"name": "x"}')
    request.headers.update({**JSON, "Authorization": f"Bearer {world.ann.token}", "Content-Length": length})
    answer = await world.ann.client.send(request)
    assert answer.status_code in (400, 411, 413), answer.text
    assert world.counts() == before


# Values


@pytest.mark.parametrize(
    "day",
    ["2026-02-29", "2026-00-01", "2026-04-31", "0000-01-01", "10000-01-01", "-0001-01-01", "99999999-01-01", "2026-1-1",
     "20260101", "2026-W01-1", "2026-01-01T00:00:00Z", "today", "infinity", "", " ", "2026-01-01 ", "٢٠٢٦-٠١-٠١"],
)  # fmt: skip
async def test_a_day_that_is_none_is_refused_wherever_it_stands(world: World, day: str) -> None:
    before = world.counts()
    ann = world.ann
    for answer in (
        await ann.post("/tasks", {"project_id": world.project["id"], "title": "x", "deadline": day}),
        await ann.patch(f"/tasks/{world.task['id']}", {"deadline": day}),
        await ann.post("/projects", {"name": "x", "deadline": day}),
        await ann.patch(f"/projects/{world.project['id']}", {"deadline": day}),
        await ann.get("/tasks", params={"deadline_before": day}),
        await ann.get("/tasks", params={"deadline_after": day}),
    ):
        assert answer.status_code == 422, f"{answer.request.method} {answer.request.url}: {answer.text[:300]}"
    assert world.counts() == before


@pytest.mark.parametrize(
    "instant",
    ["2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00+99:00", "10000-01-01T00:00:00Z", "infinity",
     "now", "9" * 400, "1e400", "NaN", "-1", "2026-01-01", "2026-01-01T00:00:00"],
)  # fmt: skip
async def test_an_instant_that_is_none_is_refused(world: World, instant: str) -> None:
    answer = await world.ann.get("/tasks", params={"updated_after": instant})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("version", [0, -1, 2**31, 2**63, 2**64, 10**400, 1.5, "x", None, [1], {}])
async def test_a_version_that_is_none_is_refused(world: World, version: Any) -> None:
    for method, path in (("PATCH", f"/tasks/{world.task['id']}"), ("PATCH", f"/projects/{world.project['id']}")):
        answer = await raw(world.ann, method, path, json.dumps({"version": version}).encode())
        assert answer.status_code in (400, 422), version
    for path, method in ((f"/tasks/{world.task['id']}/move", "PATCH"), (f"/tasks/{world.task['id']}/complete", "POST")):
        body = {"version": version, **({"new_status": "done"} if "move" in path else {})}
        answer = await raw(world.ann, method, path, json.dumps(body).encode())
        assert answer.status_code == (200 if version is None else 422) or answer.status_code == 400, version


async def test_large_numbers_in_a_query_are_refused(world: World) -> None:
    for name in ("limit", "skip"):
        for value in ("9" * 30, "9" * 5000, "-" + "9" * 30, "1e9", "0x10", "NaN", "inf", "1 1", "1,2"):
            answer = await world.ann.get("/tasks", params={name: value})
            assert answer.status_code == 422, value
            assert answer.json()["errors"][0]["parameter"] == name


async def test_thousands_of_values_of_a_filter_are_answered_or_refused(world: World) -> None:
    for query in (
        "project_id=" + ",".join(str(uuid4()) for _ in range(1700)),
        "&".join(f"assigned_to={uuid4()}" for _ in range(1200)),
        "status=" + "todo," * 5000 + "done",
        "types=" + "x," * 5000 + "x",
    ):
        path = "/events" if query.startswith("types") else "/tasks"
        assert (await world.ann.get(f"{path}?{query}")).status_code in (200, 414, 422)


# Paths and queries

# Whoever was sent nowhere comes back from nowhere, whatever else they bring; nor is there a way to nowhere.
UNSENT = {"returnFromOidc": 403, "returnFromOidcConnection": 403, "beginOidcLogin": 404}


GARBAGE = [
    "%00", "%ff%fe", "%c0%80", "%ed%a0%80", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%252e", "%0d%0aSet-Cookie:%20x=1",
    "%E2%80%AE", "a%00b", "WEB-1%00", "WEB-%D9%A1", "WEB-1%0a", "-1", "1%20or%201=1", "'%20or%20'1'='1", "%27;drop%20table%20tasks;--",
    "%F0%9F%98%80", "x" * 5000, "9" * 400, "WEB-" + "9" * 400, "%3Fx=1", "%23", "[", "%5B", "{id}", "*", "null", "undefined",
    "00000000-0000-0000-0000-000000000000", f"urn:uuid:{NOBODYS_ID}", f"%7B{NOBODYS_ID}%7D", "ſſ-1",
]  # fmt: skip


@pytest.mark.parametrize("segment", GARBAGE, ids=lambda segment: segment[:24])
async def test_a_path_id_that_is_none_is_not_found(world: World, segment: str) -> None:
    before = world.counts()
    for method, path, operation in world.conformance.operations():
        if "{" not in path:
            continue
        filled = re.sub(r"\{\w+\}", lambda _: segment, path).removeprefix("/api/v1")
        body = {"json": world.usual(operation["operationId"])} if "requestBody" in operation else {}
        answer = await world.ann.send(method.upper(), filled, **body)
        expected = {404, UNSENT.get(operation["operationId"], 404)}
        assert answer.status_code in expected, f"{method} {filled[:80]} -> {answer.status_code}"
        assert "set-cookie" not in answer.headers
    assert world.counts() == before


@pytest.mark.parametrize(
    "value",
    ["%00", "%ff", "%ed%a0%80", "a%0d%0aX-Evil:%201", "'%20or%201=1--", "%25s", "x" * 6000, "%E2%80%AE", "[", "{}"],
)
async def test_a_query_value_that_is_garbage_is_refused_or_finds_nothing(world: World, value: str) -> None:
    before = world.counts()
    for method, path, operation in world.conformance.operations():
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            answer = await world.ann.send(method.upper(), f"{world.filled(path)}?{parameter['name']}={value}")
            place = f"{path}?{parameter['name']} -> {answer.status_code}"
            if answer.status_code == 200 and operation["operationId"] == "streamEvents":
                assert answer.content.count(b"event: ") == answer.content.count(b"event: ready") == 1, place
            elif answer.status_code == 200:
                assert shown(answer) == [], place
            else:
                assert answer.status_code in (400, 422, UNSENT.get(operation["operationId"])), place
            assert "x-evil" not in answer.headers
    assert world.counts() == before


@pytest.mark.parametrize(
    "path",
    ["/docs-assets/%00", "/docs-assets/" + "a" * 300, "/docs-assets/..%2f..%2f..%2fetc%2fpasswd", "/docs-assets/",
     "/docs-assets", "/problems/%00", "/problems/%ff", "//evil.example/x", "/api//v1/tasks", "/%2e%2e/x", "/api/v1/tasks%00",
     "/.well-known/", "/api/v1/%5B"],
)  # fmt: skip
async def test_other_addresses_are_not_found(world: World, path: str) -> None:
    request = world.ann.client.build_request("GET", "http://localhost:8000/")
    request.url = httpx.URL("http://localhost:8000").copy_with(raw_path=path.encode())
    answer = await world.ann.client.send(request)
    assert answer.status_code == 404, f"{path} -> {answer.status_code}"


# Cursors


async def test_a_cursor_that_was_altered_in_any_byte_is_refused(world: World) -> None:
    for _ in range(2):
        await world.ann.task(world.project)
    cursor = re.search("cursor=([^&>]*)", (await world.ann.get("/tasks?limit=1")).headers["link"])[1]  # type: ignore[index]
    assert (await world.ann.get(f"/tasks?limit=1&cursor={cursor}")).status_code == 200
    whole = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    altered = [
        base64.urlsafe_b64encode(bytes([*whole[:place], whole[place] ^ bit, *whole[place + 1 :]])).decode().rstrip("=")
        for place in range(len(whole))
        for bit in (1, 128)
    ]
    altered += [
        cursor[:-1],
        cursor[1:],
        cursor + "AAAA",
        cursor * 2,
        cursor + "=" * 4,
        "",
        "A",
        "AA",
        "é",
        "%00",
        "~",
        "x" * 1990,
    ]
    altered += [
        base64.urlsafe_b64encode(bytes(16) + body).decode() for body in (b"", b"[]", b"null", b'["x"]', b"[" * 900)
    ]
    for wrong in altered:
        answer = await world.ann.get("/tasks", params={"limit": "1", "cursor": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid"), wrong
    answer = await world.ann.get("/tasks", params={"cursor": "x" * 2001})
    assert answer.status_code in (400, 422)


async def test_a_cursor_is_no_use_to_another_user_company_or_list(api: Api, world: World) -> None:
    await world.ann.task(world.project)
    cursor = re.search("cursor=([^&>]*)", (await world.ann.get("/tasks?limit=1")).headers["link"])[1]  # type: ignore[index]
    colleague, stranger = await api.colleague(world.ann, role="admin"), await api.register()
    there = await api.colleague(stranger, who=world.ann, role="admin")
    for person, path in (
        (colleague, "/tasks"), (stranger, "/tasks"), (there, "/tasks"), (world.ann, "/projects"),
        (world.ann, "/tasks?sort=number"), (world.ann, "/tasks?status=todo"),
    ):  # fmt: skip
        answer = await person.get(f"{path}{'&' if '?' in path else '?'}limit=1&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid")
    again = await api.login(world.ann.email, company_id=world.ann.company_id)
    assert (await again.get(f"/tasks?limit=1&cursor={cursor}")).status_code == 200, "another device of the same user"


# Headers


@pytest.mark.parametrize(
    "tag",
    [
        "garbage",
        "1",
        '"',
        '""',
        '"x"',
        '"-1"',
        '"1',
        '1"',
        '"1e3"',
        '"٣"',
        '"1" "2"',
        "W/1",
        "",
        '"1"x',
        "\xff",
        '".5"',
        '"' + "9" * 5000 + '"',
    ],
)
async def test_an_if_match_that_is_no_tag_of_ours_changes_nothing(world: World, tag: str) -> None:
    before, path = world.counts(), f"/tasks/{world.task['id']}"
    for method, address, body in (
        ("PATCH", path, {"title": "never"}),
        ("PATCH", f"{path}/move", {"new_status": "done"}),
        ("POST", f"{path}/complete", {}),
        ("DELETE", path, None),
        ("PATCH", f"/projects/{world.project['id']}", {"name": "never"}),
        ("DELETE", f"/projects/{world.project['id']}", None),
    ):
        headers = [(b"Authorization", f"Bearer {world.ann.token}".encode()), (b"If-Match", tag.encode("utf-8"))]
        answer = await world.ann.client.request(method, f"/api/v1{address}", headers=headers, json=body)
        assert answer.status_code in (400, 412), f"{method} {address} -> {answer.status_code}"
        assert answer.json()["code"] in ("header.malformed", "version.stale")
    assert world.counts() == before
    assert (await world.ann.get(path)).json() == world.task


@pytest.mark.parametrize("tags", ['"7.x", "1.y"', '"1.y", "7.x"', '"7","1"'])
async def test_a_list_of_tags_fits_if_one_of_them_does_or_is_refused(world: World, tags: str) -> None:
    """RFC 9110, 13.1.1: any of them; never only the first."""
    answer = await world.ann.patch(f"/tasks/{world.task['id']}", {"title": "x"}, headers={"If-Match": tags})
    assert answer.status_code in (200, 400)


HEADERS = [
    ("Host", b"["), ("Host", b"[::1"), ("Host", b"a b"), ("Host", b""), ("Host", b"evil.example/../x?y#z"), ("Host", b"\xff"),
    ("Host", b"localhost:99999999"), ("Host", b"x" * 5000), ("Accept", b"\xff"), ("Accept", b"*/*;q=abc"), ("Accept", b"," * 5000 + b"*/*"),
    ("Accept-Encoding", b"\xff"), ("Accept-Encoding", b"gzip;q=x"), ("Accept-Language", b"\xff" * 100), ("Range", b"bytes=0-0"),
    ("Range", b"x" * 1000), ("If-None-Match", b"\xff"), ("If-None-Match", b'"' * 5000), ("If-Modified-Since", b"never"),
    ("Cookie", b"\xff=\xfe; ;;=;flowtrack_refresh=\xff"), ("Cookie", b"x" * 5000), ("Origin", b"\xff"), ("Origin", b"http://["),
    ("User-Agent", b"\xff\x80 <script>"), ("User-Agent", b"x" * 10000), ("X-Forwarded-For", b"garbage"), ("X-Forwarded-Host", b"evil.example"),
    ("Forwarded", b"for=x;proto=y"), ("X-HTTP-Method-Override", b"DELETE"), ("traceparent", b"garbage"), ("traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00"),
    ("Content-Type", b"\xff"), ("Content-Type", b"application/json; charset=utf-7"), ("Content-Encoding", b"gzip"), ("Expect", b"100-continue"),
    ("Upgrade", b"websocket"), ("Connection", b"close, \xff"), ("X-Nothing", b"a\r\nX-Evil: 1"), ("Prefer", b"x"), ("Sec-Fetch-Site", b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HEADERS, ids=lambda value: str(value)[:30])
async def test_an_absurd_header_harms_nothing(world: World, name: str, value: bytes) -> None:
    client = world.ann.client
    own = (b"Authorization", f"Bearer {world.ann.token}".encode())
    for method, path, body in (
        ("GET", f"/api/v1/tasks/{world.task['id']}", None),
        ("GET", "/api/v1/tasks", None),
        ("GET", f"/api/v1/tasks/{uuid4()}", None),
        ("GET", "/nothing", None),
        ("GET", "/docs", None),
        ("POST", "/api/v1/projects", b'{"name": "x"}'),
        ("POST", "/api/v1/auth/login", json.dumps({"email": world.ann.email, "password": PASSWORD}).encode()),
        ("POST", "/api/v1/auth/refresh", b"{}"),
        ("POST", "/api/v1/auth/logout", None),
    ):
        client.cookies.clear()
        headers = [(name.encode(), value)]
        if path.startswith("/api/v1") and "/auth/" not in path:
            headers.append(own)
        if body is not None and name != "Content-Type":
            headers.append((b"Content-Type", b"application/json"))
        answer = await client.request(method, path, content=body, headers=headers)
        assert answer.status_code < 500, f"{method} {path} -> {answer.status_code} {answer.text[:200]}"
        assert "x-evil" not in answer.headers
        assert "evil.example" not in answer.headers.get("location", "")
    client.cookies.clear()


async def test_credentials_that_are_garbage_are_no_credentials(world: World) -> None:
    before = world.counts()
    for given in (
        {"email": "x" * 254, "password": "x"}, {"email": "a@" + "b." * 120 + "example", "password": "x"},
        {"email": "a@[127.0.0.1]", "password": "x"}, {"email": "a@xn--", "password": "x"}, {"email": "ａ＠example.com", "password": "x"},
        {"email": "\u202ea@example.com", "password": "x"}, {"email": '"a b"@example.com', "password": "x"},
        {"email": "a@example.com", "password": "x" * 1000}, {"username": "' or 1=1 --", "company": "x", "password": "x"},
        {"username": "a\u0000", "company": "x", "password": "x"}, {"username": "a", "company": "x\u0000", "password": "x"},
        {"username": "\u0000", "company_id": str(uuid4()), "password": "x"}, {"email": "a\u0000@example.com", "password": "x"},
        {"email": "a@example.com", "password": "\u0000"}, {"email": "a@example.com", "password": "x", "company": "\u0000"},
        {"username": "a", "company_id": str(uuid4()), "password": "x"}, {"username": "%", "company": "%", "password": "x"},
    ):  # fmt: skip
        answer = await world.ann.client.post("/api/v1/auth/login", json=given)
        assert answer.status_code in (401, 422), f"{given} -> {answer.status_code}"
        if answer.status_code == 401:
            assert answer.json()["code"] == "auth.invalid_credentials"
    assert world.counts() == before
