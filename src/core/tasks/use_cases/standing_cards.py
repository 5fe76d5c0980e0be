"""Where the cards of a batch stand."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from core.tasks.batches import GatheredProject, Standing
from core.tasks.model import Board, Column
from core.tasks.ports import Neighbour
from core.tasks.use_cases.journal import Journal


class StandingCards:
    """The cards that are known, and the boards that they stand on. The journal can undo what is put elsewhere."""

    def __init__(self, cards: Iterable[Standing], journal: Journal) -> None:
        self._journal = journal
        self._places: dict[UUID, tuple[UUID, str]] = {}
        self._columns: defaultdict[UUID, list[tuple[str, UUID]]] = defaultdict(list)
        # As boards show them; one whose cards changed is made anew.
        self._shown: dict[UUID, Column] = {}
        for card in cards:
            self._places[card.id] = (card.column_id, card.rank)
            self._columns[card.column_id].append((card.rank, card.id))
        for column in self._columns.values():
            column.sort()

    def __contains__(self, card_id: UUID) -> bool:
        return card_id in self._places

    def column_of(self, card_id: UUID) -> UUID:
        return self._places[card_id][0]

    def in_order(self, column_id: UUID) -> list[UUID]:
        """The cards of a column from top to bottom."""
        return [card_id for _, card_id in self._columns[column_id]]

    def learn(self, card: Standing) -> None:
        """Takes in where a card stands that was not known yet; that is never undone."""
        self._stand(card.id, None, (card.column_id, card.rank))

    def put(self, card_id: UUID, place: tuple[UUID, str] | None) -> None:
        """Puts a card there, or takes it off the board."""
        before = self._places.get(card_id)
        self._stand(card_id, before, place)
        self._journal.undone_by(partial(self._stand, card_id, place, before))

    def board(self, project: GatheredProject) -> Board:
        shown = self._shown
        for column_id, category in project.columns:
            if column_id not in shown:
                cards = self._columns[column_id]
                rank, last_id = cards[-1] if cards else (None, None)
                shown[column_id] = Column(id=column_id, category=category, last_id=last_id, last_rank=rank)
        return Board(columns=tuple([shown[column_id] for column_id, _ in project.columns]))

    def neighbour(self, beside: UUID, *, moved: UUID) -> Neighbour | None:
        """A card and those next to it, but for the one that is moved."""
        place = self._places.get(beside)
        if place is None:
            return None
        column_id, rank = place
        cards = self._columns[column_id]
        at = bisect_left(cards, (rank, beside))
        above = next((cards[each] for each in (at - 1, at - 2) if each >= 0 and cards[each][1] != moved), None)
        below = next((cards[each] for each in (at + 1, at + 2) if each < len(cards) and cards[each][1] != moved), None)
        return Neighbour(
            column_id=column_id,
            rank=rank,
            above_id=above[1] if above is not None else None,
            above_rank=above[0] if above is not None else None,
            below_rank=below[0] if below is not None else None,
        )

    def _stand(self, card_id: UUID, before: tuple[UUID, str] | None, place: tuple[UUID, str] | None) -> None:
        if before is not None:
            cards = self._columns[before[0]]
            del cards[bisect_left(cards, (before[1], card_id))]
            del self._places[card_id]
            self._shown.pop(before[0], None)
        if place is not None:
            insort(self._columns[place[0]], (place[1], card_id))
            self._places[card_id] = place
            self._shown.pop(place[0], None)
