"""Nothing is missed, nothing comes twice, and nothing is heard by whom it is not for, while everything is killed.

Real processes: PostgreSQL, Redis, two servers and two workers, each killed with `kill -9` and started again at random,
while people write, listen by sockets and streams, and receive webhooks. FLOWTRACK_TEST_SOAK=<seconds> makes it the long
one (`make soak`), FLOWTRACK_TEST_SEED=<number> repeats the choices of a run.
"""

import asyncio
import os
import random
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from adapters.sql.migrating import migrate
from entrypoints.ending import end
from tests.builders.receiver import Received, Receiver, Reply, receiving
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.conftest import Server, TestDatabase, make_owner
from tests.integration.entrypoints.chaos import checking
from tests.integration.entrypoints.chaos.hearing import Listener, SocketListener, StreamListener
from tests.integration.entrypoints.chaos.killable import Postgres, Program, Redis
from tests.integration.entrypoints.chaos.weather import Weather
from tests.integration.entrypoints.chaos.writing import Log, Pen, come_and_go, rise_and_fall, work

FAILS = 0.3
# A token is good for half an hour, and a run may be longer. Each run sees what comes of it.
_RENEWED_EVERY = 600.0
_READY_WITHIN = 60.0
_DRAINED_WITHIN = 300.0


class Scale(NamedTuple):
    """How much of everything. `pause` is about what a writer waits between two writes, in seconds; `heals`: whoever receives
    webhooks fails no more when all else is well again, as each failure is a wait.
    """

    seconds: float
    sockets: int
    streams: int
    writers: int
    members: int
    pause: float
    heals: bool


SHORT = Scale(seconds=20, sockets=18, streams=4, writers=8, members=5, pause=0.5, heals=True)


def scale() -> Scale:
    soak = os.environ.get("FLOWTRACK_TEST_SOAK")
    if not soak:
        return SHORT
    return Scale(seconds=float(soak), sockets=50, streams=10, writers=20, members=12, pause=0.6, heals=False)


@dataclass(kw_only=True)
class Stage:
    """The processes, and how to reach them."""

    database: TestDatabase
    servers: list[Program]
    workers: list[Program]
    weather: Weather
    clients: list[httpx.AsyncClient]

    @property
    def urls(self) -> list[str]:
        return [each.url for each in self.servers]

    async def all_are_ready(self) -> None:
        for client in self.clients:
            await until(lambda client=client: _is_ready(client), what="a server is ready", within=_READY_WITHIN)


@dataclass(kw_only=True)
class Cast:
    """The people of a company."""

    owner: Person
    constant: list[tuple[Person, str, list[str]]]
    projects: list[str]
    comers: list[tuple[Person, str]] = field(default_factory=list)
    climbers: list[Person] = field(default_factory=list)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


async def until(holds: Callable[[], Coroutine[Any, Any, bool]], *, what: str, within: float) -> None:
    deadline = time.monotonic() + within
    while not await holds():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        await asyncio.sleep(0.2)


@asynccontextmanager
async def staged(luck: random.Random) -> AsyncIterator[Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowtrack-chaos-")))
        # As root, PostgreSQL runs as another user, who has to walk through.
        folder.chmod(0o711)
        postgres = Postgres(folder / "postgres")
        stack.callback(postgres.stop)
        redis = Redis(folder)
        redis.start()
        stack.callback(redis.stop)
        make_owner(postgres.url)
        database = Server(superuser=postgres.url).database("chaos")
        migrate(owner_url=database.owner, application_url=database.application)
        settings = {
            "FLOWTRACK_DATABASE_URL": database.application,
            "FLOWTRACK_SECRET_KEY": secrets.token_urlsafe(32),
            "FLOWTRACK_REDIS_URL": redis.url,
            # One address for both, as behind a balancer: a token names it as its issuer.
            "FLOWTRACK_PUBLIC_URL": "http://localhost:8000",
            "FLOWTRACK_JOBS_IN_SERVER": "false",
            "FLOWTRACK_RATE_LIMITS_ENABLED": "false",
        }
        servers, workers = (
            [Program(f"{command}{place}", command, folder / f"{command}{place}", settings) for place in range(2)]
            for command in ("serve", "worker")
        )
        for program in (*servers, *workers):
            stack.callback(program.kill)
            program.start()
        clients = [httpx.AsyncClient(base_url=each.url, timeout=httpx.Timeout(60.0, connect=5.0)) for each in servers]
        weather = Weather([postgres, redis, *servers, *workers], luck=luck)
        stage = Stage(database=database, servers=servers, workers=workers, weather=weather, clients=clients)
        try:
            await stage.all_are_ready()
            yield stage
        finally:
            for client in clients:
                await client.aclose()


async def cast(stage: Stage, size: Scale) -> Cast:
    """An owner, two admins, members of one to three projects each, and those whose membership or role changes."""
    api = Api(client=stage.clients[0], superuser_url=stage.database.superuser)
    owner = await api.register()
    projects = [await owner.project() for _ in range(4)]
    ids = [str(each["id"]) for each in projects]
    constant = [(owner, "owner", ids)]
    for _ in range(2):
        constant.append((await api.colleague(owner, role="admin"), "admin", []))
    for place in range(size.members):
        theirs = [projects[(place + step) % 4] for step in range(1 + place % 3)]
        person = await api.colleague(owner, projects=tuple(theirs))
        constant.append((person, "member", [str(each["id"]) for each in theirs]))
    comers = [(await api.colleague(owner, projects=(projects[place], projects[3])), ids[place]) for place in range(2)]
    return Cast(owner=owner, constant=constant, projects=ids, comers=comers, climbers=[await api.colleague(owner)])


def listeners(people: Cast, stage: Stage, size: Scale, since: int, luck: random.Random) -> list[Listener]:
    """As many sockets and streams as there are to be, in turns over all people."""
    everybody = [
        *((person, role) for person, role, _ in people.constant),
        *((person, "comer") for person, _ in people.comers),
        *((person, "climber") for person in people.climbers),
    ]
    found: list[Listener] = []
    for kind, count in ((SocketListener, size.sockets), (StreamListener, size.streams)):
        for place in range(count):
            # Streams begin with those who come and go.
            person, role = everybody[place % len(everybody) if kind is SocketListener else -1 - place % len(everybody)]
            name = f"{kind.__name__} {place} of the {role} {person.user_id}"
            found.append(
                kind(name, person, stage.urls, since=since, luck=random.Random(luck.getrandbits(64)))
            )  # fmt: skip
    return found


async def webhook(people: Cast, receiver: Receiver, name: str, **chosen: Any) -> tuple[str, int]:
    """The secret of a new webhook, and the position from which it is told."""
    answer = await people.owner.post("/webhooks", {"url": f"{receiver.url}/{name}", **chosen})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"]), int(answer.headers["x-event-seq"])


def hurry(superuser_url: str) -> int:
    """Lets the waits between two attempts pass, and gives up the claims of workers that were killed a while ago; answers
    how many messages are still to be delivered.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(
            "update webhook_deliveries set due_at = now() where state = 'pending' and due_at > now()"
            " and lease_until is null"
        )
        connection.execute(
            "update webhook_deliveries set lease_until = now() where state = 'pending'"
            " and lease_until between now() and now() + interval '40 seconds'"
        )
        row = connection.execute("select count(*) from webhook_deliveries where state = 'pending'").fetchone()
        # Those who write down what they read go on with the log for a while.
        behind = connection.execute(
            "select count(*) from event_sequences q join webhooks w using (company_id)"
            " cross join unnest(array['webhooks', 'notifications']) as r (reader)"
            " left join log_positions p on p.company_id = q.company_id and p.reader = r.reader"
            " where case r.reader when 'notifications' then q.last_for_people else q.last_seq end > coalesce(p.seq, 0)"
        ).fetchone()
    assert row is not None
    assert behind is not None
    return int(row[0]) + int(behind[0])


@pytest.mark.alone
# All that is waited for after it, as a slow machine needs it.
@pytest.mark.timeout(900 + float(os.environ.get("FLOWTRACK_TEST_SOAK") or 0) * 2)
async def test_nothing_is_missed_doubled_or_overheard_while_everything_is_killed() -> None:
    size, seed = scale(), int(os.environ.get("FLOWTRACK_TEST_SEED") or secrets.randbelow(10**6))
    print(f"\nchaos: FLOWTRACK_TEST_SEED={seed}, {size}")
    luck = random.Random(seed)
    async with receiving() as receiver, staged(luck) as stage:
        faults = await played(stage, receiver, size, luck)
        if faults:
            shown = "\n".join(faults[:40])
            logs = "\n".join(f"--- {each.name}\n{each.log()[-3000:]}" for each in (*stage.servers, *stage.workers))
            pytest.fail(
                f"FLOWTRACK_TEST_SEED={seed}: {len(faults)} faults\n{shown}\nkilled: {stage.weather.killed}\n{logs}",
                pytrace=False,
            )


async def hurrying(superuser_url: str) -> None:
    """Lets them pass all the time."""
    while True:
        with suppress(psycopg.Error):
            await asyncio.to_thread(hurry, superuser_url)
        await asyncio.sleep(0.4)


async def renewing(stage: Stage, signed_in: list[Pen | Listener], *, every: float) -> None:
    """Has all of them sign in again now and then, before their tokens end, whatever else is going on."""
    while True:
        await asyncio.sleep(every)
        present: dict[str, Person] = {}
        for each in signed_in:
            person = each.person
            if person.user_id not in present:
                present[person.user_id] = await renewed(stage, person)
            each.person = present[person.user_id]


async def renewed(stage: Stage, person: Person) -> Person:
    """The same person, with another token."""
    given = {"email": person.email, "password": PASSWORD, "company_id": person.company_id}
    while True:
        for client in stage.clients:
            with suppress(httpx.HTTPError):
                answer = await client.post("/api/v1/auth/login", json=given)
                if answer.is_success:
                    return replace(person, token=answer.json()["access_token"])
                # Everything may be away at the moment; whoever may not come in is a fault.
                assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.5)


async def played(stage: Stage, receiver: Receiver, size: Scale, luck: random.Random) -> list[str]:
    """All that is not as it must be."""
    people = await cast(stage, size)
    failing = random.Random(luck.getrandbits(64))

    is_on, signatures = True, checking.Signatures()

    def reply(received: Received) -> Reply:
        signatures.check(received)
        if not is_on and size.heals:
            return Reply()
        return Reply(status=failing.choice((500, 503, 429, None))) if failing.random() < FAILS else Reply()

    receiver.reply = reply
    hooks: dict[str, int] = {}
    for name, chosen in (("all", {}), ("one", {"project_ids": [people.projects[0]]})):
        secret, hooks[name] = await webhook(people, receiver, name, **chosen)
        signatures.know(name, secret)
    since = int((await people.owner.get("/events?limit=1")).headers["x-event-seq"])
    log, ears = Log(), listeners(people, stage, size, since, luck)

    def goes_on() -> bool:
        return is_on

    signed_in: list[Pen | Listener] = list(ears)

    def pen(person: Person) -> Pen:
        found = Pen(person, stage.clients, log, random.Random(luck.getrandbits(64)))
        signed_in.append(found)
        return found

    authors = [(person, projects) for person, _, projects in people.constant if projects]
    writing = [
        asyncio.create_task(work(pen(person), projects, goes_on=goes_on, pause=size.pause))
        for person, projects in (authors[place % len(authors)] for place in range(size.writers))
    ]
    for person, project_id in people.comers:
        writing.append(
            asyncio.create_task(
                come_and_go(pen(people.owner), person.user_id, project_id, goes_on=goes_on, pause=size.pause)
            )
        )
    for person in people.climbers:
        writing.append(
            asyncio.create_task(
                rise_and_fall(pen(people.owner), person.user_id, people.projects, goes_on=goes_on, pause=size.pause)
            )
        )
    background = [asyncio.create_task(each.listen()) for each in ears]
    background.append(asyncio.create_task(stage.weather.watch()))
    background.append(asyncio.create_task(hurrying(stage.database.superuser)))
    background.append(asyncio.create_task(renewing(stage, signed_in, every=min(_RENEWED_EVERY, size.seconds / 2))))
    began = time.monotonic()
    try:
        await stage.weather.rage(size.seconds, calm=3.0)
        is_on = False
        for each in ears:
            each.is_restless = False
        await stage.all_are_ready()
        await asyncio.gather(*writing)
        raged = time.monotonic() - began
        faults = await drained(stage, people, ears, since)
        took = time.monotonic() - began - raged
        faults += [f"{each.get_coro()} ended: {each.exception()!r}" for each in background if each.done()]
    finally:
        await end([*writing, *background])
    rows, head = checking.stored(stage.database.superuser, people.owner.company_id)
    print(
        f"chaos: {len(stage.weather.killed)} kills in {raged:.0f} s, drained in {took:.0f} s; {log.count} writes "
        f"acknowledged after {log.retries} repeats, {head} events, {sum(len(each.heard) for each in ears)} heard by "
        f"{len(ears)} who came {sum(each.comes for each in ears)} times, {len(log.absences)} absences, "
        f"{len(receiver.received)} webhooks sent and {len(receiver.taken)} taken; ended by themselves: "
        f"{ {each.name: each.own_ends for each in (*stage.servers, *stage.workers) if each.own_ends} }"
    )
    faults += [*log.faults, *checking.gaps(rows, head), *checking.acknowledged(rows, log)]
    roles = {person.user_id: (role, projects) for person, role, projects in people.constant}
    for each in ears:
        if each.person.user_id in roles:
            may = checking.audible(rows, each.person.user_id, *roles[each.person.user_id])
            faults += checking.missed(each, [seq for seq in may if seq > since])
        else:
            faults += checking.overheard(each, log.absences)
    faults += [*signatures.faults, *signatures.unknown()]
    for name, after in hooks.items():
        wanted = [
            row.seq
            for row in rows
            # It is told of its own making.
            if row.seq >= after
            and (row.audience.admins or row.audience.everyone)
            and row.event != "notification_created"
            and (name == "all" or str(row.project_id) == people.projects[0])
        ]
        taken = [each for each in receiver.taken if each.path.endswith(f"/{name}")]
        faults += checking.delivered(name, taken, wanted, rows)
    return faults


async def drained(stage: Stage, people: Cast, ears: list[Listener], since: int) -> list[str]:
    """Waits until everything that is to come has come; what GET /events tells each differently is a fault."""
    superuser = stage.database.superuser
    roles = {person.user_id: (role, projects) for person, role, projects in people.constant}
    waits = ""

    async def is_still() -> bool:
        nonlocal waits
        pending = await asyncio.to_thread(hurry, superuser)
        rows, _ = await asyncio.to_thread(checking.stored, superuser, people.owner.company_id)
        late = []
        for each in ears:
            if each.person.user_id in roles:
                may = checking.audible(rows, each.person.user_id, *roles[each.person.user_id])
                if len(each.heard) < sum(seq > since for seq in may):
                    late.append(each.name)
        waits = f"{pending} webhooks, and {late}"
        return not pending and not late

    try:
        await until(is_still, what="all has come", within=_DRAINED_WITHIN)
    except AssertionError:
        return [f"not drained within {_DRAINED_WITHIN} s: {waits}"]
    faults = []
    rows, _ = checking.stored(superuser, people.owner.company_id)
    for person, role, projects in people.constant:
        shown = await everything(person, since)
        may = [seq for seq in checking.audible(rows, person.user_id, role, projects) if seq > since]
        if shown != may:
            faults.append(f"GET /events of the {role} {person.user_id}: {checking.difference(may, shown)}")
    return faults


async def everything(person: Person, after: int) -> list[int]:
    """All that GET /events shows somebody."""
    seqs: list[int] = []
    while True:
        answer = await person.get(f"/events?limit=200&after={after}")
        assert answer.status_code == 200, answer.text
        seqs += [int(each["seq"]) for each in answer.json()]
        after = int(answer.headers["x-last-seq"])
        if len(answer.json()) < 200:
            return seqs
