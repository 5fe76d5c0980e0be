from collections.abc import Set
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import UnitOfWork
from core.tasks.ports import TaskRef


class Watched(NamedTuple):
    """A task that somebody is to watch, or not to."""

    id: UUID
    is_member: bool


class Watchers(Protocol):
    """Who watches which tasks of the company that the unit of work was opened for.

    Whoever created a task, and whoever it is or was assigned to, watches it without being named here, until they leave
    it off.
    """

    async def find(self, ref: TaskRef, *, for_user: UUID) -> Watched | None:
        """The task, and whether that user is a member of its project."""
        ...

    def watch(self, task_id: UUID, user_ids: Set[UUID]) -> None:
        """Makes users watch a task, also those who had left it off."""
        ...

    def unwatch(self, task_id: UUID, user_id: UUID) -> None:
        """Notes that a user does not watch a task."""
        ...


class WatcherUnitOfWork(UnitOfWork, Protocol):
    @property
    def watchers(self) -> Watchers: ...


class OpenWatcherUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> WatcherUnitOfWork: ...
