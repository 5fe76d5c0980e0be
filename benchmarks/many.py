"""Many tasks at once: made by one request, read from a file, taken away as a stream; and what is counted of them."""

import json
import time
import urllib.request
from datetime import datetime
from statistics import median

from benchmarks import asking, bulk, load, reporting
from benchmarks.report import Row
from benchmarks.seeding import Company, Urls
from benchmarks.servers import Server

EXPORTED = 100_000
IMPORTED = 20_000
LEAST_TIMES, LEAST_IMPORTED, LEAST_EXPORTED, MOST_GROWN = 20, 5_000, 10_000, 50
_ROUNDS = 3
_REPORT_SECONDS = 0.7


def batches(server: Server) -> list[Row]:
    """A thousand tasks by one request, and by a thousand of one client."""
    found = bulk.measure_batches(bulk.Client(server.port))
    each = [singly / at_once for singly, at_once in zip(found.singly, found.at_once, strict=True)]
    took = f"{median(found.at_once):.2f} s", f"{median(found.singly):.2f} s"
    return [
        Row(f"create 1,000 tasks by one request, {took[0]}; reference: by 1,000 of one client, {took[1]}",
            f"{median(each):.1f}", f"{min(each):.1f}..{max(each):.1f}", f">= {LEAST_TIMES}",
            is_met=median(each) >= LEAST_TIMES)
    ]  # fmt: skip


def exports(server: Server) -> list[Row]:
    """All tasks of a project as a stream."""
    client, rows = bulk.Client(server.port), []
    for form in ("csv", "ndjson"):
        found = [bulk.measure_export(client, form=form, rows=EXPORTED, pid=server.process.pid) for _ in range(_ROUNDS)]
        rates, grown = [each.rows / each.seconds for each in found], max(each.grown for each in found)
        rows.append(
            Row(f"export {found[0].rows:,} tasks as {form}, rows a second; the server's memory grew by {grown:.0f} MiB",
                f"{median(rates):,.0f}", f"{min(rates):,.0f}..{max(rates):,.0f}",
                f">= {LEAST_EXPORTED:,}; <= {MOST_GROWN} MiB",
                is_met=median(rates) >= LEAST_EXPORTED and grown <= MOST_GROWN)
        )  # fmt: skip
    return rows


def imports(server: Server) -> list[Row]:
    """Files of new tasks, from the moment when a worker takes a job up until it is finished."""
    client = bulk.Client(server.port)
    rates = []
    for turn in range(_ROUNDS):
        lines = "".join(
            f"Task {each},What it is about in a sentence or two. {each},high,In progress,design,B{turn}-{each}\n"
            for each in range(IMPORTED)
        )
        body = f"title,description,priority,status,labels,external_id\n{lines}".encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/v1/tasks/import?project_id={client.project}",
            body,
            {**client._headers, "Content-Type": "text/csv"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            job = json.load(answer)
        while job["state"] not in ("finished", "failed"):
            time.sleep(0.2)
            job = client.ask("GET", f"/jobs/{job['id']}")
        if job["state"] == "failed" or job["result"]["created"] != IMPORTED:
            raise asking.Mismatch(f"the import came to {job}")
        began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
        rates.append(IMPORTED / (ended - began).total_seconds())
    return [
        Row(f"import a file of {IMPORTED:,} new tasks, rows a second", f"{median(rates):,.0f}",
            f"{min(rates):,.0f}..{max(rates):,.0f}", f">= {LEAST_IMPORTED:,}", is_met=median(rates) >= LEAST_IMPORTED)
    ]  # fmt: skip


def reports(server: Server, urls: Urls, company: Company, *, tasks: int) -> list[Row]:
    """Each report beside a list of 50 tasks, in turns; how many times a list it takes."""
    reporting.prepare(urls, company)
    rows = []
    for name, path in reporting.addresses(company).items():
        times, took = [], []
        for _ in range(_ROUNDS):
            lists, asked = (_rate(server, company, each) for each in ("/tasks?limit=50", path))
            times.append(lists / asked)
            took.append(1000 / asked)
        rows.append(
            Row(f"report: {name}, in a company of {tasks:,}; how many times a list of 50 it takes ({median(took):.1f} ms)",
                f"{median(times):.1f}", f"{min(times):.1f}..{max(times):.1f}", f"<= {reporting.MOST:.0f}",
                is_met=median(times) <= reporting.MOST)
        )  # fmt: skip
    return rows


def _rate(server: Server, company: Company, path: str) -> float:
    request = asking.encoded("GET", f"/api/v1{path}", token=company.token)
    if path.endswith(".svg"):
        request = request.replace(b"application/json", b"image/svg+xml")
    again = asking.over_and_over([request])
    return load.run(server.port, again, expected=200, warm_up=0.3, seconds=_REPORT_SECONDS).rate
