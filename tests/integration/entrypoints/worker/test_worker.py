"""Workers as an operator runs them: processes of their own, kill -9 and all."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.conftest import TestDatabase
from tests.integration.entrypoints.cli.serving import clean_environment, free_port, over

ROWS = 6_000
PATIENCE = 60.0


class Workers:
    """`flowtrack worker` processes over the tests' database."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        number = len(self.running)
        data = self._folder / f"worker{number}"
        data.mkdir()
        with (self._folder / f"{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.cli.main", "worker"],
                env={**clean_environment(), **self._environment, "FLOWTRACK_DATA_DIR": str(data), **settings},
                cwd=data,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def log(self, process: subprocess.Popen[bytes]) -> str:
        return (self._folder / f"{self.running.index(process)}.log").read_text()

    def is_alive(self, process: subprocess.Popen[bytes]) -> bool:
        return (self._folder / f"worker{self.running.index(process)}" / "worker-alive").exists()


@pytest.fixture
def workers(tmp_path: Path, test_database: TestDatabase, settings: Settings) -> Iterator[Workers]:
    found = Workers(tmp_path, over(test_database, settings))
    yield found
    for process in found.running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait(timeout=60)


def file_of(count: int) -> str:
    return "title,external_id,labels\n" + "".join(f"Task {n},A-{n},l{n % 5}\n" for n in range(count))


async def sent(person: Person, project: dict[str, Any], content: str) -> str:
    answer = await person.post(
        "/tasks/import",
        content=content.encode(),
        headers={"Content-Type": "text/csv"},
        params={"project_id": project["id"]},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def until(person: Person, job_id: str, *, done: int = 0, state: str | None = None) -> dict[str, Any]:
    """The job once it has come so far."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job = (await person.get(f"/jobs/{job_id}")).json()
        if (state is None or job["state"] == state) and job["progress"]["done"] >= done:
            return dict(job)
        await asyncio.sleep(0.02)
    raise AssertionError(job)


async def test_a_worker_that_is_killed_in_the_middle_leaves_each_row_written_once(api: Api, workers: Workers) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    first = workers.start()
    job_id = await sent(ann, project, file_of(ROWS))
    await until(ann, job_id, done=500)
    first.kill()
    first.wait(timeout=60)
    job = (await ann.get(f"/jobs/{job_id}")).json()
    assert job["state"] == "started" and job["progress"]["done"] < ROWS, "it was done before it could be killed"
    # As a minute later.
    api.sql("update jobs set lease_until = now() where id = %s", (job_id,))
    second = workers.start()
    job = await until(ann, job_id, state="finished")
    assert (job["result"]["created"], job["result"]["rows"], job["progress"]["done"]) == (ROWS, ROWS, ROWS)
    assert api.sql(
        "select count(*), count(distinct external_id), count(distinct number), max(number), count(distinct rank)"
        " from tasks where company_id = %s",
        (ann.company_id,),
    ) == [(ROWS, ROWS, ROWS, ROWS, ROWS)]
    assert api.sql(
        "select count(*), count(distinct body->>'task_id') from events where company_id = %s and event = 'task_created'",
        (ann.company_id,),
    ) == [(ROWS, ROWS)]
    assert api.count("import_chunks", ann.company_id) == 0
    deadline = time.monotonic() + PATIENCE
    while not workers.is_alive(second) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert workers.is_alive(second)


async def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_another_at_once(api: Api, workers: Workers) -> None:
    ann = await api.register()
    project = await ann.project()
    first = workers.start()
    job_id = await sent(ann, project, file_of(3 * ROWS))
    await until(ann, job_id, done=500)
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait, 20) == 0
    assert time.monotonic() - began < 12
    assert (await ann.get(f"/jobs/{job_id}")).json()["state"] == "started"
    second = workers.start()
    cancelled = await until(ann, job_id, done=(await ann.get(f"/jobs/{job_id}")).json()["progress"]["done"] + 500)
    assert cancelled["state"] == "started"
    assert (await ann.post(f"/jobs/{job_id}/cancel")).json()["state"] == "cancelled"
    await asyncio.sleep(0.5)
    written = api.count("tasks", ann.company_id)
    await asyncio.sleep(0.5)
    assert api.count("tasks", ann.company_id) == written < 3 * ROWS
    for process in (first, second):
        lines = [json.loads(line) for line in workers.log(process).splitlines()]
        assert [line for line in lines if line["level"] in ("error", "critical")] == []


async def test_who_asked_for_one_job_does_not_wait_for_all_of_who_asked_for_many(api: Api, workers: Workers) -> None:
    ann, bob = await api.register(), await api.register()
    project = await ann.project()
    many = [await sent(ann, project, file_of(3 * ROWS)) for _ in range(4)]
    workers.start()
    await until(ann, many[0], state="started")
    job_id = await sent(bob, await bob.project(), file_of(10))
    await until(bob, job_id, state="finished")
    states = [(await ann.get(f"/jobs/{each}")).json()["state"] for each in many]
    assert states.count("started") <= 1 and states.count("queued") >= 2
    for each in many:
        await ann.post(f"/jobs/{each}/cancel")


async def test_two_workers_at_once_share_jobs_and_double_nothing(api: Api, workers: Workers) -> None:
    ann = await api.register()
    project = await ann.project()
    for _ in range(2):
        workers.start()
    jobs = [await sent(ann, project, file_of(700).replace("A-", f"{letter}-")) for letter in "ABCDEF"]
    for job_id in jobs:
        job = await until(ann, job_id, state="finished")
        assert job["result"]["created"] == 700
    assert api.sql(
        "select count(*), count(distinct external_id), max(number), count(distinct rank) from tasks where company_id = %s",
        (ann.company_id,),
    ) == [(4200, 4200, 4200, 4200)]


async def test_a_worker_shows_its_health_and_metrics_where_it_is_told_to(workers: Workers) -> None:
    port = free_port()
    process = workers.start(FLOWTRACK_WORKER_PORT=str(port), FLOWTRACK_METRICS_TOKEN="a" * 32)
    deadline = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as probe:
        while True:
            assert process.poll() is None and time.monotonic() < deadline, workers.log(process)
            with contextlib.suppress(httpx.TransportError):
                page = (await probe.get("/metrics", headers={"Authorization": "Bearer " + "a" * 32})).text
                if "flowtrack_relay_leader" in page and "flowtrack_webhooks_waiting" in page:
                    break
            await asyncio.sleep(0.2)
        assert (await probe.get("/health/ready")).status_code == 200
        assert (await probe.get("/metrics")).status_code == 404
        assert (await probe.get("/api/v1/tasks")).status_code == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, workers.log(process)
