from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.imports.model import CHUNK, TaskImport
from core.imports.names import SEVERAL, TITLE, Stand
from core.imports.ports import Beginning, NamedCycle, Seen
from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.labels.errors import LabelNameTaken
from core.labels.model import Label, LabelName, folded
from core.tasks.batches import Kin
from core.tasks.fields import DEEPEST
from core.tasks.model import Task
from core.tasks.ports import Assignee
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.tasks import InMemoryTaskUnitOfWork, assignee_of, ensure_external_id
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryTaskImports:
    """The files of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def make_room(self, *, before: datetime) -> int:
        def remove(tables: CompanyTables) -> None:
            for each in list(tables.task_imports.values()):
                job = tables.jobs.get(each.id)
                if job.is_over if job is not None else each.created_at < before:
                    _remove(tables, each.id)

        self._unit.transaction.do(self._unit.within(remove))
        return sum(import_id not in self._unit.now.jobs for import_id in self._unit.now.task_imports)

    def add(self, task_import: TaskImport) -> None:
        kept = _copied(task_import)

        def put(tables: CompanyTables) -> None:
            tables.task_imports[kept.id] = kept

        self._unit.transaction.defer(self._unit.within(put))

    def keep(self, import_id: UUID, number: int, content: bytes) -> None:
        def put(tables: CompanyTables) -> None:
            if import_id not in tables.task_imports or (import_id, number) in tables.import_chunks:
                raise Conflict("there is no such file, or that piece of it")
            tables.import_chunks[import_id, number] = content

        self._unit.transaction.defer(self._unit.within(put))

    async def load(self, import_id: UUID) -> TaskImport | None:
        found = self._unit.now.task_imports.get(import_id)
        return _copied(found) if found is not None else None

    async def piece(self, import_id: UUID, *, offset: int, length: int) -> bytes:
        chunks = self._unit.now.import_chunks
        first, begin = divmod(offset, CHUNK)
        numbers = range(first, (offset + length - 1) // CHUNK + 1)
        return b"".join(chunks.get((import_id, number), b"") for number in numbers)[begin : begin + length]

    def save(self, task_import: TaskImport) -> None:
        self.add(task_import)

    def remove(self, import_id: UUID) -> None:
        self._unit.transaction.defer(self._unit.within(lambda tables: _remove(tables, import_id)))

    async def give_up(self, import_id: UUID) -> None:
        if import_id not in self._unit.now.jobs:
            self.remove(import_id)

    async def seen(self, import_id: UUID, called: Sequence[str]) -> dict[str, Stand]:
        rows = self._unit.now.import_rows
        return {each: rows[import_id, each] for each in called if (import_id, each) in rows}

    def note_seen(self, import_id: UUID, rows: Mapping[str, Stand]) -> None:
        def put(tables: CompanyTables) -> None:
            for name, stand in rows.items():
                if (import_id, name) not in tables.import_rows:
                    tables.import_rows[import_id, name] = stand
                elif name.startswith(TITLE):
                    tables.import_rows[import_id, name] = Stand(SEVERAL, None)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryManyTasks:
    """Many tasks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def project(self, project_id: UUID, *, for_user: UUID) -> Seen | None:
        project = self._unit.now.project(project_id)
        if project is None:
            return None
        is_member = (project.id, for_user) in self._unit.now.members
        return Seen(project.is_active, is_member, self._unit.now.company.settings.time_zone)

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
        tables = self._unit.now
        project = tables.project(project_id)
        if project is None:
            return None
        found = [
            tables.counted(task)
            for task in tables.tasks.values()
            if task.project_id == project_id
            and (task.external_id in external_ids or task.id in ids)
            and tables.stands(task)
        ]
        borne = [name for task in found for name in task.labels]
        return Beginning(
            project_key=project.key,
            project_is_active=project.is_active,
            is_member=(project.id, for_user) in tables.members,
            last_number=tables.last_numbers.get(project_id, 0),
            board=tables.board(project_id),
            column_names={column.id: column.name for column in tables.columns_of(project_id)},
            labels=_labels_of(tables, {folded(name) for name in (*labels, *borne)}),
            label_count=len(tables.labels),
            people=_people_of(tables, people, project_id=project_id, for_user=for_user),
            namesakes=_namesakes_of(tables, people, project_id=project_id, for_user=for_user),
            tasks={task.external_id: task for task in found if task.external_id is not None},
            by_id={task.id: task for task in found},
            cycles=tuple(
                NamedCycle(cycle.id, cycle.name, cycle.status)
                for cycle in tables.cycles.values()
                if cycle.project_id == project_id and {str(cycle.id), cycle.name, cycle.name.lower()} & set(cycles)
            ),
        )

    async def kin(self, *, parents: Sequence[UUID], tasks: Sequence[UUID]) -> list[Kin]:
        tables = self._unit.now
        above, below = set(parents), set(tasks)
        for _ in range(DEEPEST):
            above |= {task.parent_id for each in above if (task := tables.task(each)) and task.parent_id}
            below |= {task.id for task in tables.tasks.values() if task.parent_id in below and tables.stands(task)}
        known = (tables.task(task_id) for task_id in above | below)
        return [Kin(task.id, task.project_id, task.parent_id) for task in known if task is not None]

    def take_numbers(self, project_id: UUID, *, last: int) -> None:
        def take(tables: CompanyTables) -> None:
            tables.last_numbers[project_id] = last

        self._unit.transaction.defer(self._unit.within(take))

    def add_labels(self, labels: Sequence[Label]) -> None:
        def put(tables: CompanyTables) -> None:
            for label in labels:
                if folded(label.name) in {folded(other.name) for other in tables.labels.values()}:
                    raise LabelNameTaken
                tables.labels[label.id] = label

        self._unit.transaction.defer(self._unit.within(put))

    def add(self, tasks: Sequence[Task]) -> None:
        new = [replace(task) for task in tasks]

        def put(tables: CompanyTables) -> None:
            for task in new:
                ensure_external_id(tables, task)
                tables.tasks[task.id] = task

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, tasks: Sequence[tuple[Task, int]]) -> None:
        changed = [(replace(task), was) for task, was in tasks]

        def put(tables: CompanyTables) -> None:
            for task, was in changed:
                found = tables.task(task.id)
                if found is None or found.version != was:
                    raise Conflict("a task changed meanwhile")
                tables.put_task(task)

        self._unit.transaction.defer(self._unit.within(put))

    def label(self, *, on: Sequence[tuple[Task, UUID]], off: Sequence[tuple[Task, UUID]]) -> None:
        taken_off, put_on = ({(task.id, label) for task, label in pairs} for pairs in (off, on))

        def put(tables: CompanyTables) -> None:
            tables.task_labels = (tables.task_labels - taken_off) | put_on

        self._unit.transaction.defer(self._unit.within(put))

    async def settle(self) -> None:
        self._unit.transaction.settle()


class InMemoryImportUnitOfWork(InMemoryTaskUnitOfWork):
    """A unit of work with imports: their jobs and files, and the tasks that come of them."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.jobs = InMemoryJobs(self)
        self.imports = InMemoryTaskImports(self)
        self.many_tasks = InMemoryManyTasks(self)


def _copied(task_import: TaskImport) -> TaskImport:
    return replace(task_import, faults=list(task_import.faults), new_labels=list(task_import.new_labels))


def _remove(tables: CompanyTables, import_id: UUID) -> None:
    tables.task_imports.pop(import_id, None)
    for place in [place for place in tables.import_chunks if place[0] == import_id]:
        del tables.import_chunks[place]
    for row in [row for row in tables.import_rows if row[0] == import_id]:
        del tables.import_rows[row]


def _labels_of(tables: CompanyTables, names: set[str]) -> tuple[LabelName, ...]:
    return tuple(LabelName(label.id, label.name) for label in tables.labels.values() if folded(label.name) in names)


def _people_of(tables: CompanyTables, words: Sequence[str], *, project_id: UUID, for_user: UUID) -> dict[str, Assignee]:
    found: dict[str, Assignee] = {}
    for person in tables.people.values():
        user = person.user
        for word in {str(user.id), (user.email or "").lower(), user.username.lower()} & set(words):
            assignee = assignee_of(tables, user.id, project_id=project_id, for_user=for_user)
            assert assignee is not None
            found[word] = assignee
    return found


def _namesakes_of(
    tables: CompanyTables, words: Sequence[str], *, project_id: UUID, for_user: UUID
) -> dict[str, tuple[Assignee, ...]]:
    found: dict[str, tuple[Assignee, ...]] = {}
    for person in tables.people.values():
        name = person.user.name.casefold()
        if name in {word.casefold() for word in words}:
            assignee = assignee_of(tables, person.user.id, project_id=project_id, for_user=for_user)
            assert assignee is not None
            found[name] = (*found.get(name, ()), assignee)
    return found
