"""Pages of lists: keyset positions, and the bounds of contract section 2."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from core.kernel.errors import Malformed

Item = TypeVar("Item")

MOST = 200
USUAL = 50
MOST_SKIPPED = 10_000


class CursorInvalid(Malformed):
    code = "cursor.invalid"
    title = "The cursor was altered, or was made for another question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """The order of a list by one field; the id is always the tie-breaker, nulls come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list: up to `limit` items after `position` (the sort value and id of the last one seen), or
    after `skip` items.

    With `most_text`, only as many of them as hold no more bytes of long texts together before the last one; it is for
    lists which are read whole, of what has such texts.
    """

    limit: int = USUAL
    position: tuple[str | int | None, str] | None = None
    skip: int = 0
    include_total: bool = False
    most_text: int | None = None


class Page(NamedTuple, Generic[Item]):
    """One page. `next_position` is None on the last one; `total` is None unless it was asked for."""

    items: list[Item]
    next_position: tuple[str | int | None, str] | None
    total: int | None


class Answer(NamedTuple, Generic[Item]):
    """What a use case found or made, and the company's event sequence in the same snapshot, so that a reader can go on
    with the events after it.
    """

    value: Item
    seq: int
