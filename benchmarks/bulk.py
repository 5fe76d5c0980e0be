"""A thousand tasks in one request and in a thousand; and all of them taken away again, by rows a second and by memory."""

import http.client
import json
import time
import uuid
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

TASKS = 1000
ROUNDS = 3
_CHUNK = 65_536


class Batches(NamedTuple):
    """Seconds that a thousand tasks took, in each round: by as many requests of one client, and by one."""

    singly: list[float]
    at_once: list[float]

    @property
    def times_faster(self) -> float:
        return median(self.singly) / median(self.at_once)


class Export(NamedTuple):
    """How many rows came within how many seconds, and by how much the server grew meanwhile, in MiB."""

    rows: int
    seconds: float
    grown: float


class Client:
    """One signed-in person on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._headers = {"Content-Type": "application/json"}
        given = {"email": f"{uuid.uuid4().hex}@bench.example.com", "password": "Tr0ub4dor and three", "name": "Bench"}
        self._headers["Authorization"] = f"Bearer {self.ask('POST', '/auth/register', given)['access_token']}"
        self.project = str(self.ask("POST", "/projects", {"name": "Bench"})["id"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, f"/api/v1{path}", json.dumps(body) if body else None, self._headers)
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {found[:500]!r}")
        return json.loads(found)

    def lines(self, path: str) -> tuple[int, float]:
        """How many lines an answer has, and the seconds until its last."""
        began, count = time.perf_counter(), 0
        self._connection.request("GET", f"/api/v1{path}", None, self._headers)
        answer = self._connection.getresponse()
        while chunk := answer.read(_CHUNK):
            count += chunk.count(b"\n")
        return count, time.perf_counter() - began


def measure_batches(client: Client, *, rounds: int = ROUNDS) -> Batches:
    """In turns, so that what else the machine does befalls both."""
    task = {"project_id": client.project, "title": "A task of the bench"}
    operations = [{"op": "create", **task}] * TASKS
    singly, at_once = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(TASKS):
            client.ask("POST", "/tasks", task)
        singly.append(time.perf_counter() - began)
        began = time.perf_counter()
        client.ask("POST", "/tasks/bulk", {"operations": operations})
        at_once.append(time.perf_counter() - began)
    return Batches(singly, at_once)


def measure_export(client: Client, *, form: str, rows: int, pid: int | None) -> Export:
    """Makes as many tasks as are missing, and takes all of them."""
    operations = [{"op": "create", "project_id": client.project, "title": f"Task {each}"} for each in range(TASKS)]
    while client.lines(f"/tasks/export?format={form}&project_id={client.project}")[0] < rows:
        for _ in range(rows // TASKS):
            client.ask("POST", "/tasks/bulk", {"operations": operations})
    before = _peak(pid, anew=True)
    count, seconds = client.lines(f"/tasks/export?format={form}&project_id={client.project}")
    return Export(count, seconds, _peak(pid) - before)


def _peak(pid: int | None, *, anew: bool = False) -> float:
    """The most memory that a process ever had, or since it was asked anew, in MiB."""
    if pid is None:
        return 0.0
    process = Path(f"/proc/{pid}")
    if anew:
        (process / "clear_refs").write_text("5", encoding="ascii")
    status = (process / "status").read_text(encoding="ascii")
    (line,) = (each for each in status.splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
