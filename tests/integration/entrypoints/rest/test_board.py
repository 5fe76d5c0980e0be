"""The board read: section 7 of the contract."""

from uuid import uuid4

import pytest

from tests.integration.api import Api


def add_column(api: Api, project_id: str, *, name: str, category: str, position: int, limit: int | None = None) -> str:
    column_id = str(uuid4())
    api.sql(
        "insert into board_columns (company_id, id, project_id, name, category, position, wip_limit, version,"
        " created_at, updated_at) select company_id, %s, id, %s, %s, %s, %s, 1, now(), now() from projects"
        " where id = %s",
        (column_id, name, category, position, limit, project_id),
    )
    return column_id


async def test_a_board_shows_its_columns_from_left_to_right_with_whole_tasks(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project, assigned_to=ann.user_id, deadline="2026-01-01")
    answer = await ann.get(f"/projects/{project['id']}/board")
    board = answer.json()
    assert answer.status_code == 200
    assert set(board) == {"project_id", "columns"}
    assert board["project_id"] == project["id"]
    for column in board["columns"]:
        assert set(column) == {
            "id", "name", "category", "position", "wip_limit", "over_limit", "task_count", "tasks",
        }  # fmt: skip
    assert [column["category"] for column in board["columns"]] == ["todo", "in_progress", "done"]
    positions = [column["position"] for column in board["columns"]]
    assert positions == sorted(set(positions))
    assert board["columns"][0]["tasks"] == [(await ann.get(f"/tasks/{task['id']}")).json()]
    assert [column["task_count"] for column in board["columns"]] == [1, 0, 0]
    assert "etag" not in answer.headers


async def test_columns_stand_by_position_and_several_may_share_a_category(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    first = add_column(api, project["id"], name="Ideas", category="todo", position=-5)
    last = add_column(api, project["id"], name="Shipped", category="done", position=99)
    columns = (await ann.board(project))["columns"]
    assert [columns[0]["id"], columns[-1]["id"]] == [first, last]
    assert len(columns) == 5
    assert (await ann.task(project))["column_id"] == first, "the first column of the category"


async def test_a_column_shows_so_many_cards_and_counts_all(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    column = (await ann.board(project))["columns"][0]["id"]
    api.sql(
        "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
        " created_at, updated_at) select %s, gen_random_uuid(), %s, n, 'x', 'low', 'todo', %s, lpad(n::text, 8, '0'),"
        " 1, now(), now() from generate_series(1, 510) n",
        (ann.company_id, project["id"], column),
    )
    for query, shown in (("", 100), ("?tasks_per_column=1", 1), ("?tasks_per_column=500", 500)):
        found = (await ann.get(f"/projects/{project['id']}/board{query}")).json()["columns"][0]
        assert found["task_count"] == 510
        assert [task["number"] for task in found["tasks"]] == list(range(1, shown + 1))
    for query in ("0", "501", "x", "", "-1"):
        answer = await ann.get(f"/projects/{project['id']}/board?tasks_per_column={query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), query


@pytest.mark.parametrize(("cards", "over"), [(2, False), (3, True)])
async def test_a_limit_warns_and_never_refuses(api: Api, cards: int, over: bool) -> None:
    ann = await api.register()
    project = await ann.project()
    column = add_column(api, project["id"], name="Tight", category="todo", position=-1, limit=2)
    for _ in range(cards):
        await ann.task(project, column_id=column)
    found = (await ann.board(project))["columns"][0]
    assert (found["wip_limit"], found["task_count"], found["over_limit"]) == (2, cards, over)
    few = (await ann.get(f"/projects/{project['id']}/board?tasks_per_column=1")).json()["columns"][0]
    assert few["over_limit"] == over, "what is not shown counts as well"


async def test_members_see_whole_boards_of_their_projects(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await owner.task(project, assigned_to=owner.user_id)
    assert (await bob.board(project))["columns"][0]["tasks"] == [{**task, "watching": False}]
    refused = await bob.get(f"/projects/{hidden['id']}/board")
    assert (refused.status_code, refused.json()["code"]) == (404, "project.not_found")


async def test_two_boards_do_not_mix(api: Api) -> None:
    ann = await api.register()
    first, second = await ann.project(), await ann.project()
    one, two = await ann.task(first), await ann.task(second)
    for project, task in ((first, one), (second, two)):
        columns = (await ann.board(project))["columns"]
        assert [each["id"] for column in columns for each in column["tasks"]] == [task["id"]]
