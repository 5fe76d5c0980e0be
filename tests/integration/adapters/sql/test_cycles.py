"""Cycles under load and at once: how many statements they take, and what becomes of two that want the same."""

import asyncio

import pytest

from adapters.sql.connection import Database
from adapters.sql.readers.cycles import SqlCycleReader
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.repositories.cycles import SqlCycleUnitOfWork
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.cycles.errors import AnotherCycleActive, CycleNotActive, CycleTakesNoTasks
from core.cycles.use_cases import CycleUseCases, NewCycle
from core.kernel.errors import ReferenceNotFound
from core.tasks.listeners import leave_cycle
from core.tasks.changes import TaskChanges
from core.tasks.changes import NewTask
from core.tasks.use_cases.tasks import TaskUseCases
from tests.integration.adapters.sql.trips import Trips
from tests.integration.adapters.sql.firms import Firm


@pytest.fixture
def cycles(database: Database) -> CycleUseCases[SqlCycleUnitOfWork]:
    return CycleUseCases(
        unit_of_work=lambda actor, *, once=None: SqlCycleUnitOfWork(
            database, SystemClock(), actor, once=once, lazy=True
        ),
        reader=SqlCycleReader(database),
        leave_cycle=leave_cycle,
        clock=SystemClock(),
        ids=UuidV7Ids(),
    )


@pytest.fixture
def tasks(database: Database) -> TaskUseCases:
    return TaskUseCases(
        unit_of_work=lambda actor, *, once=None: SqlTaskUnitOfWork(
            database, SystemClock(), actor, once=once, lazy=True
        ),
        reader=SqlTaskReader(database),
        clock=SystemClock(),
        ids=UuidV7Ids(),
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Trips:
    return Trips().watch(monkeypatch)


async def test_of_many_that_start_at_once_one_is_active(cycles: CycleUseCases[SqlCycleUnitOfWork], firm: Firm) -> None:
    project = firm.project()
    planned = [firm.cycle(project) for _ in range(8)]
    outcomes = await asyncio.gather(*(cycles.start(firm.owner, cycle) for cycle in planned), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(each) for each in refused] == [AnotherCycleActive] * 7
    assert firm.sql("select count(*) from cycles where company_id = %s and status = 'active'", (firm.id,)) == [(1,)]
    assert [event for _, event in firm.log()] == ["cycle_started"]


async def test_cycles_that_are_created_at_once_get_numbers_of_their_own(
    cycles: CycleUseCases[SqlCycleUnitOfWork], firm: Firm
) -> None:
    project = firm.project()
    made = await asyncio.gather(
        *(cycles.create(firm.owner, NewCycle(project_id=project.id, name="x")) for _ in range(12))
    )
    assert sorted(answer.value.number for answer in made) == list(range(1, 13))


async def test_no_task_enters_a_cycle_while_that_is_completed(
    cycles: CycleUseCases[SqlCycleUnitOfWork], tasks: TaskUseCases, firm: Firm
) -> None:
    """Whoever comes first: in the end no unfinished task stands in a completed cycle."""
    project = firm.project()
    for _ in range(5):
        cycle = firm.cycle(project, status="active")
        waiting = [firm.task(project) for _ in range(4)]
        changes = TaskChanges(given=frozenset({"cycle_id"}), cycle_id=cycle)
        outcomes = await asyncio.gather(
            *(tasks.change(firm.owner, task, changes) for task in waiting[:2]),
            cycles.complete(firm.owner, cycle),
            *(tasks.change(firm.owner, task, changes) for task in waiting[2:]),
            *(tasks.create(firm.owner, NewTask(project_id=project.id, title="x", cycle_id=cycle)) for _ in range(3)),
            return_exceptions=True,
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(type(each) is CycleTakesNoTasks for each in refused), refused
        assert firm.sql("select count(*) from tasks where company_id = %s and cycle_id = %s", (firm.id, cycle)) == [
            (0,)
        ]


async def test_a_cycle_is_completed_and_deleted_at_once_in_some_order(
    cycles: CycleUseCases[SqlCycleUnitOfWork], firm: Firm
) -> None:
    project = firm.project()
    cycle = firm.cycle(project, status="active")
    first, second = await asyncio.gather(
        cycles.complete(firm.owner, cycle), cycles.complete(firm.owner, cycle), return_exceptions=True
    )
    assert {type(each) for each in (first, second) if isinstance(each, BaseException)} == {CycleNotActive}
    assert [event for _, event in firm.log()] == ["cycle_completed"]


@pytest.mark.parametrize("count", [1, 40])
async def test_however_many_tasks_are_carried_over_the_statements_are_as_many(
    cycles: CycleUseCases[SqlCycleUnitOfWork], firm: Firm, sent: Trips, count: int
) -> None:
    project = firm.project()
    cycle, target = firm.cycle(project, status="active"), firm.cycle(project)
    for _ in range(count):
        firm.task(project)
    firm.sql("update tasks set cycle_id = %s where company_id = %s", (cycle, firm.id))
    sent.clear()
    await cycles.complete(firm.owner, cycle, carry_over_to=target)
    # BEGIN, the door, the project and the cycle; the target; the tasks; the cycle's row, the events and COMMIT.
    assert sent.sizes == [4, 1, 1, 3]
    assert firm.sql("select count(*), min(version), max(version) from tasks where company_id = %s and cycle_id = %s",
                    (firm.id, target)) == [(count, 2, 2)]  # fmt: skip
    bodies = firm.sql("select event, body from events where company_id = %s order by seq", (firm.id,))
    assert [event for event, _ in bodies] == ["task_updated"] * count + ["cycle_completed"]
    assert bodies[-1][1]["carried_over"] == count
    assert firm.last_seq() == count + 1


async def test_the_cycle_of_a_new_task_costs_no_round_trip_and_without_one_no_statement(
    tasks: TaskUseCases, firm: Firm, sent: Trips
) -> None:
    project = firm.project()
    cycle = firm.cycle(project)
    for cycle_id, statements in ((None, 4), (cycle, 5)):
        sent.clear()
        await tasks.create(firm.owner, NewTask(project_id=project.id, title="x", cycle_id=cycle_id))
        # BEGIN, the door, the number, the board, and the cycle if there is one; the task, its event and COMMIT.
        assert sent.sizes == [statements, 3]


async def test_a_cycle_of_another_company_is_as_good_as_none(
    cycles: CycleUseCases[SqlCycleUnitOfWork], tasks: TaskUseCases, firm: Firm, other: Firm
) -> None:
    project, foreign = firm.project(), other.cycle(other.project())
    with pytest.raises(ReferenceNotFound):
        await tasks.create(firm.owner, NewTask(project_id=project.id, title="x", cycle_id=foreign))
    with pytest.raises(ReferenceNotFound):
        await cycles.complete(firm.owner, firm.cycle(project, status="active"), carry_over_to=foreign)
    assert (firm.count("tasks"), firm.log(), other.log()) == (0, [], [])
