"""Days that come again: a small calendar of RFC 5545's rules, for days alone, that never takes long.

Days are counted as `date.toordinal` does, so that weeks are remainders. A rule is walked period by period (day, week,
month or year). What is looked at is counted, and stops at a bound: some rules never come, and others not for centuries.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

FARTHEST = 400
"""So many years ahead a rule is walked: after those the calendar repeats itself, weekdays and leap years alike."""
MOST_STEPS = 2_000
"""So many steps are taken for one answer, each about as long as to look at one day: a few milliseconds in all."""

_LAST = date.max.toordinal()


class Frequency(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


_MOST_DAYS = {Frequency.DAILY: 1, Frequency.WEEKLY: 7, Frequency.MONTHLY: 31, Frequency.YEARLY: 366}


class Weekday(NamedTuple):
    """A day of the week, 0 is Monday; `nth` is which one of its month or year, from the end if negative, None for each
    of them.
    """

    day: int
    nth: int | None = None


class _Span(NamedTuple):
    """Days in a row: a week, a month, a year."""

    first: int
    length: int

    def numbered(self, numbers: tuple[int, ...]) -> set[int]:
        """Its days of those numbers: 1 is the first, -1 the last."""
        return {
            self.first + (number - 1 if number > 0 else self.length + number)
            for number in numbers
            if abs(number) <= self.length
        }

    def on(self, weekdays: tuple[Weekday, ...]) -> set[int]:
        """Its days that are such weekdays."""
        found: set[int] = set()
        for day, nth in weekdays:
            # Day 1 of the calendar was a Monday.
            every = range(self.first + (day + 1 - self.first) % 7, self.first + self.length, 7)
            if nth is None:
                found.update(every)
            elif abs(nth) <= len(every):
                found.add(every[nth - 1 if nth > 0 else nth])
        return found


class _Period(NamedTuple):
    """A day, week, month or year: its first day, those of its days that fit, and the steps that finding them took."""

    first: int
    days: set[int]
    steps: int = 1


def _month(year: int, month: int) -> _Span:
    return _Span(date(year, month, 1).toordinal(), monthrange(year, month)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which days: every so many periods those that fit all that is named. What is not named is taken from the day that
    the walk begins with, as RFC 5545 has it.
    """

    frequency: Frequency
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    places: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def has_places(self) -> bool:
        """Whether there are so many days in its periods at all."""
        return not self.places or any(abs(place) <= _MOST_DAYS[self.frequency] for place in self.places)

    def every_time(self) -> "Pattern":
        """The same in each period, which all days of this one are among."""
        return replace(self, interval=1)

    def next_after(self, day: date, *, until: date = date.max) -> date | None:
        """The first day after that one, up to `until`; None if there is none, or none within 400 years."""
        steps = 0
        last = min(until.toordinal(), date(min(day.year + FARTHEST, date.max.year), 12, 31).toordinal(), _LAST)
        after = day.toordinal()
        for first, days, taken in self._periods(day):
            steps += taken
            if first > last or steps > MOST_STEPS:
                return None
            for each in self._placed(days):
                if after < each <= last:
                    return date.fromordinal(each)
        return None

    def _placed(self, days: set[int]) -> list[int]:
        """The days of one period from first to last; of them those in the places that are asked for."""
        ordered = sorted(days)
        if not self.places:
            return ordered
        count = len(ordered)
        return sorted(
            {ordered[place - 1 if place > 0 else place] for place in self.places if ordered and abs(place) <= count}
        )

    def _periods(self, day: date) -> Iterator[_Period]:
        """The periods from that day's own on: each with its first day, and its days that fit."""
        if self.frequency is Frequency.DAILY:
            return self._of_days(day)
        if self.frequency is Frequency.WEEKLY:
            return self._of_weeks(day)
        if self.frequency is Frequency.MONTHLY:
            return self._of_months(day)
        return self._of_years(day)

    def _of_days(self, day: date) -> Iterator[_Period]:
        begun = ordinal = day.toordinal()
        wanted = {weekday.day for weekday in self.weekdays}
        while ordinal <= _LAST:
            present = date.fromordinal(ordinal)
            if self.months and present.month not in self.months:
                # To the next month, and there to the first day that is a multiple of the interval away.
                month = _month(present.year, present.month)
                beyond = month.first + month.length
                ordinal = beyond + (begun - beyond) % self.interval
                yield _Period(beyond, set())
                continue
            fits = (not wanted or present.weekday() in wanted) and self._is_numbered(present)
            yield _Period(ordinal, {ordinal} if fits else set())
            ordinal += self.interval

    def _is_numbered(self, day: date) -> bool:
        """Whether it is one of the days of the month, from its beginning or its end, if such are named."""
        from_end = day.day - monthrange(day.year, day.month)[1] - 1
        return not self.month_days or day.day in self.month_days or from_end in self.month_days

    def _of_weeks(self, day: date) -> Iterator[_Period]:
        weekdays = self.weekdays or (Weekday(day.weekday()),)
        first = day.toordinal() - (day.weekday() - self.week_start) % 7
        while first <= _LAST:
            days = _Span(first, 7).on(weekdays)
            if self.months:
                days = {each for each in days if 0 < each <= _LAST and date.fromordinal(each).month in self.months}
            yield _Period(first, days, 2 + len(weekdays) // 2)
            first += 7 * self.interval

    def _of_months(self, day: date) -> Iterator[_Period]:
        month_days = self.month_days or (() if self.weekdays else (day.day,))
        number = day.year * 12 + day.month - 1
        while number // 12 <= date.max.year:
            span = _month(number // 12, number % 12 + 1)
            named = not self.months or number % 12 + 1 in self.months
            yield self._within(span.first, [span], month_days, [span]) if named else _Period(span.first, set())
            number += self.interval

    def _of_years(self, day: date) -> Iterator[_Period]:
        months, month_days = self.months, self.month_days
        if not (month_days or self.year_days or self.weekdays):
            months, month_days = months or (day.month,), (day.day,)
        year = day.year
        while year <= date.max.year:
            whole = _Span(date(year, 1, 1).toordinal(), 366 if monthrange(year, 2)[1] == 29 else 365)
            spans = [_month(year, month) for month in months or range(1, 13)]
            # The second Monday of a year that names no months is the year's, else each month's.
            found = self._within(whole.first, spans, month_days, spans if months else [whole])
            if self.year_days:
                numbered = whole.numbered(self.year_days)
                if month_days or self.weekdays:
                    numbered &= found.days
                elif months:
                    numbered = {each for each in numbered if date.fromordinal(each).month in months}
                found = _Period(whole.first, numbered, found.steps + len(self.year_days) // 2)
            yield found
            year += self.interval

    def _within(self, first: int, months: list[_Span], month_days: tuple[int, ...], around: list[_Span]) -> _Period:
        """The days of the month and the weekdays that are named; where both are, those that are both."""
        numbered = {each for span in months for each in span.numbered(month_days)}
        on = {each for span in around for each in span.on(self.weekdays)}
        steps = 5 + len(months) // 2 + (len(month_days) * len(months) + len(on)) // 10
        steps += len(self.weekdays) * len(around) // 3
        if month_days and self.weekdays:
            return _Period(first, numbered & on, steps)
        return _Period(first, numbered if month_days else on, steps)
