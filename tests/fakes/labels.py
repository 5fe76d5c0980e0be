from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.labels.errors import LabelNameTaken
from core.labels.model import Label, folded, in_order
from core.labels.read_models import LabelView
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {
    "name": Key(lambda label: folded(label.name)),
    "created_at": Key(lambda label: label.created_at, datetime.isoformat, datetime.fromisoformat),
}


class InMemoryLabels:
    """The labels of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def count(self) -> int:
        return len(self._unit.now.labels)

    async def load(self, label_id: UUID) -> Label | None:
        found = self._unit.now.labels.get(label_id)
        return replace(found) if found is not None else None

    def add(self, label: Label) -> None:
        self._put(replace(label), was=None)

    def save(self, label: Label, *, renamed: bool) -> None:
        self._put(replace(label), was=label.version - 1)

    def delete(self, label: Label) -> None:
        def take_away(tables: CompanyTables) -> None:
            del tables.labels[label.id]
            bearing = _bearing(tables, label.id)
            tables.task_labels -= {(task_id, label.id) for task_id in bearing}
            _show(tables, bearing)

        self._unit.transaction.defer(self._unit.within(take_away))

    def _put(self, label: Label, *, was: int | None) -> None:
        def put(tables: CompanyTables) -> None:
            found = tables.labels.get(label.id)
            if (found.version if found is not None else None) != was:
                raise Conflict("the label changed meanwhile")
            others = [each for each in tables.labels.values() if each.id != label.id]
            if folded(label.name) in {folded(other.name) for other in others}:
                raise LabelNameTaken
            tables.labels[label.id] = label
            _show(tables, _bearing(tables, label.id))

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryLabelUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with labels."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.labels = InMemoryLabels(self)


class InMemoryLabelReader:
    """What screens show of labels."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, actor: Actor, *, search: str | None, sort: Sort, page: PageRequest) -> Answer[Page[LabelView]]:
        tables = self._store.read(actor)
        fitting = [each for each in tables.labels.values() if search is None or search.lower() in each.name.lower()]
        found = page_of(fitting, page, key=SORTS[sort.field], sort=sort, id_of=lambda label: label.id)
        views = [LabelView.of(label) for label in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, label_id: UUID) -> Answer[LabelView | None]:
        tables = self._store.read(actor)
        found = tables.labels.get(label_id)
        return Answer(LabelView.of(found) if found is not None else None, tables.last_seq)


def _bearing(tables: CompanyTables, label_id: UUID) -> list[UUID]:
    return [task_id for task_id, borne in tables.task_labels if borne == label_id]


def _show(tables: CompanyTables, task_ids: list[UUID]) -> None:
    for task_id in task_ids:
        names = in_order(tables.labels[borne].name for task, borne in tables.task_labels if task == task_id)
        tables.tasks[task_id] = replace(tables.tasks[task_id], labels=names)
