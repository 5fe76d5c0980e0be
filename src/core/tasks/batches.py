"""Many changes of tasks at once: what they need to know beforehand, and what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import UnitOfWork
from core.labels.model import LabelName
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.ports import TaskRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a batch names. Keys are in capitals.

    `targets` are the tasks to change; of these, `leaving` are deleted or may go to another project, which
    `transferred` are the second of; `reparented` may get another parent, `recurring` a rule to come again by. `beside`
    are cards next to which others are to stand.
    """

    targets: set[TaskRef] = field(default_factory=set)
    leaving: set[TaskRef] = field(default_factory=set)
    transferred: set[TaskRef] = field(default_factory=set)
    reparented: set[TaskRef] = field(default_factory=set)
    recurring: set[TaskRef] = field(default_factory=set)
    projects: set[UUID] = field(default_factory=set)
    beside: set[UUID] = field(default_factory=set)
    parents: set[UUID] = field(default_factory=set)
    assignees: set[UUID] = field(default_factory=set)
    cycles: set[UUID] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    external_ids: set[str] = field(default_factory=set)


class GatheredProject(NamedTuple):
    """A project with the columns of its board from left to right; it is locked until the transaction ends."""

    id: UUID
    key: str
    is_active: bool
    last_number: int
    columns: tuple[tuple[UUID, Status], ...]


class Kin(NamedTuple):
    """Where a task stands among those above and below it."""

    id: UUID
    project_id: UUID
    parent_id: UUID | None


class Standing(NamedTuple):
    """Where a card stands."""

    id: UUID
    column_id: UUID
    rank: str


class GatheredPerson(NamedTuple):
    """What the rules ask about a user, whatever the project."""

    id: UUID
    name: str
    is_active: bool
    sees_every_project: bool
    known_to_caller: bool


class GatheredCycle(NamedTuple):
    id: UUID
    project_id: UUID
    status: CycleStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that the rules may ask about a batch.

    `tasks` are the targets and the sub-tasks right below those that are `leaving`; they are locked. Of these sub-tasks
    there may be any number: `below` are those that are no targets themselves, and they come without description. `kin`
    are the named parents with the tasks above them, and all tasks below the `reparented`. `cards` are the targets and
    those `beside`; next above and next below each of the latter, the nearest other one; and the last other one of each
    column. `members` are pairs of project and user: of the users that are named or do a target, and of the caller; if
    anything is `transferred`, all of them. `keys` are the ids of tasks by the keys that were named, `project_keys`
    those of projects by the first halves of these. `borne` are the labels of all targets; if any task of the batch
    comes again, they keep their names until the transaction ends. `watched` are the targets that the caller watches.
    """

    projects: tuple[GatheredProject, ...] = ()
    tasks: tuple[Task, ...] = ()
    below: frozenset[UUID] = frozenset()
    kin: tuple[Kin, ...] = ()
    cards: tuple[Standing, ...] = ()
    people: tuple[GatheredPerson, ...] = ()
    members: frozenset[tuple[UUID, UUID]] = frozenset()
    cycles: tuple[GatheredCycle, ...] = ()
    labels: tuple[LabelName, ...] = ()
    borne: Mapping[UUID, tuple[LabelName, ...]] = field(default_factory=dict)
    external_ids: Mapping[tuple[UUID, str], UUID] = field(default_factory=dict)
    keys: Mapping[str, UUID] = field(default_factory=dict)
    project_keys: Mapping[str, UUID] = field(default_factory=dict)
    watched: frozenset[UUID] = frozenset()
    time_zone: str = "UTC"


class Changed(NamedTuple):
    """A task as it is now, which had the version `was` when it was gathered."""

    task: Task
    was: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be written of a batch.

    `orphaned` are tasks of which nothing else changes but that they have no parent any more. `freed` are tasks that
    give up their `external_id`, which others may get; `ranks` those of cards of which nothing else changes; `labels_on`
    and `labels_off` are pairs of task and label; `kept_keys` are numbers in projects that tasks had; `last_numbers` are
    by project. `watching` are pairs of a task and a user who had it in between, and watches it for that.
    """

    added: tuple[Task, ...] = ()
    changed: tuple[Changed, ...] = ()
    orphaned: tuple[Changed, ...] = ()
    freed: tuple[UUID, ...] = ()
    ranks: tuple[tuple[UUID, str], ...] = ()
    labels_on: tuple[tuple[UUID, UUID], ...] = ()
    labels_off: tuple[tuple[UUID, UUID], ...] = ()
    kept_keys: tuple[tuple[UUID, int, UUID], ...] = ()
    last_numbers: Mapping[UUID, int] = field(default_factory=dict)
    watching: tuple[tuple[UUID, UUID], ...] = ()


class Batches(Protocol):
    """Many tasks of the company that the unit of work was opened for, in a number of questions that does not depend on
    how many there are, and of writes that depends on how many parts there are.
    """

    async def gather(self, needs: Needs, *, for_user: UUID) -> Gathered:
        """What is there of what is named; projects and tasks are locked, each in the order of their ids.

        Raises ChangedMeanwhile if a task went to another project at the same moment, or if somebody renames or deletes
        a label of one that comes again.
        """
        ...

    async def cards(self, column_id: UUID) -> list[Standing]:
        """All cards of a column from top to bottom, as they stood when the batch was gathered."""
        ...

    async def begin_to_write(self, outcome: Outcome) -> None:
        """Begins to write a part of what comes of the batch, while the rest is worked out. What is asked or written
        next waits for it, and raises what it came to.
        """
        ...

    def write(self, outcome: Outcome) -> None:
        """Writes what came of the batch, or the rest of it, with the commit."""
        ...


class BatchUnitOfWork(UnitOfWork, Protocol):
    @property
    def batches(self) -> Batches: ...


class OpenBatchUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> BatchUnitOfWork: ...
