from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from core.cycles.model import Cycle, CycleStatus
from core.cycles.policy import Visible
from core.cycles.read_models import CycleView
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork


class Opening(NamedTuple):
    """What a new cycle is made from; the project is locked, and the number taken, until the transaction ends."""

    project_key: str
    project_is_active: bool
    is_member: bool
    number: int


class LoadedCycle(NamedTuple):
    """A cycle to change; its project and itself are locked until the transaction ends."""

    cycle: Cycle
    project_is_active: bool
    is_member: bool
    another_is_active: bool


class Cycles(Protocol):
    """The cycles of the company that the unit of work was opened for."""

    async def begin(self, project_id: UUID, *, for_user: UUID) -> Opening | None:
        """Prepares a new cycle; None if there is no such project."""
        ...

    async def load(self, cycle_id: UUID, *, for_user: UUID) -> LoadedCycle | None: ...

    async def status(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        """Where another cycle of that project is in its course; None if there is none."""
        ...

    def add(self, cycle: Cycle) -> None: ...

    def save(self, cycle: Cycle) -> None:
        """Writes a changed cycle, whose version has risen by one. The commit raises AnotherCycleActive if its project
        would have two active ones.
        """
        ...

    def delete(self, cycle: Cycle) -> None: ...


class CycleUnitOfWork(UnitOfWork, Protocol):
    @property
    def cycles(self) -> Cycles: ...


Unit = TypeVar("Unit", bound=CycleUnitOfWork)
Opened_co = TypeVar("Opened_co", bound=CycleUnitOfWork, covariant=True)
Told_contra = TypeVar("Told_contra", contravariant=True)


class OpenCycleUnitOfWork(Protocol[Opened_co]):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> Opened_co: ...


class LeaveCycle(Protocol[Told_contra]):
    """What tasks do when a cycle ends. They are above cycles, so that it is handed in, and takes the unit of work."""

    async def __call__(
        self, uow: Told_contra, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime
    ) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleFilter:
    """Which cycles: each given filter must hold, any of its values will do."""

    project_id: tuple[UUID, ...] = ()
    status: tuple[CycleStatus, ...] = ()


class CycleReader(Protocol):
    """What screens show of cycles. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: CycleFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[CycleView]]: ...

    async def one(self, actor: Actor, cycle_id: UUID, *, visible: Visible) -> Answer[CycleView | None]: ...
