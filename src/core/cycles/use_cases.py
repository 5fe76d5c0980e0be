from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Generic
from uuid import UUID

from core.cycles import policy
from core.cycles.errors import (
    AnotherCycleActive,
    CycleActive,
    CycleNotActive,
    CycleNotFound,
    CycleNotPlanned,
    CycleTakesNoTasks,
)
from core.cycles.model import Cycle, CycleChanges, checked_prefix, ensure_in_order, ensure_takes_tasks
from core.cycles.ports import CycleFilter, CycleReader, LeaveCycle, LoadedCycle, OpenCycleUnitOfWork, Unit
from core.cycles.read_models import CycleView
from core.kernel import text
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.metadata import checked_metadata
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.projects.policy import sees_project


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCycle:
    """What a cycle is made from. Without a prefix it gets one of its project's key and its own number."""

    project_id: UUID
    name: str
    s3_prefix: str | None = None
    description: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.name(self.name)
        if self.s3_prefix is not None:
            checked_prefix(self.s3_prefix)
        if self.description is not None:
            text.description(self.description)
        checked_metadata(self.metadata)
        ensure_in_order(self.starts_on, self.ends_on, pointer="/ends_on")


class CycleUseCases(Generic[Unit]):
    """Creating, finding, changing, starting, completing and deleting cycles.

    `leave_cycle` is what tasks do when a cycle ends, in the same transaction.
    """

    def __init__(
        self,
        *,
        unit_of_work: OpenCycleUnitOfWork[Unit],
        reader: CycleReader,
        leave_cycle: LeaveCycle[Unit],
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._leave_cycle = leave_cycle
        self._clock = clock
        self._ids = ids

    @answers(ReferenceNotFound, ProjectArchived, Invalid, KeyReused, InFlight)
    async def create(self, actor: Actor, given: NewCycle, *, once: Once | None = None) -> Answer[CycleView]:
        """Plans a cycle of a project. Whoever sees the project may."""
        async with self._unit_of_work(actor, once=once) as uow:
            opening = await uow.cycles.begin(given.project_id, for_user=actor.user_id)
            if opening is None or not sees_project(uow.actor, is_member=opening.is_member):
                raise ReferenceNotFound(pointer="/project_id")
            if not opening.project_is_active:
                raise ProjectArchived
            cycle, created = Cycle.create(
                id=self._ids.new(),
                project_id=given.project_id,
                project_key=opening.project_key,
                number=opening.number,
                name=given.name,
                s3_prefix=given.s3_prefix,
                description=given.description,
                metadata=given.metadata,
                starts_on=given.starts_on,
                ends_on=given.ends_on,
                created_by=actor.user_id,
                at=self._clock.now(),
            )
            uow.cycles.add(cycle)
            uow.record(created)
            seq = await uow.commit(made=_made(cycle))
        return Answer(CycleView.of(cycle), seq)

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, where: CycleFilter, sort: Sort, page: PageRequest) -> Answer[Page[CycleView]]:
        """The cycles that fit the filters: of all projects for owners and admins, of their own for members."""
        return await self._reader.page(actor, visible=policy.visible_cycles(actor), where=where, sort=sort, page=page)

    @reading
    @answers(CycleNotFound)
    async def get(self, actor: Actor, cycle_id: UUID) -> Answer[CycleView]:
        """One cycle."""
        view, seq = await self._reader.one(actor, cycle_id, visible=policy.visible_cycles(actor))
        if view is None:
            raise CycleNotFound
        return Answer(view, seq)

    @answers(CycleNotFound, Stale, FieldReadOnly, Invalid, ProjectArchived)
    async def change(
        self, actor: Actor, cycle_id: UUID, changes: CycleChanges, *, expected: int | None = None
    ) -> Answer[CycleView]:
        """Changes fields of a cycle, also of a completed one. Whoever sees it may.

        `metadata` is merged with what is there, and `null` takes a member of it away. The status is changed by starting
        and completing alone.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, cycle_id)
            cycle, present = loaded.cycle, CycleView.of(loaded.cycle)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            _ensure_open(loaded)
            updated = cycle.change(changes, at=self._clock.now())
            if updated is not None:
                uow.cycles.save(cycle)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(CycleView.of(cycle), seq)

    @answers(CycleNotFound, Stale, ProjectArchived, CycleNotPlanned, AnotherCycleActive, KeyReused, InFlight)
    async def start(
        self, actor: Actor, cycle_id: UUID, *, expected: int | None = None, once: Once | None = None
    ) -> Answer[CycleView]:
        """Starts a planned cycle. A project has one active cycle at a time. Whoever sees it may."""
        async with self._unit_of_work(actor, once=once) as uow:
            loaded = await self._load(uow, actor, cycle_id)
            cycle = loaded.cycle
            ensure_current(expected, CycleView.of(cycle))
            _ensure_open(loaded)
            uow.record(cycle.start(another_is_active=loaded.another_is_active, at=self._clock.now()))
            uow.cycles.save(cycle)
            seq = await uow.commit(made=_made(cycle))
        return Answer(CycleView.of(cycle), seq)

    @answers(
        CycleNotFound,
        Stale,
        ProjectArchived,
        CycleNotActive,
        ReferenceNotFound,
        CycleTakesNoTasks,
        KeyReused,
        InFlight,
    )
    async def complete(
        self,
        actor: Actor,
        cycle_id: UUID,
        *,
        carry_over_to: UUID | None = None,
        expected: int | None = None,
        once: Once | None = None,
    ) -> Answer[CycleView]:
        """Completes the active cycle of a project. Whoever sees it may.

        Its unfinished tasks go to `carry_over_to`, a planned cycle of the same project, or to no cycle; those that are
        done stay in it.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            loaded = await self._load(uow, actor, cycle_id)
            cycle, at = loaded.cycle, self._clock.now()
            ensure_current(expected, CycleView.of(cycle))
            _ensure_open(loaded)
            cycle.ensure_active()
            if carry_over_to is not None:
                if carry_over_to == cycle.id:
                    raise CycleTakesNoTasks(pointer="/carry_over_to")
                status = await uow.cycles.status(carry_over_to, project_id=cycle.project_id)
                ensure_takes_tasks(status, pointer="/carry_over_to")
            count = await self._leave_cycle(uow, cycle.id, to=carry_over_to, finished_too=False, at=at)
            uow.record(cycle.complete(carried_over=count, carry_over_to=carry_over_to, at=at))
            uow.cycles.save(cycle)
            seq = await uow.commit(made=_made(cycle))
        return Answer(CycleView.of(cycle), seq)

    @answers(CycleNotFound, Forbidden, Stale, ProjectArchived, CycleActive)
    async def delete(self, actor: Actor, cycle_id: UUID, *, expected: int | None = None) -> int:
        """Deletes a planned or completed cycle for good; its tasks go to no cycle. Owners and admins may."""
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, cycle_id)
            cycle = loaded.cycle
            policy.authorise_delete(uow.actor)
            ensure_current(expected, CycleView.of(cycle))
            _ensure_open(loaded)
            deleted = cycle.delete()
            await self._leave_cycle(uow, cycle.id, to=None, finished_too=True, at=self._clock.now())
            uow.cycles.delete(cycle)
            uow.record(deleted)
            return await uow.commit()

    async def _load(self, uow: Unit, actor: Actor, cycle_id: UUID) -> LoadedCycle:
        loaded = await uow.cycles.load(cycle_id, for_user=actor.user_id)
        if loaded is None or not policy.sees_cycle(uow.actor, is_member=loaded.is_member):
            raise CycleNotFound
        return loaded


def _ensure_open(loaded: LoadedCycle) -> None:
    if not loaded.project_is_active:
        raise ProjectArchived


def _made(cycle: Cycle) -> Made:
    return Made(kind="cycle", id=cycle.id, version=cycle.version)
