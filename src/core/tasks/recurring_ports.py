"""What tasks need of a store to come again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from core.labels.model import LabelName
from core.tasks.model import Column, Task


class Recurring(NamedTuple):
    """What next occurrences are made from: the numbers from `number` on are theirs, in the first column to do, or in
    the one that was named. `able` are those of the assignees that may have tasks of the project; `labels` are those of
    all of them, and keep their names until the transaction ends.
    """

    project_key: str
    number: int
    column: Column
    able: frozenset[UUID]
    labels: tuple[LabelName, ...]
    time_zone: str


class Recurrences(Protocol):
    """The tasks that come again, of the company that the unit of work was opened for; their project is locked."""

    async def begin(self, tasks: Sequence[Task], *, into: UUID | None = None) -> Recurring:
        """Prepares the next occurrences of tasks of one project.

        Raises ChangedMeanwhile if somebody renames or deletes a label of theirs at this moment.
        """
        ...

    async def of_column(self, column_id: UUID, *, most: int) -> list[Task]:
        """The first so many tasks of a column that may recur, from top to bottom."""
        ...

    def keep(self, tasks: Sequence[Task]) -> None:
        """Writes that the tasks have a next occurrence."""
        ...

    def renew(self, task: Task) -> None:
        """Writes that a task that had a next occurrence has none any more, as by its new rule."""
        ...
