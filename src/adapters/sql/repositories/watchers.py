"""Writing down who watches tasks."""

from collections.abc import Set
from functools import cache
from uuid import UUID

from sqlalchemy import Boolean, Uuid, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, insert

from adapters.sql.connection import Database
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.repositories.task_rows import belongs_to
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import task_watchers
from adapters.sql.tables.work import projects, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.tasks.ports import TaskRef
from core.watching.ports import Watched


@cache
def _find(by_key: bool) -> Statement:
    standing = tasks.join(projects, projects.c.id == tasks.c.project_id)
    query = select(tasks.c.id, belongs_to(tasks.c.project_id, "for_user")).select_from(standing)
    return Statement(query.where(named_task(by_key)))


_users = func.unnest(bindparam("users", type_=ARRAY(Uuid))).table_valued("user_id", name="given").render_derived()
_say = insert(task_watchers).from_select(
    ["task_id", "user_id", "watching"],
    select(bindparam("task", type_=Uuid), _users.c.user_id, bindparam("watching", type_=Boolean)).where(true()),
)
_KEY = (task_watchers.c.company_id, task_watchers.c.task_id, task_watchers.c.user_id)
# What is so already is not written again.
_SAY = Statement(
    _say.on_conflict_do_update(
        index_elements=_KEY,
        set_={"watching": _say.excluded.watching},
        where=task_watchers.c.watching != _say.excluded.watching,
    )
)


class SqlWatchers:
    """Who watches which tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def find(self, ref: TaskRef, *, for_user: UUID) -> Watched | None:
        by_key = not isinstance(ref, UUID)
        (rows,) = await self._unit.fetch((_find(by_key), {**ref_values(ref), "for_user": for_user}))
        return Watched._make(rows[0]) if rows else None

    def watch(self, task_id: UUID, user_ids: Set[UUID]) -> None:
        # In the order of their ids: so nobody waits in a circle.
        if user_ids:
            self._unit.write(_SAY, {"task": task_id, "users": sorted(user_ids), "watching": True})

    def unwatch(self, task_id: UUID, user_id: UUID) -> None:
        self._unit.write(_SAY, {"task": task_id, "users": [user_id], "watching": False})


class SqlWatcherUnitOfWork(SqlUnitOfWork):
    """A unit of work with those who watch."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.watchers = SqlWatchers(self)
