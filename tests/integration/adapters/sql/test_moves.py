"""Cards that many people move at once, through the use cases, on real PostgreSQL.

`make test-moves` moves 10,000 times; the number that every run moves, a fifth of that, is set by FLOWTRACK_TEST_MOVES.
"""

import asyncio
import os
import random
from collections import defaultdict
from typing import Any
from uuid import UUID

import pytest

from adapters.sql.connection import Database
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.repositories.tasks import SqlTasks, SqlTaskUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.kernel.actor import Actor, Role
from core.kernel.once import Once
from core.kernel.rank import LONGEST, SHORTEST
from core.tasks.errors import MoveContradicts
from core.tasks.fields import Status
from core.tasks.read_models import TaskView
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.tasks import TaskUseCases
from tests.integration.adapters.sql.trips import Trips
from tests.integration.adapters.sql.firms import Firm, Ground

WRITERS = 16
MOVES = int(os.environ.get("FLOWTRACK_TEST_MOVES", "2000"))
CARDS = 40


class CountingTasks(SqlTasks):
    """Counts how often a column was spread."""

    spreads = 0

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        CountingTasks.spreads += 1
        await super().respread(ranks)


class CountingUnitOfWork(SqlTaskUnitOfWork):
    def __init__(self, database: Database, clock: SystemClock, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(database, clock, actor, once=once, lazy=True)
        self.tasks = CountingTasks(self)


def use_cases(database: Database) -> TaskUseCases:
    clock = SystemClock()
    return TaskUseCases(
        unit_of_work=lambda actor, *, once=None: CountingUnitOfWork(database, clock, actor, once=once),
        reader=SqlTaskReader(database),
        clock=clock,
        ids=UuidV7Ids(),
    )


def stored(firm: Firm, project: Ground) -> dict[UUID, list[tuple[UUID, str, str, int]]]:
    """The cards of each column from top to bottom: id, rank, status, version."""
    board: dict[UUID, list[tuple[UUID, str, str, int]]] = {column: [] for column in project.columns}
    for column, *card in firm.sql(
        'select column_id, id, rank, status, version from tasks where project_id = %s order by rank collate "C", id',
        (project.id,),
    ):
        board[column].append(tuple(card))  # type: ignore[arg-type]
    return board


def moves(firm: Firm) -> list[tuple[int, UUID, dict[str, Any]]]:
    """What the log says: number, who, and the fact."""
    return firm.sql(
        "select seq, actor_id, body from events where company_id = %s and event = 'task_moved' order by seq", (firm.id,)
    )


# A tenth of a second for each of them would be slow.
@pytest.mark.timeout(max(300, MOVES / 10))
async def test_ten_thousand_moves_by_sixteen_at_once_lose_nothing(database: Database, firm: Firm) -> None:
    project = firm.project()
    cards = [firm.task(project) for _ in range(CARDS)]
    anchor, movable = cards[0], cards[1:]
    before = {column: [card[0] for card in found] for column, found in stored(firm, project).items()}
    writers = [firm.user(role=Role.ADMIN) for _ in range(WRITERS)]
    tasks, answers = use_cases(database), defaultdict[tuple[int, UUID], list[TaskView]](list)
    CountingTasks.spreads = 0

    async def write(number: int, actor: Actor) -> int:
        choose, made = random.Random(number), 0
        for _ in range(MOVES // WRITERS):
            card, neighbour = choose.sample(movable, 2)
            to = choose.choice(
                (
                    Destination(before=neighbour),
                    Destination(after=neighbour),
                    Destination(column_id=choose.choice(project.columns)),
                    Destination(new_status=choose.choice(tuple(Status))),
                    # Right below one and the same card, the room halves each time.
                    Destination(after=anchor),
                )
            )
            view, seq = await tasks.move(actor, card, to)
            assert view.id == card
            answers[seq, actor.user_id].append(view)
            made += 1
        return made

    made = await asyncio.gather(*(write(number, actor) for number, actor in enumerate(writers)))
    assert sum(made) == MOVES // WRITERS * WRITERS
    after = stored(firm, project)

    # Nothing is lost or doubled, and ranks are a total order of bounded length.
    assert sorted(card[0] for column in after.values() for card in column) == sorted(cards)
    for column, found in after.items():
        ranks = [card[1] for card in found]
        assert len(set(ranks)) == len(ranks)
        assert all(SHORTEST <= len(rank) <= LONGEST for rank in ranks)
        assert {card[2] for card in found} <= {str(tuple(Status)[project.columns.index(column)])}
    assert CountingTasks.spreads > 0, "the room was never used up, so that is not tested"

    # The log tells the same story: replayed, it ends at the board as it stands, and every answer is one of its facts.
    board, versions, columns = before, defaultdict(lambda: 1), dict.fromkeys(cards, project.columns[0])
    for seq, actor_id, fact in moves(firm):
        card, old, new = UUID(fact["task_id"]), UUID(fact["old_column_id"]), UUID(fact["new_column_id"])
        after_id = UUID(fact["after_id"]) if fact["after_id"] else None
        board[old].remove(card)
        board[new].insert(board[new].index(after_id) + 1 if after_id else 0, card)
        assert columns[card] == old
        versions[card] += old != new
        columns[card] = new
        assert fact["version"] == versions[card]
        # A card that stood there already makes no fact: its answer names the last one before.
        told = [(view.id, view.column_id, view.version) for view in answers[seq, actor_id]]
        assert (card, new, versions[card]) in told
    assert {column: [card[0] for card in found] for column, found in after.items()} == board
    assert {card[0]: card[3] for found in after.values() for card in found} == {card: versions[card] for card in cards}


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    return Trips().watch(monkeypatch)


async def test_a_move_takes_six_round_trips_at_most(database: Database, firm: Firm, trips: Trips) -> None:
    project, tasks = firm.project(), use_cases(database)
    first, second, third = [firm.task(project) for _ in range(3)]

    async def cost(to: Destination) -> int:
        trips.clear()
        await tasks.move(firm.owner, third, to)
        return len(trips)

    assert await cost(Destination(new_status=Status.DONE)) == 2
    assert await cost(Destination(before=first)) == 2
    assert await cost(Destination(after=second)) == 2
    firm.sql("update tasks set rank = '10000000' where id in (%s, %s)", (first, second))
    CountingTasks.spreads = 0
    assert await cost(Destination(before=max(first, second))) <= 6
    assert CountingTasks.spreads == 1
    assert await cost(Destination(new_status=Status.DONE)) == 2
    firm.sql("update tasks set rank = %s where id = %s", ("z" * LONGEST, first))
    assert await cost(Destination(column_id=project.columns[0])) <= 6
    assert [card[0] for card in stored(firm, project)[project.columns[0]]][-2:] == [first, third]


async def test_a_move_that_is_refused_takes_none_beyond_what_it_needs(
    database: Database, firm: Firm, trips: Trips
) -> None:
    project, tasks = firm.project(), use_cases(database)
    task = firm.task(project)
    trips.clear()
    with pytest.raises(MoveContradicts):
        await tasks.move(firm.owner, task, Destination(before=task))
    assert len(trips) == 1
