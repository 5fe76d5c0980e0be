from collections.abc import Set
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.tasks.ports import TaskRef
from core.watching.ports import Watched
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryWatchers:
    """Who watches which tasks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def find(self, ref: TaskRef, *, for_user: UUID) -> Watched | None:
        tables = self._unit.now
        task = tables.task(ref)
        return Watched(task.id, (task.project_id, for_user) in tables.members) if task is not None else None

    def watch(self, task_id: UUID, user_ids: Set[UUID]) -> None:
        self._say(task_id, user_ids, watching=True)

    def unwatch(self, task_id: UUID, user_id: UUID) -> None:
        self._say(task_id, {user_id}, watching=False)

    def _say(self, task_id: UUID, user_ids: Set[UUID], *, watching: bool) -> None:
        def put(tables: CompanyTables) -> None:
            tables.watchers |= {(task_id, user_id): watching for user_id in user_ids}

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryWatcherUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with those who watch."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.watchers = InMemoryWatchers(self)
