from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from core.kernel import rank, text
from core.kernel.events import Change
from core.labels.model import LabelName, in_order
from core.tasks.changes import TaskChanges
from core.tasks.errors import BoardIncomplete
from core.tasks.events import TaskCreated, TaskDeleted, TaskMoved, TaskRestored, TaskUpdated
from core.tasks.fields import Lineage, Priority, Status
from core.tasks.recurrence import Recurrence

RESTORABLE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a board. `last_id` and `last_rank` are those of its last card, None while it is empty."""

    id: UUID
    category: Status
    last_id: UUID | None = None
    last_rank: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a card stands: in a column, at a rank, after another card (None at the top)."""

    column: Column
    rank: str
    after_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The columns of a project, from left to right."""

    columns: tuple[Column, ...]

    def first_of(self, category: Status) -> Column:
        """The leftmost column of a category. Raises BoardIncomplete where there is none."""
        for column in self.columns:
            if column.category is category:
                return column
        raise BoardIncomplete

    def column(self, column_id: UUID | None) -> Column | None:
        """The column with that id, if it is one of this board's."""
        return next((column for column in self.columns if column.id == column_id), None)


def end_of(column: Column) -> Place:
    """The place below the last card. Raises RanksExhausted where the column must be spread first."""
    return Place(column=column, rank=rank.between(column.last_rank, None), after_id=column.last_id)


@dataclass(slots=True, kw_only=True)
class Task:
    """A piece of work. `key` is its project's key and its number; `status` is its column's category.

    `previous_column_id` is where it stood before it was done. Its place on the board does not change its version; its
    column and its fields do. `labels` are the names of its labels in their order. `sub_tasks_total` and
    `sub_tasks_done` count the tasks right below it, and follow those by themselves. `recurrence` is the rule by which
    it is to be done again, and `recurred_at` when its next occurrence was made: each task has one at most,
    until it gets another rule.
    """

    id: UUID
    project_id: UUID
    key: str
    number: int
    title: str
    description: str | None
    priority: Priority
    status: Status
    column_id: UUID
    rank: str
    previous_column_id: UUID | None
    deadline: date | None
    assigned_to: UUID | None
    created_by: UUID | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    cycle_id: UUID | None = None
    parent_id: UUID | None = None
    labels: tuple[str, ...] = ()
    external_id: str | None = None
    recurrence: str | None = None
    recurred_at: datetime | None = None
    sub_tasks_total: int = 0
    sub_tasks_done: int = 0
    version: int = 1

    @staticmethod
    def create(
        *,
        id: UUID,
        project_id: UUID,
        project_key: str,
        number: int,
        title: str,
        description: str | None,
        priority: Priority,
        place: Place,
        deadline: date | None,
        assigned_to: UUID | None,
        created_by: UUID,
        at: datetime,
        cycle_id: UUID | None = None,
        parent_id: UUID | None = None,
        labels: tuple[LabelName, ...] = (),
        external_id: str | None = None,
        recurrence: str | None = None,
    ) -> "tuple[Task, TaskCreated]":
        """A new task. Raises Invalid for a title or description that is none."""
        status = place.column.category
        task = Task(
            id=id,
            project_id=project_id,
            key=f"{project_key}-{number}",
            number=number,
            title=text.title(title),
            description=text.description(description) if description is not None else None,
            priority=priority,
            status=status,
            column_id=place.column.id,
            rank=place.rank,
            previous_column_id=None,
            deadline=deadline,
            assigned_to=assigned_to,
            created_by=created_by,
            completed_at=at if status is Status.DONE else None,
            created_at=at,
            updated_at=at,
            cycle_id=cycle_id,
            parent_id=parent_id,
            labels=in_order(label.name for label in labels),
            external_id=external_id,
            recurrence=recurrence,
        )
        return task, TaskCreated(
            task_id=id,
            task_key=task.key,
            task_title=task.title,
            project_id=project_id,
            status=status,
            column_id=task.column_id,
            cycle_id=cycle_id,
            parent_id=parent_id,
            labels=task.labels,
            assigned_to=assigned_to,
            created_by=created_by,
            version=task.version,
        )

    def differing(self, changes: TaskChanges) -> frozenset[str]:
        """The fields that would be different after the changes."""
        return frozenset(name for name in changes.given if getattr(self, name) != getattr(changes, name))

    def change(self, changes: TaskChanges, *, at: datetime) -> TaskUpdated | None:
        """Changes fields, but for the place; None if nothing is different. Raises Invalid."""
        new: dict[str, object] = {name: getattr(changes, name) for name in changes.fields}
        if "title" in new:
            new["title"] = text.title(changes.title)
        if changes.description is not None:
            new["description"] = text.description(changes.description)
        changed: dict[str, Change] = {}
        for name, value in sorted(new.items()):
            old = getattr(self, name)
            if old != value:
                changed[name] = Change(old=old, new=value)
                setattr(self, name, value)
        if not changed:
            return None
        if changed.keys() & {"recurrence"} and self.recurrence is not None:
            self.recurred_at = None
        self.version += 1
        self.updated_at = at
        return TaskUpdated(task_id=self.id, project_id=self.project_id, changes=changed, version=self.version)

    def move(self, place: Place, *, by: UUID, at: datetime) -> TaskMoved:
        """Puts the card elsewhere. Entering a done column completes the task, leaving it undoes that."""
        old_status, old_column_id = self.status, self.column_id
        new_status = place.column.category
        self.rank = place.rank
        if place.column.id != self.column_id:
            self.column_id = place.column.id
            self.status = new_status
            self.version += 1
            self.updated_at = at
            if new_status is Status.DONE and old_status is not Status.DONE:
                self.previous_column_id = old_column_id
                self.completed_at = at
            elif new_status is not Status.DONE:
                self.previous_column_id = None
                self.completed_at = None
        return TaskMoved(
            task_id=self.id,
            project_id=self.project_id,
            old_status=old_status,
            new_status=new_status,
            old_column_id=old_column_id,
            new_column_id=place.column.id,
            after_id=place.after_id,
            moved_by=by,
            version=self.version,
        )

    def transfer(
        self, *, project_id: UUID, project_key: str, number: int, place: Place, members: tuple[UUID, ...], at: datetime
    ) -> TaskUpdated:
        """Takes the task to another project, where it gets a new number and leaves its cycle and its parent behind.

        `members` are those of the project that it leaves.
        """
        status = place.column.category
        new: dict[str, object] = {
            "project_id": project_id,
            "key": f"{project_key}-{number}",
            "number": number,
            "column_id": place.column.id,
            "status": status,
            "cycle_id": None,
            "parent_id": None,
        }
        changed: dict[str, Change] = {}
        for name, value in new.items():
            old = getattr(self, name)
            if old != value:
                changed[name] = Change(old=old, new=value)
        if status is not Status.DONE:
            self.completed_at = None
        elif self.status is not Status.DONE:
            self.completed_at = at
        for name, value in new.items():
            setattr(self, name, value)
        self.rank = place.rank
        self.previous_column_id = None
        self.version += 1
        self.updated_at = at
        return TaskUpdated(task_id=self.id, project_id=project_id, changes=changed, left=members, version=self.version)

    def column_for(self, board: Board, *, completed: bool) -> Column | None:
        """Where completing the task, or undoing that, puts it; None where it is so already.

        Undoing returns to the column that it came from, if that still stands and is not itself a done one.
        """
        if completed == (self.status is Status.DONE):
            return None
        if completed:
            return board.first_of(Status.DONE)
        previous = board.column(self.previous_column_id)
        if previous is not None and previous.category is not Status.DONE:
            return previous
        return board.first_of(Status.TODO)

    @property
    def may_recur(self) -> bool:
        """Whether it has a rule by which it is to be done again, and no next occurrence yet."""
        return self.recurrence is not None and self.recurred_at is None

    def recur(
        self,
        *,
        id: UUID,
        project_key: str,
        number: int,
        place: Place,
        assigned_to: UUID | None,
        today: date,
        labels: tuple[LabelName, ...],
        by: UUID,
        at: datetime,
    ) -> "tuple[Task, TaskCreated] | None":
        """The next occurrence of a task that was done; None where its rule ends.

        It is due on the rule's next day after this one's deadline, or after today if this one has none. Its cycle, its
        sub-tasks and its `external_id` are this one's alone. It is whoever created this one who created it too.
        """
        following = Recurrence.read(self.recurrence).following(self.deadline or today) if self.recurrence else None
        if following is None:
            return None
        self.recurred_at = at
        return Task.create(
            id=id,
            project_id=self.project_id,
            project_key=project_key,
            number=number,
            title=self.title,
            description=self.description,
            priority=self.priority,
            place=place,
            deadline=following.day,
            assigned_to=assigned_to,
            created_by=self.created_by or by,
            at=at,
            parent_id=self.parent_id,
            labels=labels,
            recurrence=following.rule,
        )

    def delete(self, *, by: UUID, at: datetime) -> TaskDeleted:
        """Takes the task out of sight; it can be restored for 30 days."""
        self.deleted_at = at
        self.updated_at = at
        self.version += 1
        return TaskDeleted(
            task_id=self.id,
            project_id=self.project_id,
            task_key=self.key,
            task_title=self.title,
            deleted_by=by,
            version=self.version,
        )

    def is_restorable(self, *, at: datetime) -> bool:
        """Whether it was deleted, and not so long ago that it counts as gone."""
        return self.deleted_at is not None and at - self.deleted_at < RESTORABLE

    def column_to_return_to(self, board: Board) -> Column:
        """The column that it was deleted from, or the first of its status where that is gone, or of another status."""
        column = board.column(self.column_id)
        return column if column is not None and column.category is self.status else board.first_of(self.status)

    def restore(
        self,
        *,
        place: Place | None,
        assigned_to: UUID | None,
        cycle_is_over: bool,
        below: Lineage | None,
        by: UUID,
        at: datetime,
    ) -> TaskRestored:
        """Brings a deleted task back to its old place, or to a new one if it is given. In a cycle that is over is only
        what is done, as if it had been there when that was completed. `below` is where its parent stands now, None if
        it is gone; it comes back without one if it does not fit there any more.
        """
        if cycle_is_over and self.status is not Status.DONE:
            self.cycle_id = None
        if below is None or not below.fits:
            self.parent_id = None
        if place is not None:
            self.column_id, self.rank = place.column.id, place.rank
        self.assigned_to = assigned_to
        self.deleted_at = None
        self.updated_at = at
        self.version += 1
        return TaskRestored(
            task_id=self.id,
            project_id=self.project_id,
            task_key=self.key,
            task_title=self.title,
            status=self.status,
            column_id=self.column_id,
            cycle_id=self.cycle_id,
            parent_id=self.parent_id,
            assigned_to=assigned_to,
            restored_by=by,
            version=self.version,
        )
