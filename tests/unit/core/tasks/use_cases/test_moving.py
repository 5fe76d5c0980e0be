import random
from uuid import UUID

import pytest

from core.kernel.errors import Forbidden, Invalid, ReferenceNotFound, Stale
from core.tasks.errors import MoveContradicts
from core.tasks.fields import Status
from core.tasks.use_cases.placing import Destination
from tests.builders import an_id
from tests.builders.office import Office


class Board(Office):
    """Cards a, b, c and d to do, z done; all of Mia's making."""

    cards: dict[str, UUID]

    @staticmethod
    async def set_up() -> "Board":
        office = await Office.open()
        office.__class__ = Board
        office.cards = {title: (await office.task(title, by=office.mia)).id for title in "abcd"}
        office.cards["z"] = (await office.task("z", by=office.mia, status=Status.DONE)).id
        return office

    async def move(self, title: str, **to: object) -> object:
        named = {side: self.cards[card] if card in self.cards else card for side, card in to.items()}
        return (await self.tasks.move(self.mia, self.cards[title], Destination(**named))).value


@pytest.fixture
async def board() -> Board:
    return await Board.set_up()


class TestMovingNextToACard:
    @pytest.mark.parametrize(
        ("card", "to", "order"),
        [
            ("d", {"before": "a"}, "dabc"),
            ("d", {"before": "c"}, "abdc"),
            ("a", {"before": "d"}, "bcad"),
            ("a", {"after": "d"}, "bcda"),
            ("a", {"after": "b"}, "bacd"),
            ("d", {"after": "a"}, "adbc"),
            ("b", {"before": "c"}, "abcd"),
            ("b", {"after": "a"}, "abcd"),
            ("a", {"before": "b"}, "abcd"),
            ("d", {"after": "c"}, "abcd"),
        ],
    )
    async def test_it_stands_there_and_its_version_stays(
        self, board: Board, card: str, to: dict[str, str], order: str
    ) -> None:
        head = board.head
        view = await board.move(card, **to)
        assert "".join(board.order()) == order
        assert (view.version, view.updated_at) == (1, view.created_at)
        above = order[order.index(card) - 1] if order.index(card) else None
        for fact in board.facts(after=head):
            assert fact.event == "task_moved"
            assert fact.body["after_id"] == (str(board.cards[above]) if above else None)
            assert fact.body["old_column_id"] == fact.body["new_column_id"]

    async def test_a_neighbour_implies_its_column(self, board: Board) -> None:
        view = await board.move("b", before="z")
        assert (view.status, view.version, view.completed_at) == ("done", 2, board.clock.now())
        assert (board.order(Status.DONE), board.order()) == (["b", "z"], ["a", "c", "d"])

    async def test_a_neighbour_may_be_named_with_its_own_column_and_status(self, board: Board) -> None:
        await board.move("b", after="z", column_id=board.column(Status.DONE), new_status=Status.DONE)
        assert board.order(Status.DONE) == ["z", "b"]

    async def test_a_status_names_any_column_of_its_category(self, board: Board) -> None:
        second = board.add_column(Status.DONE)
        board.cards["y"] = (await board.task("y", column_id=second)).id
        view = await board.move("a", after="y", new_status=Status.DONE)
        assert view.column_id == second

    @pytest.mark.parametrize(
        ("to", "pointer"),
        [
            ({"before": "b", "after": "c"}, "/after"),
            ({"before": "a"}, "/before"),
            ({"after": "a"}, "/after"),
            ({"before": "z", "new_status": Status.TODO}, "/before"),
            ({"after": "z", "column_id": Status.TODO}, "/after"),
            ({"column_id": Status.DONE, "new_status": Status.TODO}, "/column_id"),
        ],
    )
    async def test_contradictions_are_refused_where_they_are(
        self, board: Board, to: dict[str, object], pointer: str
    ) -> None:
        before = board.world.snapshot()
        named = {**to, "column_id": board.column(to["column_id"])} if "column_id" in to else to
        with pytest.raises(MoveContradicts) as refused:
            await board.move("a", **named)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
        assert board.world.tables == before

    @pytest.mark.parametrize("side", ["before", "after"])
    async def test_a_card_of_another_project_or_company_is_no_neighbour(self, board: Board, side: str) -> None:
        other, _ = await board.projects.open(board.adam, name="Shop")
        elsewhere = await board.task(project_id=other.id)
        stranger = await board.world.company("Elsewhere")
        project, _ = await board.projects.open(stranger, name="Theirs")
        foreign = await board.task(by=stranger, project_id=project.id)
        for named in (elsewhere.id, foreign.id, an_id()):
            with pytest.raises(ReferenceNotFound) as missing:
                await board.move("a", **{side: named})
            assert [fault.pointer for fault in missing.value.faults] == [f"/{side}"]

    async def test_a_deleted_card_is_no_neighbour(self, board: Board) -> None:
        await board.tasks.delete(board.mia, board.cards["b"])
        with pytest.raises(ReferenceNotFound):
            await board.move("a", after="b")
        await board.move("a", after="c")
        assert board.order() == ["c", "a", "d"]


class TestMovingToAColumn:
    @pytest.mark.parametrize("by", ["status", "column"])
    async def test_it_goes_to_the_end(self, board: Board, by: str) -> None:
        to = {"new_status": Status.DONE} if by == "status" else {"column_id": board.column(Status.DONE)}
        view = await board.move("b", **to)
        assert (view.status, view.version) == ("done", 2)
        assert board.order(Status.DONE) == ["z", "b"]

    async def test_where_it_stands_already_it_stays(self, board: Board) -> None:
        before = board.world.snapshot()
        for to in ({"new_status": Status.TODO}, {"column_id": board.column(Status.TODO)}):
            assert (await board.move("b", **to)).version == 1
        assert board.world.tables == before

    async def test_a_column_of_another_board_is_not_found(self, board: Board) -> None:
        with pytest.raises(ReferenceNotFound) as missing:
            await board.move("a", column_id=an_id())
        assert missing.value.faults[0].pointer == "/column_id"

    async def test_to_nowhere_is_refused(self, board: Board) -> None:
        with pytest.raises(Invalid):
            await board.move("a")


class TestWhoMoves:
    async def test_whoever_may_edit_the_task_may(self, board: Board) -> None:
        to = Destination(new_status=Status.DONE)
        with pytest.raises(Forbidden):
            await board.tasks.move(board.max, board.cards["a"], to)
        await board.tasks.move(board.adam, board.cards["a"], to)

    async def test_a_place_does_not_make_a_copy_stale_but_a_column_does(self, board: Board) -> None:
        task = board.cards["a"]
        await board.tasks.move(board.mia, task, Destination(after=board.cards["b"]), expected=1)
        await board.tasks.move(board.mia, task, Destination(new_status=Status.DONE), expected=1)
        with pytest.raises(Stale):
            await board.tasks.move(board.mia, task, Destination(new_status=Status.TODO), expected=1)


class TestManyMoves:
    async def test_hundreds_of_moves_anywhere_leave_the_order_that_was_asked_for(self, board: Board) -> None:
        choose, order = random.Random(7), list("abcd")
        for _ in range(250):
            card, neighbour = choose.sample(order, 2)
            side = choose.choice(["before", "after"])
            await board.move(card, **{side: neighbour})
            order.remove(card)
            order.insert(order.index(neighbour) + (side == "after"), card)
            assert board.order() == order
        ranks = [task.rank for task in board.stored.tasks.values() if task.status is Status.TODO]
        assert len(set(ranks)) == 4
        assert all(8 <= len(rank) <= 32 for rank in ranks)

    async def test_a_gap_that_is_used_up_is_spread(self, board: Board) -> None:
        """b and c take turns right before d, so the gap halves each time until there is none."""
        spread = 0
        for turn in range(400):
            card, other = ("b", "c") if turn % 2 else ("c", "b")
            widest = max(len(task.rank) for task in board.stored.tasks.values())
            await board.move(card, after="a")
            spread += widest > max(len(task.rank) for task in board.stored.tasks.values())
            assert board.order() == ["a", card, other, "d"]
        assert spread >= 1
