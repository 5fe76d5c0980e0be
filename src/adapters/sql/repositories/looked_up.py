"""Rows that are looked up one by one in an index, whatever the planner believes of the company.

Of a company that is newer than the last ANALYZE it expects a single row: then any index of the company seems as good as
the one that holds what is asked for, and for each of a thousand ids it would read all there is. Here a range stands for
an equality, so that there is an order to ask for; and without sorting only that one index has it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import FromClause, Select, Uuid, bindparam, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import LateralFromClause

from adapters.sql.statement import Statement

NOTHING: Mapping[str, Any] = MappingProxyType({})
WITHOUT_SORTING = Statement.plain("set local enable_sort = off")
"""Comes before statements with `looked_up` in them, in their transaction."""
_without_sorting = func.set_config(literal_column("'enable_sort'"), literal_column("'off'"), literal_column("true"))
AND_WITHOUT_SORTING: Final = _without_sorting.label("without_sorting")
"""The same as a column of a statement that comes before: it costs no statement of its own."""


def given_ids(name: str) -> Any:
    """The ids in a parameter, as rows in their order."""
    ids = func.unnest(bindparam(name, type_=ARRAY(Uuid)))
    return ids.table_valued("id", name=f"given_{name}").render_derived()


def looked_up(
    rows: FromClause,
    given: Any,
    *columns: Any,
    by: str = "id",
    then: tuple[str, ...] = (),
    of: Mapping[str, Any] = NOTHING,
) -> LateralFromClause:
    """Those columns of the row whose id is given; or of all rows with that `by`, which comes in an index right after
    what they are `of`, and before `then`.
    """
    order = (rows.c[by], *(rows.c[name] for name in then))
    query = _within(rows, given, by).where(*(rows.c[name] == value for name, value in of.items()))
    return query.with_only_columns(*columns).order_by(*order).lateral()


def locked(rows: FromClause, given_id: Any, *columns: Any, of: Mapping[str, Any] = NOTHING) -> LateralFromClause:
    """The same, locked in the order in which ids are given; what it is `of` is asked before, so that no other waits."""
    query = _within(rows, given_id, "id").where(*(rows.c[name] == value for name, value in of.items()))
    query = query.with_only_columns(*columns).order_by(rows.c.id)
    return query.with_for_update(of=rows, key_share=True).lateral()


def each(given: FromClause, found: LateralFromClause) -> FromClause:
    """What is given beside what was found of it."""
    return given.join(found, true())


def _within(rows: FromClause, given_id: Any, by: str) -> Select[Any]:
    return select(rows).where(rows.c[by] >= given_id, rows.c[by] <= given_id)
