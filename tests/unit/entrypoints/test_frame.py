"""The ids that a request goes by."""

import pytest

from entrypoints.rest.middleware.frame import _ids

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def ids(**headers: str) -> tuple[str, str]:
    return _ids([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


def test_the_callers_are_taken_over() -> None:
    assert ids(x_request_id="mine-1", traceparent=f"00-{TRACE}-{SPAN}-01") == ("mine-1", TRACE)


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01-and-more"])
def test_a_trace_that_is_not_sampled_or_of_a_later_version_is_one_too(traceparent: str) -> None:
    assert ids(traceparent=traceparent)[1] == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE}x-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_trace_of_its_own(traceparent: str) -> None:
    _, trace_id = ids(traceparent=traceparent)
    assert len(trace_id) == 32
    assert trace_id not in (TRACE, "0" * 32)


def test_ids_are_made_where_none_are_given() -> None:
    first, second = ids(), ids(x_request_id="no blanks please")
    assert len({*first, *second}) == 4
    assert {len(each) for each in (*first, *second)} == {32}
