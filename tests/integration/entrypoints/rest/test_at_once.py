"""Every write, sent many times at the same moment: one key makes one effect, one ETag makes one winner.

The operations come from the OpenAPI document and are asked as permissions/recipes.py says: a new one is asked as well.
"""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import Api
from tests.integration.entrypoints.rest.conformance import CSV, Conformance
from tests.integration.entrypoints.rest.permissions.recipes import BEFORE, BODIES, QUERIES, SPENDS, THINGS, Ids
from tests.integration.entrypoints.rest.permissions.stage import Case, Place, Role, Stage

KEY = "Idempotency-Key"
AT_ONCE = 100
EDITORS = 8
# Filled from the log or from other tables, beside answering: at whatever moment that comes by.
WRITTEN_BESIDE = {
    "log_positions",
    "audit_heads",
    "counted_tasks",
    "notification_days",
    "cycle_days",
    "project_days",
}
# Counted before the key is looked at, as every limit is.
BOUNDED = {
    "unlockUser": [(429, "user.too_many_unlocks")],
    # A file is received before anybody knows what becomes of it, and a company receives so many at once.
    "importTasks": [(409, "job.too_many")],
}
CHANGES_NOTHING = {
    "verifyEmailDomain": "what is proved stays proved, and nothing becomes newer",
}
SEEN_BY_NO_KEY = {
    "connectOidc": "the issuer is asked first, and answers nowhere here",
    "deleteCompany": "the stage would be gone",
}


def parameters(operation: dict[str, Any], conformance: Conformance) -> set[str]:
    return {conformance.schema(each)["name"] for each in operation.get("parameters", ())}


class Writes:
    """Asks the operations of the document as the owner of a company."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        tables = stage.api.sql(
            "select c.table_name from information_schema.columns c join information_schema.tables t"
            " using (table_schema, table_name)"
            " where c.column_name = 'company_id' and c.table_schema = 'public' and t.table_type = 'BASE TABLE'"
        )
        self._tables = [table for (table,) in tables if table not in WRITTEN_BESIDE]

    async def prepared(self, operation_id: str, path: str) -> tuple[str, Any]:
        """The path with new things in it, and the body."""
        names = re.findall(r"\{(\w+)\}", path)
        places = [THINGS[name].places for name in names]
        place = Place.SHARED if all(Place.SHARED in each for each in places) else Place.OWN
        case = Case(stage=self.stage, role=Role.OWNER, place=place)
        ids: Ids = {name: await THINGS[name].make(case) for name in names}
        if operation_id in BEFORE:
            await BEFORE[operation_id](case, ids)
        body = next(iter(BODIES[operation_id].values()))(case, ids) if operation_id in BODIES else None
        filled = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], path)
        if operation_id in QUERIES:
            filled += f"?{urlencode(next(iter(QUERIES[operation_id].values()))(case))}"
        return filled, body

    async def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        more: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, bytes):
            more, headers = {"content": body}, headers | CSV
        return await self.stage.owner.send(method.upper(), path.removeprefix("/api/v1"), headers=headers, **more)

    def rows(self) -> dict[str, int]:
        """How many rows each table holds of the company."""
        api, company = self.stage.api, self.stage.owner.company_id
        counted = " union all ".join(
            f"select '{table}', count(*) from {table} where company_id = '{company}'" for table in self._tables
        )
        return dict(api.sql(counted))


@pytest.fixture(scope="module")
async def writes(api: Api) -> Writes:
    return Writes(await Stage.set_up(api))


def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {table: after[table] - before[table] for table in after if after[table] != before[table]}


async def test_a_hundred_equal_posts_under_one_key_have_the_effect_of_one(
    writes: Writes, conformance: Conformance
) -> None:
    keyed = [
        (operation["operationId"], path)
        for method, path, operation in conformance.operations()
        if method == "post" and KEY in parameters(operation, conformance)
    ]
    assert len(keyed) > 15
    for operation_id, path in keyed:
        if operation_id in SEEN_BY_NO_KEY or operation_id in SPENDS:
            continue
        filled, body = await writes.prepared(operation_id, path)
        before = writes.rows()
        one = await writes.send("post", filled, body, {KEY: uuid4().hex})
        assert one.is_success, f"{operation_id}: {one.text}"
        effect = changed(before, writes.rows())

        filled, body = await writes.prepared(operation_id, path)
        before, key = writes.rows(), {KEY: uuid4().hex}
        answers = await asyncio.gather(*(writes.send("post", filled, body, key) for _ in range(AT_ONCE)))
        assert changed(before, writes.rows()) == effect, operation_id
        made = [each for each in answers if each.is_success]
        assert len([each for each in made if "idempotency-replayed" not in each.headers]) == 1, operation_id
        assert len({each.status_code for each in made}) == 1
        refused = {(each.status_code, each.json()["code"]) for each in answers if not each.is_success}
        assert refused <= {(409, "idempotency.in_flight"), *BOUNDED.get(operation_id, ())}, operation_id


def told_apart(body: Any) -> Any:
    """The same body with another wording where it says `x`, so that it changes something."""
    if isinstance(body, dict):
        return {name: uuid4().hex if value == "x" else value for name, value in body.items()}
    return body


async def test_of_editors_with_one_etag_one_wins_and_the_others_are_stale(
    writes: Writes, conformance: Conformance
) -> None:
    conditional = [
        (operation["operationId"], method, path)
        for method, path, operation in conformance.operations()
        if method != "get" and "If-Match" in parameters(operation, conformance)
    ]
    assert len(conditional) > 15
    asked = set()
    for operation_id, method, path in conditional:
        if operation_id in SPENDS or operation_id in SEEN_BY_NO_KEY or operation_id in CHANGES_NOTHING:
            continue
        filled, body = await writes.prepared(operation_id, path)
        seen = await writes.send("get", filled, None, {})
        if not seen.is_success or "etag" not in seen.headers:
            seen = await writes.send("get", filled.rpartition("/")[0], None, {})
        if "etag" not in seen.headers:
            # Deleted, and seen nowhere: the version it had is the first one.
            assert operation_id.startswith("restore"), operation_id
            continue
        tag = {"If-Match": seen.headers["etag"]}
        answers = await asyncio.gather(*(writes.send(method, filled, told_apart(body), tag) for _ in range(EDITORS)))
        won = [each for each in answers if each.is_success]
        statuses = [each.status_code for each in answers]
        assert len(won) == 1, (operation_id, statuses)
        gone = {404} if method == "delete" else set()
        for each in answers:
            assert each in won or each.status_code in {412} | gone, (operation_id, each.text)
        asked.add(operation_id)
    assert {"changeTask", "moveTask", "changeProject", "changeCycle", "deleteTask", "changeLabel"} <= asked
