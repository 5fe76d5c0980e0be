"""Keyset pages: the order of a list, and the predicate that continues it, for every sort alike."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
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


def in_order(
    value: ColumnElement[Any], id_column: ColumnElement[Any], *, sort: Sort, nullable: bool
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """What to order by: the value, nulls last, then the id."""
    first = value.desc() if sort.descending else value.asc()
    return first.nulls_last() if nullable else first, id_column.desc() if sort.descending else id_column.asc()


def ordered(
    query: Select[Any],
    *,
    key: Key,
    id_column: ColumnElement[Any],
    sort: Sort,
    after: bool,
    after_null: bool,
    most: int,
    skips: bool,
) -> Select[Any]:
    """The query in order, at most `most` rows, from after the position in `:at_value` and `:at_id` if `after`, whose
    value is null if `after_null`; without the first `:skip` if `skips`.
    """
    query = query.order_by(*in_order(key.column, id_column, sort=sort, nullable=key.nullable))
    if after:
        query = query.where(_beyond(key, id_column, descending=sort.descending, after_null=after_null))
    query = query.limit(literal_column(str(most)))
    return query.offset(bindparam("skip", type_=Integer)) if skips else query


def _beyond(key: Key, id_column: ColumnElement[Any], *, descending: bool, after_null: bool) -> ColumnElement[bool]:
    column = key.column
    # Asked for first and by itself: of a value that it knows, PostgreSQL would estimate anew how many rows lie beyond,
    # and so plan each page again, which takes it longer than reading one.
    at_id = select(cast(bindparam("at_id", type_=Text), Uuid)).scalar_subquery()
    beyond_id = id_column < at_id if descending else id_column > at_id
    if after_null:
        return and_(column.is_(None), beyond_id)
    given = bindparam("at_value", type_=key.type if isinstance(key.type, Integer) else Text)
    at_value = select(cast(given, key.type)).scalar_subquery()
    pair, position = func.row(column, id_column), func.row(at_value, at_id)
    beyond: ColumnElement[bool] = pair < position if descending else pair > position
    return or_(beyond, column.is_(None)) if key.nullable else beyond


def position_values(page: PageRequest) -> dict[str, Any]:
    """The parameters of `ordered`."""
    values: dict[str, Any] = {"skip": page.skip} if page.skip else {}
    if page.most_text is not None:
        values["most_text"] = page.most_text
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
    among: int | None = None,
) -> Page[Item]:
    """A page of the first `limit` items; one more was asked for, to know whether there is a next one. The items are
    the first of `among` if that is given.
    """
    if len(items) == (len(items) if among is None else among) <= page.limit:
        return Page(items, None, total)
    del items[page.limit :]
    return Page(items, position(items[-1]), total)
