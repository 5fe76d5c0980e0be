"""What holds on every route: problems, their order, slashes, HEAD, names, headers. Section 2 of the contract."""

import gzip
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from dependency_injector import providers

from tests.integration.api import PASSWORD, Api, Person, shown
from tests.integration.entrypoints.rest.conformance import (
    SECURITY_HEADERS,
    Conformance,
    json_schema_of,
    least_body,
)

JSON = {"Content-Type": "application/json"}
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z")


def assert_refused(response: httpx.Response, status: int, code: str | None = None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    if code is not None:
        assert response.json()["code"] == code


class World:
    """A person with one of everything, and the paths of every operation filled in with it."""

    def __init__(
        self,
        ann: Person,
        project: dict[str, Any],
        task: dict[str, Any],
        cycle: dict[str, Any],
        invitation: dict[str, Any],
        token: dict[str, Any],
        connection: dict[str, Any],
        domain: dict[str, Any],
        label: dict[str, Any],
        comment: dict[str, Any],
        job: str,
        webhook: dict[str, Any],
        delivery: str,
        notification: str,
        conformance: Conformance,
    ) -> None:
        self.ann, self.project, self.task, self._conformance = ann, project, task, conformance
        self._ids = {
            "project_id": project["id"],
            "task_id": task["id"],
            "session_id": ann.session_id,
            "cycle_id": cycle["id"],
            "company_id": ann.company_id,
            "user_id": ann.user_id,
            "invitation_id": invitation["id"],
            "token_id": token["id"],
            "connection_id": connection["id"],
            "domain_id": domain["id"],
            "webhook_id": webhook["id"],
            "delivery_id": delivery,
            "label_id": label["id"],
            "comment_id": comment["id"],
            "job_id": job,
            "notification_id": notification,
        }

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Method, filled-in path below /api/v1, and description."""
        return [
            (method.upper(), self.filled(path).removeprefix("/api/v1"), operation)
            for method, path, operation in self._conformance.operations()
        ]

    def filled(self, path: str) -> str:
        ids = {**self._ids, "column_id": self.task["column_id"]}
        return re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]]), path)

    def reads(self) -> list[str]:
        """Paths that can be asked for as they are, with the query that is needed."""
        asked = {"/search": "/search?q=task"}
        found = [path for method, path, operation in self.operations() if method == "GET" and is_signed_in(operation)]
        return [asked.get(path, path) for path in found]


@pytest.fixture
async def world(api: Api, conformance: Conformance) -> World:
    ann = await api.register()
    project = await ann.project()
    invitation = (await ann.post("/invitations", {"email": f"{uuid4().hex}@example.com"})).json()
    token = (await ann.post("/auth/tokens", {"name": "Report", "scopes": ["tasks:read"]})).json()
    company = f"/companies/{ann.company_id}"
    provider = {"name": "Own", "issuer": "https://login.example.com", "client_id": "x"}
    connection = (await ann.post(f"{company}/oidc-connections", provider)).json()
    domain = (await ann.post(f"{company}/email-domains", {"domain": "example.com"})).json()
    task, cycle = await ann.task(project), await ann.cycle(project)
    label = (await ann.post("/labels", {"name": "design"})).json()
    comment = (await ann.post(f"/tasks/{task['id']}/comments", {"body": "Which one?"})).json()
    job, notification = api.job(ann), api.notification(ann)
    webhook = (await ann.post("/webhooks", {"url": "https://hooks.example.com/"})).json()
    delivery = api.delivery(webhook["id"])
    return World(
        ann, project, task, cycle, invitation, token, connection, domain, label, comment, job, webhook, delivery,
        notification, conformance,
    )  # fmt: skip


def is_signed_in(operation: dict[str, Any]) -> bool:
    return "security" in operation


# Problems and their order


async def test_an_unknown_address_is_a_problem(api: Api) -> None:
    ann = await api.register()
    for path in (
        "/",
        "/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/tasks",
        "/api/v1/tasks/a/b/c",
        "/problems",
        "/problems/none",
        "/docs-assets/none.js",
    ):
        for headers in ({}, {"Authorization": f"Bearer {ann.token}"}):
            answer = await api.client.get(path, headers=headers)
            assert_refused(answer, 404, "route.not_found")
            assert answer.json()["instance"] == path
            assert set(answer.json()) == {"type", "title", "status", "detail", "instance", "code", "request_id"}


# Where another method asks for a thing of that id, of which there is none.
OF_THAT_ID = {
    "/api/v1/invitations/accept": ("GET", "DELETE"),
}


async def test_another_method_is_refused_and_the_known_ones_are_named(world: World, conformance: Conformance) -> None:
    by_path: dict[str, set[str]] = {}
    for method, path, _ in conformance.operations():
        by_path.setdefault(world.filled(path), set()).add(method.upper())
    for path, known in by_path.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FLY"} - known:
            if method == "PUT" and "PATCH" in known and path.rsplit("/", 1)[1] != "move":
                continue
            if method in OF_THAT_ID.get(path, ()):
                continue
            answer = await world.ann.client.request(
                method, path, headers={"Authorization": f"Bearer {world.ann.token}"}
            )
            assert_refused(answer, 405, "method.not_allowed")
            allowed = {each.strip() for each in answer.headers["allow"].split(",")}
            assert known <= allowed, f"{method} {path}: Allow says {allowed}, but {known} are known"
            assert method not in allowed
    asset = await world.ann.client.post("/docs-assets/swagger-ui.css")
    assert_refused(asset, 405, "method.not_allowed")
    assert asset.headers["allow"] == "GET, HEAD"


async def test_whoever_is_not_signed_in_hears_that_first(api: Api, world: World) -> None:
    api.client.cookies.clear()
    for method, path, operation in world.operations():
        if not is_signed_in(operation):
            continue
        for more in (
            {},
            {"content": b"x" * 2_000_000, "headers": JSON},
            {"content": b"x", "headers": {"Content-Type": "text/plain"}},
            {"content": b"{", "headers": JSON},
            {"content": b'{"nothing": 1}', "headers": JSON},
            {"params": {"nothing": "1"}},
            {"params": {"limit": "x"}},
            {"headers": {"Accept": "text/html"}},
            {"headers": {"If-Match": "garbage", "Idempotency-Key": "x y"}},
        ):
            answer = await api.client.request(method, f"/api/v1{path}", **more)
            assert_refused(answer, 401, "auth.token_invalid")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_whose_session_has_ended_hears_that_first(api: Api, world: World) -> None:
    ann = await api.login(world.ann.email)
    await ann.post("/auth/logout")
    for method, path, operation in world.operations():
        if not is_signed_in(operation):
            continue
        wrong = re.sub("[0-9a-f]{8}-[0-9a-f-]{27}", "no-id", path)
        for address, more in (
            (path, {}),
            (path, {"params": {"nothing": "1"}}),
            (path, {"params": {"limit": "x"}}),
            (path, {"headers": {"Accept": "text/html"}}),
            (wrong, {"content": b"{}", "headers": JSON}),
            (path, {"content": b"x" * 2_000_000, "headers": JSON}),
            (path, {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
            (path, {"content": b"{", "headers": JSON}),
            (path, {"content": b'{"nothing": 1}', "headers": JSON}),
            (path, {"content": b"{}", "headers": {**JSON, "If-Match": "x", "Idempotency-Key": "x y"}}),
        ):
            answer = await ann.send(method, address, **more)
            assert (answer.status_code, answer.json()["code"]) == (401, "auth.session_ended"), (method, address, more)


async def test_what_is_wrong_is_told_in_the_order_of_the_contract(world: World) -> None:
    """413 and 415, malformed, unknown names, values, missing things."""
    ann, missing = world.ann, f"/tasks/{uuid4()}"
    large = b'{"title": "' + b"x" * 1_100_000
    plain = {"Content-Type": "text/plain"}
    for path in (f"/tasks/{world.task['id']}", missing):
        assert_refused(await ann.send("PATCH", f"{path}?x=1", content=large, headers=JSON), 413, "body.too_large")
        assert_refused(
            await ann.send("PATCH", f"{path}?x=1", content=b"{", headers=plain), 415, "body.media_type_unsupported"
        )
        assert_refused(await ann.send("PATCH", f"{path}?x=1", content=b"{", headers=JSON), 400, "body.malformed")
        lone = b'{"title": "\\ud800"}'
        assert_refused(await ann.send("PATCH", f"{path}?x=1", content=lone, headers=JSON), 400, "parameter.unknown")
        assert_refused(await ann.patch(f"{path}?x=1", {"title": 1}), 400, "parameter.unknown")
        assert_refused(await ann.patch(path, {"title": 1}), 422, "request.invalid")
        assert_refused(await ann.patch(path, {"nothing": 1}), 422, "request.invalid")
        assert_refused(await ann.patch(path, {"title": "   "}), 422, "request.invalid")
        for title, words in (
            ("   ", "must not be empty"),
            ("x" * 501, "has more than 500 characters"),
            ("a\u0007", "holds a control character or a lone surrogate"),
        ):
            refused = await ann.patch(path, {"title": title})
            assert_refused(refused, 422, "request.invalid")
            assert refused.json()["errors"] == [{"detail": words, "pointer": "/title"}]
        assert_refused(await ann.patch(path, {"description": "a\u0000"}), 422, "request.invalid")
    assert_refused(await ann.patch(missing, {"title": "x", "version": 9}), 404, "task.not_found")
    assert_refused(await ann.patch("/tasks/no-id", {"title": 1}), 422, "request.invalid")
    assert_refused(await ann.get("/tasks/no-id?x=1"), 400, "parameter.unknown")


async def test_what_no_body_may_be_is_told_with_what_it_may_be(world: World) -> None:
    for path, kind in (("/tasks", "application/json"), (f"/tasks/import?project_id={world.project['id']}", "text/csv")):
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": kind, "Content-Encoding": "gzip"}):
            refused = await world.ann.post(path, content=b"{}", headers=headers)
            assert_refused(refused, 415, "body.media_type_unsupported")
            assert kind in refused.headers["accept"] and refused.headers["accept-encoding"] == "identity"


async def test_values_are_refused_before_a_state_is(world: World) -> None:
    ann = world.ann
    await ann.patch(f"/projects/{world.project['id']}", {"is_active": False})
    body = {"project_id": world.project["id"], "title": "  "}
    assert_refused(await ann.post("/tasks", body), 422, "request.invalid")
    assert_refused(await ann.patch(f"/projects/{world.project['id']}", {"name": "  "}), 422, "request.invalid")


async def test_a_value_is_refused_before_a_permission_is(api: Api, world: World) -> None:
    bob = await api.colleague(world.ann, projects=(world.project,))
    assert_refused(await bob.patch(f"/tasks/{world.task['id']}", {"title": "  "}), 422, "request.invalid")
    assert_refused(await bob.post("/projects", {"name": "  "}), 422, "request.invalid")
    assert_refused(await bob.post("/projects", {"name": "x", "key": "-"}), 422, "request.invalid")


async def test_every_fault_of_a_body_is_named_with_its_pointer(world: World) -> None:
    answer = await world.ann.post(
        "/tasks", {"title": 5, "priority": "hot", "deadline": "never", "a/b~c": 1, "description": ["x"]}
    )
    assert_refused(answer, 422, "request.invalid")
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/project_id", "/title", "/priority", "/deadline", "/a~1b~0c", "/description",
    }  # fmt: skip
    assert all(error["detail"] for error in answer.json()["errors"])


async def test_every_fault_of_a_query_is_named_with_its_parameter(world: World) -> None:
    answer = await world.ann.get("/tasks?limit=x&priority=hot&sort=none&deadline_before=never")
    assert_refused(answer, 422, "request.invalid")
    assert {error["parameter"] for error in answer.json()["errors"]} == {"limit", "priority", "sort", "deadline_before"}


async def test_unknown_and_repeated_names_in_a_query_are_refused_on_every_route(world: World) -> None:
    for method, path, operation in world.operations():
        known = {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == "query"}
        body = least_body(operation, {})
        for query in ("nothing=1", "nothing", "Limit=5", "nothing[]=1", "%00=1", "%FF=1", "=1"):
            answer = await world.ann.send(method, f"{path}?{query}", **body)
            if operation["operationId"] in ("returnFromOidc", "returnFromOidcConnection"):
                # Providers add what they like to the address that they send browsers back to.
                assert_refused(answer, 403, "oidc.state_invalid")
                continue
            assert_refused(answer, 400, "parameter.unknown")
            assert "parameter" in answer.json()["errors"][0]
        for name, schema in known.items():
            if schema.get("type") != "array":
                answer = await world.ann.send(method, f"{path}?{name}=1&{name}=1", **body)
                assert_refused(answer, 400, "parameter.unknown")
                assert answer.json()["errors"] == [{"detail": "given twice", "parameter": name}]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200), ("application/problem+json, application/json;q=0.5", 200), ("*/*", 200),
        ("application/*", 200), ("text/html, */*;q=0.1", 200), ("APPLICATION/JSON", 200), ("text/html", 406),
        ("image/png, text/plain", 406), ("application/xml", 406), ("garbage", 406), ("text/*", 406),
        ("", 200), ("application/json;q=0", 406), ("*/*, application/json; q=0.000", 406), ("*/*;q=0", 406),
        ("application/json;q=0.1, */*;q=0", 200), ("application/*;q=0, */*", 406), ("application/jsonx", 406),
        ("application/json; charset=utf-8", 200), ("application/problem+json", 406),
    ],
)  # fmt: skip
async def test_the_answer_is_json_and_who_does_not_take_it_hears_so(world: World, accept: str, status: int) -> None:
    for path in (f"/tasks/{world.task['id']}", "/tasks", "/auth/me"):
        answer = await world.ann.get(path, headers={"Accept": accept})
        assert answer.status_code == status
        if status == 406:
            assert_refused(answer, 406, "accept.not_acceptable")
    before = (await world.ann.get("/projects")).json()
    made = await world.ann.post("/projects", {"name": "x"}, headers={"Accept": accept})
    assert made.status_code == (201 if status == 200 else 406)
    assert len((await world.ann.get("/projects")).json()) == len(before) + (status == 200)


async def test_several_accept_headers_are_one_list(world: World) -> None:
    """RFC 9110, 5.3: lines of one name are parts of one list."""
    headers = [
        (b"Authorization", f"Bearer {world.ann.token}".encode()),
        (b"Accept", b"application/json"),
        (b"Accept", b"text/html"),
    ]
    assert (await world.ann.client.get("/api/v1/tasks", headers=headers)).status_code == 200


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_a_body_may_have_a_mebibyte(world: World, size: int, chunked: bool) -> None:
    frame = b'{"name": "x", "description": ""}'
    body = b'{"name": "x",' + b" " * (size - len(frame)) + b' "description": ""}'
    assert len(body) == size

    async def stream() -> Any:
        for start in range(0, size, 65536):
            yield body[start : start + 65536]

    before = len((await world.ann.get("/projects")).json())
    answer = await world.ann.send("POST", "/projects", content=stream() if chunked else body, headers=JSON)
    if size > 1024 * 1024:
        assert_refused(answer, 413, "body.too_large")
    assert len((await world.ann.get("/projects")).json()) == before + (answer.status_code == 201)
    assert answer.status_code == (201 if size == 1024 * 1024 else 413)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
        "x",
        None,
    ],
)
async def test_a_body_that_is_not_called_json_is_refused(world: World, kind: str | None) -> None:
    for method, path, _ in world.operations():
        request = world.ann.client.build_request(
            method, f"/api/v1{path}", content=b"{}", headers={"Authorization": f"Bearer {world.ann.token}"}
        )
        if kind is not None:
            request.headers["Content-Type"] = kind
        assert_refused(await world.ann.client.send(request), 415, "body.media_type_unsupported")


async def test_every_value_of_the_wrong_type_is_refused(api: Api, world: World, conformance: Conformance) -> None:
    """Generated: each field of each body is sent with each JSON type that its schema does not name."""
    samples: dict[str, Any] = {"string": "x", "integer": 7, "number": 7.5, "boolean": True, "array": [], "object": {}}
    wrong: list[str] = []
    for method, path, operation in world.operations():
        if (described_body := json_schema_of(operation)) is None:
            continue
        ann = await api.login(world.ann.email)
        schema = conformance.schema(described_body)
        if "anyOf" in schema:
            schema = conformance.schema(next(each for each in schema["anyOf"] if each.get("type") != "null"))
        for field, described in schema["properties"].items():
            kinds = {conformance.schema(each).get("type") for each in described.get("anyOf", [described])}
            for kind, value in samples.items():
                if kind in kinds or (kind == "integer" and "number" in kinds):
                    continue
                texts = [value] if kind != "string" else ["x", "1", "true"]
                for each in texts:
                    answer = await ann.send(method, path, json={field: each})
                    errors = answer.json().get("errors", []) if answer.status_code >= 400 else []
                    found = [error.get("pointer") for error in errors]
                    if answer.status_code != 422 or f"/{field}" not in found:
                        wrong.append(f"{method} {path} {json.dumps({field: each})} -> {answer.status_code} {found}")
    assert not wrong, "\n".join(wrong)


# Form


async def test_a_slash_at_the_end_makes_no_difference(api: Api, world: World) -> None:
    for path in world.reads():
        plain, slashed = await world.ann.get(path), await world.ann.get(f"{path}/")
        assert (slashed.status_code, slashed.content) == (plain.status_code, plain.content), path
        assert slashed.status_code == 200
    assert (await world.ann.post("/projects/", {"name": "x"})).status_code == 201
    assert (await world.ann.patch(f"/tasks/{world.task['id']}/", {"title": "x"})).status_code == 200
    assert (await world.ann.delete(f"/tasks/{world.task['id']}/")).status_code == 204
    signed_in = await api.client.post("/api/v1/auth/login/", json={"email": world.ann.email, "password": PASSWORD})
    assert signed_in.status_code == 200
    for path in ("/health/", "/docs/", "/openapi.json/", "/.well-known/jwks.json/"):
        assert (await api.client.get(path)).status_code == 200, path


async def test_head_answers_as_get_does_without_the_body(api: Api, world: World) -> None:
    paths = [f"/api/v1{path}" for path in world.reads()]
    paths += ["/health", "/health/live", "/health/ready", "/health/db", "/health/redis", "/health/storage"]
    paths += ["/openapi.json", "/.well-known/jwks.json", "/docs", "/redoc", "/problems/task.not_found"]
    paths += [
        "/docs-assets/swagger-ui.css",
        f"/api/v1/tasks/{uuid4()}",
        "/nothing",
        "/api/v1/tasks?limit=x",
        "/api/v1/users/me",
    ]
    changing = {"x-request-id", "content-security-policy", "date"}
    headers = {"Authorization": f"Bearer {world.ann.token}", "Accept-Encoding": "identity"}
    for path in paths:
        got = await api.client.get(path, headers=headers)
        head = await api.client.head(path, headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        wanted = {name: value for name, value in got.headers.items() if name not in changing}
        found = {name: value for name, value in head.headers.items() if name not in changing}
        if got.status_code >= 400:
            wanted.pop("content-length"), found.pop("content-length")
        assert found == wanted, path


async def test_a_copy_that_is_current_is_not_sent_again(world: World) -> None:
    for path in (
        f"/tasks/{world.task['id']}",
        f"/tasks/{world.task['key']}",
        f"/projects/{world.project['id']}",
        f"/companies/{world.ann.company_id}",
    ):
        tag = (await world.ann.get(path)).headers["etag"]
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*", f'{tag},"x"'):
            for method in ("GET", "HEAD"):
                answer = await world.ann.send(method, path, headers={"If-None-Match": given})
                assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), given
                assert answer.headers["cache-control"] == "private, no-cache"
                assert "x-event-seq" in answer.headers
        for given in ('"other"', "garbage", "", '"', tag.replace('"', "")):
            assert (await world.ann.get(path, headers={"If-None-Match": given})).status_code == 200, given
    gone = await world.ann.get(f"/tasks/{uuid4()}", headers={"If-None-Match": "*"})
    assert_refused(gone, 404, "task.not_found")


async def test_lists_boards_and_reports_have_no_tag(world: World) -> None:
    for path in (
        "/tasks",
        "/projects",
        "/companies",
        "/events",
        "/search?q=task",
        f"/projects/{world.project['id']}/board",
        f"/projects/{world.project['id']}/progress",
    ):
        assert "etag" not in (await world.ann.get(path)).headers


async def test_answers_may_be_kept_by_the_caller_alone(world: World) -> None:
    for path in world.reads():
        answer = await world.ann.get(path)
        vary = {each.strip().lower() for each in answer.headers["vary"].split(",")}
        assert {"authorization", "accept-encoding"} <= vary, path
        wanted = "no-store" if "/auth/" in path else "private, no-cache"
        assert answer.headers["cache-control"] == wanted, path
    made = await world.ann.post("/projects", {"name": "x"})
    changed = await world.ann.patch(f"/projects/{made.json()['id']}", {"name": "y"})
    assert made.headers["cache-control"] == changed.headers["cache-control"] == "private, no-cache"


async def test_where_a_new_thing_is_says_location(api: Api, world: World) -> None:
    robot = (await world.ann.post("/users", {"name": "Robot", "kind": "service"})).json()["id"]
    company = f"/companies/{world.ann.company_id}"
    bodies: dict[str, dict[str, Any]] = {
        "/auth/tokens": {"name": "x", "scopes": ["tasks:read"]},
        f"/users/{robot}/tokens": {"name": "x", "scopes": ["tasks:read"]},
        f"/projects/{world.project['id']}/columns": {"name": "x", "category": "todo"},
        "/projects": {"name": "x"},
        "/tasks": {"title": "x", "project_id": world.project["id"]},
        "/cycles": {"name": "x", "project_id": world.project["id"]},
        "/labels": {"name": "x"},
        "/webhooks": {"url": "https://hooks.example.com/"},
        f"/tasks/{world.task['id']}/comments": {"body": "x"},
        "/companies": {"name": "x"},
        "/users": {"name": "x", "email": f"{uuid4().hex}@example.com"},
        "/invitations": {"email": f"{uuid4().hex}@example.com"},
        "/auth/register": {"name": "x", "email": f"{uuid4().hex}@example.com", "password": PASSWORD},
        f"{company}/oidc-connections": {"name": "x", "issuer": "https://login.example.com", "client_id": "x"},
        f"{company}/email-domains": {"domain": "more.example"},
    }
    member = f"/projects/{world.project['id']}/members/{world.ann.user_id}"
    assert (await world.ann.delete(member)).status_code == 204
    posts = [
        # Nobody makes a token for a person.
        path.replace(f"/users/{world.ann.user_id}/", f"/users/{robot}/")
        for method, path, operation in world.operations()
        if "201" in operation["responses"]
    ]
    assert set(posts) == {*bodies, member}, "a new route that creates something belongs here"
    for path in posts:
        made = await world.ann.post(path, bodies.get(path))
        assert made.status_code == 201
        location = made.headers["location"]
        token = made.json().get("access_token", world.ann.token)
        found = await api.client.get(location, headers={"Authorization": f"Bearer {token}"})
        assert found.status_code == 200, location
        if "id" in made.json():
            shown_once = ("invitation", "token", "link", "secret")
            assert found.json() == {name: value for name, value in made.json().items() if name not in shown_once}


async def test_instants_have_six_digits_also_when_they_are_nought(api: Api, world: World) -> None:
    """The watch of this folder holds every answer's instants against that form; here none has microseconds."""
    even = "2026-03-01T12:00:00Z"
    column = world.task["column_id"]
    api.sql("update board_columns set created_at = %s, updated_at = %s where id = %s", (even, even, column))
    ann, task = world.ann, world.task
    await ann.post(f"/tasks/{task['id']}/complete")
    api.sql(
        "update tasks set created_at = %s, updated_at = %s, completed_at = %s where id = %s",
        (even, even, even, task["id"]),
    )
    api.sql("update projects set created_at = %s, updated_at = %s where id = %s", (even, even, world.project["id"]))
    api.sql("update cycles set created_at = %s, updated_at = %s where company_id = %s", (even, even, ann.company_id))
    api.sql("update labels set created_at = %s, updated_at = %s where company_id = %s", (even, even, ann.company_id))
    api.sql("update comments set created_at = %s, updated_at = %s where company_id = %s", (even, even, ann.company_id))
    api.sql(
        "update jobs set created_at = %s, started_at = %s, finished_at = %s, state = 'cancelled' where company_id = %s",
        (even, even, even, ann.company_id),
    )
    api.sql("update companies set created_at = %s, updated_at = %s where id = %s", (even, even, ann.company_id))
    api.sql(
        "update users set created_at = %s, updated_at = %s, last_login_at = %s where id = %s",
        (even, even, even, ann.user_id),
    )
    api.sql(
        "update webhook_deliveries set created_at = %s, finished_at = %s where company_id = %s returning 1",
        (even, even, ann.company_id),
    )
    for table in ("oidc_connections", "email_domains", "webhooks"):
        api.sql(
            f"update {table} set created_at = %s, updated_at = %s where company_id = %s", (even, even, ann.company_id)
        )
    api.sql("update login_sessions set created_at = %s where id = %s", (even, ann.session_id))
    api.sql("update project_members set added_at = %s where company_id = %s", (even, ann.company_id))
    api.sql(
        "update invitations set created_at = %s, expires_at = %s where company_id = %s", (even, even, ann.company_id)
    )
    api.sql(
        "update api_tokens set created_at = %s, expires_at = %s, last_used_at = %s, revoked_at = %s"
        " where company_id = %s",
        (even, even, even, even, ann.company_id),
    )
    api.sql(
        "update notifications set created_at = %s, read_at = %s where company_id = %s", (even, even, ann.company_id)
    )
    api.sql("update events set occurred_at = %s where company_id = %s", (even, ann.company_id))
    api.sql("update audit_events set at = %s where company_id = %s", (even, ann.company_id))
    other = await ann.task(world.project)
    for path in world.reads():
        answer = await ann.get(path)
        found = re.findall(r'"(?:(?:[a-z_]+_)?at|timestamp)":"([^"]*)"', answer.text)
        if answer.headers["content-type"].startswith("text/csv"):
            found = [value for row in shown(answer) for name, value in row.items() if name.endswith("_at") and value]
        assert all(INSTANT.fullmatch(each) for each in found), (path, found)
        # Reports tell of days, a dashboard may be empty, and a stream goes on from now.
        of_moments = (f"/projects/{world.project['id']}/progress", "/dashboard", "/search?q=task", "/events/stream")
        of_moments += ("/presence",)
        if path not in of_moments and "/reports/" not in path:
            assert "2026-03-01T12:00:00.000000Z" in found, path
    assert (await ann.patch(f"/tasks/{task['id']}", {"title": "x"})).json()[
        "created_at"
    ] == "2026-03-01T12:00:00.000000Z"
    assert other["id"] in (await ann.get("/tasks")).text
    same = await ann.send("PUT", f"/projects/{world.project['id']}", json=(await ann.get("/projects")).json()[0])
    assert same.status_code == 200


# Headers


@pytest.mark.parametrize("given", ["abc", "A-b_c.9", "x" * 128, "0"])
async def test_a_request_id_is_given_back(api: Api, given: str) -> None:
    for path in ("/health", "/api/v1/tasks", "/nothing"):
        answer = await api.client.get(path, headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == given


@pytest.mark.parametrize(
    "given", [b"", b"x" * 129, b"a b", b"a/b", "ü".encode(), b"a\tb", b"\xff", b"a,b", b"a\r\nSet-Cookie: x=1"]
)
async def test_what_is_no_request_id_is_replaced(api: Api, given: bytes) -> None:
    answers = [await api.client.get("/health", headers=[(b"X-Request-ID", given)]) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[A-Za-z0-9._-]{1,128}", each) for each in ids)
    assert "set-cookie" not in answers[0].headers


async def test_security_headers_stand_on_every_answer(api: Api, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.ann.token}"}
    answers = [
        await api.client.get(path)
        for path in ("/health", "/docs", "/redoc", "/openapi.json", "/nothing", "/docs-assets/swagger-ui.css")
    ]
    answers += [await api.client.get(f"/api/v1{path}", headers=headers) for path in world.reads()]
    answers += [await api.client.get("/api/v1/tasks"), await api.client.options("/api/v1/tasks")]
    answers += [await api.client.post("/api/v1/auth/login", json={}), await api.client.post("/api/v1/auth/logout")]
    answers += [await api.client.get("/api/v1/tasks", headers={**headers, "Accept-Encoding": "gzip"})]
    for answer in answers:
        for name in SECURITY_HEADERS:
            assert len(answer.headers.get_list(name)) == 1, (answer.url, name)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers, "on plain HTTP it would be a lie"
        assert "server" not in answer.headers


class Broken:
    """Use cases that have a defect."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("a secret: hunter2")

        return fail


async def test_a_defect_is_a_problem_too_and_tells_nothing(another_app: Any, api: Api, watch: Any) -> None:
    ann = await api.register()
    async with another_app(
        cors_origins=("https://app.example",),
        prepare=lambda container: container.task_use_cases.override(providers.Object(Broken())),
    ) as broken:
        headers = {"Authorization": f"Bearer {ann.token}", "X-Request-ID": "seen", "Origin": "https://app.example"}
        answers = [
            await broken.client.get("/api/v1/tasks", headers=headers),
            await broken.client.get(f"/api/v1/tasks/{uuid4()}", headers=headers),
            await broken.client.patch(f"/api/v1/tasks/{uuid4()}", headers=headers, json={"title": "x"}),
        ]
        head = await broken.client.head("/api/v1/tasks", headers=headers)
        alive = await broken.client.get("/api/v1/projects", headers=headers)
    watch.wrong.clear()
    for answer in answers:
        assert_refused(answer, 500, "server.failed")
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "seen"
        assert set(answer.json()) == {"type", "title", "status", "detail", "instance", "code", "request_id"}
        assert "hunter2" not in answer.text and "ZeroDivision" not in answer.text
        assert all(name in answer.headers for name in SECURITY_HEADERS)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["cache-control"] == "no-store"
    assert (head.status_code, head.content) == (500, b"")
    assert alive.status_code == 200


async def test_other_origins_may_read_where_the_setting_names_them(another_app: Any) -> None:
    origin = "https://app.example"
    async with another_app(cors_origins=(origin,)) as api:
        ann = await api.register()
        headers = {"Origin": origin, "Authorization": f"Bearer {ann.token}"}
        for path in ("/api/v1/tasks", f"/api/v1/tasks/{uuid4()}", "/nothing", "/api/v1/tasks?limit=x"):
            answer = await api.client.get(path, headers=headers)
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-credentials"] == "true"
            exposed = {each.strip().lower() for each in answer.headers["access-control-expose-headers"].split(",")}
            assert {
                "etag", "link", "location", "x-event-seq", "x-last-seq", "x-total-count", "x-request-id",
                "idempotency-replayed", "ratelimit", "ratelimit-policy", "retry-after", "deprecation", "sunset",
            } <= exposed  # fmt: skip
            assert "origin" in answer.headers["vary"].lower()
        refused = await api.client.get("/api/v1/tasks", headers={"Origin": origin})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
            before = await api.client.options(
                "/api/v1/tasks",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": method,
                    "Access-Control-Request-Headers": "authorization, content-type, if-match, if-none-match, "
                    "idempotency-key, x-request-id, last-event-id, traceparent, tracestate",
                },
            )
            assert before.status_code in (200, 204)
            assert before.headers["access-control-allow-origin"] == origin
        evil = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        assert "access-control-allow-origin" not in (await api.client.options("/api/v1/tasks", headers=evil)).headers
        other = await api.client.get("/api/v1/tasks", headers={**headers, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_no_other_origin_may_read_where_no_setting_names_one(api: Api) -> None:
    ann = await api.register()
    answer = await ann.get("/tasks", headers={"Origin": "https://app.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_what_is_large_is_compressed_but_nothing_of_auth(api: Api, world: World) -> None:
    ann = world.ann
    await ann.patch(f"/tasks/{world.task['id']}", {"description": "long " * 400})
    for accept in ("gzip", "gzip, deflate, br", "br;q=0.1, gzip"):
        answer = await ann.get("/tasks", headers={"Accept-Encoding": accept})
        assert answer.headers["content-encoding"] == "gzip"
        assert len(answer.json()) == 1
    plain = await ann.get("/tasks", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content) > 1024
    small = await ann.get("/companies", headers={"Accept-Encoding": "gzip"})
    assert len(small.content) < 1024 and "content-encoding" not in small.headers
    api.sql("update users set name = %s where id = %s", ("long " * 400, ann.user_id))
    for path in ("/auth/me",):
        secret = await ann.get(path, headers={"Accept-Encoding": "gzip"})
        assert len(secret.content) > 1024 and "content-encoding" not in secret.headers
    again = await api.client.post(
        "/api/v1/auth/login", json={"email": ann.email, "password": PASSWORD}, headers={"Accept-Encoding": "gzip"}
    )
    assert len(again.content) > 1024 and "content-encoding" not in again.headers
    document = await api.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert document.headers["content-encoding"] == "gzip"
    assert gzip.compress(document.content)


async def test_who_refuses_gzip_gets_none(world: World) -> None:
    await world.ann.patch(f"/tasks/{world.task['id']}", {"description": "long " * 400})
    answer = await world.ann.get("/tasks", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in answer.headers


# Health, and pages around the API


async def test_health_says_up_or_down_and_no_more(api: Api) -> None:
    for path in ("/health", "/health/ready", "/health/live", "/health/db"):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "up")
        assert answer.headers["cache-control"] == "no-store"
    for path in ("/health/redis", "/health/storage"):
        assert (await api.client.get(path)).json() == {"status": "not configured"}


async def test_every_code_has_a_page(api: Api) -> None:
    from entrypoints.rest.errors import all_codes

    assert len(all_codes()) > 30
    for code, (status, _) in all_codes().items():
        page = await api.client.get(f"/problems/{code}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert code in page.text and str(status) in page.text
    injected = await api.client.get("/problems/%3Cscript%3E")
    assert_refused(injected, 404, "route.not_found")


async def test_a_header_that_cannot_be_read_is_told_before_any_value_and_before_any_id(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    match, key = {"If-Match": "three"}, {"Idempotency-Key": "two words"}
    for method, path, body, headers in (
        ("PATCH", f"/tasks/{task['id']}", {"title": 5}, match),
        ("DELETE", "/tasks/no-id", None, match),
        ("POST", "/tasks/no-id/complete", {}, match),
        ("POST", "/tasks/no-id/complete", {"completed": "no"}, key),
        ("POST", "/tasks", {"title": 5}, key),
    ):
        answer = await ann.send(method, path, headers=headers, **({"json": body} if body is not None else {}))
        assert (answer.status_code, answer.json()["code"]) == (400, "header.malformed"), (method, path)
