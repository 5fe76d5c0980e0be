from datetime import UTC, date, datetime

import pytest

from core.kernel.days import checked_zone, day_in
from core.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC), date(2026, 11, 29)),
        # The first and the last place where a day begins.
        ("Pacific/Kiritimati", datetime(2026, 11, 29, 9, 59, tzinfo=UTC), date(2026, 11, 29)),
        ("Pacific/Kiritimati", datetime(2026, 11, 29, 10, 0, tzinfo=UTC), date(2026, 11, 30)),
        ("Etc/GMT+12", datetime(2026, 11, 29, 11, 59, tzinfo=UTC), date(2026, 11, 28)),
        ("Etc/GMT+12", datetime(2026, 11, 29, 12, 0, tzinfo=UTC), date(2026, 11, 29)),
        ("Asia/Kathmandu", datetime(2026, 11, 29, 18, 14, 59, tzinfo=UTC), date(2026, 11, 29)),
        ("Asia/Kathmandu", datetime(2026, 11, 29, 18, 15, tzinfo=UTC), date(2026, 11, 30)),
        # A day that begins at one o'clock, as midnight was left out, and the evening that came twice.
        ("America/Sao_Paulo", datetime(2018, 11, 4, 2, 59, 59, tzinfo=UTC), date(2018, 11, 3)),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 3, 0, tzinfo=UTC), date(2018, 11, 4)),
        ("America/Sao_Paulo", datetime(2018, 2, 18, 2, 30, tzinfo=UTC), date(2018, 2, 17)),
        ("America/Sao_Paulo", datetime(2018, 2, 18, 3, 0, tzinfo=UTC), date(2018, 2, 18)),
        # A whole day that was left out.
        ("Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC), date(2011, 12, 29)),
        ("Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC), date(2011, 12, 31)),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        ("Nowhere/Any_More", datetime(2026, 11, 29, 23, 0, tzinfo=UTC), date(2026, 11, 29)),
    ],
)
def test_the_day_that_it_is_somewhere(zone: str, at: datetime, day: date) -> None:
    assert day_in(zone, at) == day


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/usr/share/zoneinfo/UTC", "CEST", "utc\x00"])
def test_a_zone_is_one_of_the_iana_database(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_zone(name, pointer="/settings/time_zone")
    assert refused.value.faults[0].pointer == "/settings/time_zone"
    assert checked_zone("Europe/Berlin", pointer="") == "Europe/Berlin"
