"""Batches of changes over HTTP."""

import asyncio
import uuid
from typing import Any

import pytest

from adapters.sql.repositories import batches
from tests.integration.api import Api, Person
from tests.integration.conftest import only_answering

NOBODY = "01920000-0000-7000-8000-00000000dead"


def create(project: dict[str, Any], title: str = "A task", **fields: Any) -> dict[str, Any]:
    return {"op": "create", "project_id": project["id"], "title": title, **fields}


async def bulk(person: Person, *operations: dict[str, Any], atomic: bool = True, **more: Any) -> Any:
    return await person.post("/tasks/bulk", {"operations": list(operations), "atomic": atomic}, **more)


def statuses(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [each["index"] for each in results] == list(range(len(results)))
    return [each["status"] for each in results]


async def titles(person: Person, **where: Any) -> list[str]:
    found = await person.get("/tasks", params={"sort": "number", **where})
    return [task["title"] for task in found.json()]


async def test_a_batch_does_each_kind_of_thing_and_later_operations_find_what_earlier_made(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    old = await ann.task(project, title="Old")
    gone = await ann.task(project, title="Gone")
    answer = await bulk(
        ann,
        create(project, "Parent", ref="p"),
        create(project, "Child", ref="c", parent_id={"ref": "p"}),
        {"op": "update", "id": {"ref": "c"}, "priority": "urgent", "version": 1},
        {"op": "update", "id": "web-1", "title": "Older", "parent_id": {"ref": "p"}},
        {"op": "move", "id": {"ref": "c"}, "new_status": "done"},
        {"op": "move", "id": old["id"], "before": {"ref": "p"}},
        {"op": "delete", "id": gone["id"], "version": gone["version"]},
    )
    assert statuses(answer) == [201, 201, 200, 200, 200, 200, 204]
    parent, child, urgent, older, done, moved, deleted = answer.json()["results"]
    assert [each["task"]["key"] for each in (parent, child, urgent, older)] == ["WEB-3", "WEB-4", "WEB-4", "WEB-1"]
    assert (child["task"]["version"], urgent["task"]["version"], done["task"]["version"]) == (1, 2, 3)
    assert child["task"]["parent_id"] == older["task"]["parent_id"] == parent["task"]["id"]
    assert "task" not in deleted and moved["task"]["version"] == 2
    now = (await ann.get(f"/tasks/{parent['task']['id']}")).json()
    assert now["sub_tasks"] == {"total": 2, "done": 1}
    todo, _, done_column = (await ann.board(project))["columns"]
    assert [card["title"] for card in todo["tasks"]] == ["Older", "Parent"]
    assert [card["title"] for card in done_column["tasks"]] == ["Child"]
    events = (await ann.get("/events?limit=200")).json()
    assert [each["event"] for each in events[-7:]] == [
        "task_created", "task_created", "task_updated", "task_updated", "task_moved", "task_moved", "task_deleted",
    ]  # fmt: skip
    assert answer.headers["x-event-seq"] == events[-1]["seq"]


async def test_atomic_is_all_or_nothing_and_says_by_pointers_what_was_wrong(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    before = (await ann.get("/events?limit=200")).headers["x-last-seq"]
    answer = await bulk(
        ann,
        create(project, "Fine"),
        create(project, ""),
        create(project, "Nobody's", assigned_to=NOBODY),
        {"op": "update", "id": task["id"], "version": 9, "title": "New"},
        {"op": "delete", "id": NOBODY},
        {"op": "update", "id": task["id"], "titel": "New"},
        {"op": "fly", "id": task["id"]},
        {"op": "move", "id": task["id"], "before": {"ref": "later"}},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "bulk.failed")
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/operations/1/title", "request.invalid"),
        ("/operations/2/assigned_to", "reference.not_found"),
        ("/operations/3", "version.stale"),
        ("/operations/4", "task.not_found"),
        ("/operations/5/titel", "request.invalid"),
        ("/operations/6/op", "request.invalid"),
        ("/operations/7/before", "reference.not_found"),
    ]
    assert await titles(ann) == ["A task"]
    assert (await ann.get("/events?limit=200")).headers["x-last-seq"] == before
    assert (await ann.task(project))["number"] == 2


async def test_otherwise_each_stands_for_itself(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    answer = await bulk(
        ann,
        create(project, "One"),
        create(project, "x" * 501),
        {"op": "update", "id": task["id"], "version": 9, "title": "New"},
        {"op": "update", "id": "no id at all", "title": "New"},
        {"op": "update", "id": task["id"], "number": 7},
        create(project, "Two", external_id="e"),
        create(project, "Three", external_id="e"),
        atomic=False,
    )
    assert statuses(answer) == [201, 422, 412, 404, 422, 201, 409]
    problems = [each.get("problem") for each in answer.json()["results"]]
    assert [each and each["code"] for each in problems] == [
        None, "request.invalid", "version.stale", "task.not_found", "field.read_only", None, "task.external_id_taken",
    ]  # fmt: skip
    assert problems[1]["errors"][0]["pointer"] == "/operations/1/title"
    assert problems[2]["etag"].startswith('"1.')
    assert await titles(ann) == ["A task", "One", "Two"]


async def test_a_member_is_refused_what_they_are_alone_and_auditors_hear_of_it(api: Api) -> None:
    ann = await api.register()
    project, secret = await ann.project(), await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    task, hidden = await ann.task(project), await ann.task(secret)
    operations = (
        create(project, "Mine"),
        {"op": "update", "id": task["id"], "title": "Hers"},
        {"op": "update", "id": hidden["id"], "title": "Seen"},
        create(secret, "In"),
        {"op": "update", "id": task["id"], "assigned_to": bea.user_id},
    )
    answer = await bulk(bea, *operations, atomic=False)
    assert statuses(answer) == [201, 403, 404, 422, 200]
    audit = (await ann.get("/audit-events?type=permission.denied")).json()
    assert [each["details"] for each in audit] == [{"rule": "permission.denied", "verb": "POST /api/v1/tasks/bulk"}]
    cy = await api.register()
    assert statuses(await bulk(cy, *operations[1:3], {"op": "delete", "id": task["id"]}, atomic=False)) == [404] * 3


async def test_a_key_makes_the_second_request_change_nothing(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    operations = (create(project, "One"), {"op": "delete", "id": NOBODY}, create(project, "Two"))
    once = {"Idempotency-Key": uuid.uuid4().hex}
    first = await bulk(ann, *operations, atomic=False, headers=once)
    again = await bulk(ann, *operations, atomic=False, headers=once)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.json(), again.headers["x-event-seq"]) == (first.json(), first.headers["x-event-seq"])
    await ann.delete(f"/tasks/{first.json()['results'][0]['task']['id']}")
    third = (await bulk(ann, *operations, atomic=False, headers=once)).json()["results"]
    assert (third[0], third[2]["task"]["title"]) == ({"index": 0, "status": 201, "task": None}, "Two")
    assert await titles(ann) == ["Two"]
    other = await bulk(ann, operations[0], headers=once)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    refused = {"Idempotency-Key": uuid.uuid4().hex}
    failed = [await bulk(ann, operations[1], headers=refused) for _ in range(2)]
    assert [each.json()["code"] for each in failed] == ["bulk.failed"] * 2
    assert failed[1].headers["idempotency-replayed"] == "true"
    made = await bulk(ann, create(project, "Alone"), headers={"Idempotency-Key": uuid.uuid4().hex})
    assert statuses(made) == [201]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/operations"),
        ({"operations": []}, "/operations"),
        ({"operations": [{"op": "delete", "id": NOBODY}] * 1001}, "/operations"),
        ({"operations": [{"op": "delete", "id": NOBODY}], "atomic": 1}, "/atomic"),
        ({"operations": [{"op": "delete", "id": NOBODY}], "dry": True}, "/dry"),
    ],
)
async def test_what_is_no_batch_is_refused(api: Api, body: Any, pointer: str) -> None:
    ann = await api.register()
    answer = await ann.post("/tasks/bulk", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        (7, ""),
        ({}, "/op"),
        ({"op": "delete"}, "/id"),
        ({"op": "delete", "id": 7}, "/id"),
        ({"op": "delete", "id": {"ref": ""}}, "/id"),
        ({"op": "delete", "id": NOBODY, "version": 0}, "/version"),
        ({"op": "move", "id": NOBODY, "before": "first"}, "/before"),
        ({"op": "create", "project_id": NOBODY, "title": "x", "parent_id": 7}, "/parent_id"),
        ({"op": "create", "project_id": NOBODY, "title": "x\u0000"}, "/title"),
        ({"op": "create", "project_id": NOBODY, "title": "x", "id": NOBODY}, "/id"),
    ],
)
async def test_a_bad_operation_is_told_by_its_place(api: Api, operation: Any, pointer: str) -> None:
    ann = await api.register()
    answer = await ann.post("/tasks/bulk", {"operations": [operation], "atomic": False})
    assert statuses(answer) == [422]
    pointers = {each["pointer"] for each in answer.json()["results"][0]["problem"]["errors"]}
    assert pointers == {f"/operations/0{pointer}"}


async def test_at_most_a_hundred_faults_are_told(api: Api) -> None:
    ann = await api.register()
    answer = await bulk(ann, *[{"op": "delete", "id": NOBODY}] * 150)
    assert (answer.json()["code"], len(answer.json()["errors"])) == ("bulk.failed", 100)


async def test_its_body_may_be_ten_times_larger_than_others(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    large = [create(project, description="x" * 100_000) for _ in range(60)]
    assert statuses(await bulk(ann, *large)) == [201] * 60
    huge = await bulk(ann, *large, *large)
    assert (huge.status_code, huge.json()["code"]) == (413, "body.too_large")
    elsewhere = await ann.post("/tasks", {"project_id": project["id"], "title": "x", "description": "x" * 1_100_000})
    assert elsewhere.status_code == 413


async def test_all_or_nothing_takes_back_what_was_sent_before_the_last_was_refused(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    many = [create(project, str(number), ref=str(number)) for number in range(600)]
    answer = await bulk(ann, *many, {"op": "delete", "id": NOBODY})
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/operations/600"]
    assert await titles(ann) == []
    # What was made in an earlier part is found by later ones, and changed again.
    again = [{"op": "update", "id": {"ref": str(number)}, "title": f"New {number}"} for number in (0, 599)]
    moved = {"op": "move", "id": {"ref": "0"}, "after": {"ref": "599"}}
    answer = await bulk(ann, *many, *again, moved, {"op": "delete", "id": {"ref": "1"}})
    assert statuses(answer) == [201] * 600 + [200] * 3 + [204]
    found = (await ann.get("/tasks", params={"sort": "number", "limit": 3})).json()
    assert [(task["number"], task["title"], task["version"]) for task in found] == [
        (1, "New 0", 2), (3, "2", 1), (4, "3", 1),
    ]  # fmt: skip
    seq = int(answer.headers["x-event-seq"])
    events = (await ann.get(f"/events?after={seq - 5}")).json()
    assert [each["event"] for each in events] == [
        "task_created", "task_updated", "task_updated", "task_moved", "task_deleted",
    ]  # fmt: skip


async def test_a_thousand_take_a_few_parts_of_statements_and_not_one_for_each(api: Api, another_app: Any) -> None:
    counts = [0]

    class Counted:
        def waited(self, seconds: float) -> None:
            pass

        def sent(self, asked: Any, **_: Any) -> None:
            counts[-1] += len(asked)

    def prepare(container: Any) -> None:
        only_answering(container)
        container.metrics.override(_Both(container, Counted()))

    async with another_app(prepare=prepare) as api:
        ann = await api.register()
        project = await ann.project()
        ref = [create(project, str(number)) for number in range(1000)]
        made = []
        for batch in (ref[:1], ref):
            counts.append(0)
            answer = await bulk(ann, *batch)
            made.append(statuses(answer))
        ids = [each["task"]["id"] for each in answer.json()["results"]]
        for batch in (ids[:1], ids[1:]):
            counts.append(0)
            changes = [{"op": "update", "id": each, "title": "New"} for each in batch]
            assert set(statuses(await bulk(ann, *changes))) == {200}
    assert [len(each) for each in made] == [1, 1000]
    _, one, thousand, change, changes = counts
    # A task and its number, or a change, for each part but the last.
    assert (one <= 25, thousand) == (True, one + 3 * 2)
    assert (change <= 25, changes) == (True, change + 3)


class _Both:
    """The metrics of a container, and one more who is told of statements."""

    def __init__(self, container: Any, observer: Any) -> None:
        self._metrics = container.metrics()
        self._observer = observer

    def __call__(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._observer if hasattr(self._observer, name) else self._metrics, name)


@pytest.mark.parametrize("most", [0, 20_000])
async def test_what_is_called_so_already_is_found_in_the_projects_of_a_batch_one_by_one_or_all_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(batches, "MOST_LOOKED_UP", most)
    ann = await api.register()
    one, other = await ann.project(), await ann.project()
    await ann.task(one, external_id="x")
    moved = await ann.task(other, external_id="y")
    await ann.task(one, external_id="y")
    answer = await bulk(
        ann,
        create(one, external_id="x"),
        create(other, external_id="x"),
        {"op": "update", "id": moved["id"], "project_id": one["id"]},
        create(other, external_id="y"),
        create(other, external_id="z"),
        atomic=False,
    )
    assert statuses(answer) == [409, 201, 409, 409, 201]


async def test_two_batches_over_the_same_projects_do_not_wait_for_each_other_in_a_circle(api: Api) -> None:
    ann = await api.register()
    one, other = await ann.project(), await ann.project()
    tasks = [await ann.task(project) for project in (one, other) for _ in range(5)]
    there = [{"op": "update", "id": each["id"], "project_id": other["id"]} for each in tasks]
    back = [{"op": "update", "id": each["id"], "project_id": one["id"]} for each in reversed(tasks)]
    for _ in range(5):
        answers = await asyncio.gather(*(bulk(ann, *each, atomic=False) for each in (there, back, there, back)))
        assert {answer.status_code for answer in answers} <= {200, 409}
    numbers = [task["key"] for task in (await ann.get("/tasks?limit=200")).json()]
    assert len(numbers) == len(set(numbers)) == 10


async def test_nothing_of_another_company_is_reached(api: Api) -> None:
    ann, cy = await api.register(), await api.register()
    theirs, mine = await ann.project(key="THEM"), await cy.project()
    foreign, cycle = await ann.task(theirs), await ann.cycle(theirs)
    own = await cy.task(mine)
    change = {"op": "update", "id": own["id"]}
    answer = await bulk(
        cy,
        {"op": "delete", "id": foreign["id"]},
        {"op": "delete", "id": "THEM-1"},
        {"op": "move", "id": own["id"], "before": foreign["id"]},
        {"op": "move", "id": own["id"], "column_id": foreign["column_id"]},
        create(theirs),
        create(mine, parent_id=foreign["id"]),
        create(mine, cycle_id=cycle["id"]),
        {**change, "project_id": theirs["id"]},
        {**change, "parent_id": foreign["id"]},
        {**change, "cycle_id": cycle["id"]},
        {**change, "assigned_to": ann.user_id},
        atomic=False,
    )
    assert statuses(answer) == [404] * 2 + [422] * 9
    codes = {each["problem"]["code"] for each in answer.json()["results"]}
    assert codes == {"task.not_found", "reference.not_found"}
    assert (await ann.get(f"/tasks/{foreign['id']}")).json() == foreign
    assert (await cy.get(f"/tasks/{own['id']}")).json() == own
