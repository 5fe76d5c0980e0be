"""`python -m benchmarks.run`: every measurement, one table.

One server process on one core; PostgreSQL and the load on the other. What is compared runs side by side and is measured
in turns; what counts is the median of the ratios. A wrong answer ends the bench.
"""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from statistics import median

import psycopg
from psycopg import sql

from benchmarks import (
    appending,
    asking,
    combinations,
    live,
    many,
    neighbours,
    reference,
    report,
    searching,
    seeding,
    servers,
    storm,
    wire,
)
from benchmarks.load import CONNECTIONS
from benchmarks.measuring import Compared, Pace, Side, compare
from benchmarks.report import Row, compared_row
from benchmarks.seeding import Company, Size, Urls
from benchmarks.servers import Answer, Server

MEASURED_COMPANIES = 10
SMALL = Size(companies=10, tasks=10_000, biggest=1_000)
LOGGED = Size(companies=appending.COMPANIES, tasks=10_000, biggest=100)
# Four projects a company, so that each board has 500 cards.
BOARDS = Size(companies=MEASURED_COMPANIES, tasks=2_000 * MEASURED_COMPANIES, biggest=2_000)
# Long enough for lists that have a page deep in.
ONE = Size(companies=1, tasks=10_000, biggest=10_000)
LARGE = Size(companies=1_000, tasks=1_000_000, biggest=100_000)
QUICK_LARGE = Size(companies=100, tasks=100_000, biggest=10_000)
# There are many of them, and each is asked the same thing over and over.
LIST_PACE = Pace(seconds=0.7, warm_up=0.3, rounds=3)
MOST_MEGABYTES = 130
MOST_ROUND_TRIPS = {"create": 5, "move": 6}


class Seeded:
    """One database, its companies, and the product on it."""

    def __init__(self, urls: Urls, server: Server, companies: list[Company]) -> None:
        self.urls = urls
        self.server = server
        self.companies = companies


class Bench:
    """What the measurements share; each part is made when the first of them asks for it."""

    def __init__(self, stack: ExitStack, folder: Path, *, pace: Pace, large: Size) -> None:
        self._stack = stack
        self.folder = folder
        self.pace = pace
        self.large_size = large
        self.notes: list[str] = []
        self.cluster = stack.enter_context(seeding.cluster(folder))

    @cached_property
    def small(self) -> Seeded:
        return self._seeded("small", SMALL, registered=MEASURED_COMPANIES)

    @cached_property
    def large(self) -> Seeded:
        return self._seeded("large", self.large_size, registered=1 + MEASURED_COMPANIES)

    @cached_property
    def one(self) -> Seeded:
        return self._seeded("one", ONE, registered=1)

    @cached_property
    def boards(self) -> Seeded:
        return self._seeded("boards", BOARDS, registered=MEASURED_COMPANIES)

    @cached_property
    def live(self) -> tuple[Server, Urls]:
        """The product on an empty database, whose PostgreSQL tells when it committed."""
        cluster = self._stack.enter_context(seeding.cluster(self.folder, name="live-postgres", tells_commits=True))
        urls = cluster.make_database("live")
        return self._stack.enter_context(servers.product("live", folder=self.folder, url=urls.application)), urls

    @cached_property
    def logged(self) -> Seeded:
        """A hundred companies, each of which somebody registered."""
        return self._seeded("logged", LOGGED, registered=appending.COMPANIES)

    @cached_property
    def bare(self) -> Server:
        """The reference, on the small database."""
        return self._bare(self.small)

    @cached_property
    def bare_of_boards(self) -> Server:
        """The reference, on the database of boards, with a copy of its tasks to update."""
        server = self._bare(self.boards)
        with psycopg.connect(self.boards.urls.superuser, autocommit=True) as connection:
            names = connection.execute(
                "select attname from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0"
                " and not attisdropped and attgenerated = ''"
            ).fetchall()
            columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in names)
            connection.execute(sql.SQL(reference.FILL).format(columns=columns))
            connection.execute("vacuum (analyze) reference_tasks")
        return server

    def _bare(self, seeded: Seeded) -> Server:
        """The reference on a database, as a role that row-level security does not bind."""
        with psycopg.connect(seeded.urls.superuser, autocommit=True) as connection:
            connection.execute(reference.TABLE)
        server = self._stack.enter_context(servers.reference(folder=self.folder, url=seeded.urls.superuser))
        for company in seeded.companies:
            asking.compare_answers(seeded.server, server, company)
        return server

    def _seeded(self, name: str, size: Size, *, registered: int) -> Seeded:
        began = time.monotonic()
        urls = self.cluster.make_database(name)
        server = self._stack.enter_context(servers.product(name, folder=self.folder, url=urls.application))
        companies = seeding.fill(urls, seeding.register(server, count=registered), size)
        say(f"{size}: seeded in {time.monotonic() - began:.0f} s")
        return Seeded(urls, server, companies)

    def side(self, seeded: Seeded, requests: list[bytes], *, expected: int = 200) -> Side:
        """The product, asked the same requests in turns."""
        return Side(seeded.server, lambda: asking.over_and_over(requests), expected)

    def bare_side(self, requests: list[bytes], *, expected: int = 200) -> Side:
        """The reference, asked the same requests in turns."""
        return Side(self.bare, lambda: asking.over_and_over(requests), expected)

    def compare(self, name: str, ours: Side, theirs: Side, pace: Pace | None = None) -> Compared:
        found = compare(ours, theirs, pace or self.pace)
        (server, other), (their_server, their_other) = found.busy
        # The processor time of a request hardly depends on what else the machine does, so it tells a bad hour apart.
        self.notes.append(
            f"`{name}`: the server's core and the other one were {server:.0%} and {other:.0%} busy; {their_server:.0%} and "
            f"{their_other:.0%} with what it is compared with. Processor time of the server for a request: "
            f"{1e6 * server / found.ours:.0f} us, and {1e6 * their_server / found.theirs:.0f} us."
        )
        return found


def list_tasks(bench: Bench) -> list[Row]:
    small = bench.small
    bare = bench.bare_side(asking.bare_lists(small.companies))
    found = bench.compare("list", bench.side(small, asking.lists(small.companies)), bare)
    target = ">= 0.50, goal 0.62; p99 <= 2.5 x p50"
    return [compared_row("list 50 tasks", found, least=0.50, target=target, longest_tail=2.5)]


def next_page(bench: Bench) -> list[Row]:
    small = bench.small
    bare = bench.bare_side(asking.bare_lists(small.companies))
    requests = asking.next_pages(small.server, small.companies)
    found = bench.compare("next-page", bench.side(small, requests), bare)
    return [compared_row("list 50 tasks, the next page by its cursor", found, least=None, target="none set")]


def get_task(bench: Bench) -> list[Row]:
    small = bench.small
    bare = bench.bare_side(asking.bare_gets(small.companies))
    found = bench.compare("get", bench.side(small, asking.gets(small.companies)), bare)
    return [compared_row("get a task", found, least=0.50, target=">= 0.50")]


def board(bench: Bench) -> list[Row]:
    boards = bench.boards
    bare = Side(bench.bare_of_boards, lambda: asking.over_and_over(asking.bare_boards(boards.companies)), 200)
    found = bench.compare("board", bench.side(boards, asking.boards(boards.companies)), bare)
    return [compared_row("a board of 500 tasks", found, least=0.50, target=">= 0.50")]


def move(bench: Bench) -> list[Row]:
    boards = bench.boards
    places = asking.beside(boards.server, boards.companies)
    ours = bench.side(boards, asking.moves(places))
    bare = Side(bench.bare_of_boards, lambda: asking.over_and_over(asking.bare_updates(places)), 200)
    with psycopg.connect(boards.urls.superuser, autocommit=True) as connection:
        _ensure_durable(connection)
        count = "select count(*) from events where event = 'task_moved'"
        before = connection.execute(count).fetchone()
        found = bench.compare("move", ours, bare)
        after = connection.execute(count).fetchone()
    assert before is not None and after is not None
    if after[0] - before[0] < found.answered:
        raise asking.Mismatch(f"{found.answered} answers, but {after[0] - before[0]} cards were moved")
    what = "move a card beside another; reference: a durable UPDATE"
    return [compared_row(what, found, least=0.25, target=">= 0.25")]


def not_modified(bench: Bench) -> list[Row]:
    small = bench.small
    ours = bench.side(small, asking.gets_if_changed(small.server, small.companies), expected=304)
    found = bench.compare("not-modified", ours, bench.side(small, asking.gets(small.companies)))
    what = "get a task, `If-None-Match` -> 304; reference: our own 200"
    return [compared_row(what, found, least=1.0, target="> 1.0")]


def create(bench: Bench) -> list[Row]:
    return [_create(bench, "create", "create a task", keyed=False)]


def create_once(bench: Bench) -> list[Row]:
    return [_create(bench, "create-once", "create a task, with a fresh Idempotency-Key", keyed=True)]


def _create(bench: Bench, name: str, what: str, *, keyed: bool) -> Row:
    small = bench.small
    ours = Side(small.server, lambda: asking.creates(small.companies, keyed=keyed), 201)
    bare = bench.bare_side(asking.bare_inserts(small.companies), expected=201)
    count = (
        "select (select count(*) from tasks), (select count(*) from idempotency_keys), (select count(*) from events)"
    )
    with psycopg.connect(small.urls.superuser, autocommit=True) as connection:
        _ensure_durable(connection)
        before = connection.execute(count).fetchone()
        found = bench.compare(name, ours, bare)
        after = connection.execute(count).fetchone()
    assert before is not None and after is not None
    written = [now - then for now, then in zip(after, before, strict=True)]
    # More than were counted, as warming up wrote as well; but each with its event, and its key where it had one.
    if written[0] < found.answered or written[2] != written[0] or written[1] != (written[0] if keyed else 0):
        raise asking.Mismatch(f"{found.answered} answers, but {written} tasks, keys and events were written")
    return compared_row(what, found, least=0.30, target=">= 0.30, goal 0.35")


def _ensure_durable(connection: psycopg.Connection) -> None:
    for setting in ("fsync", "synchronous_commit"):
        assert connection.execute(f"show {setting}").fetchone() == ("on",), "commits are not durable"


def create_in_one_project(bench: Bench) -> list[Row]:
    """All connections write to one board: they wait for each other, as the order of its cards and events demands."""
    small = bench.small
    company = small.companies[0]._replace(project_ids=small.companies[0].project_ids[:1])
    ours = Side(small.server, lambda: asking.creates([company]), 201)
    bare = bench.bare_side(asking.bare_inserts([company]), expected=201)
    found = bench.compare("one-project", ours, bare)
    return [compared_row("create a task, all in one project", found, least=None, target="none set")]


def round_trips(bench: Bench) -> list[Row]:
    """The most that any of many writes took, once statements are prepared."""
    small, rows = bench.small, []
    with (
        wire.counted(small.urls.application) as counter,
        servers.product("small", folder=bench.folder, url=counter.url) as server,
    ):
        places = asking.beside(server, small.companies)

        def create(place: int, **headers: str) -> Answer:
            company = small.companies[place % len(small.companies)]
            body = asking.new_task(company)
            return server.ask("POST", "/api/v1/tasks", token=company.token, body=body, **headers)

        def create_once(place: int) -> Answer:
            return create(place, idempotency_key=f"trips-{place}")

        def move(place: int) -> Answer:
            company, moved, to = places[place]
            return server.ask("PATCH", f"/api/v1/tasks/{moved}/move", token=company.token, body=to)

        for what, write, most in (
            ("create a task", create, MOST_ROUND_TRIPS["create"]),
            ("create a task with Idempotency-Key", create_once, MOST_ROUND_TRIPS["create"]),
            ("move a card beside another", move, MOST_ROUND_TRIPS["move"]),
        ):
            trips = []
            for place in range(60):
                counter.reset()
                answer = write(place)
                if answer.status not in (200, 201):
                    raise asking.Mismatch(f"{what}: {answer}")
                trips.append(counter.trips)
            found = max(trips[20:])
            rows.append(
                Row(f"round trips to the database: {what}", str(found), f"{min(trips[20:])}..{found}", f"<= {most}",
                    is_met=found <= most)
            )  # fmt: skip
    return rows


def normal_company(bench: Bench) -> list[Row]:
    small, large = bench.small, bench.large
    ours, theirs = asking.lists(large.companies[1:]), asking.lists(small.companies)
    found = bench.compare("normal-company", bench.side(large, ours), bench.side(small, theirs))
    what = f"list 50 tasks, {bench.large_size}; reference: the same in {SMALL}"
    return [compared_row(what, found, least=0.9, target=">= 0.9")]


def big_company(bench: Bench) -> list[Row]:
    small, large = bench.small, bench.large
    ours, theirs = asking.lists(large.companies[:1]), asking.lists(small.companies[:1])
    found = bench.compare("big-company", bench.side(large, ours), bench.side(small, theirs))
    what = f"list 50 tasks, in the company of {bench.large_size.biggest:,}; reference: one of {SMALL.biggest:,}"
    return [compared_row(what, found, least=0.9, target=">= 0.9")]


def named_lists(bench: Bench) -> list[Row]:
    """Each in the company that has the most tasks, beside the same where there are no more than 10,000."""
    rows, before = [], combinations.sequential_scans(bench.large.urls.superuser)
    for name, asked in combinations.NAMED.items():
        for where, address in (("first page", combinations.path), ("deep in", None)):
            sides = []
            for seeded in (bench.large, bench.one):
                company = seeded.companies[0]
                at = address(company, asked) if address else combinations.deep_in(seeded.server, company, asked)
                sides.append(bench.side(seeded, [asking.encoded("GET", at, token=company.token)]))
            found = compare(*sides, LIST_PACE)
            rows.append(compared_row(f'list "{name}", {where}', found, least=0.9, target=">= 0.9"))
    scans = combinations.sequential_scans(bench.large.urls.superuser) - before
    what = f"sequential scans of tenants' tables by all of those, {bench.large_size.tasks:,} tasks"
    return [*rows, Row(what, str(scans), "", "0", is_met=scans == 0)]


def other_lists(bench: Bench) -> list[Row]:
    took, asked, count = combinations.slowest(bench.large.server, bench.large.companies[0])
    bench.notes.append(f"`other-lists`: the slowest of {count} was `{asked}`.")
    what = f"the slowest of {count} other lists in the company of {bench.large_size.biggest:,}, ms"
    return [Row(what, f"{took:.0f}", "", "<= 100", is_met=took <= 100)]


def search(bench: Bench) -> list[Row]:
    """In the company that has the most tasks, where nearly every word stands in all of them."""
    seeded, company = bench.large, bench.large.companies[0]
    if not seeded.server.ask("GET", searching.path(searching.RARE), token=company.token).body:
        raise asking.Mismatch("nothing was found")
    rare = [asking.encoded("GET", searching.path(searching.RARE), token=company.token)]
    found = bench.compare("search", bench.side(seeded, rare), bench.side(seeded, asking.lists([company])))
    took, asked, count = searching.slowest(seeded.server, company)
    bench.notes.append(f"`search`: the slowest of {count} was `{asked}`.")
    size = f"{bench.large_size.biggest:,}"
    return [
        compared_row(
            f"search a rare word in the company of {size}; reference: its list", found, least=0.1, target=">= 0.1"
        ),
        Row(f"the slowest of {count} searches there, ms", f"{took:.0f}", "", "<= 50", is_met=took <= 50),
    ]


def noisy_neighbour(bench: Bench) -> list[Row]:
    """The limits as they are by default, for sessions and companies."""
    small = bench.small
    quiet, noisy = small.companies[0], small.companies[1]

    def sessions(place: int, company: Company, count: int) -> list[bytes]:
        tokens = seeding.sign_in(small.server, place, count=count)
        return asking.lists([company._replace(token=token) for token in tokens])

    limits = {"FLOWTRACK_RATE_LIMIT_SESSION": "600/min", "FLOWTRACK_RATE_LIMIT_COMPANY": "6000/min"}
    with servers.product("small", folder=bench.folder, url=small.urls.application, **limits) as server:
        rounds = neighbours.measure(
            server,
            quiet=sessions(0, quiet, neighbours.SESSIONS),
            noisy=sessions(1, noisy, CONNECTIONS),
            pace=bench.pace,
        )
    alone, beside = (
        [neighbours.p95(each) for each in windows] for windows in zip(*(r[:2] for r in rounds), strict=True)
    )
    ratios = [noise / silence for silence, noise in zip(alone, beside, strict=True)]
    bench.notes.append(
        f"`noisy-neighbour`: p95 of one company, {1000 * median(alone):.2f} ms, and {1000 * median(beside):.2f} ms while "
        f"another on {CONNECTIONS} connections was granted {sum(r.granted for r in rounds):,} requests and refused "
        f"{sum(r.refused for r in rounds):,}."
    )
    return [
        Row("p95 of a company beside another that hammers at its rate limit; reference: the same alone",
            f"{median(ratios):.2f}", f"{min(ratios):.2f}..{max(ratios):.2f}", "<= 1.3", is_met=median(ratios) <= 1.3)
    ]  # fmt: skip


def login_storm(bench: Bench) -> list[Row]:
    """A list at a steady pace, while fifty people sign in over and over again."""
    small = bench.small
    tokens = seeding.sign_in(small.server, 0, count=neighbours.SESSIONS)
    quiet = asking.lists([small.companies[0]._replace(token=token) for token in tokens])
    rounds = storm.measure(small.server, quiet=quiet, logins=storm.newcomers(small.server), pace=bench.pace)
    alone = [neighbours.p99(each.quiet) for each in rounds]
    beside = [neighbours.p99(each.noisy) for each in rounds]
    ratios = [storming / silence for silence, storming in zip(alone, beside, strict=True)]
    bench.notes.append(
        f"`login-storm`: p99 of a list, {1000 * median(alone):.2f} ms, and {1000 * median(beside):.2f} ms while "
        f"{storm.LOGINS} people at once signed in {sum(each.granted for each in rounds):,} times."
    )
    return [
        Row(f"p99 of a list while {storm.LOGINS} sign in at once; reference: the same alone",
            f"{median(ratios):.2f}", f"{min(ratios):.2f}..{max(ratios):.2f}", "<= 3", is_met=median(ratios) <= 3)
    ]  # fmt: skip


def batches(bench: Bench) -> list[Row]:
    return many.batches(bench.small.server)


def exports(bench: Bench) -> list[Row]:
    return many.exports(bench.small.server)


def imports(bench: Bench) -> list[Row]:
    return many.imports(bench.small.server)


def reports(bench: Bench) -> list[Row]:
    large = bench.large
    return many.reports(large.server, large.urls, large.companies[0], tasks=bench.large_size.biggest)


def live_latency(bench: Bench) -> list[Row]:
    server, urls = bench.live
    rows, note = live.latency(server, urls.superuser, bench.pace)
    bench.notes.append(note)
    return rows


def live_broadcast(bench: Bench) -> list[Row]:
    server, urls = bench.live
    with servers.bare_broadcast(folder=bench.folder) as bare:
        rows, note = live.broadcast(server, bare, urls.superuser)
    bench.notes.append(note)
    return rows


def live_log(bench: Bench) -> list[Row]:
    """What an event adds to the time of a request, of one client and of as many as there is room for."""
    logged = bench.logged
    alone, note = appending.cost_of_the_log(logged.urls, logged.companies, bench.pace)
    bench.notes.append(note)
    with servers.product(
        "logged", folder=bench.folder, url=logged.urls.application, module="benchmarks.silent"
    ) as silent:
        what = f"time of a request that creates a task, {appending.COMPANIES} companies, one client"
        one = _added(bench, silent, f"{what}; reference: the same without its event", connections=1)
        many = _added(bench, silent, f"the same of {CONNECTIONS} clients at once, both cores busy", CONNECTIONS)
    return [one, many, *alone]


def _added(bench: Bench, silent: Server, what: str, connections: int) -> Row:
    logged = bench.logged
    ours, theirs = (
        Side(server, lambda: asking.creates(logged.companies, keyed=False), 201) for server in (logged.server, silent)
    )
    with psycopg.connect(logged.urls.superuser, autocommit=True) as connection:
        _ensure_durable(connection)
        count = "select (select count(*) from tasks), (select count(*) from events)"
        before = connection.execute(count).fetchone()
        # How long a commit takes changes from second to second: of so small a difference many short pairs say more.
        pace = bench.pace._replace(
            connections=connections, seconds=bench.pace.seconds / 4, warm_up=0.3, rounds=8 * bench.pace.rounds
        )
        found = bench.compare(f"live-log, {connections} at once", ours, theirs, pace)
        after = connection.execute(count).fetchone()
    assert before is not None and after is not None
    tasks, events = (now - then for now, then in zip(after, before, strict=True))
    # Half of them with an event, more or less, as one side is quicker.
    if not 0.3 * tasks < events < 0.6 * tasks:
        raise asking.Mismatch(f"{tasks} tasks were made, and {events} events were written")
    added, is_measure = [1 / ratio for ratio in found.ratios], connections == 1
    return Row(
        what, f"{median(added):.2f}", f"{min(added):.2f}..{max(added):.2f}",
        f"<= {appending.MOST_ADDED}" if is_measure else "none set", f"{found.ours:,.0f}", f"{found.theirs:,.0f}",
        f"{found.p50:.2f}", f"{found.p99:.2f}", f"{found.p99 / found.p50:.1f}",
        median(added) <= appending.MOST_ADDED if is_measure else None,
    )  # fmt: skip


def live_ceiling(bench: Bench) -> list[Row]:
    return appending.ceiling(bench.logged.urls, bench.logged.companies[0], bench.pace)


def memory(bench: Bench) -> list[Row]:
    server = bench.small.server
    now, most = server.megabytes(), server.megabytes(most=True)
    return [
        Row("resident memory of the server after all that, MB", f"{now:.0f}", f"{most:.0f} while passwords were hashed",
            f"<= {MOST_MEGABYTES}", is_met=now <= MOST_MEGABYTES)
    ]  # fmt: skip


# In this order: what reads comes before what writes, so that lists are measured on what was seeded.
MEASUREMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    "list": list_tasks,
    "next-page": next_page,
    "get": get_task,
    "not-modified": not_modified,
    "board": board,
    "round-trips": round_trips,
    "move": move,
    "create": create,
    "create-once": create_once,
    "one-project": create_in_one_project,
    "noisy-neighbour": noisy_neighbour,
    "login-storm": login_storm,
    "live-latency": live_latency,
    "live-broadcast": live_broadcast,
    "live-log": live_log,
    "live-ceiling": live_ceiling,
    # Last, since what it takes to make a million tasks goes on in the background for a while.
    "normal-company": normal_company,
    "big-company": big_company,
    "named-lists": named_lists,
    "other-lists": other_lists,
    "search": search,
    "reports": reports,
    "bulk": batches,
    "import": imports,
    "export": exports,
    "memory": memory,
}


def say(line: str) -> None:
    """Progress, beside the table."""
    print(line, file=sys.stderr, flush=True)


def measure(names: list[str], *, pace: Pace, large: Size) -> str:
    """The table of the named measurements."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowtrack-bench-")))
        # As root, PostgreSQL runs as another user, who has to walk through.
        folder.chmod(0o711)
        servers.pin_ourselves()
        bench = Bench(stack, folder, pace=pace, large=large)
        rows: list[Row] = []
        for name in names:
            found = MEASUREMENTS[name](bench)
            rows += found
            for row in found:
                say(str(row))
        return report.table(rows, _notes(bench))


def _notes(bench: Bench) -> list[str]:
    pace = bench.pace
    placed = (
        "each server process pinned to one core, PostgreSQL and the load to the other"
        if servers.CAN_PIN
        else "NOT pinned: the machine has one core, or none can be chosen, so figures are not comparable"
    )
    return [
        *report.machine(bench.cluster.version, "python -m " + shlex.join(["benchmarks.run", *sys.argv[1:]])),
        f"{CONNECTIONS} connections; {pace.rounds} rounds of {pace.seconds:g} s each side, in turns, after "
        f"{pace.warm_up:g} s of warm-up; {placed}; embedded PostgreSQL as it is, commits durable.",
        f"Unless the line says otherwise: {SMALL}, requests in turns over all of them as their owners, the reference "
        "`benchmarks/reference.py` on the same rows. Responses are not compressed on either side.",
        *bench.notes,
    ]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short windows and a smaller large data set")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="may be repeated")
    parser.add_argument("--seconds", type=float, help="length of a window (3, quick: 1)")
    parser.add_argument("--rounds", type=int, help="pairs of windows (5, quick: 3)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the marks of this file")
    given = parser.parse_args()
    if given.write is not None and given.quick:
        parser.error("--quick is for looking; measure in full what is to be written down")
    pace = Pace(
        seconds=given.seconds or (1.0 if given.quick else 3.0),
        warm_up=0.5 if given.quick else 1.0,
        rounds=given.rounds or (3 if given.quick else 5),
    )
    names = [name for name in MEASUREMENTS if not given.only or name in given.only]
    block = measure(names, pace=pace, large=QUICK_LARGE if given.quick else LARGE)
    if given.write is None:
        print(block)
    else:
        report.write(given.write, block)


if __name__ == "__main__":
    main()
