from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

from core.comments.events import CommentCreated, CommentUpdated
from core.kernel.errors import Fault, Invalid
from core.notifications.events import NotificationCreated
from core.projects.events import ProjectMemberAdded
from core.tasks.events import TaskCreated, TaskUpdated

CAUSES: Final = tuple(
    sorted(kind.event for kind in (TaskCreated, TaskUpdated, CommentCreated, CommentUpdated, ProjectMemberAdded))
)
"""The events of which somebody may be told."""
MORNING: Final = 9
"""The hour at which people are told of deadlines, and get mail, in their company's time zone."""


class Kind(StrEnum):
    ASSIGNED = "assigned"
    MENTIONED = "mentioned"
    COMMENTED = "commented"
    DEADLINE_NEAR = "deadline_near"
    ADDED_TO_PROJECT = "added_to_project"


class ByMail(StrEnum):
    OFF = "off"
    DAILY = "daily"


class Cause(NamedTuple):
    """An event, as far as it concerns somebody: `to` whom a task was given, or whom a project got; `mentions` whom a
    comment mentions that it did not mention before.
    """

    seq: int
    event: str
    actor_id: UUID | None
    occurred_at: datetime
    project_id: UUID | None = None
    task_id: UUID | None = None
    comment_id: UUID | None = None
    to: UUID | None = None
    mentions: frozenset[UUID] = frozenset()


class TaskNow(NamedTuple):
    """A task that stands, in a project that stands. `said` are those who said whether they watch it."""

    project_id: UUID
    created_by: UUID | None
    assigned_to: UUID | None
    said: Mapping[UUID, bool]

    @property
    def watchers(self) -> frozenset[UUID]:
        """Who created it and who has it watch it, unless it was said otherwise."""
        usual = {user for user in (self.created_by, self.assigned_to) if user is not None}
        return frozenset(user for user in usual | self.said.keys() if self.said.get(user, True))


class Recipient(NamedTuple):
    """An active user: which of the projects they see, all if they administer the company, and what they do not want."""

    administers: bool
    projects: frozenset[UUID]
    unwanted: frozenset[str] = frozenset()


class Batch(NamedTuple):
    """A part of the log, and what is now of all that it may concern. Whoever is not among the people is told nothing.

    It holds whole transactions: each is told of by itself, however the log is cut into parts.
    """

    causes: tuple[Cause, ...]
    tasks: Mapping[UUID, TaskNow]
    projects: frozenset[UUID]
    people: Mapping[UUID, Recipient]


class Concern(NamedTuple):
    """That a cause concerns somebody."""

    user_id: UUID
    kind: Kind
    cause: Cause
    project_id: UUID


class Notification(NamedTuple):
    """What one user is told. `task_count` are the tasks that one transaction gave them: where they are several, none of
    them is named. `days_before` its `deadline` it tells of that.
    """

    id: UUID
    user_id: UUID
    kind: Kind
    created_at: datetime
    cause: int | None = None
    event: str | None = None
    actor_id: UUID | None = None
    project_id: UUID | None = None
    task_id: UUID | None = None
    comment_id: UUID | None = None
    task_count: int = 1
    deadline: date | None = None
    days_before: int | None = None

    @property
    def created(self) -> NotificationCreated:
        return NotificationCreated(
            notification_id=self.id,
            user_id=self.user_id,
            kind=str(self.kind),
            cause=None if self.cause is None else str(self.cause),
            caused_by=self.actor_id,
            task_id=self.task_id,
            project_id=self.project_id,
            task_count=self.task_count,
        )


class DueTask(NamedTuple):
    """An unfinished task whose deadline is near, and the active user who has it, sees it, and wants to know."""

    id: UUID
    assigned_to: UUID
    deadline: date


def whole_transactions(causes: list[Cause], *, most: int) -> list[Cause]:
    """The causes without the last transaction, of which there may be more, if there are `most`; maybe none are left."""
    if len(causes) < most:
        return causes
    left = len(causes)
    while left and _transaction(causes[left - 1]) == _transaction(causes[-1]):
        left -= 1
    return causes[:left]


def at_once(
    causes: Iterable[Cause], tasks: Mapping[UUID, TaskNow], projects: frozenset[UUID], *, most: int
) -> tuple[list[Cause], list[Concern]]:
    """The first of the causes, whole transactions, that concern so many users together, and whom they do: at least one
    transaction. What is told is written while nobody else in the company writes, so it is not more at a time.
    """
    taken: list[Cause] = []
    concerned: list[Concern] = []
    for _, each in groupby(causes, key=_transaction):
        together = list(each)
        found = list(concerns(together, tasks, projects))
        if taken and len(concerned) + len(found) > most:
            break
        taken += together
        concerned += found
    return taken, concerned


def concerns(causes: Iterable[Cause], tasks: Mapping[UUID, TaskNow], projects: frozenset[UUID]) -> Iterator[Concern]:
    """Whom causes concern, whoever they are: of one cause each of them once, and nobody of what they did themselves."""
    for cause in causes:
        where = cause.project_id
        if cause.task_id is not None:
            task = tasks.get(cause.task_id)
            if task is None:
                continue
            where = task.project_id
        elif where not in projects:
            continue
        assert where is not None
        told = dict.fromkeys(cause.mentions, Kind.MENTIONED)
        if cause.event == CommentCreated.event and cause.task_id is not None:
            # A mention says more than that somebody commented.
            told = dict.fromkeys(tasks[cause.task_id].watchers, Kind.COMMENTED) | told
        if cause.to is not None:
            told[cause.to] = Kind.ADDED_TO_PROJECT if cause.event == ProjectMemberAdded.event else Kind.ASSIGNED
        for user, kind in sorted(told.items()):
            if user != cause.actor_id:
                yield Concern(user, kind, cause, where)


def tell(batch: Batch, *, new_id: Callable[[], UUID], at: datetime) -> list[Notification]:
    """What the users are told of a part of the log: those who may see it now, and want to know.

    Of the tasks that one transaction gave to somebody, as a batch or an import does, they are told at once.
    """
    heard = [each for each in concerns(batch.causes, batch.tasks, batch.projects) if _hears(batch, each)]
    found: list[Notification] = []
    for _, together in groupby(heard, key=lambda each: _transaction(each.cause)):
        given: dict[UUID, list[Concern]] = {}
        for each in together:
            if each.kind is Kind.ASSIGNED:
                given.setdefault(each.user_id, []).append(each)
            else:
                found.append(_of_one(each, new_id(), at))
        found.extend(
            _of_one(each[0], new_id(), at) if len(each) == 1 else _of_many(each, new_id(), at)
            for each in given.values()
        )
    return found


def tell_of_deadlines(
    tasks: Iterable[DueTask], *, day: date, new_id: Callable[[], UUID], at: datetime
) -> list[Notification]:
    """What those who have tasks are told of their deadlines, on that day."""
    return [
        Notification(
            id=new_id(),
            user_id=task.assigned_to,
            kind=Kind.DEADLINE_NEAR,
            created_at=at,
            task_id=task.id,
            deadline=task.deadline,
            days_before=(task.deadline - day).days,
        )
        for task in tasks
    ]


def _transaction(cause: Cause) -> tuple[UUID | None, datetime]:
    """All that one transaction wrote is of one actor, and of one instant to the microsecond."""
    return cause.actor_id, cause.occurred_at


def _hears(batch: Batch, concern: Concern) -> bool:
    user = batch.people.get(concern.user_id)
    if user is None or concern.kind in user.unwanted:
        return False
    return user.administers or concern.project_id in user.projects


def _of_one(concern: Concern, id: UUID, at: datetime) -> Notification:
    cause = concern.cause
    return Notification(
        id=id,
        user_id=concern.user_id,
        kind=concern.kind,
        created_at=at,
        cause=cause.seq,
        event=cause.event,
        actor_id=cause.actor_id,
        # Of a task it is the one that it is in, wherever it goes.
        project_id=None if cause.task_id is not None else concern.project_id,
        task_id=cause.task_id,
        comment_id=cause.comment_id,
    )


def _of_many(given: list[Concern], id: UUID, at: datetime) -> Notification:
    projects = {each.project_id for each in given}
    return _of_one(given[0], id, at)._replace(
        task_id=None, project_id=projects.pop() if len(projects) == 1 else None, task_count=len(given)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Whether notifications of a kind come into the inbox, and are mailed. Raises nothing: `Preferences` checks."""

    inbox: bool = True
    mail: ByMail = ByMail.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceChanges:
    """The fields of kinds to change; what is not named stays. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    of: Mapping[Kind, Mapping[str, object]] = field(default_factory=dict)
    unchanged: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Preferences:
    """What one user wants to be told of, and how. Kinds that are not in `of` are as they are at first."""

    user_id: UUID
    of: dict[Kind, Preference] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    version: int = 1

    def of_kind(self, kind: Kind) -> Preference:
        return self.of.get(kind, Preference())

    @property
    def unwanted(self) -> list[str]:
        """The kinds that do not come into the inbox."""
        return [str(kind) for kind in Kind if not self.of_kind(kind).inbox]

    @property
    def mailed(self) -> list[str]:
        """The kinds that are mailed once a day."""
        return [str(kind) for kind in Kind if self.of_kind(kind).mail is ByMail.DAILY]

    def change(self, changes: PreferenceChanges, *, at: datetime) -> bool:
        """Whether anything is different then. Raises Invalid for mail of what does not come into the inbox."""
        after = {kind: self.of_kind(kind) for kind in Kind}
        for kind, fields in changes.of.items():
            after[kind] = replace(after[kind], **fields)  # type: ignore[arg-type]
        faults = tuple(
            Fault("what does not come into the inbox is not mailed", pointer=f"/{kind}/mail")
            for kind, each in after.items()
            if each.mail is not ByMail.OFF and not each.inbox
        )
        if faults:
            raise Invalid(faults=faults)
        if after == {kind: self.of_kind(kind) for kind in Kind}:
            return False
        self.of, self.version, self.updated_at = after, self.version + 1, at
        return True
