"""The next occurrences of tasks of a batch, made from what the batch has in memory."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from core.labels.model import LabelName
from core.tasks.fields import Status
from core.tasks.model import Board, Task
from core.tasks.ports import Assignee
from core.tasks.recurring_ports import Recurring


class Shelf(Protocol):
    """What a batch knows of its projects and tasks."""

    time_zone: str

    def take_numbers(self, project_id: UUID, *, count: int) -> tuple[str, int]:
        """The project's key, and the first of so many numbers that are taken from now on."""
        ...

    def board_of(self, project_id: UUID) -> Board: ...

    def assignee_in(self, user_id: UUID | None, project_id: UUID) -> Assignee | None: ...

    def labels_of(self, task: Task) -> tuple[LabelName, ...]: ...

    def keep_recurred(self, task: Task) -> None:
        """Keeps that the task has a next occurrence."""
        ...

    def renew_recurred(self, task: Task) -> None:
        """Keeps that the task has none any more."""
        ...


class BatchRecurrences:
    """The port `Recurrences`, for the verbs of a batch."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def begin(self, tasks: Sequence[Task], *, into: UUID | None = None) -> Recurring:
        assert into is None, "no operation of a batch changes a column"
        project_id = tasks[0].project_id
        key, number = self._shelf.take_numbers(project_id, count=len(tasks))
        able = set()
        for task in tasks:
            person = self._shelf.assignee_in(task.assigned_to, project_id)
            if person is not None and person.is_active and person.sees_project:
                able.add(person.id)
        labels = {label.id: label for task in tasks for label in self._shelf.labels_of(task)}
        return Recurring(
            project_key=key,
            number=number,
            column=self._shelf.board_of(project_id).first_of(Status.TODO),
            able=frozenset(able),
            labels=tuple(labels.values()),
            time_zone=self._shelf.time_zone,
        )

    async def of_column(self, column_id: UUID, *, most: int) -> list[Task]:
        raise NotImplementedError("no operation of a batch changes a column")

    def keep(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._shelf.keep_recurred(task)

    def renew(self, task: Task) -> None:
        self._shelf.renew_recurred(task)
