"""Reading the event log as people do."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.comments import task_values, visible_task
from adapters.sql.readers.events import is_audible
from adapters.sql.readers.paging import page_of
from adapters.sql.readers.projects import is_member_of
from adapters.sql.readers.task_lists import DASH
from adapters.sql.statement import Statement
from adapters.sql.tables.log import events
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects, tasks
from core.activity.model import TOLD, deed_of, task_of
from core.activity.read_models import ActivityView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.realtime.model import Audible
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef

_doers = users.alias("doers")
# Somebody's notification tells of what was done, which is told by itself. Part of the text: of a parameter PostgreSQL
# would expect to be any event, and hence few that are another.
_NOTIFICATION: ColumnElement[str] = literal_column("'notification_created'")
# Of long texts only what is told, and a character more, by which it is seen that there is more: a page of them may be a
# hundred times as large as what is shown of it. What is small is sent as it is.
_SMALL = 1_000
_BODY: ColumnElement[Any] = literal_column(f"""
case when pg_column_size(page.body) <= {_SMALL} then page.body else (
  select jsonb_object_agg(field.key, case
    when field.key = 'changes' then (
      select coalesce(jsonb_object_agg(change.key, (
        select jsonb_object_agg(told.key, case
          when jsonb_typeof(told.value) = 'string' then to_jsonb(left(told.value #>> '{{}}', {TOLD + 1}))
          else told.value end)
          from jsonb_each(change.value) told)), '{{}}')
        from jsonb_each(field.value) change)
    when jsonb_typeof(field.value) = 'string' then to_jsonb(left(field.value #>> '{{}}', {TOLD + 1}))
    else field.value end)
    from jsonb_each(page.body) field) end
""")  # noqa: S608  (numbers of our own)


class Shape(NamedTuple):
    """What a statement depends on; all else are parameters. `of`: a task by its id or key, one project, several, or the
    company.
    """

    everything: bool
    of: str
    member: bool = False


class PageShape(NamedTuple):
    """And what that of a page depends on besides."""

    events: Shape
    descending: bool
    after: bool
    most: int
    skips: bool


def _told(query: Select[Any], shape: Shape) -> Select[Any]:
    query = query.where(events.c.event != _NOTIFICATION, is_audible(everything=shape.everything))
    if shape.of == "one project":
        return query.where(events.c.project_id == bindparam("project", type_=Uuid))
    if shape.of == "projects":
        return query.where(events.c.project_id == func.any(bindparam("projects", type_=ARRAY(Uuid))))
    if shape.of in ("task by id", "task by key"):
        task = visible_task(select(tasks.c.id), by_key=shape.of == "task by key", member=shape.member)
        return query.where(events.c.task_id == task.correlate(None).scalar_subquery())
    return query


def _in_order(query: Select[Any], shape: PageShape, seq: ColumnElement[int]) -> Select[Any]:
    return query.order_by(seq.desc() if shape.descending else seq)


def _first(query: Select[Any], shape: PageShape) -> Select[Any]:
    """Of a part of the log as much as a page may need of it."""
    most: ColumnElement[int] = literal_column(str(shape.most))
    if shape.skips:
        most = most + bindparam("skip", type_=Integer)
    return _in_order(_beyond(query, shape), shape, events.c.seq).limit(most)


def _beyond(query: Select[Any], shape: PageShape) -> Select[Any]:
    if not shape.after:
        return query
    # Asked for by itself, as in every list: a plan that holds for any position is made once.
    position = select(bindparam("at_value", type_=BigInteger)).scalar_subquery()
    return query.where(events.c.seq < position if shape.descending else events.c.seq > position)


def _merged(shape: PageShape) -> Select[Any]:
    """The events of a page where those of several projects are merged: so many of each at most are looked at, also
    where the projects are quiet and the company is not. Members have besides what is for everyone or names them.
    """
    everything = shape.events.everything
    projects_named = func.any(bindparam("projects", type_=ARRAY(Uuid)))
    if everything:
        given = select(func.unnest(bindparam("projects", type_=ARRAY(Uuid))).label("project_id")).subquery("given")
    else:
        own = select(project_members.c.project_id).where(
            project_members.c.user_id == bindparam("member_id", type_=Uuid),
            # A deleted project opens nothing: its row is out of sight.
            select(projects.c.id).where(projects.c.id == project_members.c.project_id).exists(),
        )
        if shape.events.of == "projects":
            own = own.where(project_members.c.project_id == projects_named)
        given = own.subquery("given")
    of_one = select(events.c.seq).where(events.c.event != _NOTIFICATION, events.c.project_id == given.c.project_id)
    if everything:
        of_one = of_one.where(is_audible(everything=True))
    newest = _first(of_one, shape).lateral("newest")
    positions: Select[Any] | CompoundSelect[Any] = select(newest.c.seq).select_from(given.join(newest, true()))
    if not everything:
        besides = select(events.c.seq).where(
            events.c.event != _NOTIFICATION,
            or_(events.c.for_everyone, events.c.named != literal_column("'{}'")),
            or_(events.c.for_everyone, bindparam("member_id", type_=Uuid) == func.any(events.c.named)),
        )
        if shape.events.of == "projects":
            besides = besides.where(events.c.project_id == projects_named)
        first = _first(besides, shape).subquery("besides")
        positions = union(positions, select(first.c.seq))
    found = positions.subquery("found")
    page = _in_order(select(found.c.seq), shape, found.c.seq).limit(literal_column(str(shape.most)))
    if shape.skips:
        page = page.offset(bindparam("skip", type_=Integer))
    chosen = page.subquery("chosen")
    return select(events).join(chosen, chosen.c.seq == events.c.seq)


@lru_cache(maxsize=200)
def _page(shape: PageShape) -> Statement:
    """A page of events alone, and then the names that go with it."""
    if shape.events.of == "projects" or (shape.events.of == "company" and not shape.events.everything):
        query = _merged(shape)
    else:
        query = _in_order(_beyond(_told(select(events), shape.events), shape), shape, events.c.seq)
        query = query.limit(literal_column(str(shape.most)))
        if shape.skips:
            query = query.offset(bindparam("skip", type_=Integer))
    page = query.subquery("page")
    named = page.outerjoin(_doers, _doers.c.id == page.c.actor_id)
    # What they are called now. One that is deleted, or stands in a project that hides it, is not joined.
    about = select(
        tasks.c.id, (projects.c.key + DASH + cast(tasks.c.number, Text)).label("key"), tasks.c.title
    ).select_from(tasks.join(projects, projects.c.id == tasks.c.project_id))
    about = about.where(tasks.c.id == page.c.task_id)
    if not shape.events.everything:
        about = about.where(is_member_of(tasks.c.project_id))
    task = about.lateral("task")
    named = named.outerjoin(task, true())
    shown = (
        page.c.seq,
        page.c.actor_id,
        _doers.c.name,
        page.c.event,
        page.c.project_id,
        _BODY,
        page.c.occurred_at,
        task.c.key,
        task.c.title,
    )
    again = page.c.seq.desc() if shape.descending else page.c.seq.asc()
    return Statement(select(*shown).select_from(named).order_by(again))


@cache
def _count(shape: Shape) -> Statement:
    """A row with the number of events if they are to be counted."""
    return Statement(_told(select(func.count()).select_from(events), shape))


@cache
def _about(shape: Shape, counted: bool) -> Statement:
    """A row if the task is visible, with the number of events if they are to be counted."""
    count: ColumnElement[Any] = literal(0)
    if counted:
        count = _told(select(func.count()).select_from(events), shape).scalar_subquery()
    return Statement(visible_task(select(count), by_key=shape.of == "task by key", member=shape.member))


class SqlActivityReader:
    """The log as people read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, audible: Audible, project_ids: tuple[UUID, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView]]:
        values: dict[str, Any] = {"member_id": audible.user_id}
        of = "company"
        if len(project_ids) == 1 and audible.everything:
            of, values["project"] = "one project", project_ids[0]
        elif project_ids:
            of, values["projects"] = "projects", list(dict.fromkeys(project_ids))
        shape = Shape(audible.everything, of)
        also = (_count(shape), values) if page.include_total else None
        statement, asked = _page_asked(shape, values, sort, page)
        found = await self._database.rows(actor, statement, asked, also=also)
        return Answer(_found(found.rows, page, found.also[0][0] if found.also else None), found.seq)

    async def of_task(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, audible: Audible, sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView] | None]:
        values = {**task_values(ref, visible), "member_id": audible.user_id}
        of = "task by id" if isinstance(ref, UUID) else "task by key"
        shape = Shape(audible.everything, of, visible.member_id is not None)
        statement, asked = _page_asked(shape, values, sort, page)
        also = (_about(shape, page.include_total), values)
        found = await self._database.rows(actor, statement, asked, also=also)
        if not found.also:
            return Answer(None, found.seq)
        return Answer(_found(found.rows, page, found.also[0][0] if page.include_total else None), found.seq)


def _page_asked(
    shape: Shape, values: dict[str, Any], sort: Sort, page: PageRequest
) -> tuple[Statement, dict[str, Any]]:
    statement = _page(PageShape(shape, sort.descending, page.position is not None, page.limit + 1, page.skip > 0))
    asked = {**values, "skip": page.skip}
    if page.position is not None:
        asked["at_value"] = page.position[0]
    return statement, asked


def _found(rows: list[Row], page: PageRequest, total: int | None) -> Page[ActivityView]:
    found = page_of(rows, page, position=lambda row: (row[0], str(row[0])), total=total)
    return Page([_view(row) for row in found.items], found.next_position, found.total)


def _view(row: Row) -> ActivityView:
    seq, actor_id, name, event, project_id, body, occurred_at, key, title = row
    deed = deed_of(event, body)
    task_key, task_title = task_of(body, (key, title))
    return ActivityView(
        seq=str(seq),
        user_id=actor_id,
        user_name=name,
        action=deed.action,
        entity=deed.entity,
        entity_id=deed.entity_id,
        task_key=task_key,
        task_title=task_title,
        project_id=project_id,
        changes=deed.changes,
        timestamp=occurred_at,
    )
