"""What is counted and timed, and the page that Prometheus reads.

What requests and round trips add up to is kept in plain numbers, and given to the library once a second and before
anybody reads the page: its own counting, a lock and a search for each, took a write seven microseconds, and twice that
where several processes share their metrics. What a request adds to is looked up by one key, not label by label.
"""

import asyncio
import platform
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from adapters.prometheus.sharing import forget_dead
from adapters.sql.connection import BEGIN, COMMIT
from adapters.sql.event_log import APPENDS
from adapters.sql.pipeline import Asked
from core.notifications.events import NotificationCreated

MEDIA_TYPE = CONTENT_TYPE_LATEST
_REQUESTS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROUND_TRIPS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAITS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0)
# From an event until a receiver has it, who may be away for three days.
_ACCEPTED = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0, 86400.0)
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What is not ours to name gets one label, so that strangers cannot make any number of them.
OTHER = "other"
_SIGN_INS = {
    "/api/v1/auth/login": "password",
    "/api/v1/auth/refresh": "refresh",
    "/api/v1/auth/register": "registration",
}
# How often a process looks at itself.
_PERIOD = 1.0


class Occupancy(Protocol):
    """The state of a pool of connections."""

    @property
    def connections(self) -> int: ...

    @property
    def idle(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class _Request(NamedTuple):
    """A kind of answered request: all that tells one from another."""

    route: str | None
    method: str
    status: int
    code: str | None


@dataclass(slots=True)
class _Since:
    """What round trips did since it was added up the last time."""

    begun: int = 0
    committed: int = 0
    appended: int = 0


class _Tally:
    """What a histogram is to be added since the last time, and counters of the same things."""

    __slots__ = ("_bounds", "_counters", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram, bounds: Sequence[float], counters: Sequence[Counter] = ()) -> None:
        self._histogram: Any = histogram
        self._bounds = bounds
        self._counters = counters
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def give(self) -> None:
        """Adds it, as the library's `observe` would, one after the other."""
        counts, self._counts = self._counts, [0] * len(self._counts)
        for place, count in enumerate(counts):
            if count:
                self._histogram._buckets[place].inc(count)  # noqa: SLF001  (it has no `observe` of many)
        if any(counts):
            self._histogram._sum.inc(self._sum)  # noqa: SLF001
            self._sum = 0.0
            for each in self._counters:
                each.inc(sum(counts))


class Metrics:
    """The metrics of one process, or its part in those of several that share a folder."""

    def __init__(self, *, version: str, shared: Path | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._shared = shared
        self._registry = CollectorRegistry()
        self._under_way = 0
        self._answered: dict[tuple[str | None, str, int, str | None], _Tally] = {}
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self._requests = counter("flowtrack_http_requests", "Answered requests.", "route", "method", "status")
        self._durations = histogram(
            "flowtrack_http_request_seconds", "From a request's first byte to its answer's last.", _REQUESTS, "route",
            "method",
        )  # fmt: skip
        self._in_progress = gauge("flowtrack_http_requests_in_progress", "Requests that are being answered.")
        self._refusals = counter("flowtrack_http_refusals", "Problem documents sent, by their code.", "code")
        self._sign_ins = counter(
            "flowtrack_sign_ins", "Attempts to sign in: succeeded, or a refusal's code.", "way", "outcome"
        )
        self._connections = gauge("flowtrack_database_connections", "Connections to PostgreSQL.")
        self._idle = gauge("flowtrack_database_connections_idle", "Those of them with nothing to do.")
        self._waiting = gauge("flowtrack_database_connections_awaited", "Requests that wait for a connection.")
        waits = histogram("flowtrack_database_wait_seconds", "How long a connection was waited for.", _WAITS)
        self._waits = _Tally(waits, _WAITS)
        round_trips = histogram(
            "flowtrack_database_round_trip_seconds", "Questions to PostgreSQL, several statements in each.",
            _ROUND_TRIPS,
        )  # fmt: skip
        self._round_trips = _Tally(round_trips, _ROUND_TRIPS)
        self._failures = counter("flowtrack_database_failures", "Round trips that ended with an error.")
        self._begun = counter("flowtrack_database_transactions_begun", "Transactions begun; single reads have none.")
        self._committed = counter("flowtrack_database_transactions_committed", "Transactions committed.")
        self._appended = counter("flowtrack_events_appended", "Facts written to the event log.")
        self._notifications = counter("flowtrack_notifications", "Notifications made.")
        self._mails = counter("flowtrack_mails", "Mails, by what became of them.", "what", "outcome")
        self._webhooks = counter(
            "flowtrack_webhook_attempts", "Attempts to send webhooks, by what came of them.", "outcome"
        )
        self._webhook_durations = histogram("flowtrack_webhook_attempt_seconds", "How long receivers take.", _REQUESTS)
        self._accepted = histogram(
            "flowtrack_webhook_accepted_seconds", "From the instant of an event until a receiver took it.", _ACCEPTED
        )
        self._webhooks_waiting = gauge(
            "flowtrack_webhooks_waiting", "Messages that wait to be sent.", mode="mostrecent"
        )
        self._webhook_lag = gauge(
            "flowtrack_webhook_lag_seconds", "For how long the oldest of them has been due.", mode="mostrecent"
        )
        self._lag = histogram("flowtrack_event_loop_lag_seconds", "By how much the event loop is behind.", _LAGS)
        self._sockets = gauge("flowtrack_sockets", "Open sockets whose clients are known.")
        self._streams = gauge("flowtrack_streams", "Open streams of events.")
        self._passed_on = counter("flowtrack_events_passed_on", "Events given to sockets and streams.")
        self._resyncs = counter("flowtrack_resyncs", "Sockets and streams closed since they were read too slowly.")
        self._delivery = histogram(
            "flowtrack_event_delivery_seconds", "From the instant of an event until all open doors have it.", _REQUESTS
        )
        self._leads = gauge("flowtrack_relay_leader", "1 in the process that looks after all logs.")
        self._depth = gauge("flowtrack_reader_depth", "Events that a stored reader has not read.", "reader")
        self._reader_lag = gauge(
            "flowtrack_reader_lag_seconds", "For how long a stored reader has stood behind without moving.", "reader"
        )
        self._processes = gauge("flowtrack_processes", "Server processes.")
        self._gauge("flowtrack_build_info", "What is running.", "version", "python", mode="max").labels(
            version, platform.python_version()
        ).set(1)
        self._cpu = counter("process_cpu_seconds", "User and system time.")
        self._own = {
            "process_resident_memory_bytes": gauge("process_resident_memory_bytes", "Resident memory."),
            "process_open_fds": gauge("process_open_fds", "Open files and connections."),
            "process_max_fds": gauge("process_max_fds", "How many may be open.", mode="min"),
            "process_start_time_seconds": gauge("process_start_time_seconds", "Since 1970.", mode="min"),
        }
        self._process = ProcessCollector(registry=None)
        self._cpu_before = 0.0
        self._since = _Since()

    # What the requests tell

    def began(self) -> None:
        """A request came in."""
        self._under_way += 1

    def answered(self, route: str | None, method: str, status: int, code: str | None, seconds: float) -> None:
        """A request was answered: by which route, None if none took it, and with which problem if it was refused."""
        self._under_way -= 1
        key = (route, method, status, code)
        found = self._answered.get(key)
        if found is None:
            if method not in _METHODS:
                key = (route, OTHER, status, code)
            found = self._answered.get(key) or self._answered.setdefault(key, self._added_to(_Request(*key)))
        found.observe(seconds)

    def _added_to(self, kind: _Request) -> _Tally:
        route = kind.route or OTHER
        counters = [self._requests.labels(route, kind.method, kind.status)]
        if kind.code is not None:
            counters.append(self._refusals.labels(kind.code))
        if route in _SIGN_INS and kind.method == "POST":
            counters.append(self._sign_ins.labels(_SIGN_INS[route], kind.code or "succeeded"))
        return _Tally(self._durations.labels(route, kind.method), _REQUESTS, counters)

    # What the database tells

    def waited(self, seconds: float) -> None:
        """Somebody waited for a connection."""
        self._waits.observe(seconds)

    def sent(self, asked: Sequence[Asked], *, seconds: float, failure: BaseException | None) -> None:
        """A round trip is over."""
        self._round_trips.observe(seconds)
        if failure is not None:
            self._failures.inc()
            return
        if asked[0].statement is BEGIN:
            self._since.begun += 1
        if asked[-1].statement is COMMIT:
            self._since.committed += 1
        for statement, values in asked:
            if statement in APPENDS:
                self._since.appended += values["count"]
                # They are always written as several.
                told = values["names"].count(NotificationCreated.event) if "names" in values else 0
                if told:
                    self._notifications.inc(told)

    # What the doors and the relay tell

    def passed_on(self, *, happened_at: datetime, times: int) -> None:
        """Events were given to doors so many times; the last of them happened then."""
        self._passed_on.inc(times)
        self._delivery.observe(max(0.0, (datetime.now(UTC) - happened_at).total_seconds()))

    def opened(self, *, sockets: int, streams: int) -> None:
        """So many are open."""
        self._sockets.set(sockets)
        self._streams.set(streams)

    def gave_up(self) -> None:
        """A door was closed since it was read too slowly."""
        self._resyncs.inc()

    def relayed(self, *, leads: bool, behind: Mapping[str, tuple[int, float]]) -> None:
        """Whether this process leads, and if so how deep each reader is behind, and for how long."""
        self._leads.set(int(leads))
        for reader, (depth, seconds) in behind.items():
            self._depth.labels(reader).set(depth)
            self._reader_lag.labels(reader).set(seconds)

    # What mail tells

    def mailed(self, what: str, *, sent: int, later: int, refused: int) -> None:
        """What became of some mails: `letter`, or `daily` for what was not read."""
        for outcome, count in (("sent", sent), ("later", later), ("refused", refused)):
            if count:
                self._mails.labels(what, outcome).inc(count)

    # What webhooks tell

    def sent_webhook(self, outcome: str, seconds: float) -> None:
        """An attempt to send a webhook is over."""
        self._webhooks.labels(outcome).inc()
        self._webhook_durations.observe(seconds)

    def accepted_webhook(self, seconds: float) -> None:
        """A receiver took a message, so long after the first of its events happened."""
        self._accepted.observe(seconds)

    def queued_webhooks(self, waiting: int, lag: float) -> None:
        """How many messages wait to be sent, and for how many seconds the oldest has been due."""
        self._webhooks_waiting.set(waiting)
        self._webhook_lag.set(lag)

    # What the process sees of itself

    async def watch(self, occupancy: Callable[[], Occupancy]) -> None:
        """Looks at the process once a second, until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._look(occupancy())
                due = loop.time() + _PERIOD
                await asyncio.sleep(_PERIOD)
                self._lag.observe(max(0.0, loop.time() - due))
        finally:
            self._add_up()

    def _add_up(self) -> None:
        """Gives the library what was counted since the last time."""
        for each in (self._waits, self._round_trips, *self._answered.values()):
            each.give()
        since, self._since = self._since, _Since()
        self._begun.inc(since.begun)
        self._committed.inc(since.committed)
        self._appended.inc(since.appended)

    def _look(self, pool: Occupancy) -> None:
        self._add_up()
        self._in_progress.set(self._under_way)
        self._connections.set(pool.connections)
        self._idle.set(pool.idle)
        self._waiting.set(pool.waiting)
        self._processes.set(1)
        for family in self._process.collect():
            (sample,) = family.samples
            if sample.name == "process_cpu_seconds_total":
                self._cpu.inc(sample.value - self._cpu_before)
                self._cpu_before = sample.value
            elif sample.name in self._own:
                self._own[sample.name].set(sample.value)

    async def page(self, occupancy: Callable[[], Occupancy]) -> bytes:
        """All metrics as text. The other processes' gauges are of up to a second ago."""
        self._look(occupancy())
        # Whoever asks how busy it is does not want to hear of themselves.
        self._in_progress.set(self._under_way - 1)
        return await asyncio.to_thread(self._written)

    def _written(self) -> bytes:
        if self._shared is None:
            return generate_latest(self._registry)
        forget_dead(self._shared)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self._registry)

    def _gauge(self, name: str, says: str, *labels: str, mode: str = "livesum") -> Gauge:
        return Gauge(name, says, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def _histogram(self, name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, says, labels, buckets=buckets, registry=self._registry)
