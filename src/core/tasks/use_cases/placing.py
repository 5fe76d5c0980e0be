"""Where a card goes: at the end of a column, or next to another card."""

from dataclasses import dataclass
from uuid import UUID

from core.kernel import rank
from core.kernel.errors import Fault, Invalid, ReferenceNotFound
from core.kernel.rank import RanksExhausted
from core.tasks.errors import MoveContradicts
from core.tasks.fields import Status
from core.tasks.model import Board, Column, Place, end_of
from core.tasks.ports import LoadedTask, Neighbour, TaskDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to move a card: to a status or column, or right before or after another card."""

    new_status: Status | None = None
    column_id: UUID | None = None
    before: UUID | None = None
    after: UUID | None = None

    @property
    def beside(self) -> UUID | None:
        """The other card, if one is named."""
        return self.before or self.after


async def place_at_end(desk: TaskDesk, column: Column) -> Place:
    """The place below a column's last card; spreads its cards where there is none left."""
    try:
        return end_of(column)
    except RanksExhausted:
        ranks = await _spread(desk, column.id)
        last = max(ranks.values(), default=None)
        return Place(column=column, rank=rank.between(last, None), after_id=column.last_id)


async def ranks_at_end(desk: TaskDesk, column_id: UUID, *, last: str | None, count: int) -> list[str]:
    """Ranks for so many cards below the last one of a column; spreads its cards where there are none left."""
    try:
        return rank.beyond(last, count)
    except RanksExhausted:
        cards = await desk.tasks.order(column_id)
        ranks = rank.spread(len(cards) + count)
        await desk.tasks.respread(list(zip(cards, ranks, strict=False)))
        return list(ranks[len(cards) :])


async def place_for(desk: TaskDesk, loaded: LoadedTask, to: Destination) -> Place | None:
    """Where a card goes, which was loaded with the one that it goes beside; None if it stands there already.

    Raises Invalid, MoveContradicts and ReferenceNotFound.
    """
    task = loaded.task
    column = column_meant(loaded.board, status=to.new_status, column_id=to.column_id)
    named = to.beside
    if named is None:
        if column is None:
            detail = "one of new_status, column_id, before and after is needed"
            raise Invalid(faults=(Fault(detail, pointer=""),))
        if column.id == task.column_id or (to.column_id is None and column.category is task.status):
            return None
        return await place_at_end(desk, column)
    pointer = "/before" if to.before is not None else "/after"
    if to.before is not None and to.after is not None:
        raise MoveContradicts(faults=(Fault("before and after exclude each other", pointer="/after"),))
    if named == task.id:
        raise MoveContradicts(faults=(Fault("a card cannot stand next to itself", pointer=pointer),))
    return await _next_to(desk, loaded, to, named, column)


def column_meant(board: Board, *, status: Status | None, column_id: UUID | None) -> Column | None:
    """The column that is meant; None if none is. Raises ReferenceNotFound and MoveContradicts."""
    if column_id is not None:
        column = board.column(column_id)
        if column is None:
            raise ReferenceNotFound(pointer="/column_id")
        if status is not None and column.category is not status:
            raise MoveContradicts(faults=(Fault("the column has another status", pointer="/column_id"),))
        return column
    return board.first_of(status) if status is not None else None


async def _next_to(
    desk: TaskDesk, loaded: LoadedTask, to: Destination, named: UUID, column: Column | None
) -> Place | None:
    task, above = loaded.task, to.before is not None
    pointer = "/before" if above else "/after"
    neighbour = loaded.neighbour
    stands_in = loaded.board.column(neighbour.column_id) if neighbour is not None else None
    if neighbour is None or stands_in is None:
        raise ReferenceNotFound(pointer=pointer)
    # A status names any column of its category, a column only itself.
    if to.column_id is not None and column is not None and column.id != stands_in.id:
        raise MoveContradicts(faults=(Fault("stands in another column", pointer=pointer),))
    if to.new_status is not None and stands_in.category is not to.new_status:
        raise MoveContradicts(faults=(Fault("has another status", pointer=pointer),))
    if stands_in.id == task.column_id and neighbour.has_beside(task.rank, above=above):
        return None
    after_id = neighbour.above_id if above else named
    try:
        found = _rank_beside(neighbour, above=above)
    except RanksExhausted:
        ranks = await _spread(desk, stands_in.id)
        ranks.pop(task.id, None)
        found = _rank_beside(_among(ranks, named, neighbour), above=above)
    return Place(column=stands_in, rank=found, after_id=after_id)


def _rank_beside(neighbour: Neighbour, *, above: bool) -> str:
    if above:
        return rank.between(neighbour.above_rank, neighbour.rank)
    return rank.between(neighbour.rank, neighbour.below_rank)


def _among(ranks: dict[UUID, str], named: UUID, before: Neighbour) -> Neighbour:
    """The neighbour among cards that were just spread."""
    order = list(ranks)
    at = order.index(named)
    return before._replace(
        rank=ranks[named],
        above_rank=ranks[order[at - 1]] if at > 0 else None,
        below_rank=ranks[order[at + 1]] if at + 1 < len(order) else None,
    )


async def _spread(desk: TaskDesk, column_id: UUID) -> dict[UUID, str]:
    """Gives the cards of a column ranks that are evenly apart; answers them from top to bottom."""
    cards = await desk.tasks.order(column_id)
    ranks = dict(zip(cards, rank.spread(len(cards)), strict=True))
    await desk.tasks.respread(list(ranks.items()))
    return ranks
