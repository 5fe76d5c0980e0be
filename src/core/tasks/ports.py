from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.tasks.model import Board, Priority, Status, Task
from core.tasks.policy import Visible
from core.tasks.read_models import BoardView, TaskTag, TaskView

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
    """What a new task is made from; the project is locked, and the number taken, until the transaction ends."""

    project_key: str
    project_is_active: bool
    is_member: bool
    number: int
    board: Board
    assignee: Assignee | None


class LoadedTask(NamedTuple):
    """A task to change; its project's board and itself are locked until the transaction ends."""

    task: Task
    project_is_active: bool
    is_member: bool
    assigned_to_name: str | None
    board: Board


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


class Tasks(Protocol):
    """The tasks of the company that the unit of work was opened for."""

    async def begin(self, project_id: UUID, *, for_user: UUID, assignee: UUID | None) -> Opening | None:
        """Prepares a new task; None if there is no such project."""
        ...

    async def load(self, ref: TaskRef, *, for_user: UUID) -> LoadedTask | None: ...

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None: ...

    async def neighbour(self, task_id: UUID, *, project_id: UUID, moved: UUID) -> Neighbour | None:
        """The named card of that project, and what stands around it when `moved` is taken away."""
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


class TaskUnitOfWork(UnitOfWork, Protocol):
    @property
    def tasks(self) -> Tasks: ...


class OpenTaskUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> TaskUnitOfWork: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks: each given filter must hold, any of its values will do.

    In `assigned_to`, None stands for unassigned. `deadline_before` and the others exclude their bound.
    """

    project_id: tuple[UUID, ...] = ()
    column_id: tuple[UUID, ...] = ()
    status: tuple[Status, ...] = ()
    priority: tuple[Priority, ...] = ()
    assigned_to: tuple[UUID | None, ...] = ()
    created_by: tuple[UUID, ...] = ()
    deadline_before: date | None = None
    deadline_after: date | None = None
    updated_after: datetime | None = None

    @property
    def names_container(self) -> bool:
        """Whether the question is about certain projects or columns."""
        return bool(self.project_id or self.column_id)


class TaskReader(Protocol):
    """What screens show of tasks. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[TaskView]]: ...

    async def one(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskView | None]: ...

    async def tag(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskTag | None]:
        """Less than `one`: just what tells whether a copy is still current."""
        ...

    async def board(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, tasks_per_column: int
    ) -> Answer[BoardView | None]: ...
