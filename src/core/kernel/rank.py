"""Ranks: fractional keys that order cards, compared byte by byte.

A rank is a string of 8 to 32 base-62 digits, read as a fraction between 0 and 1. Between two different ranks there is
a third one until 32 digits no longer suffice; then the whole column is spread evenly again. Hence their length is
bounded, and moving one card writes one row.
"""

from collections.abc import Sequence
from itertools import pairwise

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
SHORTEST = 8
LONGEST = 32
# A card at the end goes this far beyond the last: 62**8 / 62**4 leaves room for 14 million appends before halving.
_STEP = 62**4
# That is one more in this place.
_PLACE = 3
_NEXT = dict(pairwise(_DIGITS))


class RanksExhausted(Exception):
    """No rank of bounded length lies between the two; spread the column again."""


def between(low: str | None, high: str | None) -> str:
    """A rank above `low` and below `high`; None stands for the open end.

    Raises RanksExhausted where 32 digits do not suffice, or the two are equal, and ValueError if low > high.
    """
    if low is not None and high is not None and low > high:
        raise ValueError("the lower rank must be the lower one")
    if high is None:
        # However long the last rank is, its first digits tell where the next step leads.
        if low is not None and len(low) >= SHORTEST and low[_PLACE] != _DIGITS[-1]:
            return f"{low[:_PLACE]}{_NEXT[low[_PLACE]]}{low[_PLACE + 1 : SHORTEST]}"
        step = _number((low or "")[:SHORTEST], SHORTEST) + _STEP
        if step < 62**SHORTEST:
            return _digits(step, SHORTEST)
    for width in range(max(SHORTEST, len(low or ""), len(high or "")), LONGEST + 1):
        floor = _number(low, width) if low is not None else 0
        ceiling = _number(high, width) if high is not None else 62**width
        if ceiling - floor >= 2:
            return _digits((floor + ceiling) // 2, width)
    raise RanksExhausted


def beyond(low: str | None, count: int) -> list[str]:
    """`count` ranks above `low`, in rising order. Raises RanksExhausted."""
    ranks = []
    for _ in range(count):
        low = between(low, None)
        ranks.append(low)
    return ranks


def spread(count: int) -> Sequence[str]:
    """`count` ranks, evenly apart, in rising order, of the shortest length."""
    gap = min(62**SHORTEST // (count + 1), _STEP)
    return [_digits(gap * (place + 1), SHORTEST) for place in range(count)]


def _number(rank: str, width: int) -> int:
    number = 0
    for digit in rank.ljust(width, "0"):
        number = number * 62 + _VALUE[digit]
    return number


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
