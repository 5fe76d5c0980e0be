from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import accumulate
from uuid import UUID

from core.cycles.model import CycleStatus
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.labels.model import LabelName, folded
from core.tasks.errors import ExternalIdTaken
from core.tasks.fields import Lineage
from core.tasks.fields import Priority, Status
from core.tasks.model import Task
from core.tasks.policy import Visible
from core.tasks.ports import (
    Assignee,
    Left,
    LoadedDeletedTask,
    LoadedTask,
    Neighbour,
    Opening,
    Orphan,
    TaskFilter,
    TaskRef,
)
from core.tasks.read_models import BoardView, ColumnView, DeletedTask, TaskTag, TaskView
from tests.fakes.columns import InMemoryColumns
from tests.fakes.paging import Key, page_of
from tests.fakes.people import shares_project
from tests.fakes.recurrences import InMemoryRecurrences
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {
    "created_at": Key(lambda task: task.created_at, datetime.isoformat, datetime.fromisoformat),
    "updated_at": Key(lambda task: task.updated_at, datetime.isoformat, datetime.fromisoformat),
    "deadline": Key(lambda task: task.deadline, date.isoformat, date.fromisoformat),
    "priority": Key(lambda task: list(Priority).index(task.priority)),
    "number": Key(lambda task: task.number),
    "position": Key(lambda task: task.rank),
}


class InMemoryTasks:
    """The tasks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

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
        if self._unit.now.project(project_id) is None:
            return None

        def take_number(tables: CompanyTables) -> None:
            tables.last_numbers[project_id] = tables.last_numbers.get(project_id, 0) + 1

        self._unit.transaction.do(self._unit.within(take_number))
        tables = self._unit.now
        project = tables.projects[project_id]
        return Opening(
            project_key=project.key,
            project_is_active=project.is_active,
            is_member=(project_id, for_user) in tables.members,
            number=tables.last_numbers[project_id],
            board=tables.board(project_id),
            assignee=assignee_of(tables, assignee, project_id=project_id, for_user=for_user) if assignee else None,
            cycle=tables.cycle_status(cycle, project_id=project_id) if cycle else None,
            parent=_lineage(tables, parent, project_id=project_id, of=None) if parent else None,
            labels=tables.labels_named(labels),
        )

    async def load(
        self,
        ref: TaskRef,
        *,
        for_user: UUID,
        also: UUID | None = None,
        beside: UUID | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> LoadedTask | None:
        tables = self._unit.now
        task = tables.task(ref)
        if task is None:
            return None
        project = tables.projects[task.project_id]
        return LoadedTask(
            task=tables.counted(task),
            project_is_active=project.is_active,
            is_member=(project.id, for_user) in tables.members,
            assigned_to_name=tables.name_of(task.assigned_to),
            board=tables.board(project.id),
            watching=tables.watches(task, for_user),
            also_is_locked=also is not None and tables.project(also) is not None,
            neighbour=_neighbour(tables, beside, moved=task) if beside else None,
            labels=tables.labels_named((*labels, *task.labels)) if labels is not None else (),
        )

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None:
        return assignee_of(self._unit.now, user_id, project_id=project_id, for_user=for_user)

    async def cycle(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        return self._unit.now.cycle_status(cycle_id, project_id=project_id)

    async def lineage(self, parent_id: UUID, *, project_id: UUID, of: UUID) -> Lineage | None:
        return _lineage(self._unit.now, parent_id, project_id=project_id, of=of)

    async def leave_parent(self, parent_id: UUID, *, at: datetime) -> list[Orphan]:
        leaving = [
            replace(task, parent_id=None, version=task.version + 1, updated_at=at)
            for task in self._unit.now.children(parent_id)
        ]
        leaving.sort(key=lambda task: task.number)

        def put(tables: CompanyTables) -> None:
            tables.tasks.update({task.id: task for task in leaving})

        self._unit.transaction.do(self._unit.within(put))
        return [Orphan(task.id, task.project_id, task.version) for task in leaving]

    async def leave_cycle(self, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> list[Left]:
        leaving = [
            replace(task, cycle_id=to, version=task.version + 1, updated_at=at)
            for task in self._unit.now.tasks.values()
            if task.cycle_id == cycle_id and not task.deleted_at and (finished_too or task.status is not Status.DONE)
        ]
        leaving.sort(key=lambda task: task.number)

        def put(tables: CompanyTables) -> None:
            tables.tasks.update({task.id: task for task in leaving})

        self._unit.transaction.do(self._unit.within(put))
        return [Left(task.id, task.project_id, task.version) for task in leaving]

    async def order(self, column_id: UUID) -> list[UUID]:
        return [card.id for card in self._unit.now.cards(column_id)]

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        def give(tables: CompanyTables) -> None:
            for task_id, rank in ranks:
                if tables.task(task_id) is None:
                    raise Conflict("a card is gone")
                tables.tasks[task_id] = replace(tables.tasks[task_id], rank=rank)

        self._unit.transaction.do(self._unit.within(give))

    def add(self, task: Task) -> None:
        new = replace(task)

        def put(tables: CompanyTables) -> None:
            if new.id in tables.tasks or new.column_id not in tables.columns:
                raise Conflict("there is such a task, or no such column")
            ensure_cycle(tables, new)
            ensure_external_id(tables, new)
            tables.tasks[new.id] = new

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, task: Task, *, was: int) -> None:
        changed = replace(task)

        def put(tables: CompanyTables) -> None:
            found = tables.task(changed.id)
            if found is None or found.version != was:
                raise Conflict("the task changed meanwhile")
            ensure_cycle(tables, changed)
            ensure_external_id(tables, changed)
            tables.put_task(changed)

        self._unit.transaction.defer(self._unit.within(put))

    def label(self, task_id: UUID, *, on: tuple[LabelName, ...], off: tuple[LabelName, ...]) -> None:
        def put(tables: CompanyTables) -> None:
            tables.task_labels -= {(task_id, label.id) for label in off}
            tables.task_labels |= {(task_id, label.id) for label in on}

        self._unit.transaction.defer(self._unit.within(put))

    def transfer(self, task: Task, *, was: int, from_project: UUID, from_number: int) -> None:
        self.save(task, was=was)

        def keep(tables: CompanyTables) -> None:
            tables.task_keys[from_project, from_number] = task.id

        self._unit.transaction.defer(self._unit.within(keep))

    async def project_members(self, project_id: UUID) -> tuple[UUID, ...]:
        return tuple(sorted(user for project, user in self._unit.now.members if project == project_id))


class InMemoryDeletedTasks:
    """The tasks of one unit of work's company, deleted or not."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def load(self, ref: TaskRef, *, for_user: UUID) -> LoadedDeletedTask | None:
        tables = self._unit.now
        task = tables.any_task(ref)
        if task is None or tables.project(task.project_id) is None:
            return None
        project = tables.projects[task.project_id]
        found = None
        if task.assigned_to is not None:
            found = assignee_of(tables, task.assigned_to, project_id=project.id, for_user=for_user)
        return LoadedDeletedTask(
            task=tables.counted(task),
            project_is_active=project.is_active,
            is_member=(project.id, for_user) in tables.members,
            board=tables.board(project.id),
            rank_is_taken=any(card.rank == task.rank for card in tables.cards(task.column_id)),
            cycle_is_over=task.cycle_id is not None
            and tables.cycle_status(task.cycle_id, project_id=project.id) is CycleStatus.COMPLETED,
            assignee=found,
            parent=_lineage(tables, task.parent_id, project_id=project.id, of=None) if task.parent_id else None,
            watching=tables.watches(task, for_user),
        )

    def restore(self, task: Task, *, was: int) -> None:
        changed = replace(task)

        def put(tables: CompanyTables) -> None:
            found = tables.any_task(changed.id)
            if found is None or found.version != was:
                raise Conflict("the task changed meanwhile")
            ensure_external_id(tables, changed)
            tables.put_task(changed)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryTaskUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with tasks."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.tasks = InMemoryTasks(self)
        self.recurrences = InMemoryRecurrences(self)
        self.deleted_tasks = InMemoryDeletedTasks(self)
        self.columns = InMemoryColumns(self)


class InMemoryTaskReader:
    """What screens show of tasks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[TaskView]]:
        tables = self._store.read(actor)
        tasks = [
            task
            for task in tables.tasks.values()
            if tables.stands(task) and _is_visible(tables, task, visible) and _fits(task, where)
        ]
        found = page_of(tasks, page, key=SORTS[sort.field], sort=sort, id_of=lambda task: task.id)
        if page.most_text is not None:
            found = page_of(
                tasks,
                replace(page, limit=_how_many(found.items, page.most_text)),
                key=SORTS[sort.field],
                sort=sort,
                id_of=lambda task: task.id,
            )
        views = [_view(tables, task, actor) for task in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def deleted_page(
        self, actor: Actor, *, visible: Visible, where: TaskFilter, after: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedTask]]:
        tables = self._store.read(actor)
        tasks = [
            task
            for task in tables.tasks.values()
            if task.deleted_at is not None
            and task.deleted_at > after
            and tables.project(task.project_id) is not None
            and _is_visible(tables, task, visible)
            and _fits(task, where)
        ]
        found = page_of(tasks, page, key=SORTS[sort.field], sort=sort, id_of=lambda task: task.id)
        views = [DeletedTask(_view(tables, task, actor), task.deleted_at) for task in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskView | None]:
        tables = self._store.read(actor)
        task = tables.task(ref)
        if task is None or not _is_visible(tables, task, visible):
            return Answer(None, tables.last_seq)
        return Answer(_view(tables, task, actor), tables.last_seq)

    async def those(self, actor: Actor, task_ids: Sequence[UUID], *, visible: Visible) -> Answer[list[TaskView]]:
        tables = self._store.read(actor)
        found = [task for each in dict.fromkeys(task_ids) if (task := tables.task(each)) is not None]
        views = [_view(tables, task, actor) for task in found if _is_visible(tables, task, visible)]
        return Answer(views, tables.last_seq)

    async def place_names(self, actor: Actor, *, columns: Sequence[UUID], cycles: Sequence[UUID]) -> dict[UUID, str]:
        tables = self._store.read(actor)
        found = {each: tables.columns[each].name for each in columns if each in tables.columns}
        return found | {each: tables.cycles[each].name for each in cycles if each in tables.cycles}

    async def tag(self, actor: Actor, ref: TaskRef, *, visible: Visible) -> Answer[TaskTag | None]:
        view, seq = await self.one(actor, ref, visible=visible)
        if view is None:
            return Answer(None, seq)
        return Answer(TaskTag(*(getattr(view, name) for name in TaskTag._fields)), seq)

    async def board(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, tasks_per_column: int
    ) -> Answer[BoardView | None]:
        tables = self._store.read(actor)
        project = tables.project(ref)
        if project is None or visible.member_id and (project.id, visible.member_id) not in tables.members:
            return Answer(None, tables.last_seq)
        columns = []
        for column in tables.columns_of(project.id):
            cards = tables.cards(column.id)
            columns.append(
                ColumnView(
                    id=column.id,
                    name=column.name,
                    category=column.category,
                    position=column.position,
                    wip_limit=column.wip_limit,
                    over_limit=column.wip_limit is not None and len(cards) > column.wip_limit,
                    task_count=len(cards),
                    tasks=[_view(tables, card, actor) for card in cards[:tasks_per_column]],
                )
            )
        return Answer(BoardView(project.id, columns), tables.last_seq)


def _how_many(tasks: list[Task], most_text: int) -> int:
    """How many of the tasks have no more bytes of text before them."""
    so_far = accumulate((len((task.description or "").encode()) for task in tasks), initial=0)
    return max(1, sum(each <= most_text for each in list(so_far)[:-1]))


def _neighbour(tables: CompanyTables, task_id: UUID, *, moved: Task) -> Neighbour | None:
    named = tables.task(task_id)
    if named is None or named.project_id != moved.project_id:
        return None
    others = [card for card in tables.cards(named.column_id) if card.id != moved.id or card.id == task_id]
    place = next(place for place, card in enumerate(others) if card.id == task_id)
    above = others[place - 1] if place > 0 else None
    below = others[place + 1] if place + 1 < len(others) else None
    return Neighbour(
        column_id=named.column_id,
        rank=named.rank,
        above_id=above.id if above else None,
        above_rank=above.rank if above else None,
        below_rank=below.rank if below else None,
    )


def assignee_of(tables: CompanyTables, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None:
    person = tables.people.get(user_id)
    if person is None:
        return None
    user = person.user
    theirs = {project for project, member in tables.members if member == user_id}
    return Assignee(
        id=user.id,
        name=user.name,
        is_active=user.is_active,
        sees_project=user.role is not Role.MEMBER or project_id in theirs,
        known_to_caller=shares_project(tables, for_user, user_id),
    )


def ensure_cycle(tables: CompanyTables, task: Task) -> None:
    if task.cycle_id is not None and tables.cycle_status(task.cycle_id, project_id=task.project_id) is None:
        raise Conflict("the project has no such cycle")


def ensure_external_id(tables: CompanyTables, task: Task) -> None:
    for other in tables.tasks.values():
        if (
            task.external_id is not None
            and other.external_id == task.external_id
            and (other.project_id, other.deleted_at) == (task.project_id, None)
            and other.id != task.id
        ):
            raise ExternalIdTaken


def _lineage(tables: CompanyTables, parent_id: UUID, *, project_id: UUID, of: UUID | None) -> Lineage | None:
    parent = tables.task(parent_id)
    if parent is None or parent.project_id != project_id:
        return None
    above = [parent]
    while above[-1].parent_id is not None:
        above.append(tables.tasks[above[-1].parent_id])
    level, deepest = {of} - {None}, 0
    while level := {child.id for each in level for child in tables.children(each)}:
        deepest += 1
    return Lineage(above=len(above) - 1, below=deepest, is_within=of in {task.id for task in above})


def _view(tables: CompanyTables, task: Task, actor: Actor) -> TaskView:
    return TaskView.of(
        tables.counted(task),
        assigned_to_name=tables.name_of(task.assigned_to),
        watching=tables.watches(task, actor.user_id),
    )


def _is_visible(tables: CompanyTables, task: Task, visible: Visible) -> bool:
    if visible.member_id is not None and (task.project_id, visible.member_id) not in tables.members:
        return False
    return visible.assigned_to is None or task.assigned_to == visible.assigned_to


def _fits(task: Task, where: TaskFilter) -> bool:
    any_of = (
        (where.project_id, task.project_id),
        (where.cycle_id, task.cycle_id),
        (where.column_id, task.column_id),
        (where.status, task.status),
        (where.priority, task.priority),
        (where.assigned_to, task.assigned_to),
        (where.created_by, task.created_by),
        (where.parent_id, task.parent_id),
    )
    if where.label and not {folded(name) for name in where.label} & {folded(name) for name in task.labels}:
        return False
    if not all(not wanted or value in wanted for wanted, value in any_of):
        return False
    if where.deadline_before is not None and not (task.deadline and task.deadline < where.deadline_before):
        return False
    if where.deadline_after is not None and not (task.deadline and task.deadline > where.deadline_after):
        return False
    if where.external_id is not None and task.external_id != where.external_id:
        return False
    if where.query is not None and where.query.lower() not in task.title.lower():
        return where.query.lower() in task.key.lower()
    return where.updated_after is None or task.updated_at > where.updated_after
