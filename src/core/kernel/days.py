"""Days, which begin and end where people are: in a time zone of the IANA database."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from core.kernel.errors import Fault, Invalid


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def checked_zone(name: str, *, pointer: str) -> str:
    """The name of a time zone. Raises Invalid, naming `pointer`, for one that there is not."""
    if name not in _known():
        raise Invalid(faults=(Fault("no time zone of the IANA database", pointer=pointer),))
    return name


def day_in(zone: str, at: datetime) -> date:
    """The day that it is there at an aware instant.

    A zone that this machine does not know, as after an update took it away, is taken for UTC: the day is then one off
    at most, where else nothing could be done.
    """
    return _there(zone, at).date()


def last_at_hour(zone: str, at: datetime, *, hour: int) -> date:
    """The last day on which it has been that hour there at an aware instant: the day that it is, or the one before."""
    there = _there(zone, at)
    return there.date() if there.hour >= hour else there.date() - timedelta(days=1)


def _there(zone: str, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(zone if zone in _known() else "UTC"))
