"""What lists of tasks are made of: the columns of a task that is shown, filters, sorts, the statements of a page."""

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, in_order, ordered
from adapters.sql.readers.watching import watches
from adapters.sql.statement import Statement
from adapters.sql.tables.labels import labels, task_labels
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects, tasks
from adapters.sql.tenancy import including_deleted
from core.kernel.paging import Sort
from core.tasks.read_models import TaskView

_all = including_deleted(tasks)
assignees = users.alias("assignees")
DASH: ColumnElement[str] = literal_column("'-'")
# The last field is two columns: how many sub-tasks there are, and how many of them are done.
_WIDTH = len(TaskView._fields) + 1
_PLACE = {name: place for place, name in enumerate(TaskView._fields)}
_PRIORITY_RANK = {"low": 0, "medium": 1, "high": 2, "urgent": 3}

SORTS = {
    "created_at": Key(tasks.c.created_at, DateTime(timezone=True), lambda row: row[_PLACE["created_at"]].isoformat()),
    "updated_at": Key(tasks.c.updated_at, DateTime(timezone=True), lambda row: row[_PLACE["updated_at"]].isoformat()),
    "deadline": Key(tasks.c.deadline, Date(), lambda row: _day(row[_PLACE["deadline"]]), nullable=True),
    "priority": Key(tasks.c.priority_rank, SmallInteger(), lambda row: _PRIORITY_RANK[row[_PLACE["priority"]]]),
    "number": Key(tasks.c.number, Integer(), lambda row: row[_PLACE["number"]]),
    # The rank is not part of what a screen shows, so it travels as one more column.
    "position": Key(tasks.c.rank, Text(collation="C"), lambda row: row[_WIDTH]),
}


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters.

    The limit is one of them: PostgreSQL plans for a tenth of all rows where it is a parameter, so it would plan each
    request again, or sort a whole company.
    """

    filters: frozenset[str]
    sort: Sort
    after: bool
    after_null: bool
    most: int
    skips: bool
    bounded: bool = False


def task_columns(rows: FromClause = tasks) -> list[ColumnElement[Any]]:
    """The columns of a TaskView, in its order, from rows that have the columns of tasks, as `:watcher` sees them."""
    elsewhere: dict[str, ColumnElement[Any]] = {
        "key": (projects.c.key + DASH + cast(rows.c.number, Text)).label("key"),
        "assigned_to_name": assignees.c.name.label("assigned_to_name"),
        "watching": watches(rows, "watcher").label("watching"),
    }
    shown = [elsewhere[name] if name in elsewhere else rows.c[name] for name in TaskView._fields[:-1]]
    return [*shown, rows.c.sub_tasks_total, rows.c.sub_tasks_done]


def task_view(row: Row) -> TaskView:
    """The task in a row that begins with `task_columns`."""
    return TaskView._make((*row[: _WIDTH - 2], {"total": row[_WIDTH - 2], "done": row[_WIDTH - 1]}))


def with_names(rows: FromClause = tasks) -> FromClause:
    return rows.join(projects, projects.c.id == rows.c.project_id).outerjoin(
        assignees, assignees.c.id == rows.c.assigned_to
    )


BY_ID: dict[str, ColumnElement[Any]] = {
    "project_id": tasks.c.project_id,
    "cycle_id": tasks.c.cycle_id,
    "column_id": tasks.c.column_id,
    "created_by": tasks.c.created_by,
    "assigned_to": tasks.c.assigned_to,
    "parent_id": tasks.c.parent_id,
}
# By each of them tasks are found in the usual order of lists.
_CONTAINERS = ("project_id", "cycle_id", "parent_id", "assigned_to")
_called = tasks.alias("called")
# In each project by itself, as the index has them; what is named there, and no other one, is then found by its id.
_CALLED = select(_called.c.id).where(_called.c.external_id == bindparam("external_id", type_=Text))
BY_WORD: dict[str, ColumnElement[Any]] = {"status": tasks.c.status, "priority": tasks.c.priority}
_borne = task_labels.alias("borne")
_LABEL = (
    select(labels.c.id)
    .where(labels.c.folded == select(bindparam("label", type_=Text)).scalar_subquery())
    .scalar_subquery()
)


def _rows(filters: frozenset[str]) -> FromClause:
    """What a list is of: tasks, or for "deleted" those that were deleted."""
    return _all if "deleted" in filters else tasks


def _filtered(
    query: Select[Any],
    filters: frozenset[str],
    *,
    but: str | None = None,
    in_entries: bool = False,
    at_once: bool = False,
) -> Select[Any]:
    """The query with the filters, without the one that it holds itself. `in_entries` if it needs no more of tasks than
    one index holds, by which it is to be made; `at_once` if it reads all there is.
    """
    rows, is_named = _rows(filters), "external_id" in filters

    def value(name: str, kind: type[Uuid[Any]] | type[Text]) -> ColumnElement[Any]:
        """A single value. If it alone decides which tasks a list has, it is asked for by itself: there is one index to
        read them by, and PostgreSQL, which estimates from values that it knows, would plan the list anew each time.
        """
        given = bindparam(name, type_=kind)
        return given if len(filters - {"member_id"}) > 1 else select(given).scalar_subquery()

    for kind, columns in ((Uuid, BY_ID), (Text, BY_WORD)):
        for name in columns:
            column = rows.c[str(columns[name].key)]
            fits: list[ColumnElement[bool]] = []
            # One value is compared as such: PostgreSQL then reads an index in the list's order.
            if f"{name} is" in filters:
                fits.append(column == value(name, kind))
            if f"{name} among" in filters:
                fits.append(_is_among(column, name) if kind is Uuid else column == func.any(_several(name, kind)))
            if f"{name} none" in filters:
                # Often most of all tasks.
                fits.append(column.is_(None).is_(true()) if at_once else column.is_(None))
            if fits and (is_named or (kind is Text and in_entries)):
                # No condition of an index that finds them and holds nothing else: many tasks are alike in this.
                query = query.where(or_(*fits).is_(true()))
            elif fits:
                query = query.where(or_(*fits))
    if "deadline_before" in filters:
        query = query.where(rows.c.deadline < bindparam("deadline_before", type_=Date))
    if "deadline_after" in filters:
        query = query.where(rows.c.deadline > bindparam("deadline_after", type_=Date))
    if "updated_after" in filters:
        query = query.where(rows.c.updated_at > bindparam("updated_after", type_=DateTime(timezone=True)))
    if "label is" in filters - {but}:
        bears = select(task_labels.c.task_id).where(
            task_labels.c.task_id == rows.c.id, task_labels.c.label_id == _LABEL
        )
        query = query.where(bears.exists())
    if "label among" in filters:
        named = labels.c.folded == func.any(bindparam("label", type_=ARRAY(Text)))
        borne = task_labels.join(labels, labels.c.id == task_labels.c.label_id)
        bears = select(task_labels.c.task_id).select_from(borne).where(task_labels.c.task_id == rows.c.id, named)
        query = query.where(bears.exists())
    if is_named:
        query = query.where(_is_called_elsewhere(rows, filters))
    if "mine" in filters:
        mine = rows.c.assigned_to == value("mine", Uuid)
        query = query.where(mine.is_(true()) if is_named else mine)
    if "query" in filters:
        query = query.where(_is_called(rows, filters))
    if "deleted" in filters:
        stands = exists().where(projects.c.id == rows.c.project_id)
        query = query.where(rows.c.deleted_at > bindparam("deleted_after", type_=DateTime(timezone=True)), stands)
    if "member_id" in filters:
        query = query.where(_is_of_member(rows, at_once=at_once))
    return query


def _several(name: str, kind: type[Uuid[Any]] | type[Text]) -> BindParameter[Any]:
    return bindparam(name, type_=ARRAY(kind))


def _is_among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether it is one of several ids, and no condition of an index: how many tasks those have together PostgreSQL
    guesses much too low, and would then fetch as many as a company has from all over the table.
    """
    given = select(func.unnest(_several(name, Uuid)))
    return column.in_(given).is_(true())


def _is_of_member(rows: FromClause, *, at_once: bool) -> ColumnElement[bool]:
    """Whether the task is in a project of the member's: looked up for each, or all at once, where all tasks are read.

    Not EXISTS, nor IN by itself, which would become a join, and a sort of all that it finds.
    """
    mine = project_members.c.user_id == bindparam("member_id", type_=Uuid)
    if at_once:
        return rows.c.project_id.in_(select(project_members.c.project_id).where(mine)).is_(true())
    there = select(project_members.c.user_id.is_not(None)).where(
        project_members.c.project_id == rows.c.project_id, mine
    )
    return there.scalar_subquery()


def _is_called_elsewhere(rows: FromClause, filters: frozenset[str]) -> ColumnElement[bool]:
    if "deleted" in filters:
        return rows.c.external_id == bindparam("external_id", type_=Text)
    if "project_id is" in filters:
        named = _CALLED.where(_called.c.project_id == bindparam("project_id", type_=Uuid))
    else:
        named = _CALLED.select_from(projects.join(_called, _called.c.project_id == projects.c.id))
    return rows.c.id == func.any(func.array(named.scalar_subquery()))


def _is_called(rows: FromClause, filters: frozenset[str]) -> ColumnElement[bool]:
    """Whether the title or the key holds what is asked for.

    The projects that a part of the key fits are looked for once, and only if it can be one: looked up for each task,
    they would take longer than all else.
    """

    def holds(text: ColumnElement[str], name: str) -> ColumnElement[bool]:
        asked = select(func.lower(bindparam(name, type_=Text))).scalar_subquery()
        return func.strpos(func.lower(text), asked) > 0

    fits = [holds(rows.c.title, "query")]
    number = cast(rows.c.number, Text)
    if "query in key" in filters:
        fits.append(rows.c.project_id.in_(select(projects.c.id).where(holds(projects.c.key, "query"))))
    if "query in number" in filters:
        fits.append(holds(number, "query"))
    if "query across key" in filters:
        ends = select(projects.c.id).where(holds(projects.c.key + DASH, "query_head"))
        begins = func.starts_with(number, bindparam("query_tail", type_=Text))
        fits.append(and_(rows.c.project_id.in_(ends), begins))
    return or_(*fits)


def _bounded(page: Subquery, order: tuple[ColumnElement[Any], ...]) -> Subquery:
    """Those of the page before which no more than `:most_text` bytes of text stand; `among` is how many it had.

    OCTET_LENGTH of a text that is kept elsewhere does not read it.
    """
    length = func.coalesce(func.octet_length(page.c.description), 0)
    so_far = func.sum(length).over(order_by=order, rows=(None, 0)) - length
    measured = select(page, so_far.label("so_far"), func.count().over().label("among")).subquery("measured")
    return select(measured).where(measured.c.so_far <= bindparam("most_text", type_=Integer)).subquery("bounded")


def _is_in_order_of_label(shape: Shape) -> bool:
    """Whether the list is read by what says which tasks bear its label. What names a container is in order as well, and
    as a rule has fewer tasks than the label has in all.
    """
    return (
        shape.sort.field == "created_at"
        and "label is" in shape.filters
        and "external_id" not in shape.filters
        and not shape.filters & {"deleted", "mine", *(f"{name} is" for name in _CONTAINERS)}
    )


def _is_in_order(shape: Shape) -> bool:
    """Whether there is an index in the order of the list by which, as a rule, not much more than a page is read.

    Of other lists the ids are found by themselves, in an index that holds all that decides (`tasks_listed`), and only
    a page of tasks is read: those of a company lie all over the table.
    """
    if shape.sort.field == "position":
        return "column_id is" in shape.filters
    named = [name for name in _CONTAINERS if f"{name} is" in shape.filters and f"{name} none" not in shape.filters]
    is_usual = shape.filters <= {"member_id"} or bool(named) or bool(shape.filters & {"mine", "deleted"})
    return shape.sort.field == "created_at" and is_usual


def _whole(rows: FromClause, found: Subquery) -> Select[Any]:
    """The tasks that were found, with all that they have."""
    return select(rows).select_from(rows.join(found, found.c.id == rows.c.id))


def _of_label(filters: frozenset[str]) -> Select[Any]:
    """The tasks that bear the label, in whose order there is an index."""
    borne = select(tasks).select_from(tasks.join(_borne, _borne.c.task_id == tasks.c.id))
    return _filtered(borne, filters, but="label is").where(_borne.c.label_id == _LABEL)


@lru_cache(maxsize=500)
def page_statement(shape: Shape) -> Statement:
    """The statement of a list: a page of tasks alone, in order, and then the names that go with it.

    The planner does not know that a project belongs to one company; given a join to page over, it would sort all tasks
    of a big one.
    """
    key, rows = SORTS[shape.sort.field], _rows(shape.filters)
    column, id_column = rows.c[str(key.column.key)], rows.c.id
    if _is_in_order_of_label(shape):
        query, column, id_column = _of_label(shape.filters), _borne.c.created_at, _borne.c.task_id
    elif _is_in_order(shape):
        query = _filtered(select(rows), shape.filters)
    else:
        at_once = shape.sort.field != "created_at"
        query = _filtered(select(id_column), shape.filters, in_entries=True, at_once=at_once)
    found = ordered(
        query,
        key=key._replace(column=column),
        id_column=id_column,
        sort=shape.sort,
        after=shape.after,
        after_null=shape.after_null,
        most=shape.most,
        skips=shape.skips,
    )
    page = (found if len(found.selected_columns) > 1 else _whole(rows, found.subquery("found"))).subquery("page")
    if shape.bounded:
        page = _bounded(page, in_order(page.c[str(key.column.key)], page.c.id, sort=shape.sort, nullable=key.nullable))
    columns = task_columns(page)
    if shape.sort.field == "position":
        columns.append(page.c.rank)
    if "deleted" in shape.filters:
        columns.append(page.c.deleted_at)
    if shape.bounded:
        columns.append(page.c.among)
    again = in_order(page.c[str(key.column.key)], page.c.id, sort=shape.sort, nullable=key.nullable)
    return Statement(select(*columns).select_from(with_names(page)).order_by(*again))


@lru_cache(maxsize=500)
def count_statement(filters: frozenset[str]) -> Statement:
    """How many tasks a list has in all."""
    return Statement(
        _filtered(select(func.count()).select_from(_rows(filters)), filters, in_entries=True, at_once=True)
    )


def _day(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
