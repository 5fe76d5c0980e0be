"""Lists as people ask for them: named combinations of filter and sort, their first page and one deep in; and others."""

import itertools
import random
import time
from collections.abc import Iterator
from statistics import median

import psycopg

from benchmarks.asking import PAGE, Mismatch
from benchmarks.seeding import LABELS, Company
from benchmarks.servers import Server

NAMED = {
    "newest": "",
    "of a project": "project_id={project}",
    "of a project, open": "project_id={project}&status=todo,in_progress",
    "of a project, urgent": "project_id={project}&priority=urgent",
    "of a project, nobody's": "project_id={project}&assigned_to=none",
    "mine": "assigned_to=me",
    "mine, to do": "assigned_to=me&status=todo",
    "a column in its order": "column_id={column}&sort=position",
    "of a cycle": "cycle_id={cycle}",
    "with a label": "label={label}",
}
_STEPS = 60
_STEP = 200

_FILTERS = (
    "project_id={project}", "project_id={project},{last_project}", "cycle_id={cycle}", "cycle_id=none",
    "cycle_id={cycle},none", "column_id={column}", "status=todo", "status=done,todo", "priority=high",
    "priority=low,urgent", "assigned_to=me", "assigned_to=none", "assigned_to=me,none", "created_by=me", "label={label}",
    "label={label},{last_label}", "parent_id=none", "deadline_before=2100-01-01", "deadline_after=2020-01-01",
    "updated_after=2020-01-01T00:00:00Z", "updated_after=2100-01-01T00:00:00Z", "external_id=OLD-1", "query=number", "query=no such words",
    "query=prj3",
)  # fmt: skip
_SORTS = ("created_at", "-created_at", "updated_at", "-updated_at", "deadline", "-deadline", "priority", "-priority",
          "number", "-number", "position", "-position")  # fmt: skip
_OF_THREE = 80
_FIRST_STEPS = (9_950, 450)
_SHOWN = ("tasks", "projects", "users", "labels", "task_labels", "project_members", "board_columns", "cycles")


def path(company: Company, asked: str, *, limit: int = PAGE) -> str:
    """A list of a company; what the words in braces stand for is its first project's."""
    filled = asked.format(
        project=company.project_ids[0],
        last_project=company.project_ids[-1],
        column=company.first_columns[0],
        cycle=company.cycle_ids[0],
        label=LABELS[0],
        last_label=LABELS[-1],
    )
    return f"/api/v1/tasks?limit={limit}&{filled}".rstrip("&").replace(" ", "%20")


def deep_in(server: Server, company: Company, asked: str) -> str:
    """The address of a page in the middle of a list, or after many pages: by cursor, as one comes there.

    Raises Mismatch where the list is too short to have a page there.
    """
    wide = path(company, asked, limit=_STEP)
    total = int(server.ask("GET", f"{wide}&include_total=true", token=company.token).headers["x-total-count"])
    # Half-way down, or as far as anybody would wait for.
    limit = PAGE if total < 2 * _STEP else _STEP
    steps = min(_STEPS, total // (2 * limit))
    if not steps:
        raise Mismatch(f"the list of {asked or 'all'} has {total} tasks, too few to go into")
    at = path(company, asked, limit=limit)
    for _ in range(steps):
        answer = server.ask("GET", at, token=company.token)
        at = answer.headers["link"].partition("<")[2].partition(">")[0]
    return at.replace(f"limit={limit}", f"limit={PAGE}")


def others() -> Iterator[str]:
    """All other lists of no filter, in each order; of one and of two, in an order that chance gives; and some of three.
    The same ones each time.
    """
    chance = random.Random(20261129)
    yield from (f"sort={sort}" for sort in _SORTS)
    for count in (1, 2):
        for filters in _of(count):
            yield "&".join((*filters, f"sort={chance.choice(_SORTS)}"))
    for filters in chance.sample(_of(3), _OF_THREE):
        yield "&".join((*filters, f"sort={chance.choice(_SORTS)}"))


def _of(count: int) -> list[tuple[str, ...]]:
    """All that are so many filters of different names."""
    return [
        filters
        for filters in itertools.combinations(_FILTERS, count)
        if len({name.partition("=")[0] for name in filters}) == count
    ]


def sequential_scans(superuser_url: str) -> int:
    """How often PostgreSQL read one of the tables that lists show from its beginning to its end, up to now."""
    # What a session counted, others see once it was idle for a moment.
    time.sleep(2.0)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        row = connection.execute(
            "select sum(seq_scan)::bigint from pg_stat_user_tables where relname = any(%s)", (list(_SHOWN),)
        ).fetchone()
    assert row is not None
    return int(row[0])


def slowest(server: Server, company: Company) -> tuple[float, str, int]:
    """Milliseconds of the slowest other list, which it was, and how many were asked: of each the first page and one deep
    in, where there is one, and of each page the middle one of five.
    """
    found = []
    for asked in others():
        first = path(company, asked)
        for where, at in (("", first), (", deep in", _further(server, company, first))):
            if at is not None:
                found.append((_milliseconds(server, company, at), asked + where))
    return (*max(found), len(found))


def _further(server: Server, company: Company, first: str) -> str | None:
    """The address of a page after many, by cursor; None if there are not so many."""
    for skipped in _FIRST_STEPS:
        link = server.ask("GET", f"{first}&skip={skipped}", token=company.token).headers.get("link")
        if link is not None:
            return link.partition("<")[2].partition(">")[0]
    return None


def _milliseconds(server: Server, company: Company, at: str) -> float:
    took = []
    for _ in range(5):
        began = time.perf_counter()
        answer = server.ask("GET", at, token=company.token)
        took.append(1000 * (time.perf_counter() - began))
        if answer.status != 200:
            raise Mismatch(f"{at}: {answer}")
    return median(took)
