"""Notifications, asked over HTTP, and what fills the inbox."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest

from core.kernel.actor import System
from entrypoints.container import Container
from entrypoints.settings import Settings
from tests.integration.api import Api, Person


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.register(name="Ann")


async def told(container: Container) -> None:
    """Everybody is told what happened."""
    await container.telling_use_cases().catch_up(System())


async def inbox(person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/notifications{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_an_assignment_a_mention_and_a_comment_come_into_the_inbox(
    api: Api, ann: Person, container: Container
) -> None:
    project = await ann.project()
    bob = await api.colleague(ann, projects=(project,))
    task = await ann.task(project, title="Draw", assigned_to=bob.user_id)
    username = (await ann.get(f"/users/{bob.user_id}")).json()["username"]
    await ann.post(f"/tasks/{task['id']}/comments", {"body": "How is it?"})
    await ann.post(f"/tasks/{task['id']}/comments", {"body": f"@{username}, look"})
    await told(container)
    mention, comment, assigned = await inbox(bob)
    assert [each["kind"] for each in (assigned, comment, mention)] == ["assigned", "commented", "mentioned"]
    assert {each["task_key"] for each in (assigned, comment, mention)} == {task["key"]}
    assert (mention["comment_excerpt"], mention["actor_id"]) == (f"@{username}, look", ann.user_id)
    assert (assigned["actor_name"], assigned["task_title"], assigned["event"]) == ("Ann", "Draw", "task_created")
    assert await inbox(ann) == []
    events = (await bob.get("/events?types=notification_created")).json()
    assert [event["notification_id"] for event in events] == [assigned["id"], comment["id"], mention["id"]]
    assert [event["seq"] for event in events] == [assigned["position"], comment["position"], mention["position"]]
    assert (await ann.get("/events?types=notification_created")).json() == []


async def test_a_batch_is_told_at_once(api: Api, ann: Person, container: Container) -> None:
    project = await ann.project()
    bob = await api.colleague(ann, projects=(project,))
    operations = [
        {"op": "create", "project_id": project["id"], "title": str(number), "assigned_to": bob.user_id}
        for number in range(1_000)
    ]
    assert (await ann.post("/tasks/bulk", {"operations": operations})).status_code == 200
    await told(container)
    (found,) = await inbox(bob)
    assert (found["kind"], found["task_count"], found["task_id"]) == ("assigned", 1_000, None)
    assert found["project_name"] == project["name"]


async def test_whoever_is_added_to_a_project_is_told(api: Api, ann: Person, container: Container) -> None:
    project = await ann.project()
    bob = await api.colleague(ann)
    assert (await ann.post(f"/projects/{project['id']}/members/{bob.user_id}")).status_code == 201
    await told(container)
    (found,) = await inbox(bob)
    assert (found["kind"], found["project_id"], found["task_id"]) == ("added_to_project", project["id"], None)
    await ann.delete(f"/projects/{project['id']}/members/{bob.user_id}")
    assert await inbox(bob) == []


async def test_what_was_read_is_told_apart_and_reading_may_be_said_again(
    api: Api, ann: Person, container: Container
) -> None:
    project = await ann.project()
    bob = await api.colleague(ann, projects=(project,))
    for number in range(3):
        await ann.task(project, title=str(number), assigned_to=bob.user_id)
    await told(container)
    listed = await bob.get("/notifications?include_total=true&limit=2")
    assert listed.headers["x-total-count"] == "3" and "next" in listed.headers["link"]
    first = listed.json()[0]
    for _ in range(2):
        assert (await bob.post(f"/notifications/{first['id']}/read")).status_code == 204
    assert [each["task_title"] for each in await inbox(bob, "?unread=true")] == ["1", "0"]
    (read,) = await inbox(bob, "?unread=false")
    assert read["id"] == first["id"] and read["read_at"] is not None
    assert [each["task_title"] for each in (await bob.get("/dashboard")).json()["notifications"]] == ["1", "0"]
    # What came since the list was looked at stays unread.
    await ann.task(project, title="later", assigned_to=bob.user_id)
    await told(container)
    up_to = {"up_to": listed.headers["x-event-seq"]}
    assert (await bob.post("/notifications/read-all", up_to)).status_code == 204
    assert [each["task_title"] for each in await inbox(bob, "?unread=true")] == ["later"]
    assert (await bob.post("/notifications/read-all")).status_code == 204
    assert await inbox(bob, "?unread=true") == []
    for wrong in ({"up_to": "x"}, {"up_to": 5}, {"upto": "5"}):
        assert (await bob.post("/notifications/read-all", wrong)).status_code == 422


async def test_a_key_makes_reading_one_thing(api: Api, ann: Person) -> None:
    id, key = api.notification(ann), {"Idempotency-Key": uuid4().hex}
    first = await ann.post(f"/notifications/{id}/read", headers=key)
    again = await ann.post(f"/notifications/{id}/read", headers=key)
    assert (first.status_code, again.status_code) == (204, 204)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-event-seq"] == first.headers["x-event-seq"]


async def test_another_ones_is_not_there(api: Api, ann: Person) -> None:
    bob, eve = await api.colleague(ann, role="admin"), await api.register()
    id = api.notification(ann)
    for person in (bob, eve):
        answer = await person.post(f"/notifications/{id}/read")
        assert (answer.status_code, answer.json()["code"]) == (404, "notification.not_found")
    assert (await ann.post("/notifications/nonsense/read")).status_code == 404
    assert len(await inbox(ann, "?unread=true")) == 1


async def test_preferences_are_changed_by_a_merge_patch(api: Api, ann: Person, container: Container) -> None:
    found = await ann.get("/notifications/preferences")
    preferences = found.json()
    assert preferences["version"] == 1
    assert {each["mail"] for each in preferences.values() if isinstance(each, dict)} == {"off"}
    tag = {"If-Match": found.headers["etag"]}
    changed = await ann.patch("/notifications/preferences", {"assigned": {"mail": "daily"}}, headers=tag)
    assert changed.status_code == 200, changed.text
    assert changed.json()["assigned"] == {"inbox": True, "mail": "daily"}
    assert (await ann.get("/notifications/preferences")).json() == changed.json()
    stale = await ann.patch("/notifications/preferences", {"assigned": {"mail": "off"}}, headers=tag)
    assert stale.status_code == 412
    whole = {**changed.json(), "commented": {"inbox": False, "mail": "off"}}
    put = await ann.send("PUT", "/notifications/preferences", json=whole)
    assert (put.status_code, put.json()["commented"]["inbox"]) == (200, False)
    refused = await ann.patch("/notifications/preferences", {"assigned": {"inbox": False}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/assigned/mail")
    for wrong in (
        {"assigned": {"mail": "hourly"}}, {"assigned": None}, {"assigned": {"inbox": "yes"}}, {"nonsense": {}},
        {"assigned": {"sound": True}}, {"version": 0},
    ):  # fmt: skip
        assert (await ann.patch("/notifications/preferences", wrong)).status_code == 422, wrong


async def test_a_token_needs_its_scope(api: Api, ann: Person) -> None:
    made = await ann.post("/auth/tokens", {"name": "Badge", "scopes": ["notifications:read"]})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await api.client.get("/api/v1/notifications", headers=headers)).status_code == 200
    refused = await api.client.post("/api/v1/notifications/read-all", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")


async def test_what_was_not_read_is_mailed_in_the_morning(
    api: Api, ann: Person, container: Container, settings: Settings
) -> None:
    project = await ann.project()
    bob = await api.colleague(ann, projects=(project,))
    api.sql("update accounts set email_verified_at = now() where email = %s", (bob.email,))
    assert (await bob.patch("/notifications/preferences", {"assigned": {"mail": "daily"}})).status_code == 200
    await container.digest_use_cases().deliver(System())
    task = await ann.task(project, title="Draw the front page", assigned_to=bob.user_id)
    await told(container)
    mails = settings.data_dir / "mail"

    def to_bob() -> list[EmailMessage]:
        found = [message_from_bytes(each.read_bytes(), policy=policy.default) for each in sorted(mails.glob("*.eml"))]
        # A letter about the account comes whenever it does.
        return [each for each in found if each["To"] == bob.email and " new in " in each["Subject"]]

    def mailed_on(day: str) -> None:
        api.sql(
            f"update notification_preferences set mailed_on = current_date {day} where user_id = %s", (bob.user_id,)
        )

    mailed_on("+ 1")
    await container.digest_use_cases().deliver(System())
    assert to_bob() == []
    # It is another morning.
    mailed_on("- 2")
    for _ in range(2):
        await container.digest_use_cases().deliver(System())
    (mail,) = to_bob()
    text = str(mail.get_content())
    assert f"* Ann gave you {task['key']}: Draw the front page" in text
    assert "/api/v1/notifications/preferences" in text
    assert mail["Subject"].startswith("1 new in ")
