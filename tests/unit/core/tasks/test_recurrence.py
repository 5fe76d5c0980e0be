"""Rules by which days come again: what is refused, what comes next, and that python-dateutil thinks the same."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from sys import gettrace, settrace
from types import FrameType

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.kernel.errors import Invalid
from core.tasks import patterns
from core.tasks.errors import RecurrenceInvalid
from core.tasks.recurrence import RULE_LENGTH, Recurrence, checked_recurrence

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
EVERY_MONTH_DAY = ",".join(str(day) for day in (*range(1, 32), *range(-31, 0)))
EVERY_DAY = ",".join(DAYS)


def following(rule: str, after: date) -> date | None:
    found = Recurrence.read(rule).following(after)
    return found.day if found is not None else None


def series(rule: str, after: date, *, most: int = 20) -> list[tuple[date, str]]:
    found: list[tuple[date, str]] = []
    while len(found) < most and (next_one := Recurrence.read(rule).following(after)) is not None:
        after, rule = next_one
        found.append((after, rule))
    return found


@pytest.mark.parametrize(
    ("rule", "after", "day"),
    [
        ("FREQ=DAILY", date(2026, 12, 31), date(2027, 1, 1)),
        ("FREQ=DAILY;INTERVAL=3", date(2028, 2, 27), date(2028, 3, 1)),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", date(2026, 11, 27), date(2026, 11, 30)),
        ("FREQ=DAILY;BYMONTH=2;INTERVAL=2", date(2026, 3, 1), date(2027, 2, 2)),
        ("FREQ=WEEKLY", date(2026, 11, 25), date(2026, 12, 2)),
        ("FREQ=WEEKLY;BYDAY=MO", date(2026, 11, 25), date(2026, 11, 30)),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", date(2026, 11, 24), date(2026, 11, 29)),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", date(2026, 11, 24), date(2026, 12, 6)),
        # A day that a month does not have is left out, not moved.
        ("FREQ=MONTHLY", date(2026, 1, 31), date(2026, 3, 31)),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", date(2026, 1, 31), date(2026, 2, 28)),
        ("FREQ=MONTHLY;BYDAY=1MO", date(2026, 11, 2), date(2026, 12, 7)),
        ("FREQ=MONTHLY;BYDAY=-1FR", date(2026, 11, 27), date(2026, 12, 25)),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", date(2026, 11, 30), date(2026, 12, 31)),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", date(2026, 3, 13), date(2026, 11, 13)),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", date(2026, 12, 1), date(2026, 12, 7)),
        ("FREQ=YEARLY", date(2028, 2, 29), date(2032, 2, 29)),
        ("FREQ=YEARLY", date(2096, 2, 29), date(2104, 2, 29)),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", date(2026, 11, 26), date(2027, 11, 25)),
        ("FREQ=YEARLY;BYDAY=20MO", date(2026, 1, 1), date(2026, 5, 18)),
        ("FREQ=YEARLY;BYYEARDAY=-1", date(2026, 12, 31), date(2027, 12, 31)),
        ("FREQ=YEARLY;BYYEARDAY=60;BYMONTH=2", date(2025, 1, 1), date(2028, 2, 29)),
        # The longest time between two days of a rule that does not leave out periods.
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", date(2072, 2, 29), date(2112, 2, 29)),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", date(2072, 2, 29), date(2112, 2, 29)),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", date(2072, 2, 29), date(2112, 2, 29)),
        ("freq=monthly;byday=2mo", date(2026, 11, 9), date(2026, 12, 14)),
    ],
)
def test_the_next_day_of_a_rule(rule: str, after: date, day: date) -> None:
    assert following(rule, after) == day


def test_a_count_goes_down_and_ends_the_series() -> None:
    assert series("FREQ=DAILY;COUNT=3;BYDAY=MO", date(2026, 11, 23)) == [
        (date(2026, 11, 30), "FREQ=DAILY;COUNT=2;BYDAY=MO"),
        (date(2026, 12, 7), "FREQ=DAILY;COUNT=1;BYDAY=MO"),
    ]


@pytest.mark.parametrize("until", ["20261207", "20261207T000000Z", "20261207T235959"])
def test_the_last_day_is_held_and_ends_the_series(until: str) -> None:
    rule = f"FREQ=WEEKLY;UNTIL={until}"
    assert series(rule, date(2026, 11, 23)) == [(date(2026, 11, 30), rule), (date(2026, 12, 7), rule)]
    assert following(rule, date(2026, 12, 7)) is None


def test_the_calendar_ends() -> None:
    for rule in ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=DAILY;UNTIL=99991231"):
        assert following(rule, date(9999, 12, 31)) is None
        assert following(rule, date(1, 1, 1)) is not None
    assert following("FREQ=WEEKLY;BYDAY=SU;WKST=SU", date(1, 1, 1)) == date(1, 1, 7)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "must not be empty"),
        ("weekly", "NAME=value"),
        ("RRULE:FREQ=DAILY", "RRULE:FREQ is none of FREQ, INTERVAL"),
        ("FREQ=DAILY;", "NAME=value"),
        ("BYDAY=MO", "FREQ is missing"),
        ("FREQ=SECONDLY", "SECONDLY has no meaning for days"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR has no meaning for days"),
        ("FREQ=FORTNIGHTLY", "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ stands twice"),
        ("FREQ=DAILY;X-NAME=1", "X-NAME is none of"),
        ("FREQ=YEARLY;BYWEEKNO=20", "BYWEEKNO is none of"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be from 1 to 999999"),
        ("FREQ=DAILY;INTERVAL=1000000000", "INTERVAL must be from 1 to 999999"),
        ("FREQ=DAILY;COUNT=-1", "COUNT must be from 1 to 999999"),
        ("FREQ=DAILY;COUNT=+5", "COUNT must be from 1 to 999999"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL must be a day"),
        ("FREQ=DAILY;UNTIL=99991232", "UNTIL must be a day"),
        ("FREQ=DAILY;UNTIL=2026-12-31", "UNTIL must be a day"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY must be of MO"),
        ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY must be of MO"),
        ("FREQ=WEEKLY;BYDAY=1MO", "numbers in BYDAY"),
        ("FREQ=MONTHLY;BYDAY=0MO", "from -53 to 53 but 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY must be from -31 to 31 but 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY must be from -31 to 31 but 0"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH must be from 1 to 12"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY has no meaning with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY has a meaning with FREQ=YEARLY alone"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS needs another BY... part"),
        ("FREQ=WEEKLY;WKST=1", "WKST must be one of MO"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "names no day that there is"),
        ("FREQ=MONTHLY;BYDAY=6MO", "names no day that there is"),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", "names no day that there is"),
        ("FREQ=DAİLY", "characters that no rule has"),
        ("FREQ=DAILY;COUNT=٣", "characters that no rule has"),
    ],
)
def test_what_is_no_rule_of_days_is_refused_and_says_why(rule: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        Recurrence.read(rule)
    (fault,) = refused.value.faults
    assert fault.pointer == "/recurrence" and words in fault.detail
    assert isinstance(refused.value, RecurrenceInvalid) or not rule


def test_a_rule_stays_as_it_was_written_but_for_the_space_around_it() -> None:
    assert checked_recurrence("  BYDAY=mo;FREQ=WEEKLY;INTERVAL=1\n") == "BYDAY=mo;FREQ=WEEKLY;INTERVAL=1"
    with pytest.raises(Invalid):
        checked_recurrence("FREQ=YEARLY;BYYEARDAY=" + ",".join("1" * RULE_LENGTH))


def as_long_as_may_be(rule: str, listed: Iterable[str]) -> str:
    """The rule with as many of what is listed as it may hold."""
    for each in listed:
        if len(rule) + len(each) >= RULE_LENGTH:
            break
        rule += each if rule.endswith("=") else f",{each}"
    return rule


EVERY_MONTH = f"BYMONTH={','.join(str(month) for month in range(1, 13))}"
NUMBERED = [f"{nth}{day}" for nth in range(6, 54) for day in DAYS]
FEW_NUMBERED = [f"{nth}{day}" for nth in (*range(1, 6), *range(-5, 0)) for day in DAYS]
BOMBS = [
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;INTERVAL=999999",
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    "FREQ=DAILY;INTERVAL=14;BYMONTHDAY=13;BYDAY=TU",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=7;BYMONTH=2",
    f"FREQ=WEEKLY;BYMONTH=2,3,7,11;BYDAY={EVERY_DAY};BYSETPOS=353",
    "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTH=3",
    f"FREQ=MONTHLY;BYDAY={EVERY_DAY};BYMONTHDAY={EVERY_MONTH_DAY};BYSETPOS=300",
    f"FREQ=YEARLY;BYDAY={EVERY_DAY};BYMONTHDAY={EVERY_MONTH_DAY};BYSETPOS=366",
    f"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYMONTHDAY={EVERY_MONTH_DAY};BYSETPOS=366",
    f"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;BYDAY={EVERY_DAY}",
    f"FREQ=YEARLY;BYMONTH=2;BYYEARDAY={','.join(str(day) for day in range(200, 310))}",
    as_long_as_may_be("FREQ=MONTHLY;BYDAY=", NUMBERED),
    as_long_as_may_be("FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2;BYDAY=", FEW_NUMBERED),
    as_long_as_may_be(f"FREQ=YEARLY;{EVERY_MONTH};BYDAY=", NUMBERED),
    as_long_as_may_be("FREQ=YEARLY;BYYEARDAY=366;INTERVAL=2;BYDAY=", reversed(NUMBERED)),
    as_long_as_may_be(f"FREQ=YEARLY;BYYEARDAY=366;INTERVAL=2;{EVERY_MONTH};BYDAY=5SU,5FR", NUMBERED),
    as_long_as_may_be(f"FREQ=YEARLY;BYYEARDAY=366;INTERVAL=2;{EVERY_MONTH};BYDAY=", FEW_NUMBERED),
    f"FREQ=YEARLY;BYYEARDAY=366;INTERVAL=2;{EVERY_MONTH};BYMONTHDAY={EVERY_MONTH_DAY};BYDAY={EVERY_DAY},1MO",
]
MOST_LINES = 120_000
"""So many lines are run for one answer at most: some milliseconds. What is counted does not differ by the machine."""


@pytest.mark.parametrize("after", [date(2026, 1, 5), date(2027, 11, 3), date(2028, 12, 31), date(2096, 2, 29)], ids=str)
@pytest.mark.parametrize("rule", BOMBS)
def test_no_rule_takes_long(rule: str, after: date) -> None:
    lines = 0

    def count(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal lines
        if frame.f_code.co_filename != patterns.__file__:
            return None
        lines += event == "line"
        return count

    Recurrence.read.cache_clear()
    before = gettrace()
    settrace(count)
    try:
        Recurrence.read(rule).following(after)
    except RecurrenceInvalid:
        pass
    finally:
        settrace(before)
    assert 0 < lines < MOST_LINES


numbers = lambda least, most: st.lists(  # noqa: E731
    st.integers(least, most).filter(bool), min_size=1, max_size=3, unique=True
).map(lambda found: ",".join(map(str, found)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules of all kinds. dateutil takes plain weekdays beside numbered ones for a condition more, so none has both."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = {"FREQ": frequency, "INTERVAL": str(draw(st.integers(1, 5)))}
    if draw(st.booleans()):
        parts["WKST"] = draw(st.sampled_from(DAYS))
    if draw(st.booleans()):
        parts["BYMONTH"] = draw(numbers(1, 12))
    if frequency != "WEEKLY" and draw(st.booleans()):
        parts["BYMONTHDAY"] = draw(numbers(-31, 31))
    if frequency == "YEARLY" and draw(st.booleans()):
        parts["BYYEARDAY"] = draw(numbers(-366, 366))
    if draw(st.booleans()):
        days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True))
        if frequency in {"MONTHLY", "YEARLY"} and draw(st.booleans()):
            days = [f"{draw(st.sampled_from([1, 2, 4, -1, -2]))}{day}" for day in days]
        parts["BYDAY"] = ",".join(days)
    # dateutil leaves out the days before the first one in the places of its week.
    if frequency != "WEEKLY" and parts.keys() & {"BYMONTH", "BYMONTHDAY", "BYDAY"} and draw(st.booleans()):
        parts["BYSETPOS"] = draw(numbers(-3, 3))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@settings(max_examples=250, deadline=None)
@given(rule=rules(), after=st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_dateutil_finds_the_same_days(rule: str, after: date) -> None:
    horizon = after + timedelta(days=365 * 12)
    ours: list[date] = []
    try:
        recurrence = Recurrence.read(rule)
    except RecurrenceInvalid:
        assume(False)
    day: date | None = after
    while day is not None and len(ours) < 4:
        # Each counts from the one before, and dateutil from the first: what the rule does not say may come to differ.
        day = recurrence.pattern.next_after(after if not ours else ours[-1], until=horizon)
        if day is not None:
            ours.append(day)
    begun = datetime(after.year, after.month, after.day)
    until = horizon.strftime("%Y%m%d")
    theirs = (each.date() for each in rrulestr(f"{rule};UNTIL={until}", dtstart=begun))
    expected = [day for day, _ in zip((day for day in theirs if day > after), range(4), strict=False)]
    if any(part in rule for part in ("BYDAY", "BYMONTHDAY", "BYYEARDAY")) or not expected:
        assert ours == expected
    else:
        assert ours[:1] == expected[:1]
