from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from core.comments.events import CommentCreated, CommentUpdated
from core.kernel.actor import Actor, Role
from core.kernel.events import Concern
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.notifications.model import (
    CAUSES,
    Batch,
    Cause,
    DueTask,
    Kind,
    Notification,
    Preferences,
    Recipient,
    TaskNow,
    at_once,
    whole_transactions,
)
from core.notifications.policy import Visible
from core.notifications.ports import Calendar
from core.notifications.read_models import EXCERPT, NotificationView, PreferencesView
from core.projects.events import ProjectMemberAdded
from core.tasks.events import TaskCreated, TaskUpdated
from core.tasks.fields import Status
from core.users.model import UserKind
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, StoredEvent, StoredNotification
from tests.fakes.unit_of_work import InMemoryUnitOfWork

TOLD_AT_ONCE = 500


class InMemoryNotificationReader:
    """What screens show of notifications."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, visible: Visible, unread: bool | None, sort: Sort, page: PageRequest
    ) -> Answer[Page[NotificationView]]:
        tables = self._store.read(actor)
        found = page_of(
            inbox_of(tables, visible, unread=unread),
            page,
            key=Key(lambda view: int(view.position)),
            sort=sort,
            id_of=lambda view: view.id,
        )
        return Answer(found, tables.last_seq)

    async def preferences(self, actor: Actor) -> Answer[PreferencesView]:
        tables = self._store.read(actor)
        return Answer(PreferencesView.of(_preferences(tables, actor.user_id)), tables.last_seq)


def inbox_of(tables: CompanyTables, visible: Visible, *, unread: bool | None) -> list[NotificationView]:
    """The visible notifications."""
    views = []
    for stored in tables.notifications.values():
        told = stored.notification
        if told.user_id != visible.user_id or unread not in (None, stored.read_at is None):
            continue
        task = tables.task(told.task_id) if told.task_id is not None else None
        project = tables.project(task.project_id) if task is not None else None
        if told.task_id is None and told.project_id is not None:
            project = tables.project(told.project_id)
        if (told.task_id is not None or told.project_id is not None) and (
            project is None or (visible.member_id is not None and (project.id, visible.member_id) not in tables.members)
        ):
            continue
        comment = tables.comments.get(told.comment_id) if told.comment_id is not None else None
        views.append(
            NotificationView(
                id=told.id,
                kind=told.kind,
                position=str(stored.seq),
                seq=str(told.cause) if told.cause is not None else None,
                event=told.event,
                actor_id=told.actor_id,
                actor_name=tables.name_of(told.actor_id),
                project_id=project.id if project else None,
                project_name=project.name if project else None,
                task_id=told.task_id,
                task_key=f"{project.key}-{task.number}" if task and project else None,
                task_title=task.title if task else None,
                comment_id=told.comment_id,
                comment_excerpt=comment.body[:EXCERPT] if comment and not comment.is_deleted else None,
                task_count=told.task_count,
                deadline=told.deadline,
                created_at=told.created_at,
                read_at=stored.read_at,
            )
        )
    return views


def _preferences(tables: CompanyTables, user_id: UUID) -> Preferences:
    found = tables.preferences.get(user_id)
    if found is not None:
        return replace(found, of=dict(found.of))
    at = tables.people[user_id].user.created_at
    return Preferences(user_id=user_id, created_at=at, updated_at=at)


class InMemoryInbox:
    """The notifications of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def holds(self, notification_id: UUID, *, of: UUID) -> bool:
        found = self._unit.now.notifications.get(notification_id)
        return found is not None and found.notification.user_id == of

    def mark_read(self, notification_id: UUID, *, at: datetime) -> None:
        self._mark(lambda stored: stored.notification.id == notification_id, at)

    def mark_all_read(self, *, of: UUID, up_to: int | None, at: datetime) -> None:
        self._mark(lambda stored: stored.notification.user_id == of and (up_to is None or stored.seq <= up_to), at)

    async def preferences(self, *, of: UUID) -> Preferences:
        return _preferences(self._unit.now, of)

    def save_preferences(self, preferences: Preferences, *, was: int) -> None:
        saved = replace(preferences, of=dict(preferences.of))

        def put(tables: CompanyTables) -> None:
            tables.preferences[saved.user_id] = saved
            if not saved.mailed:
                tables.digested.pop(saved.user_id, None)

        self._unit.transaction.defer(self._unit.within(put))

    def _mark(self, which: Callable[[StoredNotification], bool], at: datetime) -> None:
        def mark(tables: CompanyTables) -> None:
            for id, stored in tables.notifications.items():
                if which(stored) and stored.read_at is None:
                    tables.notifications[id] = replace(stored, read_at=at)

        self._unit.transaction.defer(self._unit.within(mark))


class InMemoryInboxUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with notifications."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.inbox = InMemoryInbox(self)


def _keep(tables: CompanyTables, told: list[Notification]) -> None:
    if not told:
        return
    before = tables.last_seq
    tables.append([each.created for each in told], actor_id=None, via="system", at=told[0].created_at)
    for seq, each in enumerate(told, start=before + 1):
        tables.notifications[each.id] = StoredNotification(notification=each, seq=seq)


class InMemoryNotifiedLogs:
    """The logs of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def behind(self) -> list[UUID]:
        return [
            company_id
            for company_id, tables in sorted(self._store.tables.companies.items())
            if tables.company.is_active and tables.last_of.get(Concern.PEOPLE, 0) > tables.notified_up_to
        ]

    async def advance(self, company_id: UUID, *, most: int, told: Callable[[Batch], list[Notification]]) -> bool:
        tables = self._store.tables.companies[company_id]
        head = tables.last_seq
        every = [cause for event in tables.events if event.seq > tables.notified_up_to and (cause := _cause(event))]
        causes = every[:most]
        while len(causes) == most and not whole_transactions(causes, most=most):
            most *= 4
            causes = every[:most]
        is_all = len(causes) < most
        causes = whole_transactions(causes, most=most)
        whole = _batch(tables, causes)
        taken, _ = at_once(causes, whole.tasks, whole.projects, most=TOLD_AT_ONCE)
        is_all = is_all and len(taken) == len(causes)
        found = told(whole._replace(causes=tuple(taken))) if taken else []
        tables.notified_up_to = head if is_all else taken[-1].seq
        _keep(tables, found)
        return not is_all


def _cause(event: StoredEvent) -> Cause | None:
    body = event.body
    changes = body.get("changes") or {}
    to: str | None = None
    mentions: set[str] = set()
    if event.event not in CAUSES:
        return None
    if event.event == TaskCreated.event:
        to = body["assigned_to"]
    elif event.event == TaskUpdated.event:
        to = (changes.get("assigned_to") or {}).get("new")
    elif event.event == ProjectMemberAdded.event:
        to = body["user_id"]
    elif event.event == CommentCreated.event:
        mentions = set(body["mentions"])
    elif event.event == CommentUpdated.event:
        if "mentions" not in changes:
            return None
        mentions = set(changes["mentions"]["new"]) - set(changes["mentions"]["old"])
    if to is None and event.event not in (CommentCreated.event, CommentUpdated.event):
        return None
    named = {name: UUID(body[name]) if body.get(name) else None for name in ("task_id", "comment_id")}
    return Cause(
        event.seq,
        event.event,
        event.actor_id,
        event.occurred_at,
        project_id=event.audience.project_id,
        to=UUID(to) if to else None,
        mentions=frozenset(map(UUID, mentions)),
        **named,
    )


def _batch(tables: CompanyTables, causes: list[Cause]) -> Batch:
    projects = frozenset(id for id in tables.projects if tables.project(id) is not None)
    said: dict[UUID, dict[UUID, bool]] = {}
    for (task_id, user_id), watching in tables.watchers.items():
        said.setdefault(task_id, {})[user_id] = watching
    return Batch(
        causes=tuple(causes),
        tasks={
            task.id: TaskNow(task.project_id, task.created_by, task.assigned_to, said.get(task.id, {}))
            for task in tables.tasks.values()
            if tables.stands(task)
        },
        projects=projects,
        people={
            id: Recipient(
                administers=person.user.role is not Role.MEMBER,
                projects=frozenset(project for project, user in tables.members if user == id),
                unwanted=frozenset(_preferences(tables, id).unwanted),
            )
            for id, person in tables.people.items()
            if person.may_act and person.user.kind is UserKind.PERSON
        },
    )


class InMemoryDeadlineDays:
    """The days of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def calendars(self) -> list[Calendar]:
        return [
            Calendar(company_id, tables.company.settings.time_zone, tables.deadlines_told_on)
            for company_id, tables in sorted(self._store.tables.companies.items())
            if tables.company.is_active
        ]

    async def begin(self, company_id: UUID, *, day: date) -> None:
        tables = self._store.tables.companies[company_id]
        tables.deadlines_told_on = tables.deadlines_told_on or day

    async def advance(
        self, company_id: UUID, *, day: date, most: int, told: Callable[[list[DueTask]], list[Notification]]
    ) -> bool:
        tables = self._store.tables.companies[company_id]
        if tables.deadlines_told_on is None or tables.deadlines_told_on >= day:
            return False
        due = _due(tables, day)[:most]
        if len(due) < most:
            tables.deadlines_told_on = day
        _keep(tables, told(due))
        return len(due) == most


def _due(tables: CompanyTables, day: date) -> list[DueTask]:
    known = {
        (
            each.notification.task_id,
            each.notification.user_id,
            each.notification.deadline,
            each.notification.days_before,
        )
        for each in tables.notifications.values()
    }
    found = []
    for task in tables.tasks.values():
        project = tables.project(task.project_id)
        holder = tables.people.get(task.assigned_to) if task.assigned_to else None
        if project is None or not project.is_active or holder is None or not holder.may_act:
            continue
        if task.deleted_at is not None or task.status is Status.DONE or task.deadline is None:
            continue
        if not day <= task.deadline <= day + timedelta(days=1):
            continue
        user = holder.user
        if user.kind is not UserKind.PERSON:
            continue
        if user.role is Role.MEMBER and (project.id, user.id) not in tables.members:
            continue
        if Kind.DEADLINE_NEAR in _preferences(tables, user.id).unwanted:
            continue
        if (task.id, user.id, task.deadline, (task.deadline - day).days) not in known:
            found.append(DueTask(task.id, user.id, task.deadline))
    return sorted(found, key=lambda each: (each.deadline, each.id))
