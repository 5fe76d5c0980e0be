"""What is kept in plain numbers until it is added up says the same as if the library had counted each."""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from adapters.prometheus.metrics import Metrics, _Tally

BOUNDS = (0.001, 0.01, 0.1)
SECONDS = (0.0, 0.0005, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.11, 7.0)


class Pool(NamedTuple):
    connections: int = 2
    idle: int = 1
    waiting: int = 0


def measured(seconds: tuple[float, ...], *, by_tally: bool) -> bytes:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "How long.", buckets=BOUNDS, registry=registry)
    counter = Counter("times", "How often.", registry=registry)
    tally = _Tally(histogram, BOUNDS, (counter,))
    for each in seconds:
        if by_tally:
            tally.observe(each)
        else:
            histogram.observe(each)
            counter.inc()
    if by_tally:
        tally.give()
        # Once more adds nothing.
        tally.give()
    # When each was made is told as well.
    return b"\n".join(line for line in generate_latest(registry).splitlines() if b"_created" not in line)


def test_a_tally_is_what_the_library_would_have_observed() -> None:
    assert measured(SECONDS, by_tally=True) == measured(SECONDS, by_tally=False)
    assert measured((), by_tally=True) == measured((), by_tally=False)


async def test_the_page_knows_of_all_that_was_answered_before_it() -> None:
    metrics = Metrics(version="1")
    for status, code in ((201, None), (201, None), (404, "task.not_found")):
        metrics.began()
        metrics.answered("/api/v1/tasks", "POST", status, code, 0.004)
    metrics.waited(0.0001)
    for _ in range(2):
        page = (await metrics.page(Pool)).decode()
        assert 'flowtrack_http_requests_total{method="POST",route="/api/v1/tasks",status="201"} 2.0' in page
        assert 'flowtrack_http_requests_total{method="POST",route="/api/v1/tasks",status="404"} 1.0' in page
        assert 'flowtrack_http_request_seconds_bucket{le="0.005",method="POST",route="/api/v1/tasks"} 3.0' in page
        assert 'flowtrack_http_refusals_total{code="task.not_found"} 1.0' in page
        assert "flowtrack_database_wait_seconds_count 1.0" in page
