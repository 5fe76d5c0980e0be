"""Those who write: each write is sent again, with the same key, until it is acknowledged."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from tests.integration.api import Person

_ACKNOWLEDGED_WITHIN = 90.0


class Absence(NamedTuple):
    """A user may hear nothing of some projects after `seq`, from `since` until `until` by this machine's clock."""

    user_id: str
    project_ids: frozenset[str]
    seq: int
    since: float
    until: float


class Log:
    """What was acknowledged: how often each event has to be in the log, by its name and what it tells of."""

    def __init__(self) -> None:
        self.expected: dict[tuple[str, ...], int] = {}
        self.absences: list[Absence] = []
        self.faults: list[str] = []
        self.retries = 0

    def acknowledge(self, *told: str) -> None:
        self.expected[told] = self.expected.get(told, 0) + 1

    @property
    def count(self) -> int:
        return sum(self.expected.values())


class Pen:
    """Sends what one person writes to whichever server answers."""

    def __init__(self, person: Person, clients: list[httpx.AsyncClient], log: Log, luck: random.Random) -> None:
        self.person = person
        self.log = log
        self.luck = luck
        self._clients = clients

    async def write(self, method: str, path: str, body: Any = None, *, over: int | None = None) -> httpx.Response:
        """The acknowledgement. `over`: what it is answered when an earlier attempt, whose answer was lost, had done it."""
        headers = {"Authorization": f"Bearer {self.person.token}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(UUID(int=self.luck.getrandbits(128), version=4))
        deadline = time.monotonic() + _ACKNOWLEDGED_WITHIN
        said: object = "nothing was asked"
        for attempt in itertools.count():
            client = self.luck.choice(self._clients)
            try:
                answer = await client.request(method, f"/api/v1{path}", json=body, headers=headers)
            except httpx.HTTPError as error:
                said = repr(error)
            else:
                if answer.is_success or (attempt and answer.status_code == over):
                    return answer
                said = f"{answer.status_code} {answer.text[:500]}"
                is_in_flight = answer.status_code == 409 and answer.json()["code"].startswith("idempotency.")
                if answer.status_code != 503 and not is_in_flight:
                    self.log.faults.append(f"{method} {path} was answered {said}")
                    if answer.status_code < 500:
                        raise Refused(said)
            if time.monotonic() > deadline:
                self.log.faults.append(f"{method} {path} was never acknowledged; the last answer: {said}")
                raise Refused(said)
            self.log.retries += 1
            await asyncio.sleep(self.luck.uniform(0.05, 0.3))
        raise AssertionError


class Refused(Exception):
    """A write came to nothing, which is noted as a fault."""


async def work(pen: Pen, projects: list[str], *, goes_on: Callable[[], bool], pause: float) -> None:
    """Creates, moves, changes, comments on, and deletes tasks of one's own in some projects."""
    mine: list[dict[str, Any]] = []
    numbers = itertools.count(1)
    while goes_on():
        verb = pen.luck.choice(VERBS) if mine else _create
        try:
            await verb(pen, projects, mine, next(numbers))
        except Refused:
            continue
        await asyncio.sleep(pen.luck.uniform(0.2, 1.8) * pause)


async def _create(pen: Pen, projects: list[str], mine: list[dict[str, Any]], number: int) -> None:
    given = {"project_id": pen.luck.choice(projects), "title": f"Task {number} of {pen.person.email}"}
    task = (await pen.write("POST", "/tasks", given)).json()
    pen.log.acknowledge("task_created", task["id"])
    mine.append(task)


async def _create_many(pen: Pen, projects: list[str], mine: list[dict[str, Any]], number: int) -> None:
    project_id = pen.luck.choice(projects)
    operations = [
        {"op": "create", "project_id": project_id, "title": f"Task {number}.{place}"}
        for place in range(pen.luck.randint(2, 9))
    ]
    for result in (await pen.write("POST", "/tasks/bulk", {"operations": operations})).json()["results"]:
        pen.log.acknowledge("task_created", result["task"]["id"])
        mine.append(result["task"])


async def _move(pen: Pen, _: list[str], mine: list[dict[str, Any]], __: int) -> None:
    task = pen.luck.choice(mine)
    status = pen.luck.choice([each for each in ("todo", "in_progress", "done") if each != task["status"]])
    await pen.write("PATCH", f"/tasks/{task['id']}/move", {"new_status": status})
    pen.log.acknowledge("task_moved", task["id"])
    task["status"] = status


async def _change(pen: Pen, _: list[str], mine: list[dict[str, Any]], number: int) -> None:
    task, title = pen.luck.choice(mine), f"Changed {number}"
    await pen.write("PATCH", f"/tasks/{task['id']}", {"title": title})
    pen.log.acknowledge("task_updated", task["id"], title)


async def _comment(pen: Pen, _: list[str], mine: list[dict[str, Any]], number: int) -> None:
    task = pen.luck.choice(mine)
    answer = await pen.write("POST", f"/tasks/{task['id']}/comments", {"body": f"What I say, {number}"})
    pen.log.acknowledge("comment_created", answer.json()["id"])


async def _delete(pen: Pen, _: list[str], mine: list[dict[str, Any]], __: int) -> None:
    task = mine.pop(pen.luck.randrange(len(mine)))
    await pen.write("DELETE", f"/tasks/{task['id']}", over=404)
    pen.log.acknowledge("task_deleted", task["id"])


VERBS = (_create, _create, _create_many, _move, _move, _move, _change, _comment, _comment, _delete)


def keys(event: str, body: dict[str, Any]) -> tuple[str, ...] | None:
    """What an event of the log is acknowledged by; None for one that nobody here waits for."""
    if event in ("task_created", "task_moved", "task_deleted"):
        return event, str(body["task_id"])
    if event == "task_updated":
        return event, str(body["task_id"]), str(body["changes"].get("title", {}).get("new"))
    if event == "comment_created":
        return event, str(body["comment_id"])
    return None


async def come_and_go(pen: Pen, user_id: str, project_id: str, *, goes_on: Callable[[], bool], pause: float) -> None:
    """The owner takes somebody out of a project and in again, over and over, and out for good at the end."""
    path = f"/projects/{project_id}/members/{user_id}"
    while True:
        try:
            gone = await pen.write("DELETE", path, over=404)
            seq, since = int(gone.headers["x-event-seq"]), time.monotonic()
            if not goes_on():
                pen.log.absences.append(Absence(user_id, frozenset({project_id}), seq, since, float("inf")))
                return
            await asyncio.sleep(pen.luck.uniform(0.5, 3.0) * pause)
            pen.log.absences.append(Absence(user_id, frozenset({project_id}), seq, since, time.monotonic()))
            await pen.write("POST", path)
            await asyncio.sleep(pen.luck.uniform(0.5, 2.0) * pause)
        except Refused:
            return


async def rise_and_fall(
    pen: Pen, user_id: str, projects: list[str], *, goes_on: Callable[[], bool], pause: float
) -> None:
    """The owner makes somebody who belongs to no project an admin and a member again, over and over."""
    while True:
        try:
            await pen.write("PATCH", f"/users/{user_id}", {"role": "admin"})
            await asyncio.sleep(pen.luck.uniform(0.5, 2.0) * pause)
            fallen = await pen.write("PATCH", f"/users/{user_id}", {"role": "member"})
            seq, since = int(fallen.headers["x-event-seq"]), time.monotonic()
            if not goes_on():
                pen.log.absences.append(Absence(user_id, frozenset(projects), seq, since, float("inf")))
                return
            await asyncio.sleep(pen.luck.uniform(0.5, 3.0) * pause)
            pen.log.absences.append(Absence(user_id, frozenset(projects), seq, since, time.monotonic()))
        except Refused:
            return
