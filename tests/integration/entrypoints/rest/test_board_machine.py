"""Two people at one board, each with their own picture of it, whatever they do at the same moment.

A state machine of Hypothesis: in each step both act at once, on cards as each saw them last. Whatever was answered, the
board is whole, its log replayed is the board, and of two who changed one version of a card, one was told so.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings as runs, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.conftest import TestDatabase, only_answering, quick_container, running

STATUSES = ("todo", "in_progress", "done")
ACTIONS = ("create", "rename", "move_to_status", "move_before", "move_after", "complete", "reopen", "delete", "restore")
# What a rule may refuse, of somebody whose picture is old.
REFUSALS = {412, 404, 409, 422}

Action = tuple[str, int, int, bool]
actions = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 7), st.integers(0, 7), st.booleans())


class Ground:
    """A server on a loop of its own, since a state machine is no coroutine, and two people of one company."""

    def __init__(self, runner: asyncio.Runner, ann: Person, bob: Person) -> None:
        self.runner = runner
        self.people = (ann, bob)


@pytest.fixture(scope="module")
def ground(settings: Settings, test_database: TestDatabase) -> Iterator[Ground]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_() -> Ground:
            container = only_answering(quick_container(settings, database_url=test_database.product))
            client = await stack.enter_async_context(running(container))
            api = Api(client=client, superuser_url=test_database.superuser)
            ann = await api.register()
            return Ground(runner, ann, await api.colleague(ann, role="admin"))

        try:
            yield runner.run(open_())
        finally:
            runner.run(stack.aclose())


def machine(ground: Ground) -> type[RuleBasedStateMachine]:
    class Board(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.pictures: tuple[dict[str, Any], ...] = ({}, {})
            self.deleted: list[str] = []
            self.run(self._begin())

        def run(self, what: Any) -> Any:
            return ground.runner.run(what)

        async def _begin(self) -> None:
            ann = ground.people[0]
            self.project = await ann.project()
            for number in range(4):
                await ann.task(self.project, title=f"Card {number}")
            answer = await ann.get(f"/projects/{self.project['id']}/board")
            self.since = answer.headers["x-event-seq"]
            self.replayed = {column["id"]: [c["id"] for c in column["tasks"]] for column in answer.json()["columns"]}
            self.categories = {column["id"]: column["category"] for column in answer.json()["columns"]}
            await self._look(0)
            await self._look(1)

        async def _look(self, who: int) -> None:
            """One of them loads the board anew."""
            board = await ground.people[who].board(self.project)
            self.pictures[who].clear()
            self.pictures[who].update({card["id"]: card for column in board["columns"] for card in column["tasks"]})

        @rule(first=actions, second=actions)
        def both_act(self, first: Action, second: Action) -> None:
            self.run(self._both(first, second))

        @rule(who=st.integers(0, 1))
        def one_looks(self, who: int) -> None:
            self.run(self._look(who))

        async def _both(self, *asked: Action) -> None:
            answers = await asyncio.gather(*(self._act(who, action) for who, action in enumerate(asked)))
            for request in filter(None, answers):
                answer = request[1]
                assert answer.is_success or answer.status_code in REFUSALS, answer.text
                if answer.status_code == 412:
                    # Told so, with the present tag.
                    assert answer.headers["etag"] != request[0]
            # Both of them gave the card another title.
            renamed = [(tag, card) for tag, answer, card, verb in filter(None, answers) if verb == "rename" and tag]
            if len(renamed) == 2 and len(set(renamed)) == 1:
                assert len([each for each in answers if each is not None and each[1].is_success]) <= 1

        async def _act(self, who: int, action: Action) -> tuple[str | None, httpx.Response, str, str] | None:
            """What was held, the answer, the card and the verb: of one action on a card as that person saw it last."""
            verb, card_number, other_number, holds = action
            person, picture = ground.people[who], self.pictures[who]
            if verb == "create":
                return None, await person.post("/tasks", {"project_id": self.project["id"], "title": "New"}), "", verb
            if verb == "restore":
                if not self.deleted:
                    return None
                card = self.deleted[card_number % len(self.deleted)]
                return None, await person.post(f"/tasks/{card}/restore"), card, verb
            if not picture:
                return None
            cards = list(picture)
            card, other = cards[card_number % len(cards)], cards[other_number % len(cards)]
            tag = f'"{picture[card]["version"]}"' if holds else None
            more = {"headers": {"If-Match": tag}} if tag else {}
            if verb == "delete":
                answer = await person.delete(f"/tasks/{card}", **more)
                if answer.is_success:
                    self.deleted.append(card)
                return tag, answer, card, verb
            if verb in ("complete", "reopen"):
                answer = await person.post(f"/tasks/{card}/complete", {"completed": verb == "complete"}, **more)
            elif verb == "rename":
                answer = await person.patch(f"/tasks/{card}", {"title": f"{who} {card_number} {other_number}"}, **more)
            else:
                to = {
                    "move_to_status": {"new_status": STATUSES[other_number % 3]},
                    "move_before": {"before": other},
                    "move_after": {"after": other},
                }[verb]
                answer = await person.patch(f"/tasks/{card}/move", to, **more)
            return tag, answer, card, verb

        @invariant()
        def the_board_is_whole_and_the_log_tells_it(self) -> None:
            self.run(self._examine())

        async def _examine(self) -> None:
            ann = ground.people[0]
            answer = await ann.get(f"/projects/{self.project['id']}/board")
            columns = answer.json()["columns"]
            cards = [card["id"] for column in columns for card in column["tasks"]]
            assert len(cards) == len(set(cards))
            for column in columns:
                assert column["task_count"] == len(column["tasks"])
                assert all(card["status"] == column["category"] for card in column["tasks"])
                assert all((card["completed_at"] is not None) is (card["status"] == "done") for card in column["tasks"])
            events = (await ann.get(f"/events?after={self.since}&limit=200")).json()
            moved = {event["task_id"] for event in events if event["event"] == "task_moved"}
            for event in events:
                if event["event"] == "task_restored":
                    self._put_back(event, columns, moved)
                else:
                    self._replay(event)
            if events:
                self.since = events[-1]["seq"]
            assert self.replayed == {column["id"]: [card["id"] for card in column["tasks"]] for column in columns}

        def _put_back(self, event: dict[str, Any], columns: list[dict[str, Any]], moved: set[str]) -> None:
            """A card returns to its place, which its fact does not name: below whatever stands above it and stays."""
            card, column = event["task_id"], self.replayed[event["column_id"]]
            shown = next(found for found in columns if found["id"] == event["column_id"])
            above = [each["id"] for each in shown["tasks"]]
            above = above[: above.index(card)] if card in above else []
            stays = [each for each in above if each in column and each not in moved]
            column.insert(column.index(stays[-1]) + 1 if stays else 0, card)

        def _replay(self, event: dict[str, Any]) -> None:
            if event.get("project_id") != self.project["id"]:
                return
            card = event.get("task_id")
            if event["event"] == "task_created":
                todo = next(each for each, category in self.categories.items() if category == "todo")
                self.replayed[todo].append(card)
            elif event["event"] == "task_deleted":
                next(column for column in self.replayed.values() if card in column).remove(card)
            elif event["event"] == "task_moved":
                self.replayed[event["old_column_id"]].remove(card)
                column = self.replayed[event["new_column_id"]]
                column.insert(column.index(event["after_id"]) + 1 if event["after_id"] else 0, card)

    return Board


def test_two_writers_keep_a_board_whole_and_the_log_true(ground: Ground) -> None:
    run_state_machine_as_test(
        lambda: machine(ground)(),
        settings=runs(
            max_examples=40,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            print_blob=True,
        ),
    )
