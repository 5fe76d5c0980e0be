"""Server-sent events, over TCP, read by a client made for them; and the tickets of streams and sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from httpx_sse import EventSource, ServerSentEvent
from pydantic import SecretStr

from entrypoints.rest import streaming
from entrypoints.settings import Settings
from tests.integration.api import Person
from tests.integration.conftest import TestDatabase, quick_container
from tests.integration.entrypoints.ws.living import WITHIN, Living, living


@pytest.fixture(scope="module")
async def live(test_database: TestDatabase, settings: Settings) -> AsyncIterator[Living]:
    direct = {"direct_database_url": SecretStr(test_database.application)}
    container = quick_container(settings.model_copy(update=direct), database_url=test_database.product)
    async with living(container, superuser_url=test_database.superuser) as found:
        yield found


class Stream:
    """The events of a stream, one by one."""

    def __init__(self, source: EventSource) -> None:
        self.headers = source.response.headers
        self._events = source.aiter_sse()

    async def next(self) -> ServerSentEvent:
        async with asyncio.timeout(WITHIN):
            return await anext(self._events)

    async def ends(self) -> str:
        """The code of its end; what is heard before is dropped."""
        while (found := await self.next()).event != "end":
            pass
        with pytest.raises(StopAsyncIteration):
            await self.next()
        return str(found.json()["code"])


@asynccontextmanager
async def stream(live: Living, of: Person | None, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    if of is not None:
        headers["Authorization"] = f"Bearer {of.token}"
    async with live.api.client.stream("GET", f"/api/v1/events/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        found = Stream(EventSource(answer))
        assert (await found.next()).event == "ready"
        yield found


async def ticket(of: Person, purpose: str = "stream") -> str:
    answer = await of.post("/auth/ws-ticket", {"purpose": purpose})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] == 60
    return str(answer.json()["ticket"])


async def audited(of: Person, rule: str) -> list[dict[str, Any]]:
    answer = await of.get("/audit-events?type=permission.denied")
    return [each for each in answer.json() if each["details"].get("rule") == rule]


class TestStreaming:
    async def test_what_happens_is_heard_as_the_log_tells_it(self, live: Living) -> None:
        olga = await live.api.register()
        async with stream(live, olga) as heard:
            assert heard.headers["content-type"].startswith("text/event-stream")
            assert heard.headers["x-accel-buffering"] == "no"
            assert "content-encoding" not in heard.headers
            project = await olga.project()
            found = await heard.next()
            (told,) = (await olga.get(f"/events?after={int(found.id) - 1}")).json()
            assert (found.event, found.json(), found.id) == ("project_created", told, told["seq"])
            assert found.json()["project_id"] == project["id"]

    async def test_it_goes_on_where_it_broke(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        for _ in range(3):
            await olga.task(project)
        everything = [each["seq"] for each in (await olga.get("/events")).json()]
        for query, headers, begin in (
            ("?after=0", {}, 0),
            ("?after=2", {}, 2),
            ("?after=0", {"Last-Event-ID": "3"}, 3),
        ):
            async with stream(live, olga, query, **headers) as heard:
                found = [(await heard.next()).id for _ in everything[begin:]]
                assert found == everything[begin:]

    async def test_more_than_a_page_of_the_past_is_told_whole(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        operations = [{"op": "create", "project_id": project["id"], "title": "Task"} for _ in range(500)]
        await olga.post("/tasks/bulk", {"operations": operations})
        async with stream(live, olga, "?after=0") as heard:
            found = [int((await heard.next()).id) for _ in range(503)]
            assert found == list(range(1, 504))
            await olga.task(project)
            assert int((await heard.next()).id) == 504

    async def test_types_and_channels(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        for query in ("?types=task_moved,task_deleted", "?types=task_moved,presence", "?channels=kanban_updates"):
            async with stream(live, olga, query) as heard:
                task = await olga.task(project)
                await olga.patch(f"/tasks/{task['id']}/move", {"new_status": "done"})
                assert (await heard.next()).event == "task_moved"

    async def test_a_comment_shows_that_it_lives(self, live: Living, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.1)
        olga = await live.api.register()
        headers = {"Authorization": f"Bearer {olga.token}"}
        async with live.api.client.stream("GET", "/api/v1/events/stream", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line == ": heartbeat":
                    return

    async def test_it_ends_with_the_login_session(self, live: Living) -> None:
        olga = await live.api.register()
        async with stream(live, olga) as heard:
            await olga.post("/auth/logout", {})
            assert await heard.ends() == "auth.session_ended"
        assert live.container.hub().users_of(olga.company["id"]) == set()

    async def test_whoever_does_not_read_is_told_to_come_again(
        self, live: Living, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "MOST_WAITING", 1000)
        olga = await live.api.register()
        project = await olga.project()
        async with stream(live, olga) as heard:
            operations = [{"op": "create", "project_id": project["id"], "title": "Task"} for _ in range(100)]
            await olga.post("/tasks/bulk", {"operations": operations})
            assert await heard.ends() == "stream.too_slow"

    @pytest.mark.parametrize(
        ("query", "headers", "status", "code"),
        [
            ("?after=999999", {}, 422, "events.position_invalid"),
            ("?after=x", {}, 422, "request.invalid"),
            ("?channels=weather", {}, 422, "request.invalid"),
            ("?unknown=1", {}, 400, "parameter.unknown"),
            ("", {"Last-Event-ID": "x"}, 400, "header.malformed"),
            ("", {"Accept": "image/png"}, 406, "accept.not_acceptable"),
        ],
    )
    async def test_what_cannot_be_streamed(
        self, live: Living, query: str, headers: dict[str, str], status: int, code: str
    ) -> None:
        olga = await live.api.register()
        answer = await olga.get(f"/events/stream{query}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_head_streams_nothing(self, live: Living) -> None:
        olga = await live.api.register()
        answer = await olga.send("HEAD", "/events/stream")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("text/event-stream")

    async def test_one_user_may_have_so_many_doors(self, live: Living, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("entrypoints.live.hub.MOST_DOORS_OF_USER", 2)
        olga = await live.api.register()
        async with stream(live, olga), live.ear(olga):
            answer = await olga.get("/events/stream")
            assert (answer.status_code, answer.json()["code"]) == (429, "doors.too_many")
            async with live.opened(olga.user_id) as third:
                await third.say(type="auth", token=olga.token)
                assert await third.closed() == (1008, "doors.too_many")
        async with stream(live, olga):
            pass


class TestTickets:
    async def test_one_opens_a_stream(self, live: Living) -> None:
        olga = await live.api.register()
        async with stream(live, None, f"?ticket={await ticket(olga)}") as heard:
            await olga.project()
            assert (await heard.next()).event == "project_created"

    async def test_one_opens_a_socket(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.opened(olga.user_id, query=f"?ticket={await ticket(olga, 'socket')}") as ear:
            assert (await ear.next())["user_id"] == olga.user_id

    async def test_one_works_once(self, live: Living) -> None:
        olga = await live.api.register()
        of_stream, of_socket = await ticket(olga), await ticket(olga, "socket")
        async with (
            stream(live, None, f"?ticket={of_stream}"),
            live.opened(olga.user_id, query=f"?ticket={of_socket}") as ear,
        ):
            await ear.next()
        again = await live.api.client.get(f"/api/v1/events/stream?ticket={of_stream}")
        assert (again.status_code, again.json()["code"]) == (401, "ticket.used")
        async with live.opened(olga.user_id, query=f"?ticket={of_socket}") as ear:
            assert await ear.closed() == (4401, "ticket.used")
        assert {each["details"]["verb"] for each in await audited(olga, "ticket.used")} >= {"GET /api/v1/events/stream"}

    async def test_of_many_at_once_one_is_let_in(self, live: Living) -> None:
        olga = await live.api.register()
        text = await ticket(olga, "socket")

        async def knock() -> str:
            async with live.opened(olga.user_id, query=f"?ticket={text}") as ear:
                return str((await ear.next()).get("code", "in"))

        found = await asyncio.gather(*(knock() for _ in range(10)))
        assert sorted(found) == ["in"] + 9 * ["ticket.used"]

    async def test_one_for_another_door_opens_nothing(self, live: Living) -> None:
        olga = await live.api.register()
        answer = await live.api.client.get(f"/api/v1/events/stream?ticket={await ticket(olga, 'socket')}")
        assert (answer.status_code, answer.json()["code"]) == (401, "ticket.misplaced")
        async with live.opened(olga.user_id, query=f"?ticket={await ticket(olga)}") as ear:
            assert await ear.closed() == (4401, "ticket.misplaced")
        assert len(await audited(olga, "ticket.misplaced")) >= 1

    async def test_one_opens_nobody_elses_socket(self, live: Living) -> None:
        olga = await live.api.register()
        mia = await live.api.colleague(olga)
        async with live.opened(olga.user_id, query=f"?ticket={await ticket(mia, 'socket')}") as ear:
            assert await ear.closed() == (4403, "socket.of_another")

    async def test_an_old_one_opens_nothing(self, live: Living, monkeypatch: pytest.MonkeyPatch) -> None:
        olga = await live.api.register()
        text = await ticket(olga)
        clock = live.container.clock()
        later = clock.now() + timedelta(seconds=61)
        monkeypatch.setattr(live.container.door_use_cases()._clock, "now", lambda: later, raising=False)
        answer = await live.api.client.get(f"/api/v1/events/stream?ticket={text}")
        monkeypatch.undo()
        assert (answer.status_code, answer.json()["code"]) == (401, "ticket.expired")

    @pytest.mark.parametrize("text", ["", "x", "fts_x", "fts_" + "A" * 200, "fts_" + "A" * 1900])
    async def test_what_is_none(self, live: Living, text: str) -> None:
        olga = await live.api.register()
        answer = await live.api.client.get(f"/api/v1/events/stream?ticket={text}")
        assert (answer.status_code, answer.json()["code"]) == (401, "ticket.invalid")
        async with live.opened(olga.user_id, query=f"?ticket={text}") as ear:
            assert await ear.closed() == (4401, "ticket.invalid")

    async def test_one_of_a_session_that_ended_opens_nothing(self, live: Living) -> None:
        olga = await live.api.register()
        text = await ticket(olga)
        await olga.post("/auth/logout", {})
        answer = await live.api.client.get(f"/api/v1/events/stream?ticket={text}")
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.session_ended")

    async def test_no_api_token_gets_one(self, live: Living) -> None:
        olga = await live.api.register()
        made = await olga.post("/auth/tokens", {"name": "t", "scopes": ["events:read"]})
        headers = {"Authorization": f"Bearer {made.json()['token']}"}
        answer = await live.api.client.post("/api/v1/auth/ws-ticket", json={"purpose": "stream"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.not_by_token")
