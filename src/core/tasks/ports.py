from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.labels.model import LabelName
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.tasks.columns import Arrangement, BoardColumn, Card
from core.tasks.fields import Lineage, Priority, Status
from core.tasks.model import Board, Task
from core.tasks.policy import Visible
from core.tasks.read_models import BoardView, ColumnDetails, DeletedTask, TaskTag, TaskView
from core.tasks.recurring_ports import Recurrences

TaskRef = UUID | str
"""A task's id, or its key in any case."""


class Assignee(NamedTuple):
    """Somebody who is to do a task, and what the rules ask about them.

    `known_to_caller`: they share a project with the caller.
    """

    id: UUID
    name: str
    is_active: bool
    sees_project: bool
    known_to_caller: bool


class Opening(NamedTuple):
    """What a new task is made from; the project is locked, and the number taken, until the transaction ends.

    `cycle` is where the named cycle is in its course, None if the project has no such cycle; `parent` is where a task
    below the named one would stand, None if the project has no such task. `labels` are those of the named ones that
    there are; they keep their names until the transaction ends.
    """

    project_key: str
    project_is_active: bool
    is_member: bool
    number: int
    board: Board
    assignee: Assignee | None
    cycle: CycleStatus | None = None
    parent: Lineage | None = None
    labels: tuple[LabelName, ...] = ()


class Neighbour(NamedTuple):
    """A card next to which another is to stand, and the cards above and below it, the moved one left out."""

    column_id: UUID
    rank: str
    above_id: UUID | None
    above_rank: str | None
    below_rank: str | None

    def has_beside(self, rank: str, *, above: bool) -> bool:
        """Whether a card of that rank already stands right above it, or right below."""
        if above:
            return rank < self.rank and (self.above_rank is None or self.above_rank < rank)
        return self.rank < rank and (self.below_rank is None or rank < self.below_rank)


class LoadedTask(NamedTuple):
    """A task to change; its project's board and itself are locked until the transaction ends. `also_is_locked`: the
    other project that was named is too; it is not where there is none. `neighbour` is the card that was named, None if
    the project has no such card. `labels` are those of the named ones that there are, and those that the task bears, if
    any were named; they keep their names until the transaction ends. `watching`: the user whom it was loaded for does.
    """

    task: Task
    project_is_active: bool
    is_member: bool
    assigned_to_name: str | None
    board: Board
    watching: bool = False
    also_is_locked: bool = False
    neighbour: Neighbour | None = None
    labels: tuple[LabelName, ...] = ()


class Left(NamedTuple):
    """A task that left its cycle, at the version that it has since."""

    id: UUID
    project_id: UUID
    version: int


class Orphan(NamedTuple):
    """A sub-task that lost its parent, at the version that it has since."""

    id: UUID
    project_id: UUID
    version: int


class LoadedDeletedTask(NamedTuple):
    """A task that may have been deleted, to restore; its project's board and itself are locked until the transaction
    ends. `rank_is_taken`: another card has its place meanwhile. `cycle_is_over`: its cycle was completed. `parent` is
    where it would stand below its parent, None if it has none or that is gone.
    """

    task: Task
    project_is_active: bool
    is_member: bool
    board: Board
    rank_is_taken: bool
    cycle_is_over: bool
    assignee: Assignee | None
    parent: Lineage | None = None
    watching: bool = False


class Tasks(Protocol):
    """The tasks of the company that the unit of work was opened for."""

    async def begin(
        self,
        project_id: UUID,
        *,
        for_user: UUID,
        assignee: UUID | None,
        cycle: UUID | None = None,
        parent: UUID | None = None,
        labels: tuple[str, ...] = (),
        into: Status | UUID | None = None,
    ) -> Opening | None:
        """Prepares a new task; None if there is no such project.

        If it is known that it goes `into` a column, or one of a status, only those columns need know their last card.
        """
        ...

    async def load(
        self,
        ref: TaskRef,
        *,
        for_user: UUID,
        also: UUID | None = None,
        beside: UUID | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> LoadedTask | None:
        """A task to change; `also` is another project to lock, so that two of them are always locked in one order.
        `beside` is a card of the same project next to which it may go. `labels` are names, if its labels are to change.

        Raises ChangedMeanwhile if the task went to another project at the same moment.
        """
        ...

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None: ...

    async def cycle(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        """Where a cycle of that project is in its course; None if there is no such one."""
        ...

    async def lineage(self, parent_id: UUID, *, project_id: UUID, of: UUID) -> Lineage | None:
        """Where a task would stand below another one of that project; None if it has no such task."""
        ...

    async def leave_parent(self, parent_id: UUID, *, at: datetime) -> list[Orphan]:
        """Makes the sub-tasks of a task, whose project is locked, stand by themselves; by their numbers."""
        ...

    async def leave_cycle(self, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> list[Left]:
        """Puts the tasks of a cycle, whose project is locked, into another one or none; by their numbers."""
        ...

    async def order(self, column_id: UUID) -> list[UUID]:
        """All cards of a column from top to bottom."""
        ...

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        """Gives cards new ranks that keep their order."""
        ...

    def add(self, task: Task) -> None: ...

    def save(self, task: Task, *, was: int) -> None:
        """Writes a changed task, whose version was `was`."""
        ...

    def label(self, task_id: UUID, *, on: tuple[LabelName, ...], off: tuple[LabelName, ...]) -> None:
        """Puts labels on a task, and takes others off."""
        ...

    def transfer(self, task: Task, *, was: int, from_project: UUID, from_number: int) -> None:
        """Writes a task that went to another project, and makes its old number there resolve, for ever."""
        ...

    async def project_members(self, project_id: UUID) -> tuple[UUID, ...]: ...


class DeletedTasks(Protocol):
    """The tasks of the company that the unit of work was opened for, deleted or not, of projects that still stand."""

    async def load(self, ref: TaskRef, *, for_user: UUID) -> LoadedDeletedTask | None: ...

    def restore(self, task: Task, *, was: int) -> None:
        """Writes a task that is deleted no more, and whose version was `was`."""
        ...


class LoadedBoard(NamedTuple):
    """A board to arrange, locked until the transaction ends."""

    arrangement: Arrangement
    project_is_active: bool
    is_member: bool


class Columns(Protocol):
    """The columns of the company that the unit of work was opened for."""

    async def of_project(self, ref: ProjectRef, *, for_user: UUID) -> LoadedBoard | None:
        """The board of a project."""
        ...

    async def around(self, column_id: UUID, *, for_user: UUID) -> LoadedBoard | None:
        """The board that a column stands on."""
        ...

    async def cards(self, column_id: UUID) -> list[Card]:
        """All cards of a column from top to bottom, locked until the transaction ends."""
        ...

    def add(self, column: BoardColumn) -> None: ...

    def save(self, column: BoardColumn, *, was: int) -> None:
        """Writes a column's fields, whose version was `was`; not its position."""
        ...

    def place(self, columns: list[BoardColumn]) -> None:
        """Writes the positions of columns."""
        ...

    def recategorise(self, cards: list[Card], *, category: Status, at: datetime) -> None:
        """Gives cards, all of one column, the status of its new category."""
        ...

    def move(self, cards: list[Card], ranks: list[str], *, to: BoardColumn, at: datetime) -> None:
        """Puts the cards of a column that goes away into another one, at those ranks."""
        ...

    def remove(self, column: BoardColumn, *, heir: BoardColumn) -> None:
        """Deletes a column without cards; those that were deleted from it come back to `heir`."""
        ...


class Released(NamedTuple):
    """A task that lost its assignee, at its new version."""

    task_id: UUID
    version: int


class Assignments(Protocol):
    """Who is to do which tasks of the company that the unit of work was opened for."""

    async def release(self, user_id: UUID, *, project_id: UUID, at: datetime) -> list[Released]:
        """Takes the open tasks of a project away from somebody, in one statement, and answers them by number."""
        ...


class AssignmentUnitOfWork(UnitOfWork, Protocol):
    @property
    def assignments(self) -> Assignments: ...


class TaskDesk(Protocol):
    """Where the verbs of tasks are carried out: a unit of work, or what keeps many changes until they are written."""

    @property
    def actor(self) -> Actor: ...

    @property
    def tasks(self) -> Tasks: ...

    @property
    def recurrences(self) -> Recurrences: ...

    def record(self, *facts: Fact) -> None: ...


class TaskUnitOfWork(UnitOfWork, Protocol):
    @property
    def tasks(self) -> Tasks: ...

    @property
    def recurrences(self) -> Recurrences: ...

    @property
    def deleted_tasks(self) -> DeletedTasks: ...

    @property
    def columns(self) -> Columns: ...


class OpenTaskUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> TaskUnitOfWork: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks: each given filter must hold, any of its values will do.

    In `assigned_to`, None stands for unassigned, in `cycle_id` for no cycle, in `parent_id` for no parent.
    `deadline_before` and the others exclude their bound. `query` is part of the title or key, in any case; `label` are
    names of labels, in any case too; `external_id` is compared letter by letter.
    """

    project_id: tuple[UUID, ...] = ()
    cycle_id: tuple[UUID | None, ...] = ()
    column_id: tuple[UUID, ...] = ()
    status: tuple[Status, ...] = ()
    priority: tuple[Priority, ...] = ()
    assigned_to: tuple[UUID | None, ...] = ()
    created_by: tuple[UUID, ...] = ()
    parent_id: tuple[UUID | None, ...] = ()
    label: tuple[str, ...] = ()
    deadline_before: date | None = None
    deadline_after: date | None = None
    updated_after: datetime | None = None
    query: str | None = None
    external_id: str | None = None

    @property
    def names_container(self) -> bool:
        """Whether the question is about certain projects, cycles, columns or parents."""
        return bool(self.project_id or any(self.cycle_id) or self.column_id or any(self.parent_id))


class TaskReader(Protocol):
    """What screens show of tasks. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[TaskView]]: ...

    async def deleted_page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, after: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedTask]]:
        """As `page`, of the tasks that were deleted after that instant from projects that still stand."""
        ...

    async def one(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskView | None]: ...

    async def those(self, actor: Actor, task_ids: Sequence[UUID], *, visible: Visible) -> Answer[list[TaskView]]:
        """Those of the tasks that there are, in any order."""
        ...

    async def place_names(self, actor: Actor, *, columns: Sequence[UUID], cycles: Sequence[UUID]) -> dict[UUID, str]:
        """What columns and cycles are called in which tasks stand that the caller sees."""
        ...

    async def tag(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskTag | None]:
        """Less than `one`: just what tells whether a copy is still current."""
        ...

    async def board(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, tasks_per_column: int
    ) -> Answer[BoardView | None]: ...


class ColumnReader(Protocol):
    """What screens show of single columns. Each call is one round trip, and one snapshot."""

    async def one(self, actor: Actor, column_id: UUID, *, visible: VisibleProjects) -> Answer[ColumnDetails | None]: ...
