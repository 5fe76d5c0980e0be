"""Reading notifications, and what somebody wants to be told of."""

from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import page_of
from adapters.sql.readers.projects import is_member_of
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import comments
from adapters.sql.tables.notifications import notification_preferences, notifications
from adapters.sql.tables.people import users
from adapters.sql.tables.work import projects, tasks
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.notifications.model import ByMail, Kind, Preference, Preferences
from core.notifications.policy import Visible
from core.notifications.read_models import EXCERPT, NotificationView, PreferencesView

_actors = users.alias("actors")


class Shape(NamedTuple):
    """Which notifications a statement is about; all else are parameters. `member`: those of the caller's projects."""

    member: bool
    unread: bool | None


class PageShape(NamedTuple):
    """And what that of a page depends on besides."""

    inbox: Shape
    descending: bool
    after: bool
    most: int
    skips: bool


def _own(query: Select[Any], shape: Shape) -> Select[Any]:
    """Of the notifications of `:user` those that tell of nothing that was deleted, or is hidden from them.

    What each tells of is looked up by itself: given joins, PostgreSQL would begin with the tasks of the caller's
    projects, and sort what it finds. A member's projects are looked up once: of who left them all, a whole inbox is
    hidden, and read to its end.
    """
    user = select(bindparam("user", type_=Uuid)).scalar_subquery()
    of_task = select(tasks.c.project_id).where(tasks.c.id == notifications.c.task_id)
    project_id = func.coalesce(of_task.correlate(notifications).scalar_subquery(), notifications.c.project_id)
    of_something: ColumnElement[bool]
    if shape.member:
        of_something = project_id.in_(select(projects.c.id).where(is_member_of(projects.c.id))).is_(true())
    else:
        standing = select(true()).select_from(projects).where(projects.c.id == project_id)
        of_something = func.coalesce(standing.correlate(notifications).scalar_subquery(), false())
    of_nothing = and_(notifications.c.task_id.is_(None), notifications.c.project_id.is_(None))
    query = query.select_from(notifications).where(notifications.c.user_id == user, or_(of_nothing, of_something))
    if shape.unread is None:
        return query
    read_at = notifications.c.read_at
    return query.where(read_at.is_(None) if shape.unread else read_at.is_not(None))


@lru_cache(maxsize=100)
def page_statement(shape: PageShape) -> Statement:
    """A page of notifications alone, and then the names that go with it."""
    seq = notifications.c.seq
    query = _own(select(notifications), shape.inbox).order_by(seq.desc() if shape.descending else seq)
    if shape.after:
        # Asked for by itself, as in every list: a plan that holds for any position is made once.
        position = select(bindparam("at_value", type_=BigInteger)).scalar_subquery()
        query = query.where(seq < position if shape.descending else seq > position)
    query = query.limit(literal_column(str(shape.most)))
    if shape.skips:
        query = query.offset(bindparam("skip", type_=Integer))
    page = query.subquery("page")
    key: ColumnElement[Any] = projects.c.key + literal_column("'-'") + cast(tasks.c.number, Text)
    excerpt = case((comments.c.is_deleted, None), else_=func.left(comments.c.body, EXCERPT))
    shown = (
        page.c.id,
        page.c.kind,
        cast(page.c.seq, Text),
        cast(page.c.cause, Text),
        page.c.event,
        page.c.actor_id,
        _actors.c.name,
        projects.c.id,
        projects.c.name,
        page.c.task_id,
        key,
        tasks.c.title,
        page.c.comment_id,
        excerpt,
        page.c.task_count,
        page.c.deadline,
        page.c.created_at,
        page.c.read_at,
    )
    named = (
        page.outerjoin(tasks, tasks.c.id == page.c.task_id)
        .outerjoin(projects, projects.c.id == func.coalesce(tasks.c.project_id, page.c.project_id))
        .outerjoin(_actors, _actors.c.id == page.c.actor_id)
        .outerjoin(comments, and_(comments.c.id == page.c.comment_id, comments.c.task_id == page.c.task_id))
    )
    order = page.c.seq.desc() if shape.descending else page.c.seq
    return Statement(select(*shown).select_from(named).order_by(order))


@cache
def _count(shape: Shape) -> Statement:
    return Statement(_own(select(func.count()), shape))


_mine = select(bindparam("user", type_=Uuid)).scalar_subquery()
_PREFERENCE_COLUMNS = tuple(
    notification_preferences.c[name] for name in ("unwanted", "mailed", "version", "created_at", "updated_at")
)
_preferred = users.outerjoin(notification_preferences, notification_preferences.c.user_id == users.c.id)
PREFERENCES = Statement(
    select(*_PREFERENCE_COLUMNS, users.c.created_at).select_from(_preferred).where(users.c.id == _mine)
)


def inbox_values(visible: Visible) -> dict[str, Any]:
    """The parameters that say whose."""
    values: dict[str, Any] = {"user": visible.user_id}
    return values if visible.member_id is None else {**values, "member_id": visible.member_id}


def newest_unread(visible: Visible, *, most: int) -> tuple[Statement, dict[str, Any]]:
    """What asks for the newest that were not read, as part of something else."""
    inbox = Shape(visible.member_id is not None, unread=True)
    shape = PageShape(inbox, descending=True, after=False, most=most, skips=False)
    return page_statement(shape), inbox_values(visible)


class SqlNotificationReader:
    """What screens show of notifications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: Actor, *, visible: Visible, unread: bool | None, sort: Sort, page: PageRequest
    ) -> Answer[Page[NotificationView]]:
        values = inbox_values(visible)
        inbox = Shape(visible.member_id is not None, unread)
        shape = PageShape(inbox, sort.descending, page.position is not None, page.limit + 1, page.skip > 0)
        asked = {**values, "skip": page.skip}
        if page.position is not None:
            asked["at_value"] = page.position[0]
        also = (_count(inbox), values) if page.include_total else None
        found = await self._database.rows(actor, page_statement(shape), asked, also=also)
        total = found.also[0][0] if found.also else None
        views = [notification_view(row) for row in found.rows]
        return Answer(page_of(views, page, position=_position, total=total), found.seq)

    async def preferences(self, actor: Actor) -> Answer[PreferencesView]:
        found = await self._database.rows(actor, PREFERENCES, {"user": actor.user_id})
        return Answer(PreferencesView.of(preferences_of(actor.user_id, found.rows[0])), found.seq)


def _position(view: NotificationView) -> tuple[int, str]:
    return int(view.position), str(view.id)


def notification_view(row: Row) -> NotificationView:
    """What a row of a page shows."""
    return NotificationView._make((row[0], Kind(row[1]), *row[2:]))


def preferences_of(user_id: UUID, row: Row) -> Preferences:
    """What a row of PREFERENCES says; who never said anything wants what everybody does at first."""
    unwanted, mailed, version, created_at, updated_at, joined_at = row
    if version is None:
        return Preferences(user_id=user_id, created_at=joined_at, updated_at=joined_at)
    of = {
        kind: Preference(inbox=kind not in unwanted, mail=ByMail.DAILY if kind in mailed else ByMail.OFF)
        for kind in Kind
    }
    return Preferences(user_id=user_id, of=of, created_at=created_at, updated_at=updated_at, version=version)
