"""Reports and the dashboard, asked over HTTP."""

from typing import Any
from xml.etree import ElementTree

import pytest

from core.kernel.actor import System
from entrypoints.container import Container
from tests.integration.api import Api, Person


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.register(name="Ann")


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

    async def test_it_is_the_same_whoever_counted_the_days(self, ann: Person, container: Container) -> None:
        project = await ann.project()
        cycle = await started(ann, project, ends_on="2999-12-31")
        before = (await ann.get(f"/reports/cycles/{cycle['id']}/burndown")).json()
        await container.counting_use_cases().catch_up(System())
        assert (await ann.get(f"/reports/cycles/{cycle['id']}/burndown")).json() == before
        assert len(before["days"]) == 366
        assert (before["days"][0]["ideal"], before["days"][1]["remaining"]) == (2.0, None)

    async def test_what_was_carried_over_is_shown_and_later_changes_nothing(self, ann: Person) -> None:
        project = await ann.project()
        cycle = await started(ann, project)
        assert (await ann.post(f"/cycles/{cycle['id']}/complete")).status_code == 200
        found = (await ann.get(f"/reports/cycles/{cycle['id']}/burndown")).json()
        assert (found["status"], found["carried_over"], found["removed"]) == ("completed", 2, 0)
        assert found["days"][-1]["remaining"] == 2

    async def test_days_are_those_of_the_companys_zone(self, ann: Person) -> None:
        project = await ann.project()
        seen = set()
        for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
            answer = await ann.send("PATCH", f"/companies/{ann.company_id}", json={"settings": {"time_zone": zone}})
            assert answer.status_code == 200, answer.text
            await ann.task(project)
            seen.add((await ann.get(f"/reports/projects/{project['id']}/flow")).json()["days"][-1]["day"])
        assert len(seen) == 2


class TestFlow:
    async def test_a_columns_new_category_counts(self, ann: Person) -> None:
        project = await ann.project()
        await ann.task(project)
        await ann.task(project, status="in_progress")
        column = (await ann.post(f"/projects/{project['id']}/columns", {"name": "x", "category": "todo"})).json()
        task = await ann.task(project, column_id=column["id"])
        await ann.send("PATCH", f"/columns/{column['id']}", json={"category": "done"})
        answer = await ann.get(f"/reports/projects/{project['key']}/flow")
        (day,) = answer.json()["days"]
        assert (day["todo"], day["in_progress"], day["done"]) == (1, 1, 1)
        assert task["status"] == "todo"

    @pytest.mark.parametrize("days", ["0", "367", "x", ""])
    async def test_days_are_bounded(self, ann: Person, days: str) -> None:
        project = await ann.project()
        for path in ("flow", "flow.svg"):
            answer = await ann.get(f"/reports/projects/{project['id']}/{path}?days={days}")
            assert answer.status_code == 422


class TestDrawings:
    async def places(self, person: Person) -> list[str]:
        project = await person.project(name="<script>alert(1)</script>")
        cycle = await started(person, project)
        return [f"/reports/cycles/{cycle['id']}/burndown", f"/reports/projects/{project['id']}/flow"]

    async def test_they_stand_beside_the_figures(self, ann: Person) -> None:
        for place in await self.places(ann):
            figures, drawing = await ann.get(place), await ann.get(f"{place}.svg")
            assert (drawing.status_code, drawing.headers["content-type"]) == (200, "image/svg+xml")
            assert ElementTree.fromstring(drawing.text).tag == "{http://www.w3.org/2000/svg}svg"
            assert "<script" not in drawing.text and "alert(1)" in drawing.text
            policy = "default-src 'none'; frame-ancestors 'none'"
            for answer in (figures, drawing):
                assert answer.headers["content-security-policy"] == policy
                assert "accept" in [each.strip().lower() for each in answer.headers["vary"].split(",")]
                assert answer.headers["cache-control"] == "private, no-cache"
                assert answer.headers["x-event-seq"] == figures.headers["x-event-seq"]
                assert "etag" not in answer.headers

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("image/svg+xml", "image/svg+xml"),
            ("image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8", "image/svg+xml"),
            ("image/svg+xml;q=0.5, application/json", "application/json"),
            ("image/svg+xml, application/json;q=0.9", "image/svg+xml"),
            ("image/svg+xml, application/json", "application/json"),
            ("image/*", "image/svg+xml"),
            ("*/*", "application/json"),
            ("application/*", "application/json"),
        ],
    )
    async def test_accept_chooses(self, ann: Person, accept: str, kind: str) -> None:
        for place in await self.places(ann):
            answer = await ann.get(place, headers={"Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)

    async def test_what_is_not_accepted_is_not_sent(self, ann: Person) -> None:
        for place in await self.places(ann):
            refused = [(place, "text/html"), (place, "image/png"), (f"{place}.svg", "application/json")]
            for path, accept in refused:
                answer = await ann.get(path, headers={"Accept": accept})
                assert (answer.status_code, answer.json()["code"]) == (406, "accept.not_acceptable"), path

    async def test_a_head_is_as_long_as_what_it_stands_for(self, ann: Person) -> None:
        for place in await self.places(ann):
            for path in (place, f"{place}.svg"):
                # Compressed, they would be of the length that they then have.
                whole, head = [
                    await ann.send(method, path, headers={"Accept-Encoding": "identity"}) for method in ("GET", "HEAD")
                ]
                assert (head.status_code, head.content) == (200, b"")
                assert head.headers["content-length"] == whole.headers["content-length"]


class TestPeople:
    async def test_admins_see_what_everybody_does(self, api: Api, ann: Person) -> None:
        project = await ann.project()
        mia = await api.colleague(ann, projects=(project,))
        await ann.task(project, assigned_to=mia.user_id, status="done", priority="high")
        await ann.task(project, assigned_to=mia.user_id, priority="urgent")
        performance = {each["user_id"]: each for each in (await ann.get("/reports/team-performance")).json()}
        assert set(performance) == {ann.user_id, mia.user_id}
        assert (performance[mia.user_id]["total_tasks"], performance[mia.user_id]["completion_rate"]) == (2, 50.0)
        workload = {each["user_id"]: each for each in (await ann.get("/reports/workload")).json()}
        assert workload[mia.user_id] | {"user_name": ""} == {
            "user_id": mia.user_id,
            "user_name": "",
            "assigned_tasks": 1,
            "high_priority_tasks": 0,
            "medium_priority_tasks": 0,
            "low_priority_tasks": 0,
            "urgent_priority_tasks": 1,
        }
        for path in ("/reports/team-performance", "/reports/workload"):
            assert (await mia.get(path)).status_code == 403


class TestDashboard:
    async def test_it_holds_ten_of_my_tasks_and_my_projects(self, api: Api, ann: Person) -> None:
        mine, others = await ann.project(name="Mine"), await ann.project(name="Others")
        mia = await api.colleague(ann, projects=(mine,))
        tasks = [await ann.task(mine, assigned_to=mia.user_id) for _ in range(11)]
        await ann.task(others)
        answer = await mia.get("/dashboard")
        board = answer.json()
        assert [task["id"] for task in board["recent_tasks"]] == [task["id"] for task in reversed(tasks[1:])]
        assert board["project_progress"] == [(await mia.get(f"/reports/project/{mine['key']}")).json()]
        assert board["notifications"] == []
        assert answer.headers["x-event-seq"] == (await mia.get("/tasks")).headers["x-event-seq"]
        await ann.send("PATCH", f"/projects/{mine['id']}", json={"is_active": False})
        assert (await mia.get("/dashboard")).json()["project_progress"] == []
