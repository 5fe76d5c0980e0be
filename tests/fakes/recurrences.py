from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from core.kernel.actor import Role
from core.kernel.errors import ChangedMeanwhile, Conflict
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.recurring_ports import Recurring
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryRecurrences:
    """The recurring tasks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, tasks: Sequence[Task], *, into: UUID | None = None) -> Recurring:
        project_id = tasks[0].project_id

        def take_numbers(tables: CompanyTables) -> None:
            tables.last_numbers[project_id] = tables.last_numbers.get(project_id, 0) + len(tasks)

        self._unit.transaction.do(self._unit.within(take_numbers))
        tables = self._unit.now
        board = tables.board(project_id)
        column = board.column(into) if into is not None else board.first_of(Status.TODO)
        assert column is not None
        names = tuple({name: None for task in tasks for name in task.labels})
        labels = tables.labels_named(names)
        if len(labels) != len(names):
            raise ChangedMeanwhile
        return Recurring(
            project_key=tables.projects[project_id].key,
            number=tables.last_numbers[project_id] - len(tasks) + 1,
            column=column,
            able=frozenset(
                person.user.id
                for person in tables.people.values()
                if person.user.id in {task.assigned_to for task in tasks}
                and person.user.is_active
                and (person.user.role is not Role.MEMBER or (project_id, person.user.id) in tables.members)
            ),
            labels=labels,
            time_zone=tables.company.settings.time_zone,
        )

    async def of_column(self, column_id: UUID, *, most: int) -> list[Task]:
        tables = self._unit.now
        return [tables.counted(card) for card in tables.cards(column_id) if card.may_recur][:most]

    def keep(self, tasks: Sequence[Task]) -> None:
        kept = {task.id: task.recurred_at for task in tasks}

        def put(tables: CompanyTables) -> None:
            for task_id, at in kept.items():
                if tables.tasks[task_id].recurred_at is not None:
                    raise Conflict("it has a next occurrence meanwhile")
                tables.tasks[task_id] = replace(tables.tasks[task_id], recurred_at=at)

        self._unit.transaction.defer(self._unit.within(put))

    def renew(self, task: Task) -> None:
        def put(tables: CompanyTables) -> None:
            if tables.tasks[task.id].recurred_at is None:
                raise Conflict("it has no next occurrence")
            tables.tasks[task.id] = replace(tables.tasks[task.id], recurred_at=None)

        self._unit.transaction.defer(self._unit.within(put))
