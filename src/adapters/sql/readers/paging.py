"""Keyset pages: the order of a list, and the predicate that continues it, for every sort alike."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, Text, Uuid, and_, bindparam, cast, func, or_
from sqlalchemy.types import TypeEngine

from core.kernel.paging import Page, PageRequest, Sort

Item = TypeVar("Item")


class Key(NamedTuple):
    """What a list is sorted by.

    `read` takes the value from a row as a cursor carries it: text, a whole number, or None. Nulls come last in either
    direction.
    """

    column: ColumnElement[Any]
    type: TypeEngine[Any]
    read: Callable[[Any], str | int | None]
    nullable: bool = False


def ordered(
    query: Select[Any], *, key: Key, id_column: ColumnElement[Any], sort: Sort, after: bool, after_null: bool
) -> Select[Any]:
    """The query in order, from after the position in `:at_value` and `:at_id` if `after`; `:most` rows, `:skip` left
    out. `after_null`: the position's value is null.
    """
    column, descending = key.column, sort.descending
    value = column.desc() if descending else column.asc()
    if key.nullable:
        value = value.nulls_last()
    query = query.order_by(value, id_column.desc() if descending else id_column.asc())
    if after:
        query = query.where(_beyond(key, id_column, descending=descending, after_null=after_null))
    return query.limit(bindparam("most", type_=Integer)).offset(bindparam("skip", type_=Integer))


def _beyond(key: Key, id_column: ColumnElement[Any], *, descending: bool, after_null: bool) -> ColumnElement[bool]:
    column = key.column
    at_id = cast(bindparam("at_id", type_=Text), Uuid)
    beyond_id = id_column < at_id if descending else id_column > at_id
    if after_null:
        return and_(column.is_(None), beyond_id)
    at_value = cast(bindparam("at_value", type_=key.type if isinstance(key.type, Integer) else Text), key.type)
    pair, position = func.row(column, id_column), func.row(at_value, at_id)
    beyond: ColumnElement[bool] = pair < position if descending else pair > position
    return or_(beyond, column.is_(None)) if key.nullable else beyond


def position_values(page: PageRequest) -> dict[str, Any]:
    """The parameters of `ordered`."""
    values: dict[str, Any] = {"most": page.limit + 1, "skip": page.skip}
    if page.position is not None:
        value, at_id = page.position
        values["at_id"] = at_id
        if value is not None:
            values["at_value"] = value
    return values


def page_of(
    items: list[Item],
    page: PageRequest,
    *,
    position: Callable[[Item], tuple[str | int | None, str]],
    total: int | None,
) -> Page[Item]:
    """A page of the first `limit` items; one more was asked for, to know whether there is a next one."""
    if len(items) <= page.limit:
        return Page(items, None, total)
    del items[page.limit :]
    return Page(items, position(items[-1]), total)
