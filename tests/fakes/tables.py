"""What is stored. Stored things are never changed in place, but replaced, so that a copy of the tables is cheap."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from core.auth.letters import Letter
from core.auth.model import Account, LoginSession
from core.comments.model import Comment
from core.companies.model import Company
from core.cycles.model import Cycle, CycleStatus
from core.imports.model import TaskImport
from core.imports.names import Stand
from core.jobs.model import Job
from core.kernel.actor import NOWHERE, Origin, Role, Via
from core.kernel.audit import Note
from core.kernel.errors import Conflict
from core.kernel.events import Audience, Concern, Fact
from core.kernel.once import Made, Refused
from core.labels.model import Label, LabelName, folded
from core.oidc.model import EmailDomain, ExternalIdentity, OidcConnection
from core.notifications.model import Notification, Preferences
from core.projects.model import Project
from core.projects.ports import ProjectRef
from core.reports.model import CycleDay, ProjectDay, Standing
from core.tasks.fields import Status
from core.tasks.model import Board, Column, Task
from core.tasks.ports import TaskRef
from core.tokens.model import ApiToken
from core.webhooks.deliveries import Delivery
from core.webhooks.model import Webhook
from core.users.model import Invitation, User
from tests.event_contract import ensure_promised


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user, and when they last signed in here."""

    user: User
    last_login_at: datetime | None = None

    @property
    def may_act(self) -> bool:
        """Whether they are active, and have accepted to be a user."""
        return self.user.is_active and self.user.accepted_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredColumn:
    id: UUID
    project_id: UUID
    name: str
    category: Status
    position: int
    wip_limit: int | None = None
    version: int = 1
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    updated_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A fact in the log; `body` is as JSON carries it."""

    seq: int
    event: str
    channel: str
    occurred_at: datetime
    actor_id: UUID | None
    via: str
    audience: Audience
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNote:
    """An audit event; of nobody who is known, it belongs to no company."""

    note: Note
    company_id: UUID | None
    actor_id: UUID | None
    via: str
    origin: Origin
    session_id: UUID | None
    at: datetime
    token_id: UUID | None = None
    coalesced_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unredeemed:
    """What a login session waits for; once it is redeemed, its state alone is remembered."""

    code_digest: bytes | None
    state_digest: bytes
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceKey:
    user_id: UUID
    method: str
    path: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcome:
    digest: bytes
    outcome: Made | Refused
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Up to where the log was read for mail, what was left behind, and whose it is until when."""

    seq: int = 0
    behind: frozenset[int] = frozenset()
    again_at: datetime | None = None
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """What waits to be mailed to an account's holder."""

    letters: tuple[Letter, ...] = ()
    due_at: datetime | None = None
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotification:
    """What somebody was told, at the position of its own event, and when they read it."""

    notification: Notification
    seq: int
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """The last day on which somebody was mailed what they did not read, up to where, and whose it is until when."""

    mailed_on: date
    up_to: int
    leased_until: datetime | None = None


@dataclass(slots=True, kw_only=True)
class CompanyTables:
    """All that belongs to one company. What was deleted is still in `projects` and `tasks`, but nobody finds it."""

    company: Company
    people: dict[UUID, Person] = field(default_factory=dict)
    projects: dict[UUID, Project] = field(default_factory=dict)
    project_keys: dict[str, UUID] = field(default_factory=dict)
    last_numbers: dict[UUID, int] = field(default_factory=dict)
    members: frozenset[tuple[UUID, UUID]] = frozenset()  # (project, user)
    added_at: dict[tuple[UUID, UUID], datetime] = field(default_factory=dict)
    columns: dict[UUID, StoredColumn] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    cycles: dict[UUID, Cycle] = field(default_factory=dict)
    last_cycle_numbers: dict[UUID, int] = field(default_factory=dict)
    task_keys: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    labels: dict[UUID, Label] = field(default_factory=dict)
    comments: dict[UUID, Comment] = field(default_factory=dict)
    watchers: dict[tuple[UUID, UUID], bool] = field(default_factory=dict)  # (task, user); who is not named here may do
    task_labels: frozenset[tuple[UUID, UUID]] = frozenset()  # (task, label)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    task_imports: dict[UUID, TaskImport] = field(default_factory=dict)
    import_chunks: dict[tuple[UUID, int], bytes] = field(default_factory=dict)
    import_rows: dict[tuple[UUID, str], Stand] = field(default_factory=dict)
    events: tuple[StoredEvent, ...] = ()
    forgotten: int = 0
    once: dict[OnceKey, StoredOutcome] = field(default_factory=dict)
    invitations: dict[UUID, Invitation] = field(default_factory=dict)
    last_of: dict[Concern, int] = field(default_factory=dict)
    mailed: Position = Position()
    counted_up_to: int = 0
    standings: dict[UUID, Standing] = field(default_factory=dict)
    project_days: dict[tuple[UUID, date], ProjectDay] = field(default_factory=dict)
    cycle_days: dict[tuple[UUID, date], CycleDay] = field(default_factory=dict)
    notifications: dict[UUID, StoredNotification] = field(default_factory=dict)
    preferences: dict[UUID, Preferences] = field(default_factory=dict)
    digested: dict[UUID, Digested] = field(default_factory=dict)
    notified_up_to: int = 0
    deadlines_told_on: date | None = None
    api_tokens: dict[UUID, ApiToken] = field(default_factory=dict)
    oidc_connections: dict[UUID, OidcConnection] = field(default_factory=dict)
    email_domains: dict[UUID, EmailDomain] = field(default_factory=dict)
    webhooks: dict[UUID, Webhook] = field(default_factory=dict)
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)
    webhook_attempts: dict[UUID, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    told_up_to: int = 0
    sso_enforced: bool = False
    break_glass_user_id: UUID | None = None

    def copy(self) -> "CompanyTables":
        return CompanyTables(
            company=self.company,
            people=dict(self.people),
            projects=dict(self.projects),
            project_keys=dict(self.project_keys),
            last_numbers=dict(self.last_numbers),
            members=self.members,
            added_at=dict(self.added_at),
            columns=dict(self.columns),
            tasks=dict(self.tasks),
            cycles=dict(self.cycles),
            last_cycle_numbers=dict(self.last_cycle_numbers),
            task_keys=dict(self.task_keys),
            labels=dict(self.labels),
            comments=dict(self.comments),
            watchers=dict(self.watchers),
            task_labels=self.task_labels,
            jobs=dict(self.jobs),
            task_imports=dict(self.task_imports),
            import_chunks=dict(self.import_chunks),
            import_rows=dict(self.import_rows),
            events=self.events,
            forgotten=self.forgotten,
            once=dict(self.once),
            invitations=dict(self.invitations),
            last_of=dict(self.last_of),
            mailed=self.mailed,
            counted_up_to=self.counted_up_to,
            standings=dict(self.standings),
            project_days=dict(self.project_days),
            cycle_days=dict(self.cycle_days),
            notifications=dict(self.notifications),
            preferences=dict(self.preferences),
            digested=dict(self.digested),
            notified_up_to=self.notified_up_to,
            deadlines_told_on=self.deadlines_told_on,
            api_tokens=dict(self.api_tokens),
            oidc_connections=dict(self.oidc_connections),
            email_domains=dict(self.email_domains),
            webhooks=dict(self.webhooks),
            deliveries=dict(self.deliveries),
            webhook_attempts=dict(self.webhook_attempts),
            told_up_to=self.told_up_to,
            sso_enforced=self.sso_enforced,
            break_glass_user_id=self.break_glass_user_id,
        )

    def children(self, task_id: UUID) -> list[Task]:
        """The sub-tasks right below a task."""
        return [task for task in self.tasks.values() if task.parent_id == task_id and task.deleted_at is None]

    def counted(self, task: Task) -> Task:
        """A copy of the task that knows how many sub-tasks it has."""
        below = self.children(task.id)
        done = sum(child.status is Status.DONE for child in below)
        return replace(task, sub_tasks_total=len(below), sub_tasks_done=done)

    def labels_named(self, names: tuple[str, ...]) -> tuple[LabelName, ...]:
        """Those of the labels that there are."""
        wanted = {folded(name) for name in names}
        return tuple(LabelName(label.id, label.name) for label in self.labels.values() if folded(label.name) in wanted)

    def watches(self, task: Task, user_id: UUID) -> bool:
        """Whether somebody watches a task: who created it or has it does, unless it was said otherwise."""
        return self.watchers.get((task.id, user_id), user_id in (task.created_by, task.assigned_to))

    def put_task(self, task: Task) -> None:
        """Stores a changed task; who lost it goes on watching it, who got it begins to."""
        before = self.tasks[task.id].assigned_to
        if before != task.assigned_to:
            if before is not None:
                self.watchers.setdefault((task.id, before), True)
            if task.assigned_to is not None and not self.watchers.get((task.id, task.assigned_to), True):
                del self.watchers[task.id, task.assigned_to]
        self.tasks[task.id] = task

    def breaks_glass(self, person: Person) -> bool:
        """Whether they are the owner who may do without the company's own providers."""
        return person.user.id == self.break_glass_user_id and person.user.role is Role.OWNER

    @property
    def sso_connection_id(self) -> UUID | None:
        """The first of the connections that close all other ways in."""
        return min((each.id for each in self.oidc_connections.values() if each.chosen.enforce_sso), default=None)

    @property
    def last_seq(self) -> int:
        return self.forgotten + len(self.events)

    def forget(self, upto: int) -> int:
        """Takes the events up to a position from the beginning of the log, and answers how many they were."""
        kept = tuple(event for event in self.events if event.seq > upto)
        gone = len(self.events) - len(kept)
        self.events, self.forgotten = kept, self.forgotten + gone
        return gone

    def jump(self, to: int) -> None:
        """Lets the log go on after a position beyond its head."""
        self.forgotten += to - self.last_seq

    def append(self, facts: list[Fact], *, actor_id: UUID | None, via: str, at: datetime) -> None:
        """Numbers the facts and adds them to the log; fails for one that is not what the documents promise."""
        ensure_promised(facts)
        head = self.last_seq + len(facts)
        self.last_of |= {concern: head for fact in facts if (concern := fact.concern()) is not None}
        self.events += tuple(
            StoredEvent(
                seq=seq,
                event=fact.event,
                channel=str(fact.channel),
                occurred_at=at,
                actor_id=actor_id,
                via=via,
                audience=fact.audience(),
                body=msgspec.to_builtins(fact.body()),
            )
            for seq, fact in enumerate(facts, start=self.last_seq + 1)
        )

    def project(self, ref: ProjectRef) -> Project | None:
        found = self.project_or_deleted(ref)
        return found if found is not None and found.deleted_at is None else None

    def project_or_deleted(self, ref: ProjectRef) -> Project | None:
        project_id = ref if isinstance(ref, UUID) else self.project_keys.get(ref.upper())
        return self.projects.get(project_id) if project_id else None

    def member_since(self, project_id: UUID, user_id: UUID) -> datetime | None:
        """Since when a user belongs to a project; for those who were put there by the stage, since it stands."""
        pair = (project_id, user_id)
        return self.added_at.get(pair, self.projects[project_id].created_at) if pair in self.members else None

    def task(self, ref: TaskRef) -> Task | None:
        found = self.any_task(ref)
        return found if found is not None and self.stands(found) else None

    def any_task(self, ref: TaskRef) -> Task | None:
        """A task, deleted or not."""
        if isinstance(ref, UUID):
            return self.tasks.get(ref)
        key, _, number = ref.rpartition("-")
        project_id = self.project_keys.get(key.upper())
        if project_id is None:
            return None
        named = (project_id, int(number))
        stands = (task for task in self.tasks.values() if (task.project_id, task.number) == named)
        return next(stands, None) or self.tasks.get(self.task_keys.get(named, project_id))

    def stands(self, task: Task) -> bool:
        """Whether neither the task nor its project was deleted."""
        return task.deleted_at is None and self.project(task.project_id) is not None

    def cards(self, column_id: UUID) -> list[Task]:
        """The cards of a column from top to bottom."""
        cards = [task for task in self.tasks.values() if task.column_id == column_id and task.deleted_at is None]
        return sorted(cards, key=lambda task: (task.rank, task.id))

    def cycle(self, cycle_id: UUID) -> Cycle | None:
        """The cycle, unless its project was deleted."""
        found = self.cycles.get(cycle_id)
        return found if found is not None and self.project(found.project_id) is not None else None

    def cycle_status(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        found = self.cycles.get(cycle_id)
        return found.status if found is not None and found.project_id == project_id else None

    def columns_of(self, project_id: UUID) -> list[StoredColumn]:
        columns = [column for column in self.columns.values() if column.project_id == project_id]
        return sorted(columns, key=lambda column: (column.position, column.id))

    def board(self, project_id: UUID) -> Board:
        columns = []
        for column in self.columns_of(project_id):
            last = next(reversed(self.cards(column.id)), None)
            columns.append(
                Column(
                    id=column.id,
                    category=column.category,
                    last_id=last.id if last else None,
                    last_rank=last.rank if last else None,
                )
            )
        return Board(columns=tuple(columns))

    def name_of(self, user_id: UUID | None) -> str | None:
        return self.people[user_id].user.name if user_id is not None else None


@dataclass(slots=True, kw_only=True)
class Tables:
    """Everything: the global tables, and each company's."""

    accounts: dict[UUID, Account] = field(default_factory=dict)
    sessions: dict[UUID, LoginSession] = field(default_factory=dict)
    companies: dict[UUID, CompanyTables] = field(default_factory=dict)
    letters: dict[UUID, Letters] = field(default_factory=dict)
    # Not compared: a refusal writes nothing but what auditors are told of it.
    notes: tuple[StoredNote, ...] = field(default=(), compare=False)
    identities: dict[tuple[str, str], ExternalIdentity] = field(default_factory=dict)
    unredeemed: dict[UUID, Unredeemed] = field(default_factory=dict)

    def copy(self) -> "Tables":
        return Tables(
            letters=dict(self.letters),
            accounts=dict(self.accounts),
            sessions=dict(self.sessions),
            companies={company_id: tables.copy() for company_id, tables in self.companies.items()},
            notes=self.notes,
            identities=dict(self.identities),
            unredeemed=dict(self.unredeemed),
        )

    def note(
        self,
        notes: list[Note],
        *,
        company_id: UUID | None,
        actor_id: UUID | None,
        via: str,
        at: datetime,
        origin: Origin = NOWHERE,
        session_id: UUID | None = None,
        token_id: UUID | None = None,
        coalesced_by: str | None = None,
    ) -> None:
        """Adds audit events to a company's, or to those of no company; once what has the same `coalesced_by`."""
        if coalesced_by is not None and any(
            (each.company_id, each.coalesced_by) == (company_id, coalesced_by) for each in self.notes
        ):
            return
        self.notes += tuple(
            StoredNote(
                note=note,
                company_id=company_id,
                actor_id=actor_id,
                via=via,
                origin=origin,
                session_id=session_id,
                token_id=token_id,
                at=at,
                coalesced_by=coalesced_by,
            )
            for note in notes
        )

    def found(
        self,
        company: Company,
        owner: User,
        facts: Callable[[], tuple[Fact, ...]],
        *,
        at: datetime,
        via: Via = Via.SESSION,
        origin: Origin = NOWHERE,
    ) -> int:
        """Opens a company; a code that is taken gets a suffix. Returns its sequence."""
        if company.id in self.companies:
            raise Conflict("there is such a company")
        stem, codes = company.code, {tables.company.code for tables in self.companies.values()}
        suffixes = count(2)
        while company.code in codes:
            company.code = f"{stem}-{next(suffixes)}"
        tables = CompanyTables(company=replace(company), people={owner.id: Person(user=replace(owner))})
        happened, actor_id = list(facts()), owner.id if via is Via.SESSION else None
        tables.append(happened, actor_id=actor_id, via=str(via), at=at)
        self.companies[company.id] = tables
        notes = [note for fact in happened for note in fact.notes()]
        self.note(notes, company_id=company.id, actor_id=actor_id, via=str(via), origin=origin, at=at)
        return tables.last_seq
