"""Holds every answer of a test run against the OpenAPI document, and against what holds for all answers."""

import re
from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from jsonschema_rs import Draft202012Validator, Registry, ValidationError

PROBLEM = "application/problem+json"
METHODS = ("get", "post", "patch", "put", "delete")
ALIASES = {"/api/v1/users/me": "/api/v1/auth/me", "/api/v1/users/profile": "/api/v1/auth/me"}
SECURITY_HEADERS = (
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "content-security-policy",
    "x-request-id",
)


def is_instant(value: str) -> bool:
    """RFC 3339 in UTC, with `Z` and six digits."""
    return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", value))


def is_day(value: str) -> bool:
    try:
        return len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


FORMATS = {"date-time": is_instant, "date": is_day, "uuid": is_uuid}


# What takes a file, and no JSON: the least of one.
FILES: dict[str, bytes] = {"importTasks": b"title\nx\n"}
CSV = {"Content-Type": "text/csv"}


def json_schema_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of an operation's body in JSON, if it takes one."""
    if operation["operationId"] in FILES or "requestBody" not in operation:
        return None
    return dict(operation["requestBody"]["content"]["application/json"]["schema"])


def least_body(operation: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """What is sent along: the body, a file where one is taken, or nothing."""
    if operation["operationId"] in FILES:
        return {"content": FILES[operation["operationId"]], "headers": CSV}
    return {"json": body} if "requestBody" in operation else {}


def pointer(error: ValidationError) -> str:
    """Where in what was looked at it stands."""
    return "".join(f"/{part}" for part in error.instance_path)


class Conformance:
    """What the document says of each operation. `check` answers what is wrong with an answer, in sentences."""

    def __init__(self, document: dict[str, Any], codes: dict[str, tuple[int, str]]) -> None:
        self.document = document
        self._codes = codes
        self._registry = Registry([("urn:flowtrack", document)])
        self._templates = [(re.compile(_pattern(path)), path) for path in document["paths"]]
        self._validators: dict[tuple[str, ...], Draft202012Validator] = {}
        self.seen: set[tuple[str, int]] = set()

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Method, path and description of each operation."""
        return [
            (method, path, item[method])
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        ]

    def schema(self, reference: dict[str, Any]) -> dict[str, Any]:
        """A schema with its reference followed."""
        while "$ref" in reference:
            found: Any = self.document
            for part in reference["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            reference = found
        return reference

    def validator(self, *pointer: str) -> Draft202012Validator:
        """Validates against the schema at a place of the document."""
        if pointer not in self._validators:
            place = "/".join(quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in pointer)
            self._validators[pointer] = Draft202012Validator(
                {"$ref": f"urn:flowtrack#/{place}"}, registry=self._registry, formats=FORMATS, validate_formats=True
            )
        return self._validators[pointer]

    def check(self, response: httpx.Response) -> list[str]:
        """What is wrong with an answer; nothing, if all is well."""
        request = response.request
        wrong = [f"the header {name} is missing" for name in SECURITY_HEADERS if name not in response.headers]
        if response.status_code >= 500 and response.status_code != 503:
            wrong.append(f"it is a {response.status_code}")
        # A refused preflight is between the browser and the CORS middleware; no script ever reads its body.
        if response.status_code >= 400 and "access-control-request-method" not in request.headers:
            wrong.extend(self._problem(response))
        wrong.extend(self._documented(response))
        place = f"{request.method} {request.url.raw_path.decode()[:200]} -> {response.status_code}"
        return [f"{place}: {each}" for each in wrong]

    def _problem(self, response: httpx.Response) -> list[str]:
        if not response.headers.get("content-type", "").startswith(PROBLEM):
            return [f"a refusal is {response.headers.get('content-type')}, not {PROBLEM}"]
        if response.request.method == "HEAD":
            return []
        found, wrong = response.json(), []
        for name, kind in (("title", str), ("detail", str), ("instance", str), ("code", str), ("status", int)):
            if not isinstance(found.get(name), kind) or found.get(name) == "":
                wrong.append(f"the problem has no {name}")
        if found.get("status") != response.status_code:
            wrong.append(f"the problem says status {found.get('status')}")
        if found.get("type") != f"/problems/{found.get('code')}":
            wrong.append(f"the type {found.get('type')} is not of the code {found.get('code')}")
        if found.get("code") not in self._codes:
            wrong.append(f"nothing knows the code {found.get('code')}")
        elif self._codes[found["code"]][0] != response.status_code:
            wrong.append(f"the code {found['code']} belongs to another status")
        replayed = "idempotency-replayed" in response.headers
        if not replayed and found.get("request_id") != response.headers.get("x-request-id"):
            wrong.append("the problem names another request id than the header")
        for error in found.get("errors", []):
            if "detail" not in error or not ("pointer" in error or "parameter" in error):
                wrong.append(f"a fault says not where: {error}")
        return wrong

    def _documented(self, response: httpx.Response) -> list[str]:
        request = response.request
        if request.method == "OPTIONS":
            return []
        path = request.url.path.rstrip("/")
        if request.method in ("GET", "HEAD"):
            path = ALIASES.get(path, path)
        template = next((template for pattern, template in self._templates if pattern.fullmatch(path)), None)
        if template is None:
            return []
        item = self.document["paths"][template]
        method = {"HEAD": "get"}.get(request.method, request.method.lower())
        if method == "put" and "put" not in item:
            method = "patch"
        if response.status_code == 405:
            return []
        if method not in item:
            return ["the method is not documented"]
        operation = item[method]
        status = str(response.status_code)
        self.seen.add((operation["operationId"], response.status_code))
        if status not in operation["responses"]:
            code = response.json().get("code", "") if response.status_code >= 400 and response.content else ""
            return [f"{operation['operationId']} does not declare {status} {code}"]
        declared = operation["responses"][status]
        wrong = [
            f"{operation['operationId']} declares the header {name} with {status}, and it is missing"
            for name in declared.get("headers", {})
            if name in ("X-Event-Seq", "ETag", "Location", "X-Last-Seq") and name not in response.headers
        ]
        if not response.content:
            return wrong
        kind = response.headers["content-type"].partition(";")[0]
        content = declared.get("content", {})
        if kind not in content:
            return [*wrong, f"{operation['operationId']} declares no {kind} with {status}"]
        # A stream, an object a line or a row, or a drawing: the same as JSON is held against the model.
        if kind in ("application/x-ndjson", "text/csv", "text/event-stream", "image/svg+xml"):
            return wrong
        validator = self.validator("paths", template, method, "responses", status, "content", kind, "schema")
        wrong.extend(
            f"{operation['operationId']} {status} at {pointer(error)}: {error.message[:300]}"
            for error in validator.iter_errors(response.json())
        )
        return wrong


def _pattern(template: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template))
