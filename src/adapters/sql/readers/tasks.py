"""Reading tasks and boards."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import page_of, position_values
from adapters.sql.readers.projects import is_member_of, named_project, ref_value
from adapters.sql.readers.task_filters import filter_values
from adapters.sql.readers.task_lists import (
    DASH,
    SORTS,
    Shape,
    assignees,
    count_statement,
    page_statement,
    task_columns,
    task_view,
    with_names,
)
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.readers.watching import watches
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, cycles, projects, tasks
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter, TaskRef
from core.tasks.read_models import BoardView, ColumnView, DeletedTask, TaskTag, TaskView


@cache
def _one(by_key: bool, member: bool) -> Statement:
    query = select(*task_columns()).select_from(with_names()).where(named_task(by_key))
    return Statement(query.where(is_member_of(tasks.c.project_id)) if member else query)


@cache
def _those(member: bool) -> Statement:
    named = tasks.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))
    query = select(*task_columns()).select_from(with_names()).where(named)
    return Statement(query.where(is_member_of(tasks.c.project_id)) if member else query)


_PLACE_NAMES = Statement(
    union_all(
        *(
            select(places.c.id, places.c.name).where(places.c.id == func.any(bindparam(given, type_=ARRAY(Uuid))))
            for places, given in ((board_columns, "columns"), (cycles, "cycles"))
        )
    )
)


@cache
def _tag(by_key: bool, member: bool) -> Statement:
    query = (
        select(
            tasks.c.version,
            projects.c.key + DASH + cast(tasks.c.number, Text),
            assignees.c.name,
            tasks.c.labels,
            watches(tasks, "watcher"),
            tasks.c.sub_tasks_total,
            tasks.c.sub_tasks_done,
        )
        .select_from(with_names())
        .where(named_task(by_key))
    )
    return Statement(query.where(is_member_of(tasks.c.project_id)) if member else query)


@cache
def _columns(by_key: bool, member: bool) -> Statement:
    """The columns of a board. Counted beside them, once each: within them it would be once a card."""
    counted = select(func.count().label("cards")).select_from(tasks).where(tasks.c.column_id == board_columns.c.id)
    each = counted.lateral("counted")
    query = (
        select(
            projects.c.id,
            board_columns.c.id,
            board_columns.c.name,
            board_columns.c.category,
            board_columns.c.position,
            board_columns.c.wip_limit,
            each.c.cards,
        )
        .select_from(projects.join(board_columns, board_columns.c.project_id == projects.c.id).join(each, true()))
        .where(named_project(by_key))
        .order_by(board_columns.c.position, board_columns.c.id)
    )
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


@cache
def _cards(by_key: bool, member: bool) -> Statement:
    """The first cards of each column, in order, and the names that go with them.

    Each assignee is looked up once. PostgreSQL expects a few cards, as the limit is a parameter, and given a join with
    users it would look through them again for each of five hundred.
    """
    first = (
        select(tasks)
        .where(tasks.c.column_id == board_columns.c.id)
        .order_by(tasks.c.rank, tasks.c.id)
        .limit(bindparam("most", type_=Integer))
        .lateral("first")
    )
    shown = [column for column in task_columns(first) if column.key != "assigned_to_name"]
    query = (
        select(*shown, first.c.rank)
        .select_from(projects.join(board_columns, board_columns.c.project_id == projects.c.id).join(first, true()))
        .where(named_project(by_key))
    )
    cards = (query.where(is_member_of(projects.c.id)) if member else query).cte("cards")
    of_cards = select(users.c.id, users.c.name).where(users.c.id.in_(select(cards.c.assigned_to)))
    looked_up = of_cards.cte("assignees").prefix_with("MATERIALIZED")
    names = [*TaskView._fields[:-1], "sub_tasks_total", "sub_tasks_done"]
    columns = [cards.c.get(name, looked_up.c.name) for name in names]
    named = cards.outerjoin(looked_up, looked_up.c.id == cards.c.assigned_to)
    return Statement(select(*columns).select_from(named).order_by(cards.c.rank, cards.c.id))


class SqlTaskReader:
    """What screens show of tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[TaskView]]:
        filters, values = filter_values(where, visible)
        rows, seq = await self._rows(actor, filters, values, sort=sort, page=page)
        views = [task_view(row) for row in rows.items]
        return Answer(Page(views, rows.next_position, rows.total), seq)

    async def deleted_page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, after: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedTask]]:
        filters, values = filter_values(where, visible)
        filters, values["deleted_after"] = filters | {"deleted"}, after
        rows, seq = await self._rows(actor, filters, values, sort=sort, page=page)
        found = [DeletedTask(task_view(row), row[-1]) for row in rows.items]
        return Answer(Page(found, rows.next_position, rows.total), seq)

    async def one(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskView | None]:
        found = await self._database.rows(actor, *_question(_one, actor, ref, visible))
        return Answer(task_view(found.rows[0]) if found.rows else None, found.seq)

    async def those(self, actor: Actor, task_ids: Sequence[UUID], *, visible: Visible) -> Answer[list[TaskView]]:
        values: dict[str, Any] = {"ids": [*task_ids], "watcher": actor.user_id}
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        found = await self._database.rows(actor, _those(visible.member_id is not None), values)
        return Answer([task_view(row) for row in found.rows], found.seq)

    async def place_names(self, actor: Actor, *, columns: Sequence[UUID], cycles: Sequence[UUID]) -> dict[UUID, str]:
        found = await self._database.rows(actor, _PLACE_NAMES, {"columns": [*columns], "cycles": [*cycles]})
        return {row[0]: row[1] for row in found.rows}

    async def tag(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskTag | None]:
        found = await self._database.rows(actor, *_question(_tag, actor, ref, visible))
        if not found.rows:
            return Answer(None, found.seq)
        *names, total, done = found.rows[0]
        return Answer(TaskTag._make((*names, {"total": total, "done": done})), found.seq)

    async def board(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, tasks_per_column: int
    ) -> Answer[BoardView | None]:
        values: dict[str, Any] = {"ref": ref_value(ref)}
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        shape = not isinstance(ref, UUID), visible.member_id is not None
        cards = (_cards(*shape), {**values, "most": tasks_per_column, "watcher": actor.user_id})
        found = await self._database.rows(actor, _columns(*shape), values, also=cards)
        columns: dict[UUID, ColumnView] = {}
        for _, column, name, category, position, limit, count in found.rows:
            over = limit is not None and count > limit
            columns[column] = ColumnView(column, name, category, position, limit, over, count, [])
        for row in found.also:
            card = task_view(row)
            columns[card.column_id].tasks.append(card)
        return Answer(BoardView(found.rows[0][0], list(columns.values())) if columns else None, found.seq)

    async def _rows(
        self, actor: Actor, filters: frozenset[str], values: dict[str, Any], *, sort: Sort, page: PageRequest
    ) -> Answer[Page[Row]]:
        position = page.position
        shape = Shape(
            filters,
            sort,
            after=position is not None,
            after_null=position is not None and position[0] is None,
            most=page.limit + 1,
            skips=page.skip > 0,
            bounded=page.most_text is not None,
        )
        count = (count_statement(filters), values) if page.include_total else None
        asked = {**values, **position_values(page), "watcher": actor.user_id}
        found = await self._database.rows(actor, page_statement(shape), asked, also=count)
        total = found.also[0][0] if page.include_total else None
        read = SORTS[sort.field].read
        among = found.rows[0][-1] if shape.bounded and found.rows else None
        rows = page_of(found.rows, page, position=lambda row: (read(row), str(row[0])), total=total, among=among)
        return Answer(rows, found.seq)


def _question(shape: Any, actor: Actor, ref: TaskRef, visible: Visible) -> tuple[Statement, dict[str, Any]]:
    values = {**ref_values(ref), "watcher": actor.user_id}
    if visible.member_id is not None:
        values["member_id"] = visible.member_id
    return shape(not isinstance(ref, UUID), visible.member_id is not None), values
