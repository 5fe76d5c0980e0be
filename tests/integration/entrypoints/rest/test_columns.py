"""The columns of a board: section 7 of the contract."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import Api, Person


def assert_refused(response: httpx.Response, status: int, code: str, place: str | None = None) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if place is not None:
        (error,) = response.json()["errors"]
        assert place in (error.get("pointer"), error.get("parameter")), error


class Board:
    """A project of Ann's, and what she does to its board."""

    def __init__(self, ann: Person, project: dict[str, Any]) -> None:
        self.ann, self.project = ann, project
        self.path = f"/projects/{project['id']}/columns"

    async def ids(self) -> list[str]:
        return [column["id"] for column in (await self.ann.board(self.project))["columns"]]

    async def names(self) -> list[str]:
        return [column["name"] for column in (await self.ann.board(self.project))["columns"]]

    async def add(self, name: str = "Review", **fields: Any) -> dict[str, Any]:
        answer = await self.ann.post(self.path, {"name": name, "category": "in_progress", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def events(self, after: str) -> list[dict[str, Any]]:
        return list((await self.ann.get(f"/events?after={after}&limit=200")).json())


@pytest.fixture
async def board(api: Api) -> Board:
    ann = await api.register()
    return Board(ann, await ann.project())


async def test_a_column_is_added_found_changed_and_deleted(board: Board) -> None:
    ann = board.ann
    answer = await ann.post(board.path, {"name": "  Review ", "category": "in_progress", "wip_limit": 4, "position": 2})
    column = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/columns/{column['id']}"
    assert set(column) == {
        "id", "project_id", "name", "category", "position", "wip_limit", "over_limit", "task_count", "version",
        "created_at", "updated_at",
    }  # fmt: skip
    assert (column["name"], column["position"], column["project_id"]) == ("Review", 2, board.project["id"])
    assert await board.names() == ["To do", "In progress", "Review", "Done"]
    path = f"/columns/{column['id']}"
    found = await ann.get(path)
    assert (found.json(), found.headers["etag"]) == (column, answer.headers["etag"])
    assert (await ann.get(path, headers={"If-None-Match": found.headers["etag"]})).status_code == 304
    sent_back = {**column, "name": "Checked", "wip_limit": None}
    changed = (await ann.patch(path, sent_back, headers={"If-Match": found.headers["etag"]})).json()
    assert (changed["name"], changed["wip_limit"], changed["version"]) == ("Checked", None, 2)
    assert_refused(await ann.patch(path, {"name": "x"}, headers={"If-Match": '"1"'}), 412, "version.stale")
    assert_refused(await ann.delete(path, headers={"If-Match": '"1"'}), 412, "version.stale")
    assert (await ann.send("PUT", path, json={"position": 0})).json()["position"] == 0
    assert await board.names() == ["Checked", "To do", "In progress", "Done"]
    assert (await ann.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    for gone in (await ann.get(path), await ann.patch(path, {"name": "x"}), await ann.delete(path)):
        assert_refused(gone, 404, "column.not_found")
    assert await board.names() == ["To do", "In progress", "Done"]


async def test_a_copy_is_not_current_once_its_place_or_its_cards_changed(board: Board) -> None:
    ann, column = board.ann, await board.add()
    path = f"/columns/{column['id']}"
    tag = (await ann.get(path)).headers["etag"]
    await ann.task(board.project, column_id=column["id"])
    answer = await ann.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["task_count"], answer.json()["version"]) == (200, 1, 1)
    tag = answer.headers["etag"]
    await board.add("First", position=0)
    answer = await ann.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["position"]) == (200, 4)


async def test_a_project_may_be_named_by_its_key(board: Board) -> None:
    key = board.project["key"]
    assert (await board.ann.post(f"/projects/{key.lower()}/columns", {"name": "x", "category": "todo"})).is_success
    assert (
        await board.ann.send("PUT", f"/projects/{key}/columns/order", json={"column_ids": await board.ids()})
    ).is_success


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": "", "category": "todo"}, "/name"),
        ({"name": "x" * 201, "category": "todo"}, "/name"),
        ({"name": "a\nb", "category": "todo"}, "/name"),
        ({"name": "a\u0000", "category": "todo"}, "/name"),
        ({"name": 5, "category": "todo"}, "/name"),
        ({"category": "todo"}, "/name"),
        ({"name": "x"}, "/category"),
        ({"name": "x", "category": "later"}, "/category"),
        ({"name": "x", "category": "todo", "wip_limit": 0}, "/wip_limit"),
        ({"name": "x", "category": "todo", "wip_limit": 10_001}, "/wip_limit"),
        ({"name": "x", "category": "todo", "wip_limit": "3"}, "/wip_limit"),
        ({"name": "x", "category": "todo", "position": -1}, "/position"),
        ({"name": "x", "category": "todo", "position": 4}, "/position"),
        ({"name": "x", "category": "todo", "position": 10**30}, "/position"),
        ({"name": "x", "category": "todo", "after": "x"}, "/after"),
        ({"name": "x", "category": "todo", "colour": "red"}, "/colour"),
    ],
)
async def test_bad_values_are_refused_where_they_are(board: Board, body: dict[str, Any], place: str) -> None:
    assert_refused(await board.ann.post(board.path, body), 422, "request.invalid", place)
    assert len(await board.ids()) == 3


async def test_a_thousand_columns_are_too_many(board: Board) -> None:
    statuses = []
    for _ in range(60):
        statuses.append(await board.ann.post(board.path, {"name": "x", "category": "todo"}))
    assert [answer.status_code for answer in statuses] == [201] * 47 + [409] * 13
    assert_refused(statuses[-1], 409, "board.too_many_columns")
    ids = await board.ids()
    assert len(ids) == 50
    path = f"{board.path}/order"
    assert (await board.ann.send("PUT", path, json={"column_ids": ids[::-1]})).status_code == 200
    assert await board.ids() == ids[::-1]
    many = [str(uuid4()) for _ in range(1000)]
    assert_refused(await board.ann.send("PUT", path, json={"column_ids": many}), 422, "request.invalid", "/column_ids")


async def test_fifty_is_the_most_however_many_add_at_once(board: Board) -> None:
    for _ in range(40):
        await board.add()
    answers = await asyncio.gather(
        *(board.ann.post(board.path, {"name": "x", "category": "todo", "position": 0}) for _ in range(16))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 7 + [409] * 9
    columns = (await board.ann.board(board.project))["columns"]
    assert [column["position"] for column in columns] == list(range(50))


async def test_columns_are_put_in_order(board: Board) -> None:
    await board.add()
    ids, path = await board.ids(), f"{board.path}/order"
    turned = [ids[each] for each in (2, 0, 3, 1)]
    answer = await board.ann.send("PUT", path, json={"column_ids": turned})
    assert (answer.status_code, [column["id"] for column in answer.json()]) == (200, turned)
    assert [column["position"] for column in answer.json()] == [0, 1, 2, 3]
    assert await board.ids() == turned
    again = await board.ann.send("PUT", path, json=turned)
    assert (again.json(), again.headers["x-event-seq"]) == (answer.json(), answer.headers["x-event-seq"])
    for body, code, place in (
        ({"column_ids": turned[:3]}, "request.invalid", "/column_ids"),
        ({"column_ids": [*turned, turned[0]]}, "request.invalid", "/column_ids/4"),
        ({"column_ids": [*turned[:3], str(uuid4())]}, "reference.not_found", "/column_ids/3"),
        ({"column_ids": []}, "request.invalid", "/column_ids"),
        ({"column_ids": ["x"]}, "request.invalid", "/column_ids/0"),
        ({"column_ids": "x"}, "request.invalid", "/column_ids"),
        ({}, "request.invalid", "/column_ids"),
        ({"column_ids": turned, "more": 1}, "request.invalid", "/more"),
    ):
        assert_refused(await board.ann.send("PUT", path, json=body), 422, code, place)
    assert await board.ids() == turned
    assert (await board.ann.send("PATCH", path, json={"column_ids": turned})).status_code == 405


async def test_a_board_keeps_a_column_of_each_category(board: Board) -> None:
    for column_id, other in zip(await board.ids(), ("done", "todo", "todo"), strict=True):
        answer = await board.ann.patch(f"/columns/{column_id}", {"name": "never", "category": other})
        assert_refused(answer, 409, "board.category_missing")
        assert_refused(await board.ann.delete(f"/columns/{column_id}"), 409, "board.category_missing")
    assert await board.names() == ["To do", "In progress", "Done"]


async def test_the_last_two_of_a_category_cannot_both_go_at_once(board: Board) -> None:
    first = (await board.ids())[1]
    second = (await board.add())["id"]
    answers = await asyncio.gather(
        board.ann.delete(f"/columns/{first}"), board.ann.patch(f"/columns/{second}", {"category": "done"})
    )
    assert sorted(answer.status_code // 100 for answer in answers) == [2, 4]
    categories = [column["category"] for column in (await board.ann.board(board.project))["columns"]]
    assert "in_progress" in categories


async def test_a_new_category_updates_the_tasks_in_the_same_transaction(board: Board) -> None:
    ann, column = board.ann, await board.add()
    tasks = [await ann.task(board.project, column_id=column["id"]) for _ in range(3)]
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    answer = await ann.patch(f"/columns/{column['id']}", {"category": "done", "position": 0})
    assert answer.status_code == 200
    for task in tasks:
        found = (await ann.get(f"/tasks/{task['id']}")).json()
        assert (found["status"], found["version"], found["column_id"]) == ("done", 2, column["id"])
        assert found["completed_at"] == found["updated_at"]
    events = await board.events(seq)
    assert [event["event"] for event in events] == ["column_updated"] + ["task_updated"] * 3 + ["columns_ordered"]
    assert [event["channel"] for event in events] == ["kanban_updates"] + ["task_updates"] * 3 + ["kanban_updates"]
    assert [event["task_id"] for event in events[1:4]] == [task["id"] for task in tasks]
    assert events[1]["changes"] == {"status": {"old": "in_progress", "new": "done"}}
    assert answer.headers["x-event-seq"] == str(events[-1]["seq"])
    progress = (await ann.get(f"/projects/{board.project['id']}/progress")).json()
    assert progress["completed_tasks"] == 3


async def test_a_column_with_cards_is_deleted_only_with_somewhere_for_them_to_go(board: Board) -> None:
    ann, column = board.ann, await board.add()
    path, done = f"/columns/{column['id']}", (await board.ids())[2]
    already = await ann.task(board.project, status="done")
    tasks = [await ann.task(board.project, column_id=column["id"], title=f"{n}") for n in range(3)]
    await ann.patch(f"/tasks/{tasks[2]['id']}/move", {"before": tasks[0]["id"]})
    gone = await ann.task(board.project, column_id=column["id"])
    await ann.delete(f"/tasks/{gone['id']}")
    assert_refused(await ann.delete(path), 409, "column.not_empty")
    other = (await ann.board(await ann.project()))["columns"][0]["id"]
    for target in (other, str(uuid4())):
        assert_refused(await ann.delete(f"{path}?move_to={target}"), 422, "reference.not_found", "move_to")
    assert_refused(await ann.delete(f"{path}?move_to={column['id']}"), 422, "request.invalid", "move_to")
    assert_refused(await ann.delete(f"{path}?move_to=x"), 422, "request.invalid", "move_to")
    assert_refused(await ann.delete(f"{path}?move_to={done}&move_to={done}"), 400, "parameter.unknown")
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    assert (await ann.delete(f"{path}?move_to={done}")).status_code == 204
    cards = (await ann.board(board.project))["columns"][2]["tasks"]
    assert [card["id"] for card in cards] == [already["id"], tasks[2]["id"], tasks[0]["id"], tasks[1]["id"]]
    assert all(card["status"] == "done" and card["completed_at"] for card in cards)
    assert [card["version"] for card in cards] == [1, 2, 2, 2]
    events = await board.events(seq)
    assert [event["event"] for event in events] == ["task_moved"] * 3 + ["column_deleted"]
    assert [event["after_id"] for event in events[:3]] == [card["id"] for card in cards[:3]]
    restored = (await ann.post(f"/tasks/{gone['id']}/restore")).json()
    assert (restored["status"], restored["column_id"]) == ("in_progress", (await board.ids())[1])


async def test_an_idempotency_key_adds_one_column(board: Board) -> None:
    body, key = {"name": "Once", "category": "todo"}, {"Idempotency-Key": uuid4().hex}
    first, second = [await board.ann.post(board.path, body, headers=key) for _ in range(2)]
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert (await board.names()).count("Once") == 1
    other = await board.ann.post(board.path, {**body, "name": "Other"}, headers=key)
    assert_refused(other, 422, "idempotency.key_reused")


async def test_members_arrange_boards_and_outsiders_see_none(api: Api, board: Board) -> None:
    ann, (column, *_) = board.ann, await board.ids()
    bob = await api.colleague(ann, projects=(board.project,))
    eve, stranger = await api.colleague(ann), await api.register()
    made = await bob.post(board.path, {"name": "Bob's", "category": "todo"})
    assert made.status_code == 201
    assert (await bob.patch(f"/columns/{column}", {"name": "Mine"})).status_code == 200
    ids = await board.ids()
    assert (await bob.send("PUT", f"{board.path}/order", json={"column_ids": ids[::-1]})).status_code == 200
    assert (await bob.delete(f"/columns/{made.json()['id']}")).status_code == 204
    for outsider in (eve, stranger):
        for answer in (
            await outsider.get(f"/columns/{column}"),
            await outsider.patch(f"/columns/{column}", {"name": "x"}),
            await outsider.delete(f"/columns/{column}"),
            await outsider.get("/columns/x"),
        ):
            assert_refused(answer, 404, "column.not_found")
        assert_refused(await outsider.post(board.path, {"name": "x", "category": "todo"}), 404, "project.not_found")
        assert_refused(
            await outsider.send("PUT", f"{board.path}/order", json={"column_ids": ids}), 404, "project.not_found"
        )


async def test_an_archived_board_is_read_and_not_changed(board: Board) -> None:
    column = await board.add()
    ids, path = await board.ids(), f"/columns/{column['id']}"
    await board.ann.patch(f"/projects/{board.project['id']}", {"is_active": False})
    assert (await board.ann.get(path)).status_code == 200
    for answer in (
        await board.ann.post(board.path, {"name": "x", "category": "todo"}),
        await board.ann.patch(path, {"name": "x"}),
        await board.ann.delete(path),
        await board.ann.send("PUT", f"{board.path}/order", json={"column_ids": ids[::-1]}),
    ):
        assert_refused(answer, 409, "project.archived")


async def test_undoing_a_completion_copes_without_the_column_it_came_from(board: Board) -> None:
    ann, column = board.ann, await board.add()
    task = await ann.task(board.project, column_id=column["id"])
    await ann.post(f"/tasks/{task['id']}/complete", {"completed": True})
    assert (await ann.delete(f"/columns/{column['id']}")).status_code == 204
    undone = (await ann.post(f"/tasks/{task['id']}/complete", {"completed": False})).json()
    assert (undone["status"], undone["column_id"]) == ("todo", (await board.ids())[0])
