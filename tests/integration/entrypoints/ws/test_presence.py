"""Who is online, in one process and in several."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.redis.attendance import SharedAttendance
from adapters.redis.store import RedisStore
from entrypoints.live import presence
from entrypoints.settings import Settings
from tests.builders import an_id
from tests.integration.api import Person
from tests.integration.conftest import TestDatabase, quick_container
from tests.integration.entrypoints.ws.living import WITHIN, Ear, Living, living


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "GRACE", 0.1)
    # What a message would have said sooner.
    monkeypatch.setattr(presence, "SAID_EVERY", 0.5)


async def online(of: Person) -> set[str]:
    answer = await of.get("/presence")
    assert answer.status_code == 200
    return {each["user_id"] for each in answer.json()}


async def until_online(of: Person, *who: Person) -> None:
    async with asyncio.timeout(WITHIN):
        while await online(of) != {each.user_id for each in who}:
            await asyncio.sleep(0.05)


async def told(ear: Ear, of: Person) -> dict[str, Any]:
    """The next word of somebody's presence."""
    while (found := await ear.next()).get("user_id") != of.user_id or found["type"] != "presence":
        pass
    return found


async def test_who_comes_and_goes_is_told_to_those_who_may_see_them(live: Living) -> None:
    olga = await live.api.register()
    project = await olga.project()
    mia, max_ = [await live.api.colleague(olga, projects=(project,)) for _ in range(2)]
    nora = await live.api.colleague(olga)
    async with live.ear(olga) as admin, live.ear(nora) as stranger, live.ear(max_) as colleague:
        async with live.ear(mia), live.ear(mia):
            for ear in (admin, colleague):
                assert await told(ear, mia) == {"type": "presence", "user_id": mia.user_id, "state": "online"}
            await until_online(olga, olga, mia, max_, nora)
            # Whoever opened the project belongs to it.
            assert await online(mia) == await online(max_) == {olga.user_id, mia.user_id, max_.user_id}
            assert await online(nora) == {nora.user_id}
        for ear in (admin, colleague):
            assert (await told(ear, mia))["state"] == "offline"
        await until_online(olga, olga, max_, nora)
        await stranger.say(type="ping")
        assert (await stranger.next())["type"] == "heartbeat"


@pytest.fixture
async def two(test_database: TestDatabase, settings: Settings, redis_url: str) -> AsyncIterator[list[Living]]:
    more = {"direct_database_url": SecretStr(test_database.application), "redis_url": SecretStr(redis_url)}
    containers = [
        quick_container(settings.model_copy(update=more), database_url=test_database.product) for _ in range(2)
    ]
    async with (
        living(containers[0], superuser_url=test_database.superuser) as here,
        living(containers[1], superuser_url=test_database.superuser) as there,
    ):
        yield [here, there]


async def test_of_several_processes_each_knows_all(two: list[Living]) -> None:
    here, there = two
    olga = await here.api.register()
    adam = await here.api.colleague(olga, role="admin")
    async with here.ear(olga) as ear:
        async with there.ear(adam):
            assert (await told(ear, adam))["state"] == "online"
            await until_online(olga, olga, adam)
        assert (await told(ear, adam))["state"] == "offline"
        await until_online(olga, olga)


async def test_a_process_that_says_nothing_more_is_believed_a_while(redis_url: str) -> None:
    store, now, company, ann, bob = RedisStore(url=redis_url), [1000.0], an_id(), an_id(), an_id()
    one, other = SharedAttendance(store, now=lambda: now[0]), SharedAttendance(store, now=lambda: now[0])
    await one.say(company, {ann})
    await other.say(company, {ann, bob})
    assert await one.online(company) == {ann, bob}
    await other.say(company, {ann})
    assert await one.online(company) == {ann}
    now[0] += 40
    await one.say(company, set())
    assert await one.online(company) == {ann}
    now[0] += 6
    assert await one.online(company) == set()
    await store.close()
