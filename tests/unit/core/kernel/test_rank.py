import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.rank import LONGEST, SHORTEST, RanksExhausted, between, beyond, spread

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def a_rank(*, longest: int = LONGEST) -> st.SearchStrategy[str]:
    """Any rank that `between` or `spread` could have made: it never ends below its width in nothing but zeros."""
    return st.text(DIGITS, min_size=SHORTEST, max_size=longest).filter(lambda rank: rank.strip("0") != "")


def value(rank: str) -> int:
    """The fraction that a rank stands for, in units of the last of 32 digits."""
    number = 0
    for digit in rank.ljust(LONGEST, "0"):
        number = number * 62 + DIGITS.index(digit)
    return number


class TestBetween:
    @given(a_rank(longest=20), a_rank(longest=20))
    def test_it_is_strictly_between(self, one: str, other: str) -> None:
        low, high = sorted((one, other))
        if value(low) == value(high):
            return
        middle = between(low, high)
        assert low < middle < high
        assert value(low) < value(middle) < value(high)

    @given(a_rank(longest=20))
    def test_an_open_end_is_above_or_below_everything(self, rank: str) -> None:
        assert rank < between(rank, None)
        assert between(None, rank) < rank

    @given(a_rank(), a_rank())
    def test_its_length_is_bounded_or_it_says_that_there_is_none(self, one: str, other: str) -> None:
        low, high = sorted((one, other))
        if low == high:
            return
        try:
            middle = between(low, high)
        except RanksExhausted:
            assert value(high) - value(low) < 2
        else:
            assert SHORTEST <= len(middle) <= LONGEST
            assert set(middle) <= set(DIGITS)

    @given(a_rank(longest=12), a_rank(longest=12))
    def test_swapped_neighbours_are_refused(self, one: str, other: str) -> None:
        low, high = sorted((one, other))
        if low == high:
            return
        with pytest.raises(ValueError, match="lower"):
            between(high, low)

    @given(a_rank())
    def test_between_equal_ranks_there_is_none(self, rank: str) -> None:
        with pytest.raises(RanksExhausted):
            between(rank, rank)

    @given(a_rank(longest=20), st.integers(0, 60))
    def test_many_beyond_one_rise_and_stay_short(self, rank: str, count: int) -> None:
        ranks = [rank, *beyond(rank, count)]
        assert len(ranks) == count + 1
        assert ranks == sorted(set(ranks))
        assert all(len(each) <= LONGEST for each in ranks)

    def test_the_first_card_of_a_column_gets_a_rank_of_the_shortest_length(self) -> None:
        assert len(between(None, None)) == SHORTEST

    def test_cards_at_the_end_keep_the_shortest_length_for_a_long_time(self) -> None:
        rank = None
        for _ in range(3000):
            following = between(rank, None)
            assert rank is None or rank < following
            assert len(following) == SHORTEST
            rank = following

    def test_cards_at_the_end_go_one_step_on_however_long_the_last_rank_is(self) -> None:
        """Not halfway to the end each time, which would use up all ranks within some two hundred cards."""
        rank = between(spread(3)[0], spread(3)[1]) + "V"
        for _ in range(1000):
            following = between(rank, None)
            assert rank < following
            rank = following
        assert len(rank) <= SHORTEST + 1

    def test_neighbours_without_room_are_exhausted(self) -> None:
        low = "1" * (LONGEST - 1)
        with pytest.raises(RanksExhausted):
            between(low + "1", low + "2")


class TestSpread:
    @given(st.integers(min_value=0, max_value=400))
    def test_it_keeps_the_order_with_room_everywhere(self, count: int) -> None:
        ranks = spread(count)
        assert len(ranks) == count
        assert all(len(rank) == SHORTEST for rank in ranks)
        ends = [0, *(value(rank) for rank in ranks), 62**LONGEST]
        assert all(low < high for low, high in zip(ends, ends[1:], strict=False))
        if ranks:
            assert between(None, ranks[0]) < ranks[0]
            assert between(ranks[-1], None) > ranks[-1]
        for low, high in list(zip(ranks, ranks[1:], strict=False))[:20]:
            assert low < between(low, high) < high


class TestColumn:
    """What ranks are for: cards that are put anywhere, any number of times, and stay in one order."""

    @pytest.mark.parametrize("seed", range(2))
    def test_thousands_of_insertions_anywhere_keep_a_total_order(self, seed: int) -> None:
        column = Cards()
        choose = random.Random(seed)
        for card in range(3000):
            column.insert(choose.randint(0, len(column.ranks)), card)
        column.check()
        assert column.respreads == 0

    @pytest.mark.parametrize("at", ["top", "second", "before last"])
    def test_insertions_at_one_place_are_kept_up_by_spreading(self, at: str) -> None:
        column = Cards()
        for card in range(2000):
            count = len(column.ranks)
            column.insert({"top": 0, "second": min(1, count), "before last": max(0, count - 1)}[at], card)
        column.check()
        assert 0 < column.respreads < 2000 / 50

    @given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=60))
    def test_moves_keep_a_total_order(self, moves: list[tuple[int, int]]) -> None:
        column = Cards()
        for card in range(12):
            column.insert(card, card)
        for from_, to in moves:
            card = column.take(from_ % len(column.ranks))
            column.insert(to % (len(column.ranks) + 1), card)
        column.check()
        assert sorted(column.cards) == list(range(12))


class Cards:
    """A column that spreads its cards when there is no rank left between two."""

    def __init__(self) -> None:
        self.cards: list[int] = []
        self.ranks: list[str] = []
        self.respreads = 0

    def insert(self, place: int, card: int) -> None:
        try:
            rank = self._rank_at(place)
        except RanksExhausted:
            self.respreads += 1
            self.ranks = list(spread(len(self.ranks)))
            rank = self._rank_at(place)
        self.cards.insert(place, card)
        self.ranks.insert(place, rank)

    def take(self, place: int) -> int:
        self.ranks.pop(place)
        return self.cards.pop(place)

    def check(self) -> None:
        assert self.ranks == sorted(self.ranks)
        assert len(set(self.ranks)) == len(self.ranks)
        assert all(SHORTEST <= len(rank) <= LONGEST for rank in self.ranks)

    def _rank_at(self, place: int) -> str:
        low = self.ranks[place - 1] if place > 0 else None
        high = self.ranks[place] if place < len(self.ranks) else None
        return between(low, high)
