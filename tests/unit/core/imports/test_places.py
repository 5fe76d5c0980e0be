"""Where rows mean their tasks to stand."""

from uuid import UUID

from core.cycles.model import CycleStatus
from core.imports.ports import Beginning, NamedCycle
from core.imports.use_cases.places import Places
from core.imports.values import Draft, RowFault
from tests.builders.office import Office


class Compared(str):
    """A name that counts how often it is made comparable."""

    times = 0

    def casefold(self) -> str:
        Compared.times += 1
        return super().casefold()


async def begun(office: Office) -> Beginning:
    async with office.world.import_unit_of_work(office.mia) as uow:
        found = await uow.many_tasks.begin(
            office.web.id, for_user=office.mia.user_id, labels=(), people=(), external_ids=()
        )
    assert found is not None
    return found


async def test_each_cycle_is_made_comparable_once_however_many_cells_name_one() -> None:
    office = await Office.open()
    cycles = tuple(NamedCycle(UUID(int=n), Compared(f"Sprint {n}"), CycleStatus.PLANNED) for n in range(100))
    ready = (await begun(office))._replace(cycles=cycles)
    Compared.times = 0
    places = await Places.of(office.world.import_unit_of_work(office.mia), ready, (), dry_run=True)
    words = tuple(f"No {n}" for n in range(100))
    for row in range(2, 12):
        assert isinstance(places.cycle(Draft(row=row, cycles=words, columns={}), None), RowFault)
    assert places.cycle(Draft(row=12, cycles=(*words, "SPRINT 7"), columns={}), None) == UUID(int=7)
    assert places.cycle(Draft(row=13, cycles=(str(UUID(int=8)),), columns={}), None) == UUID(int=8)
    assert Compared.times <= len(cycles)
