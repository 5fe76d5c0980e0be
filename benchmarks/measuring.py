"""Two things compared: measured in turns, so that whatever else the machine does falls on both alike."""

from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import NamedTuple

from benchmarks import load
from benchmarks.servers import Server, other_core_seconds


class Side(NamedTuple):
    """One of the two: which server, which requests, and the only status that is a right answer."""

    server: Server
    requests: Callable[[], Iterator[bytes]]
    expected: int


class Pace(NamedTuple):
    """How long a window is, what goes before it uncounted, how many pairs of windows there are, and who asks."""

    seconds: float
    warm_up: float
    rounds: int
    connections: int = load.CONNECTIONS


class Compared(NamedTuple):
    """What came of a comparison; times in milliseconds, and ours alone.

    `busy` are shares of two cores, ours then theirs: that of the server, and the other one's, with PostgreSQL and load.
    """

    ratios: list[float]
    ours: float
    theirs: float
    p50: float
    p99: float
    busy: tuple[tuple[float, float], tuple[float, float]]
    answered: int

    @property
    def ratio(self) -> float:
        return median(self.ratios)


def compare(ours: Side, theirs: Side, pace: Pace) -> Compared:
    """Medians over rounds. Raises WrongAnswer as soon as either side answers anything else than expected."""
    windows: list[tuple[load.Window, load.Window]] = []
    busy: list[list[tuple[float, float]]] = []
    # Requests go on where the last window of the side stopped: keys must stay fresh.
    streams = (ours.requests(), theirs.requests())
    for _ in range(pace.rounds):
        pair, shares = [], []
        for side, stream in zip((ours, theirs), streams, strict=True):
            before, other = side.server.processor_seconds(), other_core_seconds()
            window = load.run(
                side.server.port,
                stream,
                expected=side.expected,
                warm_up=pace.warm_up,
                seconds=pace.seconds,
                connections=pace.connections,
            )
            pair.append(window)
            took = window.seconds + pace.warm_up
            used = side.server.processor_seconds() - before
            shares.append((used / took, (other_core_seconds() - other) / took))
        windows.append((pair[0], pair[1]))
        busy.append(shares)
    latencies = sorted(latency for window, _ in windows for latency in window.latencies)
    return Compared(
        ratios=[mine.rate / other.rate for mine, other in windows],
        ours=median(mine.rate for mine, _ in windows),
        theirs=median(other.rate for _, other in windows),
        p50=1000 * _quantile(latencies, 0.50),
        p99=1000 * _quantile(latencies, 0.99),
        busy=(_medians(mine for mine, _ in busy), _medians(other for _, other in busy)),
        answered=sum(mine.answered for mine, _ in windows),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _medians(shares: Iterable[tuple[float, float]]) -> tuple[float, float]:
    servers, others = zip(*shares, strict=True)
    return median(servers), median(others)
