"""Several processes with one Redis, and what a process does when it ends."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from entrypoints.live import hub
from entrypoints.ws import socket as sockets
from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.conftest import TestDatabase, quick_container
from tests.integration.entrypoints.cli.serving import Serving, over, serving
from tests.integration.entrypoints.ws.living import Ear, Living, deaf, living


@pytest.fixture
async def two(test_database: TestDatabase, settings: Settings, redis_url: str) -> AsyncIterator[tuple[Living, Living]]:
    """Two servers, which know of each other by one Redis."""
    more = {
        "direct_database_url": SecretStr(test_database.application),
        "redis_url": SecretStr(redis_url),
    }
    async with contextlib.AsyncExitStack() as stack:
        found = [
            await stack.enter_async_context(
                living(
                    quick_container(settings.model_copy(update=more), database_url=test_database.product),
                    superuser_url=test_database.superuser,
                )
            )
            for _ in range(2)
        ]
        yield found[0], found[1]


async def test_what_one_process_commits_is_heard_at_another_at_once(
    two: tuple[Living, Living], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is heard was announced, and not found by looking.
    monkeypatch.setattr(hub, "POLLED_EVERY", 600.0)
    here, there = two
    await asyncio.sleep(hub.CHECKED_EVERY and 1.2)
    olga = await here.api.register()
    async with there.ear(olga) as ear:
        # Until the company is followed, nothing is announced to it; the subscription is on its way.
        for _ in range(50):
            await olga.project()
            with contextlib.suppress(TimeoutError):
                if (await ear.next(within=0.2))["type"] == "event":
                    break
        # Nobody looks by himself here, so that hearing it is the proof.
        project = await olga.project()
        while (heard := await ear.event())["project_id"] != project["id"]:
            pass
        await olga.post("/auth/logout", {})
        assert await ear.closed() == (4401, "auth.session_ended")


async def test_a_ticket_is_used_once_in_all_processes(two: tuple[Living, Living]) -> None:
    here, there = two
    olga = await here.api.register()
    ticket = (await olga.post("/auth/ws-ticket", {"purpose": "socket"})).json()["ticket"]
    async with there.opened(olga.user_id, query=f"?ticket={ticket}") as ear:
        assert (await ear.next())["type"] == "ready"
    async with here.opened(olga.user_id, query=f"?ticket={ticket}") as ear:
        assert await ear.closed() == (4401, "ticket.used")


async def flood(person: Person, project: dict[str, Any], *, count: int = 1000) -> None:
    """About a kilobyte for each event."""
    operations = [{"op": "create", "project_id": project["id"], "title": "x" * 400} for _ in range(count)]
    answer = await person.post("/tasks/bulk", {"operations": operations})
    assert answer.status_code == 200, answer.text


@pytest.fixture
def server(tmp_path: Path, test_database: TestDatabase, settings: Settings) -> Iterator[Serving]:
    with serving(tmp_path, **over(test_database, settings)) as found:
        found.start()
        yield found


async def test_at_its_end_a_process_closes_sockets_and_streams_and_is_gone_soon(
    server: Serving, test_database: TestDatabase
) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=60.0) as client:
        api = Api(client=client, superuser_url=test_database.superuser)
        olga = await api.register(email=f"ends-{os.getpid()}-{time.monotonic_ns()}@example.com")
        live = Living(container=None, server=None, api=api, port=server.port)  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {olga.token}"}
        async with live.ear(olga) as ear, client.stream("GET", "/api/v1/events/stream", headers=headers) as stream:
            lines = stream.aiter_lines()
            while await anext(lines) != "event: ready":
                pass
            # One that never reads holds nobody up.
            async with deaf(server.port, olga):
                project = await olga.project()
                for _ in range(5):
                    await flood(olga, project)
                assert server.process is not None
                server.process.send_signal(signal.SIGTERM)
                assert (await ear.closed())[0] == 1012
                rest = [line async for line in lines]
                assert 'data: {"code":"server.restarting"}' in rest
                assert await asyncio.to_thread(server.process.wait, 60) == 0
    # Nobody was waited for longer than is waited.
    assert "graceful shutdown exceeded" not in server.log()
    assert "ticket=" not in server.log()
    with pytest.raises((OSError, ConnectionClosed, InvalidHandshake)):
        async with live.opened(olga.user_id):
            pass


async def test_who_reads_too_slowly_is_to_come_again(
    test_database: TestDatabase, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MOST_WAITING", 128 * 1024)
    container = quick_container(settings, database_url=test_database.product)
    async with living(container, superuser_url=test_database.superuser) as live:
        olga = await live.api.register()
        project = await olga.project()
        async with deaf(live.port, olga) as slow, live.ear(olga) as ear:
            async with asyncio.timeout(120):
                while container.hub()._of_users[UUID(olga.user_id)] > 1:
                    # No more at a time than whoever reads has read by the next one.
                    await flood(olga, project, count=100)
            # Its last word, which it reads within the seconds that are left to it.
            assert (4409).to_bytes(2, "big") + b"socket.too_slow" in await slow.rest()
            await olga.project()
            assert (await ear.until("project_created"))[-1]["event"] == "project_created"


async def test_many_who_read_too_slowly_fill_no_memory_together(
    test_database: TestDatabase, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MOST_KEPT", 512 * 1024)
    container = quick_container(settings, database_url=test_database.product)
    async with living(container, superuser_url=test_database.superuser) as live:
        olga = await live.api.register()
        project = await olga.project()
        here = container.hub()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(8):
                await stack.enter_async_context(deaf(live.port, olga))
            ear = await stack.enter_async_context(live.ear(olga))
            async with asyncio.timeout(120):
                while here._of_users[UUID(olga.user_id)] > 4:
                    # None of them has as much waiting as one alone may have.
                    await flood(olga, project, count=100)
                    assert sum(door.waiting for door in here._admitted) <= 512 * 1024
            await olga.project()
            assert (await ear.until("project_created"))[-1]["event"] == "project_created"


async def test_no_ticket_stands_in_the_log(server: Serving, test_database: TestDatabase) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=60.0) as client:
        api = Api(client=client, superuser_url=test_database.superuser)
        olga = await api.register(email=f"log-{os.getpid()}-{time.monotonic_ns()}@example.com")
        live = Living(container=None, server=None, api=api, port=server.port)  # type: ignore[arg-type]
        ticket = (await olga.post("/auth/ws-ticket", {"purpose": "socket"})).json()["ticket"]
        async with live.opened(olga.user_id, query=f"?ticket={ticket}") as ear:
            assert isinstance(ear, Ear)
            await ear.next()
    assert ticket not in server.log()
    assert ticket[:40] not in server.log()


async def test_who_guesses_is_counted_by_address(test_database: TestDatabase, settings: Settings) -> None:
    limited = settings.model_copy(update={"rate_limits_enabled": True, "rate_limit_address": "5/hour"})
    container = quick_container(limited, database_url=test_database.product)
    async with living(container, superuser_url=test_database.superuser) as live:
        codes = []
        for _ in range(7):
            async with live.opened("anybody") as ear:
                with contextlib.suppress(ConnectionClosed):
                    await ear.say(type="auth", token="guessed")
                codes.append(await ear.closed())
        assert codes[0] == (4401, "auth.token_invalid")
        assert codes[-1] == (1008, "rate.limited")
