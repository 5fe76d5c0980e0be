from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from core.cycles.errors import AnotherCycleActive
from core.cycles.model import Cycle, CycleStatus
from core.cycles.policy import Visible
from core.cycles.ports import CycleFilter, LoadedCycle, Opening
from core.cycles.read_models import CycleView
from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.tasks import InMemoryTasks
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {
    "number": Key(lambda cycle: cycle.number),
    "name": Key(lambda cycle: cycle.name),
    "starts_on": Key(lambda cycle: cycle.starts_on, date.isoformat, date.fromisoformat),
    "ends_on": Key(lambda cycle: cycle.ends_on, date.isoformat, date.fromisoformat),
    "created_at": Key(lambda cycle: cycle.created_at, datetime.isoformat, datetime.fromisoformat),
    "updated_at": Key(lambda cycle: cycle.updated_at, datetime.isoformat, datetime.fromisoformat),
}


class InMemoryCycles:
    """The cycles of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, project_id: UUID, *, for_user: UUID) -> Opening | None:
        if self._unit.now.project(project_id) is None:
            return None

        def take_number(tables: CompanyTables) -> None:
            tables.last_cycle_numbers[project_id] = tables.last_cycle_numbers.get(project_id, 0) + 1

        self._unit.transaction.do(self._unit.within(take_number))
        tables = self._unit.now
        project = tables.projects[project_id]
        return Opening(
            project_key=project.key,
            project_is_active=project.is_active,
            is_member=(project_id, for_user) in tables.members,
            number=tables.last_cycle_numbers[project_id],
        )

    async def load(self, cycle_id: UUID, *, for_user: UUID) -> LoadedCycle | None:
        tables = self._unit.now
        cycle = tables.cycle(cycle_id)
        if cycle is None:
            return None
        project = tables.projects[cycle.project_id]
        return LoadedCycle(
            cycle=replace(cycle),
            project_is_active=project.is_active,
            is_member=(project.id, for_user) in tables.members,
            another_is_active=_another_is_active(tables, cycle),
        )

    async def status(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        return self._unit.now.cycle_status(cycle_id, project_id=project_id)

    def add(self, cycle: Cycle) -> None:
        new = replace(cycle)

        def put(tables: CompanyTables) -> None:
            if new.id in tables.cycles:
                raise Conflict("there is such a cycle")
            tables.cycles[new.id] = new

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, cycle: Cycle) -> None:
        changed = replace(cycle)

        def put(tables: CompanyTables) -> None:
            found = tables.cycles.get(changed.id)
            if found is None or found.version != changed.version - 1:
                raise Conflict("the cycle changed meanwhile")
            if changed.status is CycleStatus.ACTIVE and _another_is_active(tables, changed):
                raise AnotherCycleActive
            tables.cycles[changed.id] = changed

        self._unit.transaction.defer(self._unit.within(put))

    def delete(self, cycle: Cycle) -> None:
        gone = replace(cycle)

        def take_away(tables: CompanyTables) -> None:
            found = tables.cycles.get(gone.id)
            if found is None or found.version != gone.version:
                raise Conflict("the cycle changed meanwhile")
            del tables.cycles[gone.id]
            # Those that were deleted themselves, as the foreign key does; the others were told.
            for task in [each for each in tables.tasks.values() if each.cycle_id == gone.id]:
                tables.tasks[task.id] = replace(task, cycle_id=None)

        self._unit.transaction.defer(self._unit.within(take_away))


class InMemoryCycleUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with cycles, and with the tasks that are told when one ends."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.cycles = InMemoryCycles(self)
        self.tasks = InMemoryTasks(self)


class InMemoryCycleReader:
    """What screens show of cycles."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, visible: Visible, where: CycleFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[CycleView]]:
        tables = self._store.read(actor)
        cycles = [
            cycle
            for cycle in tables.cycles.values()
            if _is_visible(tables, cycle, visible)
            and (not where.project_id or cycle.project_id in where.project_id)
            and (not where.status or cycle.status in where.status)
        ]
        found = page_of(cycles, page, key=SORTS[sort.field], sort=sort, id_of=lambda cycle: cycle.id)
        return Answer(
            Page([CycleView.of(cycle) for cycle in found.items], found.next_position, found.total), tables.last_seq
        )

    async def one(self, actor: Actor, cycle_id: UUID, *, visible: Visible) -> Answer[CycleView | None]:
        tables = self._store.read(actor)
        cycle = tables.cycles.get(cycle_id)
        found = cycle is not None and _is_visible(tables, cycle, visible)
        return Answer(CycleView.of(cycle) if cycle and found else None, tables.last_seq)


def _is_visible(tables: CompanyTables, cycle: Cycle, visible: Visible) -> bool:
    if tables.cycle(cycle.id) is None:
        return False
    return visible.member_id is None or (cycle.project_id, visible.member_id) in tables.members


def _another_is_active(tables: CompanyTables, cycle: Cycle) -> bool:
    return any(
        other.status is CycleStatus.ACTIVE and other.project_id == cycle.project_id and other.id != cycle.id
        for other in tables.cycles.values()
    )
