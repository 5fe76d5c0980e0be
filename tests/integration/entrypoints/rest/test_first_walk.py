"""The walk of the README: register, project, tasks, move, complete, progress, events."""

from tests.integration.api import Api


async def test_a_newcomer_opens_a_project_and_moves_tasks_over_its_board(api: Api) -> None:
    ann = await api.register(name="Ann Miller")
    project = await ann.project(name="Website")
    first = await ann.task(project, title="Draw the landing page")
    second = await ann.task(project, title="Choose a photographer", priority="high")
    assert (first["key"], second["key"]) == ("WEB-1", "WEB-2")

    moved = await ann.patch(f"/tasks/{first['key']}/move", {"new_status": "in_progress"})
    assert (moved.status_code, moved.json()["status"]) == (200, "in_progress")
    done = await ann.post(f"/tasks/{second['id']}/complete", {"completed": True})
    assert (done.status_code, done.json()["status"]) == (200, "done")

    progress = (await ann.get("/projects/WEB/progress")).json()
    assert progress == {
        "total_tasks": 2,
        "completed_tasks": 1,
        "in_progress_tasks": 1,
        "todo_tasks": 0,
        "progress_percentage": 50.0,
    }
    events = (await ann.get("/events?after=0")).json()
    assert [event["event"] for event in events] == [
        "company_created",
        "user_created",
        "project_created",
        "task_created",
        "task_created",
        "task_moved",
        "task_moved",
    ]
    assert [event["seq"] for event in events] == [str(number) for number in range(1, 8)]


async def test_a_second_company_sees_none_of_it(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    task = await ann.task(await ann.project())
    for path in (f"/tasks/{task['id']}", f"/projects/{task['project_id']}", f"/projects/{task['project_id']}/board"):
        assert (await bob.get(path)).status_code == 404
    assert (await bob.get("/tasks")).json() == []
    assert (await bob.get(f"/tasks?project_id={task['project_id']}")).json() == []
