from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import Answer
from core.projects.policy import Visible
from core.projects.ports import ProjectRef
from core.tasks.columns import Arrangement, BoardColumn, Card
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.ports import LoadedBoard
from core.tasks.read_models import ColumnDetails
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, StoredColumn
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryColumns:
    """The columns of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def of_project(self, ref: ProjectRef, *, for_user: UUID) -> LoadedBoard | None:
        tables = self._unit.now
        project = tables.project(ref)
        if project is None:
            return None
        columns = [_entity(tables, column) for column in tables.columns_of(project.id)]
        return LoadedBoard(
            Arrangement(project_id=project.id, columns=columns),
            project.is_active,
            is_member=(project.id, for_user) in tables.members,
        )

    async def around(self, column_id: UUID, *, for_user: UUID) -> LoadedBoard | None:
        column = self._unit.now.columns.get(column_id)
        return await self.of_project(column.project_id, for_user=for_user) if column is not None else None

    async def cards(self, column_id: UUID) -> list[Card]:
        return [Card(card.id, card.rank, card.status, card.version) for card in self._unit.now.cards(column_id)]

    def add(self, column: BoardColumn) -> None:
        new = _stored(column)
        self._later(lambda tables: tables.columns.update({new.id: new}))

    def save(self, column: BoardColumn, *, was: int) -> None:
        new = _stored(column)

        def put(tables: CompanyTables) -> None:
            found = tables.columns.get(new.id)
            if found is None or found.version != was:
                raise Conflict("the column changed meanwhile")
            tables.columns[new.id] = replace(new, position=found.position)

        self._later(put)

    def place(self, columns: list[BoardColumn]) -> None:
        positions = {column.id: column.position for column in columns}

        def put(tables: CompanyTables) -> None:
            for column_id, position in positions.items():
                tables.columns[column_id] = replace(tables.columns[column_id], position=position)

        self._later(put)

    def recategorise(self, cards: list[Card], *, category: Status, at: datetime) -> None:
        def put(tables: CompanyTables) -> None:
            for card in cards:
                tables.tasks[card.id] = _following(tables.tasks[card.id], category, at=at)

        self._later(put)

    def move(self, cards: list[Card], ranks: list[str], *, to: BoardColumn, at: datetime) -> None:
        column_id, category = to.id, to.category

        def put(tables: CompanyTables) -> None:
            for card, rank in zip(cards, ranks, strict=True):
                moved = _following(tables.tasks[card.id], category, at=at)
                tables.tasks[card.id] = replace(moved, column_id=column_id, rank=rank)

        self._later(put)

    def remove(self, column: BoardColumn, *, heir: BoardColumn) -> None:
        column_id, heir_id = column.id, heir.id

        def put(tables: CompanyTables) -> None:
            if tables.cards(column_id):
                raise Conflict("the column holds cards")
            for task in list(tables.tasks.values()):
                if task.column_id == column_id:
                    tables.tasks[task.id] = replace(task, column_id=heir_id)
            del tables.columns[column_id]

        self._later(put)

    def _later(self, write: Callable[[CompanyTables], None]) -> None:
        self._unit.transaction.defer(self._unit.within(write))


class InMemoryColumnReader:
    """What screens show of single columns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def one(self, actor: Actor, column_id: UUID, *, visible: Visible) -> Answer[ColumnDetails | None]:
        tables = self._store.read(actor)
        column = tables.columns.get(column_id)
        if column is None or tables.project(column.project_id) is None:
            return Answer(None, tables.last_seq)
        if visible.member_id is not None and (column.project_id, visible.member_id) not in tables.members:
            return Answer(None, tables.last_seq)
        return Answer(ColumnDetails.of(_entity(tables, column)), tables.last_seq)


def _following(task: Task, category: Status, *, at: datetime) -> Task:
    was_done, is_done = task.status is Status.DONE, category is Status.DONE
    completed_at = None
    if is_done:
        completed_at = task.completed_at if was_done else at
    return replace(
        task,
        status=category,
        completed_at=completed_at,
        previous_column_id=task.previous_column_id if is_done and was_done else None,
        version=task.version + 1,
        updated_at=at,
    )


def _entity(tables: CompanyTables, column: StoredColumn) -> BoardColumn:
    return BoardColumn(
        id=column.id,
        project_id=column.project_id,
        name=column.name,
        category=column.category,
        position=column.position,
        wip_limit=column.wip_limit,
        created_at=column.created_at,
        updated_at=column.updated_at,
        task_count=len(tables.cards(column.id)),
        version=column.version,
    )


def _stored(column: BoardColumn) -> StoredColumn:
    return StoredColumn(
        id=column.id,
        project_id=column.project_id,
        name=column.name,
        category=column.category,
        position=column.position,
        wip_limit=column.wip_limit,
        version=column.version,
        created_at=column.created_at,
        updated_at=column.updated_at,
    )
