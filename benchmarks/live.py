"""From a commit to the sockets that hear of it.

When a transaction was committed, PostgreSQL says (`track_commit_timestamp`): the moment at which it begins to write the
commit down, so waiting for the disk counts. When a frame came, the client says. Both read the clock of this machine.
"""

import asyncio
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import uvloop

from benchmarks import asking, seeding
from benchmarks.asking import Mismatch
from benchmarks.measuring import Pace
from benchmarks.report import Row
from benchmarks.servers import Server
from benchmarks.sockets import Call, opened, signed_in

COMPANIES, SOCKETS_EACH, EVENTS_PER_SECOND = 50, 20, 200
CROWD, OF_ONE_USER = 1_000, 50
MOST_P50, MOST_P99, MOST_LAST, LEAST_RATIO = 10.0, 50.0, 50.0, 0.5
_BROADCASTS = 20
_ALL_HEARD_WITHIN = 20.0
_COMMITTED = """
select seq, extract(epoch from pg_xact_commit_timestamp(xmin))::float8 from events
 where company_id = %s and seq > %s and event = 'task_created' order by seq
"""


class Audience(NamedTuple):
    """A company, where its owner may write, and who listens there."""

    company_id: UUID
    token: str
    project_id: str
    calls: list[Call]


def audiences(server: Server, *, companies: int, users: int, each: int, first: int) -> list[Audience]:
    """Companies with as many users, who belong to its project and open `each` sockets. All of it is asked for by HTTP;
    users are service users, whose tokens cost no password.
    """
    found = []
    for place in range(first, first + companies):
        given = {"email": f"live{place}@bench.example.com", "password": seeding.PASSWORD, "name": f"Live {place}"}
        opened_ = server.ask("POST", "/api/v1/auth/register", body={**given, "company_name": f"Live {place}"}).body
        token = opened_["access_token"]

        def made(path: str, token: str = token, **body: Any) -> Any:
            answer = server.ask("POST", f"/api/v1{path}", token=token, body=body or None)
            if answer.status not in (200, 201):
                raise Mismatch(f"{path}: {answer}")
            return answer.body

        project = made("/projects", name="Live")
        calls = []
        for number in range(users):
            user = made("/users", name=f"Robot {number}", kind="service")
            made(f"/projects/{project['id']}/members/{user['id']}")
            key = made(f"/users/{user['id']}/tokens", name="ear", scopes=["events:read"])
            calls += [signed_in(user["id"], key["token"])] * each
        found.append(Audience(UUID(opened_["company"]["id"]), token, project["id"], calls))
    return found


def committed(superuser_url: str, company_id: UUID, after: int) -> dict[int, float]:
    """When each of a company's new tasks was committed."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        return dict(connection.execute(_COMMITTED, [company_id, after]).fetchall())


def _creation(audience: Audience) -> bytes:
    body = {"project_id": audience.project_id, "title": "Heard by all who listen"}
    return asking.encoded("POST", "/api/v1/tasks", token=audience.token, body=body)


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return int(head[9:12]), await reader.readexactly(int(length))


def latency(server: Server, superuser_url: str, pace: Pace) -> tuple[list[Row], str]:
    """Events at a steady pace over all companies, each heard by all sockets of its own."""
    halls = audiences(server, companies=COMPANIES, users=SOCKETS_EACH, each=1, first=0)
    each = max(2.0, pace.seconds)
    rounds, busy = uvloop.run(_steady(server, halls, superuser_url, warm_up=2.0, each=each, rounds=pace.rounds))
    what = f"commit to socket at {EVENTS_PER_SECOND} events/s, {COMPANIES} companies of {SOCKETS_EACH} sockets"
    rows = []
    for name, share, most in (("p50", 0.50, MOST_P50), ("p99", 0.99, MOST_P99)):
        found = [1000 * sorted(latencies)[int(share * len(latencies))] for latencies in rounds]
        rows.append(
            Row(f"{what}, {name} ms", f"{median(found):.1f}", f"{min(found):.1f}..{max(found):.1f}", f"<= {most:.0f}",
                is_met=median(found) <= most)
        )  # fmt: skip
    note = (
        f"`live-latency`: {sum(map(len, rounds)):,} frames in {len(rounds)} rounds of {each:g} s, the slowest after "
        f"{1000 * max(map(max, rounds)):.1f} ms; the server's core was {busy:.0%} busy, which is "
        f"{1e3 * busy / EVENTS_PER_SECOND:.2f} ms for an event, its write and its {SOCKETS_EACH} frames."
    )
    return rows, note


async def _steady(
    server: Server, halls: list[Audience], superuser_url: str, *, warm_up: float, each: float, rounds: int
) -> tuple[list[list[float]], float]:
    heard: dict[tuple[int, int], list[float]] = defaultdict(list)
    seconds = each * rounds

    def hears(place: int, seq: int, at: float) -> None:
        heard[place // SOCKETS_EACH, seq].append(at)

    ears = await opened(server.port, [call for hall in halls for call in hall.calls], hears)
    began = time.perf_counter() + 0.5
    counted_from = time.time() + 0.5 + warm_up

    async def write(place: int, hall: Audience) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = _creation(hall)
        for due in _dues(began, place, len(halls), warm_up + seconds):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status, body = await _answered(reader, writer, request)
            if status != 201:
                raise Mismatch(f"a task was not created: {status} {body!r}")
        writer.close()

    used = server.processor_seconds()
    async with asyncio.TaskGroup() as group:
        for place, hall in enumerate(halls):
            group.create_task(write(place, hall))
    busy = (server.processor_seconds() - used) / (warm_up + seconds)
    latencies: list[list[float]] = [[] for _ in range(rounds)]
    for place, hall in enumerate(halls):
        events = await asyncio.to_thread(committed, superuser_url, hall.company_id, 0)
        await _until(lambda place=place, events=events: all(len(heard[place, seq]) == SOCKETS_EACH for seq in events))
        for seq, when in events.items():
            if 0 <= when - counted_from < seconds:
                latencies[int((when - counted_from) / each)] += [at - when for at in heard[place, seq]]
    _close(ears)
    return latencies, busy


def _dues(began: float, place: int, halls: int, seconds: float) -> Iterator[float]:
    pause = halls / EVENTS_PER_SECOND
    first = began + pause * place / halls
    return itertools.takewhile(lambda due: due < began + seconds, (first + pause * turn for turn in itertools.count()))


async def _until(holds: Any) -> None:
    deadline = time.monotonic() + _ALL_HEARD_WITHIN
    while not holds():
        if time.monotonic() > deadline:
            raise Mismatch("not every socket heard of every event")
        await asyncio.sleep(0.05)


def _close(ears: list[Any]) -> None:
    if any(ear.is_over for ear in ears):
        raise Mismatch("a socket was closed by the server")
    for ear in ears:
        ear.close()


class Broadcasts(NamedTuple):
    """Seconds until the last of all sockets had it, of the product and of the bare server, in turns."""

    ours: list[float]
    bare: list[float]


def broadcast(server: Server, bare: Server, superuser_url: str) -> tuple[list[Row], str]:
    """One event to all sockets of one company."""
    (hall,) = audiences(server, companies=1, users=CROWD // OF_ONE_USER, each=OF_ONE_USER, first=COMPANIES)
    found = uvloop.run(_in_turns(server, bare, hall, superuser_url))
    last, ratios = 1000 * median(found.ours), [theirs / ours for ours, theirs in zip(*found, strict=True)]
    slowest, fastest = 1000 * max(found.ours), 1000 * min(found.ours)
    note = (
        f"`live-broadcast`: the bare server's last of {CROWD:,} had the same bytes {1000 * median(found.bare):.1f} ms after "
        f"it began to send, the product's {last:.1f} ms after the commit."
    )
    return [
        Row(f"one event to {CROWD:,} sockets: commit until the last has it, ms", f"{last:.1f}",
            f"{fastest:.1f}..{slowest:.1f}", f"<= {MOST_LAST:.0f}", is_met=last <= MOST_LAST),
        Row(f"the same; reference: a bare uvicorn sends the same bytes to {CROWD:,} sockets", f"{median(ratios):.2f}",
            f"{min(ratios):.2f}..{max(ratios):.2f}", f">= {LEAST_RATIO}", is_met=median(ratios) >= LEAST_RATIO),
    ], note  # fmt: skip


async def _in_turns(server: Server, bare: Server, hall: Audience, superuser_url: str) -> Broadcasts:
    heard: dict[int, list[float]] = defaultdict(list)
    bare_heard: list[float] = []
    frames: list[bytes] = []

    def hears(_: int, seq: int, at: float) -> None:
        heard[seq].append(at)

    def bare_hears(_: int, __: int, at: float) -> None:
        bare_heard.append(at)

    ears = await opened(server.port, hall.calls, hears)
    bare_ears = await opened(bare.port, [Call("/listen")] * CROWD, bare_hears)
    ours = await asyncio.open_connection("127.0.0.1", server.port)
    theirs = await asyncio.open_connection("127.0.0.1", bare.port)
    found = Broadcasts([], [])
    for turn in range(_BROADCASTS + 2):
        status, body = await _answered(*ours, _creation(hall))
        if status != 201:
            raise Mismatch(f"a task was not created: {status} {body!r}")
        await _until(lambda: any(len(each) == CROWD for each in heard.values()))
        # Some may be told besides that they were added to the project.
        seq = next(seq for seq, each in heard.items() if len(each) == CROWD)
        when = (await asyncio.to_thread(committed, superuser_url, hall.company_id, seq - 1))[seq]
        took = max(heard[seq]) - when
        heard.clear()
        frames.append(await asyncio.to_thread(_frame, server, hall, seq))
        head = f"POST /send HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(frames[-1])}\r\n\r\n"
        _, began = await _answered(*theirs, head.encode() + frames[-1])
        await _until(lambda: len(bare_heard) == CROWD)
        bare_took = max(bare_heard) - float(began)
        bare_heard.clear()
        if turn >= 2:
            found.ours.append(took)
            found.bare.append(bare_took)
        await asyncio.sleep(0.2)
    for _, writer in (ours, theirs):
        writer.close()
    _close(ears)
    _close(bare_ears)
    return found


def _frame(server: Server, hall: Audience, seq: int) -> bytes:
    """The text that the sockets got: an event as GET /events shows it, and its type before."""
    (event,) = server.ask("GET", f"/api/v1/events?after={seq - 1}&limit=1", token=hall.token).body
    return json.dumps({"type": "event", **event}, separators=(",", ":")).encode()
