"""When a task is to be done again: the value of one RRULE line of RFC 5545, of which what has a meaning for days."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeVar

from core.kernel import text
from core.kernel.errors import Fault
from core.tasks.errors import RecurrenceInvalid
from core.tasks.patterns import Frequency, Pattern, Weekday

RULE_LENGTH = 500
MOST_TIMES = 999_999

_Value = TypeVar("_Value")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(_DAYS)})\Z")
_NUMBER = re.compile(r"[0-9]{1,6}\Z")
_SIGNED = re.compile(r"[+-]?[0-9]{1,3}\Z")
_UNTIL = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T[0-9]{6}Z?)?\Z")
_COUNT = re.compile(r"(?<=COUNT=)[0-9]+", re.IGNORECASE)
_KNOWN = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYYEARDAY", "BYSETPOS", "WKST")
_TOO_FINE = {"SECONDLY", "MINUTELY", "HOURLY", "BYSECOND", "BYMINUTE", "BYHOUR"}
# A year in which January the 1st is a Saturday, and which has all its days: what names no day from here on, names none.
_ANY_DAY = date(2000, 1, 1)


class Following(NamedTuple):
    """The next day of a rule, and the rule that goes on from there."""

    day: date
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule that was read. `count` is how often it is still to come, the present time included."""

    rule: str
    pattern: Pattern
    count: int | None = None
    until: date | None = None

    def following(self, after: date) -> Following | None:
        """The next day after that one, which it counts from; None where the rule ends. The count goes down by one."""
        if self.count is not None and self.count <= 1:
            return None
        day = self.pattern.next_after(after, until=self.until or date.max)
        if day is None:
            return None
        return Following(day, self.rule if self.count is None else _COUNT.sub(str(self.count - 1), self.rule))

    @staticmethod
    @lru_cache(maxsize=256)
    def read(rule: str) -> "Recurrence":
        """Reads a rule. Raises RecurrenceInvalid, and says what is wrong with it."""
        rule = text.cleaned(rule, pointer="/recurrence", most=RULE_LENGTH, least=1)
        if not rule.isascii():
            raise _refuse("holds characters that no rule has")
        parts = _parts(rule.upper())
        frequency = _frequency(parts)
        pattern = Pattern(
            frequency=frequency,
            interval=_number("INTERVAL", parts.get("INTERVAL", "1"), least=1, most=MOST_TIMES),
            months=_numbers(parts, "BYMONTH", least=1, most=12),
            month_days=_numbers(parts, "BYMONTHDAY", least=-31, most=31),
            year_days=_numbers(parts, "BYYEARDAY", least=-366, most=366),
            weekdays=_listed(parts, "BYDAY", _weekday),
            places=_numbers(parts, "BYSETPOS", least=-366, most=366),
            week_start=_week_start(parts.get("WKST", "MO")),
        )
        _check_together(parts, pattern)
        return Recurrence(
            rule=rule,
            pattern=pattern,
            count=_number("COUNT", parts["COUNT"], least=1, most=MOST_TIMES) if "COUNT" in parts else None,
            until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        )


def checked_recurrence(rule: str) -> str:
    """The rule, trimmed. Raises RecurrenceInvalid."""
    return Recurrence.read(rule).rule


def _refuse(detail: str) -> RecurrenceInvalid:
    return RecurrenceInvalid(faults=(Fault(detail, pointer="/recurrence"),))


def _parts(rule: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise _refuse("must be parts as NAME=value, separated by semicolons, such as FREQ=WEEKLY;BYDAY=MO")
        if name in _TOO_FINE:
            raise _refuse(f"{name} has no meaning for days")
        if name not in _KNOWN:
            raise _refuse(f"{name[:20]} is none of {', '.join(_KNOWN)}")
        if name in parts:
            raise _refuse(f"{name} stands twice")
        parts[name] = value
    return parts


def _frequency(parts: dict[str, str]) -> Frequency:
    named = parts.get("FREQ")
    if named is None:
        raise _refuse("FREQ is missing")
    if named in _TOO_FINE:
        raise _refuse(f"{named} has no meaning for days")
    if named not in Frequency.__members__:
        raise _refuse(f"FREQ must be one of {', '.join(Frequency)}")
    return Frequency(named)


def _number(name: str, value: str, *, least: int, most: int) -> int:
    number = int(value) if (_SIGNED if least < 0 else _NUMBER).match(value) else 0
    if number == 0 or not least <= number <= most:
        but = " but 0" if least < 0 else ""
        raise _refuse(f"{name} must be from {least} to {most}{but}")
    return number


def _listed(parts: dict[str, str], name: str, read: Callable[[str], _Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(read(each) for each in parts[name].split(","))) if name in parts else ()


def _numbers(parts: dict[str, str], name: str, *, least: int, most: int) -> tuple[int, ...]:
    return _listed(parts, name, lambda value: _number(name, value, least=least, most=most))


def _weekday(value: str) -> Weekday:
    found = _WEEKDAY.match(value)
    if found is None:
        raise _refuse(f"BYDAY must be of {', '.join(_DAYS)}, such as MO, 1MO or -1FR")
    nth, day = found.groups()
    if nth is None:
        return Weekday(_DAYS.index(day))
    return Weekday(_DAYS.index(day), _number("The number in BYDAY", nth, least=-53, most=53))


def _week_start(value: str) -> int:
    if value not in _DAYS:
        raise _refuse(f"WKST must be one of {', '.join(_DAYS)}")
    return _DAYS.index(value)


def _until(value: str) -> date:
    found = _UNTIL.match(value)
    try:
        if found is not None:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    raise _refuse("UNTIL must be a day as 20261231; a time after it is ignored")


def _check_together(parts: dict[str, str], pattern: Pattern) -> None:
    """Parts that RFC 5545 does not allow beside each other, and rules that never come."""
    frequency = pattern.frequency
    if "COUNT" in parts and "UNTIL" in parts:
        raise _refuse("COUNT and UNTIL exclude each other")
    if pattern.month_days and frequency is Frequency.WEEKLY:
        raise _refuse("BYMONTHDAY has no meaning with FREQ=WEEKLY")
    if pattern.year_days and frequency is not Frequency.YEARLY:
        raise _refuse("BYYEARDAY has a meaning with FREQ=YEARLY alone")
    if any(weekday.nth for weekday in pattern.weekdays) and frequency in {Frequency.DAILY, Frequency.WEEKLY}:
        raise _refuse("numbers in BYDAY have a meaning with FREQ=MONTHLY and FREQ=YEARLY alone")
    if pattern.places and not any(part.startswith("BY") for part in parts.keys() - {"BYSETPOS"}):
        raise _refuse("BYSETPOS needs another BY... part to choose from")
    if not pattern.has_places or pattern.every_time().next_after(_ANY_DAY) is None:
        raise _refuse("names no day that there is")
