"""Every operation, asked with real tokens of every scope: the table of rest/scopes.py is what is enforced."""

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.tokens.model import Scope
from core.tokens.policy import grants
from entrypoints.rest.scopes import NEEDED, Access
from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.conformance import Conformance
from tests.integration.entrypoints.rest.test_tokens import made

GATE = {"auth.scope_missing", "auth.not_by_token"}


def signed_in_operations(conformance: Conformance) -> list[tuple[str, str, dict[str, Any]]]:
    return [each for each in conformance.operations() if "security" in each[2]]


def the_code(answer: httpx.Response) -> str:
    return answer.json()["code"] if answer.status_code >= 400 else ""


async def programs(person: Person) -> dict[Scope, Person]:
    return {scope: replace(person, token=(await made(person, scopes=[scope]))["token"]) for scope in Scope}


async def ask(person: Person, method: str, path: str) -> httpx.Response:
    """Asks about things that never were, with an empty body: what comes after the gate does no harm."""
    filled = re.sub(r"\{\w+\}", str(uuid4()), path).removeprefix("/api/v1")
    more = {"json": {}} if method in ("post", "patch", "put") else {}
    return await person.send(method.upper(), filled, **more)


def test_the_table_has_every_operation_of_the_document_and_no_other(conformance: Conformance) -> None:
    documented = {operation["operationId"] for _, _, operation in signed_in_operations(conformance)}
    aliases = {name for name in NEEDED if name.startswith("replace")}
    assert set(NEEDED) - aliases == documented
    assert {name.replace("replace", "change") for name in aliases} <= documented
    for name in aliases:
        assert NEEDED[name] is NEEDED[name.replace("replace", "change")]


def test_every_scope_is_good_for_something() -> None:
    assert {needed for needed in NEEDED.values() if isinstance(needed, Scope)} == set(Scope)


def test_reading_needs_to_read_and_changing_to_write(conformance: Conformance) -> None:
    for method, _, operation in signed_in_operations(conformance):
        needed = NEEDED[operation["operationId"]]
        if isinstance(needed, Scope):
            assert needed.endswith(":read" if method == "get" else ":write"), operation["operationId"]


def test_nothing_below_auth_is_done_by_a_token_but_who_am_i(conformance: Conformance) -> None:
    for _, path, operation in signed_in_operations(conformance):
        if path.startswith("/api/v1/auth/"):
            expected = Access.ANY_TOKEN if operation["operationId"] == "getMe" else Access.NO_TOKEN
            assert NEEDED[operation["operationId"]] is expected


def test_the_document_says_what_each_needs(conformance: Conformance) -> None:
    schemes = conformance.document["components"]["securitySchemes"]
    assert schemes["api_token"]["scheme"] == "bearer"
    for _, _, operation in signed_in_operations(conformance):
        needed = NEEDED[operation["operationId"]]
        expected: list[dict[str, list[str]]] = [{"bearer": []}]
        if needed is not Access.NO_TOKEN:
            expected.append({"api_token": [str(needed)] if isinstance(needed, Scope) else []})
        assert operation["security"] == expected
        assert set(expected[-1]) <= set(schemes)
        if needed is Access.ANY_TOKEN:
            continue
        refusal = operation["responses"]["403"]["content"]["application/problem+json"]["schema"]
        codes = set(refusal["allOf"][1]["properties"]["code"]["enum"])
        # Some of what a scope opens is for people all the same: making admins, for one.
        assert ("auth.scope_missing" in codes) is isinstance(needed, Scope)
        assert isinstance(needed, Scope) or "auth.not_by_token" in codes


async def test_each_scope_opens_what_the_table_says_and_nothing_else(api: Api, conformance: Conformance) -> None:
    ann = await api.register()
    with_scope = await programs(ann)
    asked = 0
    for method, path, operation in signed_in_operations(conformance):
        needed = NEEDED[operation["operationId"]]
        for scope, program in with_scope.items():
            answer = await ask(program, method, path)
            place = f"{operation['operationId']} with {scope}: {answer.status_code} {answer.text[:200]}"
            asked += 1
            if needed is Access.NO_TOKEN:
                assert (answer.status_code, the_code(answer)) == (403, "auth.not_by_token"), place
            elif needed is Access.ANY_TOKEN or grants([scope], needed):
                assert answer.status_code not in (401, 429) and the_code(answer) not in GATE, place
            else:
                assert (answer.status_code, the_code(answer)) == (403, "auth.scope_missing"), place
                assert f"`{needed}`" in answer.json()["detail"]
                challenge = f'Bearer realm="flowtrack", error="insufficient_scope", scope="{needed}"'
                assert answer.headers["www-authenticate"] == challenge
    assert asked > 500


async def test_put_is_held_to_what_patch_is(api: Api, conformance: Conformance) -> None:
    ann = await api.register()
    with_scope = await programs(ann)
    for method, path, operation in signed_in_operations(conformance):
        if method != "patch" or path.endswith("/move"):
            continue
        needed = NEEDED[operation["operationId"]]
        for scope, program in with_scope.items():
            code = the_code(await ask(program, "put", path))
            if needed is Access.NO_TOKEN:
                assert code == "auth.not_by_token", path
            else:
                assert (code == "auth.scope_missing") is (scope is not needed), path


async def test_head_is_held_to_what_get_is(api: Api) -> None:
    with_scope = await programs(await api.register())
    for scope, program in with_scope.items():
        answer = await program.send("HEAD", "/tasks")
        assert answer.status_code == (200 if scope in (Scope.TASKS_READ, Scope.TASKS_WRITE) else 403)


async def test_what_a_scope_does_not_open_is_not_done(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    reader = replace(ann, token=(await made(ann, scopes=["tasks:read", "projects:read"]))["token"])
    before = api.count("tasks", ann.company_id), api.count("events", ann.company_id)
    answer = await reader.post("/tasks", {"project_id": project["id"], "title": "x"})
    assert the_code(answer) == "auth.scope_missing"
    assert (api.count("tasks", ann.company_id), api.count("events", ann.company_id)) == before
    rows = api.sql(
        "select via, token_id is not null, details ->> 'rule', details ->> 'verb' from audit_events"
        " where company_id = %s and type = 'permission.denied'",
        (ann.company_id,),
    )
    assert rows == [("token", True, "auth.scope_missing", "POST /api/v1/tasks")]


@pytest.mark.parametrize("scope", ["tasks:read", "tasks:write"])
async def test_a_scope_gives_no_more_than_the_role(api: Api, scope: str) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    bob = await api.colleague(ann)
    program = replace(bob, token=(await made(bob, scopes=[scope]))["token"])
    assert (await program.get(f"/tasks/{task['id']}")).status_code == 404
    assert (await program.get("/tasks")).json() == []
