from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived, ProjectNotFound
from core.projects.policy import sees_project, visible_projects
from core.projects.ports import ProjectRef
from core.tasks.columns import BoardColumn, ColumnChanges
from core.tasks.errors import BoardIncomplete, ColumnNotEmpty, ColumnNotFound, TooManyColumns, TooManyRecurring
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.ports import ColumnReader, LoadedBoard, OpenTaskUnitOfWork, TaskUnitOfWork
from core.tasks.read_models import ColumnDetails
from core.tasks.use_cases.placing import ranks_at_end
from core.tasks.use_cases.recurring import MOST_RECURRING, recur


@dataclass(frozen=True, slots=True, kw_only=True)
class NewColumn:
    """What a column is made from. It stands at a position, right after another one, or at the end."""

    name: str
    category: Status
    wip_limit: int | None = None
    position: int | None = None
    after: UUID | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.name(self.name)


class ColumnUseCases:
    """Arranging the columns of a board. Whoever sees the project may."""

    def __init__(self, *, unit_of_work: OpenTaskUnitOfWork, reader: ColumnReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids

    @answers(ProjectNotFound, ReferenceNotFound, Invalid, ProjectArchived, TooManyColumns, KeyReused, InFlight)
    async def add(
        self, actor: Actor, ref: ProjectRef, given: NewColumn, *, once: Once | None = None
    ) -> Answer[ColumnDetails]:
        """Adds a column to a board: at a position, after another column, or at the end. A board has 50 at most."""
        async with self._unit_of_work(actor, once=once) as uow:
            board = await uow.columns.of_project(ref, for_user=actor.user_id)
            if board is None or not sees_project(uow.actor, is_member=board.is_member):
                raise ProjectNotFound
            _ensure_open(board)
            column, created = board.arrangement.add(
                id=self._ids.new(),
                name=given.name,
                category=given.category,
                wip_limit=given.wip_limit,
                position=given.position,
                after=given.after,
                by=actor.user_id,
                at=self._clock.now(),
            )
            uow.columns.add(column)
            _keep_places(uow, board)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="column", id=column.id, version=column.version))
        return Answer(ColumnDetails.of(column), seq)

    @reading
    @answers(ColumnNotFound)
    async def get(self, actor: Actor, column_id: UUID) -> Answer[ColumnDetails]:
        """One column, with the count of its cards."""
        column, seq = await self._reader.one(actor, column_id, visible=visible_projects(actor))
        if column is None:
            raise ColumnNotFound
        return Answer(column, seq)

    @answers(ColumnNotFound, FieldReadOnly, Invalid, Stale, ProjectArchived, BoardIncomplete, TooManyRecurring)
    async def change(
        self, actor: Actor, column_id: UUID, changes: ColumnChanges, *, expected: int | None = None
    ) -> Answer[ColumnDetails]:
        """Changes a column, or its position. Its tasks get the status of a new category at once.

        A board keeps a column of each category. A limit of work in progress warns, it never refuses. Cards that are
        done by that recur, 500 at most.
        """
        async with self._unit_of_work(actor) as uow:
            board, column = await self._load(uow, actor, column_id)
            present = ColumnDetails.of(column)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            _ensure_open(board)
            at = self._clock.now()
            updated = board.arrangement.change(column, changes, at=at)
            if updated is not None:
                uow.columns.save(column, was=present.version)
                uow.record(updated)
                if "category" in updated.changes:
                    cards = await uow.columns.cards(column.id)
                    again = await self._recurring(uow, column, done_in=column)
                    uow.columns.recategorise(cards, category=column.category, at=at)
                    uow.record(*column.cards_follow(cards))
                    await recur(uow, *again, ids=self._ids, at=at, into=board.arrangement.first_to_do.id)
            if "position" in changes.given:
                ordered = board.arrangement.place(column, changes.position, by=actor.user_id)
                if ordered is not None:
                    uow.record(ordered)
                    _keep_places(uow, board)
            seq = await uow.commit()
        return Answer(ColumnDetails.of(column), seq)

    @answers(ProjectNotFound, ReferenceNotFound, Invalid, ProjectArchived)
    async def order(self, actor: Actor, ref: ProjectRef, column_ids: Sequence[UUID]) -> Answer[list[ColumnDetails]]:
        """Puts the columns of a board in order; each of them must be named once. Answers them from left to right."""
        async with self._unit_of_work(actor) as uow:
            board = await uow.columns.of_project(ref, for_user=actor.user_id)
            if board is None or not sees_project(uow.actor, is_member=board.is_member):
                raise ProjectNotFound
            _ensure_open(board)
            ordered = board.arrangement.order(column_ids, by=actor.user_id)
            if ordered is not None:
                _keep_places(uow, board)
                uow.record(ordered)
            seq = await uow.commit()
        return Answer([ColumnDetails.of(column) for column in board.arrangement.columns], seq)

    @answers(
        ColumnNotFound,
        ReferenceNotFound,
        Invalid,
        Stale,
        ProjectArchived,
        BoardIncomplete,
        ColumnNotEmpty,
        TooManyRecurring,
    )
    async def delete(
        self, actor: Actor, column_id: UUID, *, move_to: UUID | None = None, expected: int | None = None
    ) -> int:
        """Deletes a column. Its cards, if it has any, go to the end of `move_to`, a column of the same board, in their
        order. A board keeps a column of each category. Cards that are done by that recur, 500 at most.
        """
        async with self._unit_of_work(actor) as uow:
            board, column = await self._load(uow, actor, column_id)
            ensure_current(expected, ColumnDetails.of(column))
            _ensure_open(board)
            heir = board.arrangement.find(move_to)
            deleted = board.arrangement.remove(column, move_to=move_to, by=actor.user_id)
            if heir is not None and column.task_count:
                again = await self._recurring(uow, column, done_in=heir)
                await self._move_cards(uow, column, to=heir, by=actor.user_id)
                first = board.arrangement.first_to_do
                await recur(uow, *again, ids=self._ids, at=self._clock.now(), into=first.id)
            uow.columns.remove(column, heir=board.arrangement.heir_of(column))
            _keep_places(uow, board)
            uow.record(deleted)
            return await uow.commit()

    # Private parts

    async def _load(self, uow: TaskUnitOfWork, actor: Actor, column_id: UUID) -> tuple[LoadedBoard, BoardColumn]:
        board = await uow.columns.around(column_id, for_user=actor.user_id)
        column = board.arrangement.find(column_id) if board is not None else None
        if board is None or column is None or not sees_project(uow.actor, is_member=board.is_member):
            raise ColumnNotFound
        return board, column

    async def _recurring(self, uow: TaskUnitOfWork, column: BoardColumn, *, done_in: BoardColumn) -> list[Task]:
        """The tasks of a column that are to be done again once they are done, in case that they are done now.

        Raises TooManyRecurring: whoever works in the project waits while they are made.
        """
        if done_in.category is not Status.DONE:
            return []
        again = await uow.recurrences.of_column(column.id, most=MOST_RECURRING + 1)
        again = [task for task in again if task.status is not Status.DONE]
        if len(again) > MOST_RECURRING:
            raise TooManyRecurring
        return again

    async def _move_cards(self, uow: TaskUnitOfWork, column: BoardColumn, *, to: BoardColumn, by: UUID) -> None:
        cards, there = await uow.columns.cards(column.id), await uow.columns.cards(to.id)
        last = there[-1] if there else None
        ranks = await ranks_at_end(uow, to.id, last=last.rank if last else None, count=len(cards))
        uow.columns.move(cards, ranks, to=to, at=self._clock.now())
        uow.record(*to.takes_over(cards, of=column.id, after_id=last.id if last else None, by=by))


def _ensure_open(board: LoadedBoard) -> None:
    if not board.project_is_active:
        raise ProjectArchived


def _keep_places(uow: TaskUnitOfWork, board: LoadedBoard) -> None:
    shifted = board.arrangement.renumber()
    if shifted:
        uow.columns.place(shifted)
