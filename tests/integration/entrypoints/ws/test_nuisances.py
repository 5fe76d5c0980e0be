"""Those who open sockets and do not behave: others hear all that they are to hear meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from entrypoints.ending import end
from entrypoints.ws import endpoint
from tests.integration.api import Person
from tests.integration.entrypoints.ws.living import WITHIN, Ear, Living

HALF = b"GET /ws/notifications/%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
# A title takes as much room as it may, in the events that tell of it.
LONG = "\N{FOUNTAIN}" * 500


@asynccontextmanager
async def heard_by(live: Living, olga: Person, project: dict[str, Any]) -> AsyncIterator[None]:
    """Somebody who behaves hears all of what happens in the block, and of a last task, soon and in order."""
    async with live.ear(olga) as ear:

        async def hear() -> None:
            while True:
                heard.append(await ear.event())

        heard: list[dict[str, Any]] = []
        hearing = asyncio.create_task(hear())
        try:
            yield
            last = await olga.task(project)
            async with asyncio.timeout(120):
                while not heard or heard[-1].get("task_id") != last["id"]:
                    await asyncio.sleep(0.02)
        finally:
            await end([hearing])
        seqs = [int(each["seq"]) for each in heard]
        assert seqs == list(range(int(ear.ready["seq"]) + 1, seqs[-1] + 1))


async def test_who_never_says_who_they_are_takes_no_place_of_others(live: Living) -> None:
    """As many strangers as one address may be at once; the next one is told to come later, and all are let go."""
    olga = await live.api.register()
    project = await olga.project()
    async with heard_by(live, olga, project), AsyncExitStack() as stack:
        strangers = [
            await stack.enter_async_context(live.opened(olga.user_id))
            for _ in range(endpoint.MOST_STRANGERS_OF_ADDRESS)
        ]
        async with live.opened(olga.user_id) as one_more:
            assert await one_more.closed() == (1013, "service.busy")
        for stranger in strangers:
            await stranger.say(type="auth", token="nonsense")
        for stranger in strangers:
            assert (await stranger.closed())[0] == 4401
    async with live.ear(olga):
        pass


async def test_half_a_handshake_disturbs_nobody(live: Living) -> None:
    olga = await live.api.register()
    project = await olga.project()
    async with heard_by(live, olga, project):
        halves = [await asyncio.open_connection("127.0.0.1", live.port) for _ in range(200)]
        for place, (_, writer) in enumerate(halves):
            # From nothing at all to all but the last line.
            writer.write((HALF % olga.user_id.encode())[: place % (len(HALF) + 36)])
            await writer.drain()
        for _ in range(5):
            await olga.task(project)
    for _, writer in halves:
        writer.close()


@pytest.mark.parametrize("ending", [b"\r\n", b"Sec-WebSocket-Key: short\r\n\r\n", b"Connection: Upgrade\r\n\r\n"])
async def test_a_handshake_that_is_none_is_refused(live: Living, ending: bytes) -> None:
    olga = await live.api.register()
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(HALF % olga.user_id.encode() + b"Sec-WebSocket-Version: 13\r\n" + ending)
    async with asyncio.timeout(WITHIN):
        status = await reader.readline()
    assert status.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), status
    writer.close()


async def test_who_never_reads_is_hung_up_on_and_others_hear_all(live: Living) -> None:
    olga = await live.api.register()
    project = await olga.project()
    operations = [{"op": "create", "project_id": project["id"], "title": LONG} for _ in range(1000)]
    async with heard_by(live, olga, project), live.opened(olga.user_id) as deaf:
        await deaf.sign_in(olga.token)
        await deaf.say(type="subscribe")
        assert (await deaf.next())["type"] == "subscribed"
        deaf.connection.transport.pause_reading()
        hub = live.container.hub()
        assert len(hub._admitted) == 2
        async with asyncio.timeout(120):
            while len(hub._admitted) == 2:
                answer = await olga.post("/tasks/bulk", {"operations": operations})
                assert answer.status_code == 200, answer.text
                await asyncio.sleep(0.2)
        # What was under way is told, and then that they have to come again.
        deaf.connection.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(WITHIN):
                while True:
                    await deaf.connection.recv()
        # Or nothing, if the patience was over before.
        assert closed.value.rcvd is None or closed.value.rcvd.code == 4409


async def test_frames_that_are_none_end_the_one_socket(live: Living) -> None:
    """Reserved bits, a control frame in fragments, text that is no UTF-8, a frame without a mask."""
    olga = await live.api.register()
    project = await olga.project()
    for frame in (
        b"\xf1\x80\0\0\0\0",
        b"\x09\x80\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xff",
        b"\x81\x02{}",
        b"\x83\x80\0\0\0\0",
    ):
        async with heard_by(live, olga, project), live.ear(olga) as ear:
            ear.connection.transport.write(frame)
            code, _ = await ear.closed()
            assert code in (1002, 1007)


async def test_an_endless_message_is_too_large(live: Living) -> None:
    """Fragments that never end are counted together."""
    olga = await live.api.register()
    project = await olga.project()
    fragment = b"\x00\xfe\x40\x00" + bytes(4) + b" " * 0x4000
    async with heard_by(live, olga, project), live.ear(olga) as ear:
        ear.connection.transport.write(b"\x01\x81\0\0\0\0{")
        for _ in range(8):
            ear.connection.transport.write(fragment)
        assert (await ear.closed())[0] == 1009


@pytest.mark.parametrize("user_id", ["%00", "..", "%2e%2e", "A" * 3000, "01963d5e-0000-7000-8000-000000000000", "%ff"])
async def test_an_address_that_is_nobodys_opens_nothing(live: Living, user_id: str) -> None:
    olga = await live.api.register()
    async with live.opened(user_id) as ear:
        await ear.say(type="auth", token=olga.token)
        assert await ear.closed() == (4403, "socket.of_another")
