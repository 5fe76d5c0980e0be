"""The OpenAPI document and its pages. That every answer conforms to it is watched in every test of this folder."""

import functools
import operator
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from tests.integration.api import Api
from tests.integration.entrypoints.rest.conformance import METHODS, PROBLEM, Conformance, json_schema_of, pointer

# Published: an id may be added, never taken away or renamed.
OPERATIONS = {
    "register", "login", "refresh", "logout", "getMe", "switchCompany", "listCompanies", "openCompany", "getCompany",
    "listProjects", "openProject", "getProject", "changeProject", "deleteProject", "getProjectProgress", "getBoard",
    "listTasks", "createTask", "getTask", "changeTask", "deleteTask", "moveTask", "completeTask", "listEvents", "streamEvents", "issueTicket", "listPresence",
    "listLoginSessions", "revokeLoginSession", "stepUp", "changePassword",
    "listComments", "createComment", "getComment", "changeComment", "deleteComment", "watchTask", "unwatchTask",
    "listActivity", "listTaskActivity",
    "search",
    "listLabels", "createLabel", "getLabel", "changeLabel", "deleteLabel",
    "importTasks", "listJobs", "getJob", "cancelJob",
    "listNotifications", "readNotification", "readAllNotifications", "getNotificationPreferences",
    "changeNotificationPreferences",
    "listCycles", "createCycle", "getCycle", "changeCycle", "deleteCycle", "startCycle", "completeCycle",
    "restoreTask", "addColumn", "orderColumns", "getColumn", "changeColumn", "deleteColumn",
    "bulkTasks", "exportTasks",
    "restoreProject", "listProjectMembers", "getProjectMember", "addProjectMember", "removeProjectMember",
}  # fmt: skip
# What nobody edits has no version, so there is none to be stale.
UNVERSIONED = {
    "/api/v1/auth/sessions/{session_id}",
    "/api/v1/auth/tokens/{token_id}",
    "/api/v1/users/{user_id}/tokens/{token_id}",
    "/api/v1/invitations/{invitation_id}",
    "/api/v1/projects/{project_id}/members/{user_id}",
    "/api/v1/tasks/{task_id}/watch",
}
# These say by the status whether there was anything to do.
ALREADY = {"addProjectMember"}
# These answer a drawing, whose figures are answered as JSON beside it.
DRAWN = {"drawBurndown", "drawFlow"}
# What is accepted is shown: the job that does it.
WITH_A_JOB = {"importTasks"}


async def test_the_document_is_openapi_3_1_and_names_what_it_describes(api: Api, conformance: Conformance) -> None:
    answer = await api.client.get("/openapi.json")
    document = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"] and document["info"]["license"]["name"] == "MIT"
    assert (await api.client.get("/openapi.json")).content == answer.content
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_every_operation_has_a_stable_id_a_summary_and_a_description(conformance: Conformance) -> None:
    found = [operation["operationId"] for _, _, operation in conformance.operations()]
    assert len(found) == len(set(found))
    assert OPERATIONS <= set(found), "an id of the published document is gone"
    for method, path, operation in conformance.operations():
        assert re.fullmatch("[a-z][A-Za-z]+", operation["operationId"]), operation["operationId"]
        assert operation.get("summary") and operation.get("description") and operation.get("tags"), (method, path)
        assert not operation["summary"].endswith(".")


# Whoever accepts has no user yet whose key it would be, and the link works once anyway.
SINGLE_USE = {"/api/v1/invitations/accept"}
# What is put as a whole, and has no other name that is a PATCH.
PUT_AS_A_WHOLE = {"/api/v1/projects/{project_id}/columns/order", "/api/v1/tasks/{task_id}/watch"}


async def test_aliases_are_left_out(conformance: Conformance) -> None:
    for path, item in conformance.document["paths"].items():
        assert ("put" in item) == (path in PUT_AS_A_WHOLE) and "head" not in item, path
        assert path.startswith("/api/v1/")
        assert path not in ("/api/v1/users/me", "/api/v1/users/profile")


async def test_every_operation_declares_its_answers_and_the_codes_of_its_refusals(conformance: Conformance) -> None:
    for method, path, operation in conformance.operations():
        statuses, place = set(operation["responses"]), f"{method} {path}"
        successes = 2 if operation["operationId"] in ALREADY else 1
        assert len([status for status in statuses if status.startswith("2") or status == "302"]) == successes, place
        assert {"400", "406", "413", "415", "422", "503"} <= statuses, place
        assert ("401" in statuses) or "security" not in operation, place
        assert ("404" in statuses) or "{" not in path, place
        assert ("`body.unexpected`" in operation["responses"]["422"]["description"]) is (
            "requestBody" not in operation
        ), place
        if method in ("patch", "delete"):
            assert ("412" in statuses) is (path not in UNVERSIONED), place
        assert method == "get" or "304" not in statuses, place
        named = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("304" in statuses) is ("If-None-Match" in named), place
        for status, answer in operation["responses"].items():
            assert answer["description"], place
            if status.startswith(("4", "5")):
                (media,) = answer["content"].values()
                assert list(answer["content"]) == [PROBLEM]
                codes = media["schema"]["allOf"][1]["properties"]["code"]["enum"]
                assert codes and all(f"`{code}`" in answer["description"] for code in codes), place
            elif status in ("200", "201") or (status == "202" and operation["operationId"] in WITH_A_JOB):
                assert answer["content"] and all(each["schema"] for each in answer["content"].values()), place
            else:
                assert "content" not in answer, place


async def test_every_reference_leads_somewhere_and_nothing_is_unused(conformance: Conformance) -> None:
    seen: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                seen.add(value["$ref"])
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(conformance.document)
    for reference in seen:
        assert conformance.schema({"$ref": reference})
    schemas = {f"#/components/schemas/{name}" for name in conformance.document["components"]["schemas"]}
    assert schemas == {reference for reference in seen if reference.startswith("#/components/schemas/")}


async def test_every_example_is_as_its_schema_says(conformance: Conformance) -> None:
    examples = 0
    for method, path, operation in conformance.operations():
        for status, answer in operation["responses"].items():
            for kind, media in answer.get("content", {}).items():
                for example in [media["example"]] if "example" in media else []:
                    examples += 1
                    validator = conformance.validator(
                        "paths", path, method, "responses", status, "content", kind, "schema"
                    )
                    errors = [f"{pointer(error)}: {error.message}" for error in validator.iter_errors(example)]
                    assert not errors, f"{method} {path} {status}: {errors}"
    assert examples >= 15


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "2026-01-02T03:04:05Z"),
        ("created_at", "2026-01-02T03:04:05.000006+01:00"),
        ("deadline", "2026-02-30"),
        ("deadline", "20260203"),
        ("id", "01920000-0000-7000-8000-00000000000A"),
        ("priority", "whenever"),
        ("number", "7"),
    ],
)
async def test_a_field_that_is_not_as_its_schema_says_is_seen(
    conformance: Conformance, field: str, value: object
) -> None:
    media = ("paths", "/api/v1/tasks/{task_id}", "get", "responses", "200", "content", "application/json")
    example = functools.reduce(operator.getitem, media, conformance.document)["example"]
    validator = conformance.validator(*media, "schema")
    assert [pointer(error) for error in validator.iter_errors(example)] == []
    assert [pointer(error) for error in validator.iter_errors({**example, field: value})] == [f"/{field}"]


async def test_every_answer_with_a_body_has_an_example(conformance: Conformance) -> None:
    missing = [
        operation["operationId"]
        for _, _, operation in conformance.operations()
        for status in ("200", "201")
        for kind, content in operation["responses"].get(status, {}).get("content", {}).items()
        if "example" not in content and kind not in ALSO_STREAMED.get(operation["operationId"], ())
    ]
    assert missing == []


async def test_the_limits_of_every_text_are_in_the_document(conformance: Conformance) -> None:
    unbounded: list[str] = []

    def look(place: str, described: dict[str, Any]) -> None:
        described = conformance.schema(described)
        for part in described.get("anyOf", []):
            look(place, part)
        if "items" in described:
            look(f"{place}[]", described["items"])
        bounded = {"maxLength", "enum", "format", "pattern", "const"} & set(described)
        if described.get("type") == "string" and not bounded:
            unbounded.append(place)

    for method, path, operation in conformance.operations():
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "path":
                look(f"{method} {path} {parameter['name']}", parameter["schema"])
        if (schema := json_schema_of(operation)) is not None:
            for option in schema.get("anyOf", [schema]):
                for name, described in conformance.schema(option).get("properties", {}).items():
                    if name not in (
                        "key",
                        "assigned_to_name",
                        "creator_name",
                        "author_name",
                    ):  # read-only: compared, never kept
                        look(f"{method} {path} {name}", described)
    assert unbounded == []


async def test_headers_that_change_an_operation_are_in_the_document(conformance: Conformance) -> None:
    for method, path, operation in conformance.operations():
        headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
        if method == "post" and "/auth/" not in path and path not in SINGLE_USE:
            assert "Idempotency-Key" in headers, path
        else:
            assert "Idempotency-Key" not in headers, path
        if method in ("patch", "delete") or path.endswith(("/complete", "/start")):
            assert ("If-Match" in headers) is (path not in UNVERSIONED), f"{method} {path}"
        if "304" in operation["responses"]:
            assert "If-None-Match" in headers, f"{method} {path}"


# Lists that are no pages: the log is read by position, in the one order that it has; of what is searched the best is shown,
# and the rest is found by asking for more; of the others there are few.
# The same as an object a line: the example is that of the page.
ALSO_STREAMED = {
    "listAuditEvents": ("application/x-ndjson",),
    "reportBurndown": ("image/svg+xml",),
    "reportFlow": ("image/svg+xml",),
}
# Lists that are no pages: the log is read by position, in the one order that it has; of what is searched the best is shown,
# and the rest is found by asking for more; of the others there are few.
WHOLE = {
    "/api/v1/events",
    "/api/v1/search",
    "/api/v1/auth/oidc/discover",
    "/api/v1/companies/{company_id}/oidc-connections",
    "/api/v1/webhooks",
    "/api/v1/companies/{company_id}/email-domains",
    # Of these there are as many as people.
    "/api/v1/presence",
    "/api/v1/reports/team-performance",
    "/api/v1/reports/workload",
}


async def test_every_list_is_paged_and_sorted_alike(conformance: Conformance) -> None:
    found = 0
    for method, path, operation in conformance.operations():
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        if method != "get" or answer.get("schema", {}).get("type") != "array" or path in WHOLE:
            continue
        found += 1
        named = {parameter["name"] for parameter in operation["parameters"]}
        assert {"limit", "cursor", "skip", "include_total", "sort"} <= named, path
        assert {"Link", "X-Total-Count"} <= set(operation["responses"]["200"]["headers"]), path
    assert found >= 8


async def test_a_merge_patch_may_be_called_by_both_names(conformance: Conformance) -> None:
    for method, path, operation in conformance.operations():
        if method == "patch" and not path.endswith("/move"):
            assert {"application/json", "application/merge-patch+json"} <= set(operation["requestBody"]["content"]), (
                path
            )


async def test_signed_in_operations_say_so_and_the_others_do_not(api: Api, conformance: Conformance) -> None:
    api.client.cookies.clear()
    for method, path, operation in conformance.operations():
        answer = await api.client.request(method.upper(), re.sub(r"\{\w+\}", "X", path))
        assert (answer.status_code == 401 and "refresh" not in path) == ("security" in operation), path


async def test_every_route_of_the_api_is_documented_or_an_alias(container: Any, conformance: Conformance) -> None:
    from entrypoints.rest.app import make_app

    app: Any = make_app(container)
    while not hasattr(app, "router"):
        app = app._app if hasattr(app, "_app") else app.app
    documented = {(path, method.upper()) for method, path, _ in conformance.operations()}
    for route in app.router.routes:
        # Sockets are documented by AsyncAPI.
        if not route.path.startswith("/api/") or not hasattr(route, "methods"):
            continue
        for method in route.methods - {"HEAD"}:
            if (route.path, method) in documented:
                assert route.include_in_schema
                continue
            alias = route.path in ("/api/v1/users/me", "/api/v1/users/profile") or method == "PUT"
            assert alias and not route.include_in_schema, f"{method} {route.path} is neither documented nor an alias"


class Page(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given)
        loaded = given.get("src") or (given.get("href") if tag == "link" else None)
        if loaded:
            self.addresses.append(loaded)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_viewers_load_without_the_internet_under_a_policy_with_a_nonce(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page()
    page.feed(answer.text)
    assert page.scripts and page.addresses
    policy = answer.headers["content-security-policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    (nonce,) = re.findall(r"'nonce-([^']+)'", " ".join(directives["script-src"]))
    assert len(nonce) >= 16
    assert "'unsafe-inline'" not in directives["script-src"] and "'unsafe-eval'" not in directives["script-src"]
    assert directives["default-src"] == ["'none'"] and directives["frame-ancestors"] == ["'none'"]
    assert all(script.get("nonce") == nonce for script in page.scripts)
    other = await api.client.get(path)
    assert nonce not in other.text, "a nonce is for one answer"
    for address in page.addresses:
        assert address.startswith("/") and not address.startswith("//"), f"{path} loads {address}"
        asset = await api.client.get(address)
        assert asset.status_code == 200, address
    assert "/openapi.json" in answer.text
    assert not re.search(r"https?://(?!localhost)", re.sub(r"<a [^>]*>", "", answer.text)), "nothing from elsewhere"


async def test_the_keys_are_public_and_may_be_kept_for_a_while(api: Api) -> None:
    answer = await api.client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert set(answer.json()) == {"keys"} and answer.json()["keys"]
    assert "public" in answer.headers["cache-control"]


async def test_methods_of_the_document_are_those_that_this_folder_knows(conformance: Conformance) -> None:
    for item in conformance.document["paths"].values():
        assert set(item) <= set(METHODS)


async def test_the_watch_sees_an_answer_that_is_not_documented(conformance: Conformance) -> None:
    """The checker itself: what it would say about answers that break the document."""

    def said(path: str, status: int, body: Any, **headers: str) -> list[str]:
        kind = PROBLEM if status >= 400 else "application/json"
        answer = httpx.Response(
            status, json=body, headers={"Content-Type": kind, "X-Event-Seq": "1", "ETag": '"1"', **headers},
            request=httpx.Request("GET", f"http://x{path}"),
        )  # fmt: skip
        security = (
            "x-content-type-options",
            "x-frame-options",
            "referrer-policy",
            "content-security-policy",
            "x-request-id",
        )
        answer.headers.update(dict.fromkeys(security, "1"))
        return conformance.check(answer)

    progress = {
        "total_tasks": 0, "completed_tasks": 0, "in_progress_tasks": 0, "todo_tasks": 0, "progress_percentage": 0.0,
    }  # fmt: skip
    path = "/api/v1/projects/WEB/progress"
    assert said(path, 200, progress) == []
    assert said(path, 200, {**progress, "more": 1})
    assert said(path, 200, {**progress, "total_tasks": "0"})
    assert said(path, 200, {name: value for name, value in progress.items() if name != "todo_tasks"})
    assert said(path, 202, progress)
    example = conformance.document["paths"]["/api/v1/tasks/{task_id}"]["get"]["responses"]["200"]["content"]
    schema = conformance.schema(example["application/json"]["schema"])
    task = {**dict.fromkeys(schema["required"]), **example["application/json"]["example"]}
    assert said("/api/v1/tasks/WEB-1", 200, task) == []
    assert said("/api/v1/tasks/WEB-1", 200, {**task, "created_at": "2026-11-20T09:30:00Z"})
    assert said("/api/v1/tasks/WEB-1", 200, {**task, "deadline": "2026-12-24T00:00:00Z"})
    refusal = {
        "type": "/problems/project.not_found", "title": "x", "status": 404, "detail": "x", "instance": path,
        "code": "project.not_found", "request_id": "1",
    }  # fmt: skip
    assert said(path, 404, refusal) == []
    assert said(path, 404, {**refusal, "code": "task.not_found", "type": "/problems/task.not_found"})
    assert said(path, 409, {**refusal, "status": 409})
