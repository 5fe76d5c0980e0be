"""Reports and the dashboard, asked over HTTP."""

import uuid
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.integration.api import Api, Person


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.register(name="Ann")


async def column_of(person: Person, project: dict[str, Any], category: str) -> str:
    board = (await person.get(f"/projects/{project['id']}/board")).json()
    return next(each["id"] for each in board["columns"] if each["category"] == category)


async def started(person: Person, project: dict[str, Any], *, tasks: int = 2, **fields: Any) -> dict[str, Any]:
    """An active cycle that began with so many tasks."""
    made = await person.post("/cycles", {"project_id": project["id"], "name": "Autumn", **fields})
    cycle: dict[str, Any] = made.json()
    for _ in range(tasks):
        await person.task(project, cycle_id=cycle["id"])
    assert (await person.post(f"/cycles/{cycle['id']}/start")).status_code == 200
    return cycle


class TestBurndown:
    async def test_it_is_current_before_anything_was_counted(self, ann: Person) -> None:
        project = await ann.project()
        cycle = await started(ann, project)
        task = await ann.task(project, cycle_id=cycle["id"])
        await ann.post(f"/tasks/{task['id']}/complete", {"completed": True})
        answer = await ann.get(f"/reports/cycles/{cycle['id']}/burndown")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["status"], found["scope_at_start"], found["added"], found["removed"]) == ("active", 2, 1, 0)
        (day,) = found["days"]
        assert {name: day[name] for name in ("scope", "done", "remaining", "added", "removed")} == {
            "scope": 3,
            "done": 1,
            "remaining": 2,
            "added": 1,
            "removed": 0,
        }
