from collections import defaultdict
from dataclasses import replace
from uuid import UUID

from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.labels.model import folded
from core.tasks.batches import Gathered, GatheredCycle, GatheredPerson, GatheredProject, Kin, Needs, Outcome, Standing
from core.tasks.model import Task
from core.tasks.ports import TaskRef
from tests.fakes.people import shares_project
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.tasks import ensure_cycle, ensure_external_id
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryBatches:
    """Many tasks of one unit of work's company. It answers what it is asked for and nothing else, as SQL does."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def gather(self, needs: Needs, *, for_user: UUID) -> Gathered:
        tables = self._unit.now
        targets = [task for ref in needs.targets if (task := tables.task(ref)) is not None]
        children = [child for task in _those(tables, needs.leaving) for child in tables.children(task.id)]
        wanted = {task.id for task in targets}
        below = [replace(child, description=None) for child in children if child.id not in wanted]
        tasks = {task.id: tables.counted(task) for task in (*targets, *below)}
        locked = {task.project_id for task in targets} | needs.projects
        projects = [project for each in sorted(locked) if (project := tables.project(each)) is not None]
        transferred = _those(tables, needs.transferred)
        people = needs.assignees | {task.assigned_to for task in targets if task.assigned_to is not None}
        # Those that are deleted or unknown stand nowhere.
        beside = [task for each in needs.beside if (task := tables.task(each)) is not None]
        touched = {task.id for task in (*targets, *beside)}
        external_ids = needs.external_ids | {task.external_id for task in transferred if task.external_id is not None}
        return Gathered(
            projects=tuple(
                GatheredProject(
                    project.id,
                    project.key,
                    project.is_active,
                    tables.last_numbers.get(project.id, 0),
                    tuple((column.id, column.category) for column in tables.columns_of(project.id)),
                )
                for project in projects
            ),
            tasks=tuple(tasks.values()),
            below=frozenset(task.id for task in below),
            kin=_kin(tables, needs),
            cards=_cards(tables, [project.id for project in projects], (*targets, *beside), beside, touched),
            people=tuple(
                GatheredPerson(
                    person.user.id,
                    person.user.name,
                    person.user.is_active,
                    person.user.role is not Role.MEMBER,
                    shares_project(tables, for_user, person.user.id),
                )
                for each in people
                if (person := tables.people.get(each)) is not None
            ),
            members=frozenset(
                (project, user)
                for project, user in tables.members
                if project in locked and (needs.transferred or user in people | {for_user})
            ),
            cycles=tuple(
                GatheredCycle(cycle.id, cycle.project_id, cycle.status)
                for each in needs.cycles
                if (cycle := tables.cycles.get(each)) is not None
            ),
            labels=tables.labels_named(tuple(needs.labels)),
            borne={task.id: tables.labels_named(task.labels) for task in targets},
            watched=frozenset(task.id for task in tasks.values() if tables.watches(task, for_user)),
            time_zone=tables.company.settings.time_zone,
            external_ids={
                (task.project_id, task.external_id): task.id
                for task in tables.tasks.values()
                if task.deleted_at is None and task.project_id in locked and task.external_id in external_ids
            },
            keys={ref: task.id for ref in needs.targets if isinstance(ref, str) and (task := tables.task(ref))},
            project_keys={
                key: tables.project_keys[key]
                for key in {ref.rpartition("-")[0] for ref in needs.targets if isinstance(ref, str)}
                if key in tables.project_keys
            },
        )

    async def cards(self, column_id: UUID) -> list[Standing]:
        return [_standing(card) for card in self._unit.now.cards(column_id)]

    async def begin_to_write(self, outcome: Outcome) -> None:
        self.write(outcome)

    def write(self, outcome: Outcome) -> None:
        def put(tables: CompanyTables) -> None:
            for task_id in outcome.freed:
                tables.tasks[task_id] = replace(tables.tasks[task_id], external_id=None)
            for added in outcome.added:
                assert added.id not in tables.tasks and added.column_id in tables.columns
                tables.tasks[added.id] = added
            for changed, was in outcome.changed:
                found = tables.task(changed.id)
                if found is None or found.version != was:
                    raise Conflict("the task changed meanwhile")
                tables.put_task(changed)
            for orphan, was in outcome.orphaned:
                found = tables.task(orphan.id)
                if found is None or found.version != was:
                    raise Conflict("the task changed meanwhile")
                alone = replace(found, parent_id=None, version=was + 1, updated_at=orphan.updated_at)
                tables.tasks[orphan.id] = alone
            for task in (*outcome.added, *(changed for changed, _ in outcome.changed)):
                ensure_cycle(tables, task)
                if task.deleted_at is None:
                    ensure_external_id(tables, task)
            for task_id, rank in outcome.ranks:
                tables.tasks[task_id] = replace(tables.tasks[task_id], rank=rank)
            tables.task_labels = (tables.task_labels - set(outcome.labels_off)) | set(outcome.labels_on)
            for project_id, number, task_id in outcome.kept_keys:
                tables.task_keys[project_id, number] = task_id
            tables.last_numbers.update(outcome.last_numbers)
            tables.watchers |= dict.fromkeys(outcome.watching, True)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryBatchUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with batches."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.batches = InMemoryBatches(self)


def _those(tables: CompanyTables, refs: set[TaskRef]) -> list[Task]:
    return [task for ref in refs if (task := tables.task(ref)) is not None]


def _standing(task: Task) -> Standing:
    return Standing(task.id, task.column_id, task.rank)


def _kin(tables: CompanyTables, needs: Needs) -> tuple[Kin, ...]:
    found: dict[UUID, Task] = {}
    above = [task for each in needs.parents if (task := tables.task(each)) is not None]
    while above:
        task = above.pop()
        found[task.id] = task
        if task.parent_id is not None:
            above.append(tables.tasks[task.parent_id])
    below = _those(tables, needs.reparented)
    while below:
        task = below.pop()
        found[task.id] = task
        below.extend(tables.children(task.id))
    return tuple(Kin(task.id, task.project_id, task.parent_id) for task in found.values())


def _cards(
    tables: CompanyTables, projects: list[UUID], known: tuple[Task, ...], beside: list[Task], touched: set[UUID]
) -> tuple[Standing, ...]:
    found = {task.id: task for task in known}
    others: defaultdict[UUID, list[Task]] = defaultdict(list)
    for project_id in projects:
        for column in tables.columns_of(project_id):
            others[column.id] = [card for card in tables.cards(column.id) if card.id not in touched]
            if others[column.id]:
                found[others[column.id][-1].id] = others[column.id][-1]
    for task in beside:
        place = (task.rank, task.id)
        nearest = [card for card in others[task.column_id] if (card.rank, card.id) < place][-1:]
        nearest += [card for card in others[task.column_id] if (card.rank, card.id) > place][:1]
        found |= {card.id: card for card in nearest}
    return tuple(_standing(task) for task in found.values())
