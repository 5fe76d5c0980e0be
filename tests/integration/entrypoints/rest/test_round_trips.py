"""How often a request asks PostgreSQL, counted on the wire: latency between the two is what users of a cloud wait for."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import wire
from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.conftest import TestDatabase, quick_container, running


class Desk:
    """One signed-in person with a project of some cards, whose server is reached through a counter."""

    def __init__(self, counter: wire.Counter, person: Person, project: dict[str, Any], cards: list[str]) -> None:
        self.counter = counter
        self.person = person
        self.project = project
        self.cards = cards

    async def most(self, method: str, path: str, body: Any = None, *, times: int = 4, **more: Any) -> int:
        """The most round trips that a request took, of several; the first ones, which prepare statements, aside.

        `{card}` and `{other}` in path and body are cards that change from one time to the next.
        """
        found = []
        for turn in range(times + 3):
            card, other = self.cards[turn], self.cards[-1 - turn]
            sent = {name: value.format(card=card, other=other) for name, value in (body or {}).items()}
            if method == "POST":
                more["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
            self.counter.reset()
            answer = await self.person.send(
                method, path.format(card=card, other=other), **({"json": sent} if body is not None else {}), **more
            )
            assert answer.status_code < 300, answer.text
            found.append(self.counter.trips)
        return max(found[3:])


@pytest.fixture
async def desk(settings: Settings, test_database: TestDatabase) -> AsyncIterator[Desk]:
    with wire.counted(test_database.product) as counter:
        container = quick_container(settings, database_url=counter.url)
        async with running(container, beside=False) as client:
            person = await Api(client=client, superuser_url=test_database.superuser).register()
            project = await person.project()
            cards = [(await person.task(project))["id"] for _ in range(24)]
            yield Desk(counter, person, project, cards)


@pytest.mark.parametrize(
    "path",
    [
        "/tasks",
        "/tasks?include_total=true",
        "/tasks/{card}",
        "/projects",
        "/projects/{project}/board",
        "/events?after=0",
        "/tasks/{card}/comments?include_total=true",
        "/tasks/{card}/activity?include_total=true",
        "/activity?include_total=true",
        "/reports/project/{project}",
        "/reports/projects/{project}/flow",
        "/reports/team-performance",
        "/reports/workload",
        "/dashboard",
        "/search?q=card",
    ],
)
async def test_a_read_takes_one(desk: Desk, path: str) -> None:
    assert await desk.most("GET", path.replace("{project}", desk.project["id"])) == 1


async def by_token(desk: Desk) -> Desk:
    """The same desk, worked at by a token that was recognised before."""
    given = {"name": "x", "scopes": ["tasks:write", "projects:read", "events:read", "users:read"]}
    made = await desk.person.post("/auth/tokens", given)
    return Desk(desk.counter, replace(desk.person, token=made.json()["token"]), desk.project, desk.cards)


@pytest.mark.parametrize(
    "path",
    ["/tasks", "/tasks?include_total=true", "/tasks/{card}", "/projects", "/events?after=0", "/auth/me", "/users"],
)
async def test_a_read_by_token_takes_one_too(desk: Desk, path: str) -> None:
    assert await (await by_token(desk)).most("GET", path) == 1


async def test_a_token_is_recognised_once_and_what_it_writes_takes_what_it_takes_anybody(desk: Desk) -> None:
    program = await by_token(desk)
    trips = []
    for _ in range(4):
        desk.counter.reset()
        assert (await program.person.get("/tasks")).status_code == 200
        trips.append(desk.counter.trips)
    # The first ones prepare their statements as well.
    assert trips[0] > trips[-1] == 1
    assert await program.most("POST", "/tasks", {"project_id": desk.project["id"], "title": "New"}) == 2
    assert await program.most("PATCH", "/tasks/{card}", {"title": "Of {other}"}) == 2


async def test_a_new_task_with_a_key_takes_two(desk: Desk) -> None:
    assert await desk.most("POST", "/tasks", {"project_id": desk.project["id"], "title": "New"}) == 2


async def test_a_new_comment_with_a_key_takes_two_and_one_more_to_look_up_whom_it_mentions(desk: Desk) -> None:
    assert await desk.most("POST", "/tasks/{card}/comments", {"body": "Of {other}"}) == 2
    assert await desk.most("POST", "/tasks/{card}/comments", {"body": "For @u{other} and @u{card}"}) == 3


async def test_watching_takes_two(desk: Desk) -> None:
    assert await desk.most("PUT", "/tasks/{card}/watch") == 2


async def test_comments_are_listed_in_one_however_many_they_are(desk: Desk) -> None:
    path, me = f"/tasks/{desk.cards[0]}/comments", (await desk.person.get("/auth/me")).json()["username"]
    for count in (1, 20):
        for _ in range(count):
            await desk.person.post(path, {"body": f"For @{me}"})
        assert await desk.most("GET", path) == 1


async def test_a_change_takes_two(desk: Desk) -> None:
    assert await desk.most("PATCH", "/tasks/{card}", {"title": "Of {other}"}) == 2


@pytest.mark.parametrize("to", [{"new_status": "done"}, {"column_id": "last"}])
async def test_a_move_to_another_column_takes_two(desk: Desk, to: dict[str, str]) -> None:
    if "column_id" in to:
        board = (await desk.person.get(f"/projects/{desk.project['id']}/board")).json()
        to = {"column_id": board["columns"][-1]["id"]}
    assert await desk.most("PATCH", "/tasks/{card}/move", to) == 2


async def test_completing_a_task_takes_two_and_one_that_comes_again_three(desk: Desk) -> None:
    assert await desk.most("PATCH", "/tasks/{card}/move", {"new_status": "done"}) == 2
    for card in desk.cards[7:]:
        await desk.person.patch(f"/tasks/{card}", {"recurrence": "FREQ=DAILY", "deadline": "2026-11-30"})
    again = Desk(desk.counter, desk.person, desk.project, desk.cards[7:])
    assert await again.most("PATCH", "/tasks/{card}/move", {"new_status": "done"}) == 3


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_move_beside_another_card_takes_two(desk: Desk, side: str) -> None:
    """The target is at most six."""
    assert await desk.most("PATCH", "/tasks/{card}/move", {side: "{other}"}) == 2


async def test_deleting_takes_two(desk: Desk) -> None:
    assert await desk.most("DELETE", "/tasks/{card}") == 2


async def test_a_new_user_with_a_link_takes_six(desk: Desk) -> None:
    """Opening, a free username, the address here, its invitation, its account, and the commit."""
    assert await desk.most("POST", "/users", {"name": "Bea", "email": "{card}@example.com"}) == 6
    assert (
        await desk.most("POST", "/users", {"name": "Bea", "email": "{other}@example.org", "username": "u{card}"}) == 5
    )


async def test_accepting_an_invitation_takes_no_more_than_it_must(desk: Desk) -> None:
    """Twice the link with its user and its sender, as the password is hashed between two transactions; a letter
    and an audit event.
    """
    found = []
    for card in desk.cards[:7]:
        made = await desk.person.post("/users", {"name": "Bea", "email": f"{card}@example.net"})
        body = {"token": made.json()["invitation"]["token"], "password": "Tr0ub4dor and three"}
        desk.counter.reset()
        answer = await desk.person.client.post("/api/v1/invitations/accept", json=body)
        assert answer.status_code == 200, answer.text
        found.append(desk.counter.trips)
        desk.person.client.cookies.clear()
    assert max(found[3:]) == 22
