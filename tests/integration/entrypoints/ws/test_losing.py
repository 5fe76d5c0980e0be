"""Whoever loses the right to hear of something hears nothing of it from that moment, on any door, whatever flies by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from core.kernel.actor import System
from entrypoints.ending import end
from entrypoints.settings import Settings
from tests.integration.api import Person
from tests.integration.conftest import TestDatabase, quick_container
from tests.integration.entrypoints.ws.living import WITHIN, Living, living

WRITERS = 3
# So many events fly before and after.
BEFORE, AFTER = 25, 25


@pytest.fixture(scope="module")
async def two(test_database: TestDatabase, settings: Settings, redis_url: str) -> AsyncIterator[list[Living]]:
    """Two servers: at one they listen, at the other they write."""
    more = {"direct_database_url": SecretStr(test_database.application), "redis_url": SecretStr(redis_url)}
    containers = [
        quick_container(settings.model_copy(update=more), database_url=test_database.product) for _ in range(2)
    ]
    async with (
        living(containers[0], superuser_url=test_database.superuser) as here,
        living(containers[1], superuser_url=test_database.superuser) as there,
    ):
        yield [here, there]


@dataclass
class Door:
    """What came by a door, in order, and how it ended."""

    name: str
    heard: list[tuple[int, str | None]] = field(default_factory=list)
    ended: str | None = None
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: dict[str, Any]) -> None:
        self.heard.append((int(event["seq"]), event["project_id"]))

    async def until(self, seq: int) -> None:
        """Has heard that one, or is closed."""
        async with asyncio.timeout(WITHIN):
            while self.ended is None and all(each != seq for each, _ in self.heard):
                await asyncio.sleep(0.02)


async def by_socket(live: Living, person: Person, door: Door) -> None:
    try:
        async with live.ear(person) as ear:
            door.is_open.set()
            while True:
                said = await ear.next(within=60)
                if said["type"] == "event":
                    door.take(said)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        door.ended = str(closed.rcvd.code)


async def by_stream(live: Living, person: Person, door: Door) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    async with live.api.client.stream("GET", "/api/v1/events/stream", headers=headers) as answer:
        async for said in EventSource(answer).aiter_sse():
            if said.event == "ready":
                door.is_open.set()
            elif said.event == "end":
                door.ended = said.json()["code"]
            else:
                door.take(said.json())


async def by_asking(live: Living, person: Person, door: Door) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    after = (await person.get("/events?limit=1")).headers["x-event-seq"]
    door.is_open.set()
    while True:
        answer = await live.api.client.get(f"/api/v1/events?after={after}", headers=headers)
        if answer.status_code != 200:
            door.ended = answer.json()["code"]
            return
        for event in answer.json():
            door.take(event)
        after = answer.headers["x-last-seq"]


@asynccontextmanager
async def listening(live: Living, person: Person) -> AsyncIterator[list[Door]]:
    ways = {"socket": by_socket, "stream": by_stream, "asking": by_asking}
    doors = [Door(name) for name in ways]
    tasks = [asyncio.create_task(ways[door.name](live, person, door)) for door in doors]
    try:
        async with asyncio.timeout(WITHIN):
            for door in doors:
                await door.is_open.wait()
        yield doors
    finally:
        await end(tasks)


async def meanwhile(
    writer: Person, project: dict[str, Any], lose: Callable[[], Awaitable[httpx.Response]], doors: list[Door]
) -> tuple[int, int]:
    """Loses it while tasks are created as fast as they can be: the position that told of it, and the last one then."""
    made = 0
    is_over = False

    async def write() -> None:
        nonlocal made
        while not is_over:
            await writer.task(project)
            made += 1

    async def until(count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while made < count:
                await asyncio.sleep(0.01)

    writing = [asyncio.create_task(write()) for _ in range(WRITERS)]
    try:
        await until(BEFORE)
        # Each door is in the middle of it.
        async with asyncio.timeout(WITHIN):
            while not all(any(each == project["id"] for _, each in door.heard) for door in doors):
                await asyncio.sleep(0.01)
        lost = await lose()
        assert lost.is_success, lost.text
        await until(made + AFTER)
    finally:
        is_over = True
        await asyncio.gather(*writing)
    last = await writer.get("/events?limit=1")
    return int(lost.headers["x-event-seq"]), int(last.headers["x-event-seq"])


def assert_deaf(doors: list[Door], project: dict[str, Any], since: int) -> None:
    for door in doors:
        theirs = [seq for seq, project_id in door.heard if project_id == project["id"]]
        assert theirs, f"{door.name} heard nothing at all"
        assert [seq for seq in theirs if seq > since] == [], f"{door.name} heard more after {since}"
        seqs = [seq for seq, _ in door.heard]
        assert seqs == sorted(set(seqs)), door.name


async def colleague(two: list[Living], **more: Any) -> tuple[Person, Person]:
    """An owner who writes at one server, and somebody who listens at the other."""
    here, there = two
    olga = await there.api.register()
    return olga, await there.api.colleague(olga, **more)


async def test_a_member_who_is_removed_from_a_project(two: list[Living]) -> None:
    here, there = two
    olga = await there.api.register()
    web, app = await olga.project(), await olga.project()
    mia = await there.api.colleague(olga, projects=(web, app))
    async with listening(here, mia) as doors:
        seq, _ = await meanwhile(olga, web, lambda: olga.delete(f"/projects/{web['id']}/members/{mia.user_id}"), doors)
        answer = await olga.post("/tasks", {"project_id": app["id"], "title": "The last"})
        last = int(answer.headers["x-event-seq"])
        for door in doors:
            await door.until(last)
            # The removal itself names them, and what they still belong to goes on.
            assert {seq, last} <= {each for each, _ in door.heard}, door.name
            assert door.ended is None
        # The removal is an event of the project, and theirs to know.
        assert_deaf(doors, web, seq)


async def test_an_admin_who_becomes_a_member(two: list[Living]) -> None:
    here, _ = two
    olga, adam = await colleague(two, role="admin")
    web = await olga.project()
    async with listening(here, adam) as doors:
        seq, _ = await meanwhile(olga, web, lambda: olga.patch(f"/users/{adam.user_id}", {"role": "member"}), doors)
        renamed = await adam.patch("/users/me", {"name": "Adam the member"})
        last = int(renamed.headers["x-event-seq"])
        for door in doors:
            await door.until(last)
            assert door.ended is None
        assert_deaf(doors, web, seq)


@pytest.mark.parametrize("way", ["deactivated", "signed out", "removed from the company"])
async def test_somebody_who_may_not_come_in_any_more(two: list[Living], way: str) -> None:
    here, there = two
    olga = await there.api.register()
    web = await olga.project()
    mia = await there.api.colleague(olga, projects=(web,))

    async def lose() -> httpx.Response:
        if way == "deactivated":
            return await olga.patch(f"/users/{mia.user_id}", {"is_active": False})
        if way == "signed out":
            await mia.post("/auth/logout", {})
            # It changes nothing in the company, whose log tells nothing of it.
            return await olga.get("/events?limit=1")
        return await olga.delete(f"/users/{mia.user_id}")

    async with listening(here, mia) as doors:
        seq, _ = await meanwhile(olga, web, lose, doors)
        async with asyncio.timeout(WITHIN):
            while any(door.ended is None for door in doors):
                await asyncio.sleep(0.02)
        assert_deaf(doors, web, seq)
        socket, stream, asking = doors
        assert socket.ended == "4401"
        assert stream.ended == "auth.session_ended"
        assert asking.ended in ("auth.session_ended", "auth.token_invalid")
        # What they could still hear was whole: nothing is left out before.
        theirs = [each for each, project_id in socket.heard if project_id == web["id"]]
        shown = (await olga.get(f"/events?limit=200&after={theirs[0] - 1}")).json()
        told = [int(each["seq"]) for each in shown if each["project_id"] == web["id"]]
        assert theirs == told[: len(theirs)]


async def test_a_password_that_a_command_resets(
    two: list[Living], test_database: TestDatabase, settings: Settings
) -> None:
    """Another process does it, in which nobody carries anything to others."""
    here, _ = two
    ann, bob = await here.api.register(), await here.api.register()
    command = quick_container(settings, database_url=test_database.product)
    await command.database().open()
    try:
        async with here.ear(ann) as ear, here.ear(bob) as other:
            await command.operator_use_cases().reset_password(System(), ann.email, temporary_password="Chosen f0r her")
            assert (await ear.closed())[0] == 4401
            await bob.project()
            assert (await other.until("project_created"))[-1]["created_by"] == bob.user_id
    finally:
        await command.database().close()


async def test_a_program_whose_token_ends_with_whoever_made_it(two: list[Living]) -> None:
    """As stripping an account does it: no account of its own is named, and the log tells nothing."""
    here, _ = two
    ann = await here.api.register()
    robot = (await ann.post("/users", {"kind": "service", "name": "Robot", "role": "admin"})).json()["id"]
    made = await ann.post(f"/users/{robot}/tokens", {"name": "Robot", "scopes": ["events:read"]})
    assert made.status_code == 201, made.text
    program = replace(ann, token=made.json()["token"], user={"id": robot})
    async with here.ear(program) as ear:
        here.api.sql("update api_tokens set revoked_at = now() where id = %s returning 1", (made.json()["id"],))
        assert (await ear.closed())[0] == 4401
