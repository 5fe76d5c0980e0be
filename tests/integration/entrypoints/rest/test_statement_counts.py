"""How many statements each read asks of PostgreSQL: as many for a company of many things as for one of few."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from benchmarks import wire
from entrypoints.settings import Settings
from tests.integration.api import Api
from tests.integration.conftest import TestDatabase, quick_container, running
from tests.integration.entrypoints.rest.conformance import Conformance
from tests.integration.entrypoints.rest.permissions.recipes import BEFORE, QUERIES, THINGS
from tests.integration.entrypoints.rest.permissions.stage import Case, Place, Role, Stage

ASKS_NO_DATABASE = {
    "listSigningKeys": "keys are kept in memory for a while",
    "beginOidcLogin": "asks a provider, which answers nowhere here",
    "returnFromOidc": "as above",
    "returnFromOidcConnection": "as above",
    "streamEvents": "goes on, and is read once for all who listen",
}
# Opening the transaction (who calls, in which company), what was asked for, and the sequence that it was read at.
USUAL = 3
MORE = {
    # Whether there is such a user to be seen, before their tokens.
    "listUserTokens": 4,
    "getUserToken": 4,
    # Tasks, projects and notifications, in one round trip.
    "getDashboard": 4,
    # The account's devices are no company's: read by a door of their own, in a second transaction.
    "listLoginSessions": 5,
    # That an export was made is noted for the auditors, in a transaction of its own; what columns and cycles are called is
    # asked once for each page that has new ones.
    "exportTasks": 8,
}


class Reader:
    """Whoever owns a company, and a counter between their server and PostgreSQL."""

    def __init__(self, counter: wire.Counter, stage: Stage, reads: list[tuple[str, str]]) -> None:
        self._counter = counter
        self.stage = stage
        self.case = Case(stage=stage, role=Role.OWNER, place=Place.SHARED)
        self.own = Case(stage=stage, role=Role.OWNER, place=Place.OWN)
        self.reads = reads

    async def prepared(self, operation_id: str, path: str) -> tuple[str, dict[str, str] | None]:
        """The path with things in it, and the query."""
        ids: dict[str, Any] = {}
        case = self.case
        for name in re.findall(r"\{(\w+)\}", path):
            case = self.case if Place.SHARED in THINGS[name].places else self.own
            ids[name] = await THINGS[name].make(case)
        if operation_id in BEFORE:
            await BEFORE[operation_id](self.case, ids)
        queries = QUERIES.get(operation_id)
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], path), next(iter(queries.values()))(
            self.case
        ) if queries else None

    async def counted(self, path: str, query: dict[str, str] | None) -> tuple[int, int]:
        """Statements and round trips of the third time, when all is prepared."""
        for _ in range(3):
            self._counter.reset()
            answer = await self.own.ask("GET", path, query=query)
            assert answer.is_success, f"{path}: {answer.text}"
        return self._counter.statements, self._counter.trips

    async def grow(self) -> None:
        """More of everything that lists and boards show."""
        owner, api = self.stage.owner, self.stage.api
        for number in range(12):
            person = await api.colleague(owner, projects=(self.stage.shared,))
            label = (await owner.post("/labels", {"name": f"l{number} {uuid4().hex}"})).json()
            cycle = await owner.cycle(self.stage.shared)
            task = await owner.task(
                self.stage.shared, assigned_to=person.user_id, labels=[label["name"]], cycle_id=cycle["id"]
            )
            await owner.task(self.stage.shared, parent_id=task["id"])
            await owner.post("/invitations", {"email": f"{uuid4().hex}@example.com"})
            await owner.project()


@pytest.fixture
async def reader(settings: Settings, test_database: TestDatabase, conformance: Conformance) -> AsyncIterator[Reader]:
    with wire.counted(test_database.product) as counter:
        async with running(quick_container(settings, database_url=counter.url), beside=False) as client:
            stage = await Stage.set_up(Api(client=client, superuser_url=test_database.superuser))
            reads = [
                (operation["operationId"], path)
                for method, path, operation in conformance.operations()
                if method == "get" and "security" in operation and operation["operationId"] not in ASKS_NO_DATABASE
            ]
            yield Reader(counter, stage, reads)


async def test_no_read_asks_more_where_there_is_more(reader: Reader) -> None:
    asked = {operation: await reader.prepared(operation, path) for operation, path in reader.reads}
    few = {operation: await reader.counted(*what) for operation, what in asked.items()}
    await reader.grow()
    many = {operation: await reader.counted(*what) for operation, what in asked.items()}
    assert len(asked) > 30
    assert many == few
    assert {operation: count for operation, (count, _) in many.items() if count > USUAL} == MORE
