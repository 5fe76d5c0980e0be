from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from core.kernel.paging import Page, PageRequest, Sort

Item = TypeVar("Item")


class Key(NamedTuple):
    """What a list is sorted by. `write` and `read` take a value to a position and back; nulls are left to `page_of`."""

    value: Callable[[Any], Any]
    write: Callable[[Any], str | int] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


def page_of(items: list[Item], page: PageRequest, *, key: Key, sort: Sort, id_of: Callable[[Item], Any]) -> Page[Item]:
    """A page of a list: by the key, then the id, in the same direction; nulls last in either."""
    total = len(items) if page.include_total else None
    valued = [item for item in items if key.value(item) is not None]
    valued.sort(key=lambda item: (key.value(item), id_of(item)), reverse=sort.descending)
    nulls = [item for item in items if key.value(item) is None]
    nulls.sort(key=id_of, reverse=sort.descending)
    ordered = valued + nulls
    if page.position is not None:
        ordered = [item for item in ordered if _is_beyond(item, page.position, key=key, sort=sort, id_of=id_of)]
    ordered = ordered[page.skip :]
    if len(ordered) <= page.limit:
        return Page(ordered, None, total)
    last = ordered[page.limit - 1]
    value = key.value(last)
    position = (key.write(value) if value is not None else None, str(id_of(last)))
    return Page(ordered[: page.limit], position, total)


def _is_beyond(
    item: Item, position: tuple[str | int | None, str], *, key: Key, sort: Sort, id_of: Callable[[Item], Any]
) -> bool:
    mine: tuple[Any, ...]
    theirs: tuple[Any, ...]
    value, at_id = key.value(item), type(id_of(item))(position[1])
    if value is None or position[0] is None:
        if (value is None) is not (position[0] is None):
            return value is None
        mine, theirs = (id_of(item),), (at_id,)
    else:
        mine, theirs = (value, id_of(item)), (key.read(position[0]), at_id)
    return bool(mine < theirs if sort.descending else mine > theirs)
