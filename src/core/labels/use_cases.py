from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.labels import policy
from core.labels.errors import LabelNameTaken, LabelNotFound, TooManyLabels
from core.labels.model import Label, LabelChanges, checked_color, checked_name
from core.labels.ports import LabelReader, LabelUnitOfWork, OpenLabelUnitOfWork
from core.labels.read_models import LabelView


class LabelUseCases:
    """Making, finding, changing and deleting the labels of a company."""

    def __init__(self, *, unit_of_work: OpenLabelUnitOfWork, reader: LabelReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, search: str | None, sort: Sort, page: PageRequest) -> Answer[Page[LabelView]]:
        """The labels of the company. Every user sees them."""
        return await self._reader.page(actor, search=search, sort=sort, page=page)

    @answers(Invalid, LabelNameTaken, TooManyLabels, KeyReused, InFlight)
    async def create(
        self, actor: Actor, *, name: str, color: str | None = None, once: Once | None = None
    ) -> Answer[LabelView]:
        """Makes a label. Every user may; a company has 1,000 at most, and no two whose names differ by case alone."""
        # Bad values are refused before anything is looked up.
        name, color = checked_name(name), checked_color(color)
        async with self._unit_of_work(actor, once=once) as uow:
            label, created = Label.create(
                id=self._ids.new(),
                name=name,
                color=color,
                count=await uow.labels.count(),
                by=actor.user_id,
                at=self._clock.now(),
            )
            uow.labels.add(label)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="label", id=label.id, version=label.version))
        return Answer(LabelView.of(label), seq)

    @reading
    @answers(LabelNotFound)
    async def get(self, actor: Actor, label_id: UUID) -> Answer[LabelView]:
        """One label."""
        label, seq = await self._reader.one(actor, label_id)
        if label is None:
            raise LabelNotFound
        return Answer(label, seq)

    @answers(LabelNotFound, Forbidden, Stale, FieldReadOnly, Invalid, LabelNameTaken)
    async def change(
        self, actor: Actor, label_id: UUID, changes: LabelChanges, *, expected: int | None = None
    ) -> Answer[LabelView]:
        """Changes a label. Owners and admins may, and whoever made it.

        The tasks that bear it show its new name at once; their versions stay, the second part of their tags changes.
        """
        async with self._unit_of_work(actor) as uow:
            label = await self._load(uow, label_id)
            policy.authorise_change(uow.actor, label)
            present = LabelView.of(label)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            updated = label.change(changes, at=self._clock.now())
            if updated is not None:
                uow.labels.save(label, renamed="name" in updated.changes)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(LabelView.of(label), seq)

    @answers(LabelNotFound, Forbidden, Stale)
    async def delete(self, actor: Actor, label_id: UUID, *, expected: int | None = None) -> int:
        """Deletes a label for good, and takes it off all tasks. Owners and admins may."""
        async with self._unit_of_work(actor) as uow:
            label = await self._load(uow, label_id)
            policy.authorise_delete(uow.actor)
            ensure_current(expected, LabelView.of(label))
            uow.record(label.delete(by=actor.user_id))
            uow.labels.delete(label)
            return await uow.commit()

    async def _load(self, uow: LabelUnitOfWork, label_id: UUID) -> Label:
        label = await uow.labels.load(label_id)
        if label is None:
            raise LabelNotFound
        return label
