"""What the event log costs a write, and how many writes one company can have a second.

The first is measured of whole requests by run.py, and of the transaction alone here, in a process of its own core,
without HTTP; the second here, too. All commits are durable.
"""

import asyncio
import base64
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import UUID

import psycopg
import uuid_utils.compat
import uvloop

from adapters.sql import event_log
from adapters.sql.connection import BEGIN, COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.statement import Statement
from benchmarks.measuring import Pace
from benchmarks.report import Row
from benchmarks.seeding import Company, Urls
from benchmarks.servers import on_the_servers_core
from core.kernel.actor import Actor, Role
from core.kernel.events import Fact
from core.tasks.changes import NewTask
from core.tasks.events import TaskCreated
from core.tasks.use_cases.tasks import TaskUseCases
from entrypoints.container import make_container
from entrypoints.settings import Settings

COMPANIES = 100
WRITERS = 8
MOST_ADDED = 1.15
_DELAYS = (0, 1, 3)
_MOMENT = 0.25
_ENTER = Statement.plain("select set_config('app.company_id', %(company)s, true)")
_TASK = Statement.plain(
    "insert into tasks (id, project_id, number, title, priority, status, column_id, rank, created_by, version,"
    " created_at, updated_at) values (%(id)s, %(project)s, %(number)s, 'What is to be done', 'medium', 'todo',"
    " %(column)s, %(rank)s, %(by)s, 1, now(), now())"
)


class Silent(SqlTaskUnitOfWork):
    """Writes as the product does, and tells nobody."""

    def record(self, *facts: Fact) -> None:
        """Forgets them."""


class Window(NamedTuple):
    """What the writers did in one span of time."""

    written: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.written / self.seconds


def cost_of_the_log(urls: Urls, companies: list[Company], pace: Pace) -> tuple[list[Row], str]:
    """The product's own use case and transaction, with its event and without, in turns, over all companies."""
    with on_the_servers_core():
        pairs = uvloop.run(_in_turns(urls, companies, pace))
    ratios = [without.rate / logged.rate for logged, without in pairs]
    ours, theirs = (median(each.rate for each in windows) for windows in zip(*pairs, strict=True))
    note = (
        f"`live-log`: {WRITERS} writers over {COMPANIES} companies create tasks by the product's own transaction, without "
        f"HTTP; each took {1e3 * WRITERS / ours:.2f} ms with its event, and {1e3 * WRITERS / theirs:.2f} ms without."
    )
    return [
        Row("the same without HTTP: the transaction alone", f"{median(ratios):.2f}",
            f"{min(ratios):.2f}..{max(ratios):.2f}", "none set", f"{ours:,.0f}", f"{theirs:,.0f}")
    ], note  # fmt: skip


def ceiling(urls: Urls, company: Company, pace: Pace) -> list[Row]:
    """All writers in one company, a task and its event in one round trip, where commits take longer and longer."""
    # Above those of the tasks that are there.
    rows, numbers = [], itertools.count(1_000_000)
    for delay in _DELAYS:
        with _slower_commits(urls, delay), on_the_servers_core():
            found = [uvloop.run(_crowded(urls, company, pace, numbers)).rate for _ in range(pace.rounds)]
        rows.append(
            Row(f"writes a second that one company can have, commits +{delay} ms", f"{median(found):,.0f}",
                f"{min(found):,.0f}..{max(found):,.0f}", "none set")
        )  # fmt: skip
    return rows


async def _in_turns(urls: Urls, companies: list[Company], pace: Pace) -> list[tuple[Window, Window]]:
    with tempfile.TemporaryDirectory(prefix="flowtrack-bench-") as folder:
        container = make_container(
            Settings(data_dir=Path(folder), secret_key="of a bench, long enough to be one", _env_file=None),
            database_url=urls.application,
        )
        database: Database = container.database()
        await database.open()
        clock, ids = container.clock(), container.ids()
        use_cases = [
            TaskUseCases(
                unit_of_work=lambda actor, *, once=None, kind=kind: kind(database, clock, actor, once=once, lazy=True),
                reader=container.work().task_reader(),
                clock=clock,
                ids=ids,
            )
            for kind in (SqlTaskUnitOfWork, Silent)
        ]
        turns = itertools.cycle(companies)

        def writing(verbs: TaskUseCases) -> Callable[[], Awaitable[object]]:
            def write() -> Awaitable[object]:
                company = next(turns)
                given = NewTask(project_id=company.project_ids[0], title="What is to be done")
                return verbs.create(_owner(company), given)

            return write

        sides = [writing(each) for each in use_cases]
        try:
            for write in sides:
                await _window(write, pace.warm_up)
            return [await _round(sides, pace) for _ in range(pace.rounds)]
        finally:
            await database.close()


async def _round(sides: list[Callable[[], Awaitable[object]]], pace: Pace) -> tuple[Window, Window]:
    """Both for as long as a window is, in turns of a moment, so that what else the machine does falls on both alike."""
    found = [Window(0, 0.0), Window(0, 0.0)]
    while found[1].seconds < pace.seconds:
        for place, write in enumerate(sides):
            moment = await _window(write, _MOMENT)
            found[place] = Window(found[place].written + moment.written, found[place].seconds + moment.seconds)
    return found[0], found[1]


async def _crowded(urls: Urls, company: Company, pace: Pace, numbers: Iterator[int]) -> Window:
    database = Database(url=urls.application)
    await database.open()

    async def write() -> None:
        id_, number = uuid_utils.compat.uuid7(), next(numbers)
        place = number % len(company.project_ids)
        project_id, column_id = company.project_ids[place], company.first_columns[place]
        fact = TaskCreated(
            task_id=id_, project_id=project_id, version=1, task_key="WEB-1", task_title="What is to be done",
            status="todo", column_id=column_id, cycle_id=None, parent_id=None, labels=(), assigned_to=None,
            created_by=company.owner_id,
        )  # fmt: skip
        task = {
            "id": id_, "project": project_id, "number": number, "column": column_id, "rank": f"{number:012d}",
            "by": company.owner_id,
        }  # fmt: skip
        async with database.connection() as connection:
            await execute(
                connection,
                Asked(BEGIN, {}),
                Asked(_ENTER, {"company": str(company.id)}),
                Asked(_TASK, task),
                event_log.append([fact], actor_id=company.owner_id, via="session", at=datetime.now(UTC)),
                Asked(COMMIT, {}),
            )

    try:
        await _window(write, pace.warm_up)
        return await _window(write, pace.seconds)
    finally:
        await database.close()


async def _window(write: Callable[[], Awaitable[object]], seconds: float) -> Window:
    count, began = 0, time.perf_counter()
    ends = began + seconds

    async def go_on() -> None:
        nonlocal count
        while time.perf_counter() < ends:
            await write()
            count += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(go_on())
    return Window(count, time.perf_counter() - began)


def _owner(company: Company) -> Actor:
    claims = company.token.split(".")[1]
    session_id = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]
    return Actor(
        company_id=company.id,
        user_id=company.owner_id,
        account_id=None,
        session_id=UUID(session_id),
        role=Role.OWNER,
    )


@contextmanager
def _slower_commits(urls: Urls, milliseconds: int) -> Iterator[None]:
    """Each flush waits so long before: commit_delay, whoever else is writing."""
    settings = {"commit_delay": str(milliseconds * 1000), "commit_siblings": "0"}
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"alter system set {name} = {value}")
        connection.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            for name in settings:
                connection.execute(f"alter system reset {name}")
            connection.execute("select pg_reload_conf()")
