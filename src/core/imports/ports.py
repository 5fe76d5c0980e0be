from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from core.cycles.model import CycleStatus
from core.imports.model import TaskImport
from core.imports.names import Stand
from core.jobs.ports import Jobs
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.labels.model import Label, LabelName
from core.tasks.batches import Kin
from core.tasks.model import Board, Task
from core.tasks.ports import Assignee, TaskUnitOfWork


class TaskImports(Protocol):
    """The files of the company that the unit of work was opened for, and how far they are read."""

    async def make_room(self, *, before: datetime) -> int:
        """Removes the files of jobs that are over, and those that came before then and became no job; answers how many
        are left that are no job yet.
        """
        ...

    def add(self, task_import: TaskImport) -> None: ...

    def keep(self, import_id: UUID, number: int, content: bytes) -> None:
        """Keeps a piece of the file; all are of one size, but the last."""
        ...

    async def load(self, import_id: UUID) -> TaskImport | None:
        """A file to go on reading, locked until the transaction ends."""
        ...

    async def piece(self, import_id: UUID, *, offset: int, length: int) -> bytes:
        """A stretch of the file, shorter at its end."""
        ...

    def save(self, task_import: TaskImport) -> None: ...

    def remove(self, import_id: UUID) -> None:
        """Removes the file, and all that was noted of it."""
        ...

    async def give_up(self, import_id: UUID) -> None:
        """Removes the file if no job was made of it, nor is being made at this moment."""
        ...

    async def seen(self, import_id: UUID, called: Sequence[str]) -> dict[str, Stand]:
        """The rows of the file that were noted by those names."""
        ...

    def note_seen(self, import_id: UUID, rows: Mapping[str, Stand]) -> None:
        """Notes rows by their names. Of several the first keeps a name, but a title then belongs to none."""
        ...


class Seen(NamedTuple):
    """What the rules ask of a project before anything is kept."""

    is_active: bool
    is_member: bool
    time_zone: str


class NamedCycle(NamedTuple):
    id: UUID
    name: str
    status: CycleStatus


class Beginning(NamedTuple):
    """What many tasks are made from at once; the project, and the tasks that are found, are locked until the
    transaction ends. `last_number` is the last that was taken. `labels` are those of the named ones that there are, and
    those that the found tasks bear; they keep their names until the transaction ends. `people` are found by the words
    that they were looked for by, `namesakes` by what they are called, in small letters; `tasks` by what they are called
    elsewhere, `by_id` by their own ids; `cycles` are all that have one of the names, or are it.
    """

    project_key: str
    project_is_active: bool
    is_member: bool
    last_number: int
    board: Board
    column_names: dict[UUID, str]
    labels: tuple[LabelName, ...]
    label_count: int
    people: dict[str, Assignee]
    namesakes: dict[str, tuple[Assignee, ...]]
    tasks: dict[str, Task]
    by_id: dict[UUID, Task]
    cycles: tuple[NamedCycle, ...]


class ManyTasks(Protocol):
    """Many tasks of one project at once, in the company that the unit of work was opened for."""

    async def project(self, project_id: UUID, *, for_user: UUID) -> Seen | None: ...

    async def begin(
        self,
        project_id: UUID,
        *,
        for_user: UUID,
        labels: Sequence[str],
        people: Sequence[str],
        external_ids: Sequence[str],
        ids: Sequence[UUID] = (),
        cycles: Sequence[str] = (),
    ) -> Beginning | None:
        """Prepares them; None if there is no such project. `people` are ids, addresses, usernames or names, as they
        are written and in small letters; `labels` names in any case; `cycles` ids, or names, as they are written and in
        small letters.
        """
        ...

    async def kin(self, *, parents: Sequence[UUID], tasks: Sequence[UUID]) -> list[Kin]:
        """Those parents and all tasks above them, and those tasks and all below them, in no order."""
        ...

    def take_numbers(self, project_id: UUID, *, last: int) -> None:
        """Takes all numbers up to that one."""
        ...

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Adds labels. The commit raises LabelNameTaken."""
        ...

    def add(self, tasks: Sequence[Task]) -> None:
        """Adds tasks. The commit raises ExternalIdTaken."""
        ...

    def save(self, tasks: Sequence[tuple[Task, int]]) -> None:
        """Writes changed tasks, each with the version that it had, and with it whether it has a next occurrence."""
        ...

    def label(self, *, on: Sequence[tuple[Task, UUID]], off: Sequence[tuple[Task, UUID]]) -> None:
        """Puts labels on tasks, and takes others off: pairs of a task and a label's id."""
        ...

    async def settle(self) -> None:
        """Writes now what was left to the commit, so that what is asked next sees it. Raises what the commit would."""
        ...


class ImportUnitOfWork(TaskUnitOfWork, Protocol):
    @property
    def jobs(self) -> Jobs: ...

    @property
    def imports(self) -> TaskImports: ...

    @property
    def many_tasks(self) -> ManyTasks: ...


class OpenImportUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> ImportUnitOfWork: ...
