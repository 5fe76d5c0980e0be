"""Webhooks over HTTP, and what a real receiver hears, against the real server."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError as VerificationError

from adapters.sql.webhook_dispatch import SqlDispatches
from core.kernel.actor import System
from core.webhooks.use_cases.sending import Attempts, DispatchUseCases
from entrypoints.container import Container
from entrypoints.worker.dispatching import dispatch
from tests.builders.receiver import Receiver, Reply, receiving
from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.test_mailed_links import Post as Mail
from tests.integration.entrypoints.rest.test_mailed_links import mail  # noqa: F401  (a fixture)

BOUND = 90.0


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


class LaterClock:
    """The time, so much later."""

    def __init__(self) -> None:
        self.later = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later


class Post:
    """What queues and sends, as a worker does it, by a clock that tests put forward."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.clock = LaterClock()

    def dispatches(self) -> DispatchUseCases:
        """Of one process."""
        container, doors = self._container, SqlDispatches(self._container.database())
        attempts = Attempts(
            dispatches=doors,
            sending=container.webhooks.sending(),
            observer=container.metrics(),
            tracing=container.tracing(),
            clock=self.clock,
            jitter=lambda: 0.5,
        )
        return DispatchUseCases(
            dispatches=doors, attempts=attempts, observer=container.metrics(), clock=self.clock, ids=container.ids()
        )

    async def queue(self) -> None:
        await self._container.webhook_queue_use_cases().catch_up(System())

    async def send(self) -> None:
        async with asyncio.timeout(BOUND):
            await self.queue()
            await dispatch(self.dispatches())

    def forward(self, **by: float) -> None:
        self.clock.later += timedelta(**by)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
def post(container: Container, api: Api) -> Post:
    # What tests of other files left in the shared database is sent to nobody, which would take its time.
    api.sql("update webhooks set is_active = false where is_active returning 1", ())
    return Post(container)


@pytest.fixture
async def ann(api: Api) -> AsyncIterator[Person]:
    person = await api.register()
    yield person
    # What is left waits for nobody.
    api.sql("update webhooks set is_active = false where company_id = %s returning 1", (person.company_id,))


async def hook(person: Person, receiver: Receiver, **given: Any) -> dict[str, Any]:
    made = await person.post("/webhooks", {"url": receiver.url, **given})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def sent(person: Person, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/webhooks/{webhook['id']}/deliveries{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


class TestSettingUp:
    async def test_a_webhook_is_made_read_changed_and_deleted(self, ann: Person, receiver: Receiver) -> None:
        project = await ann.project()
        given = {
            "description": "Board",
            "types": ["task_moved", "task_created", "task_created"],
            "channels": ["task_updates"],
            "project_ids": [project["id"]],
        }
        made = await ann.post("/webhooks", {"url": receiver.url, **given})
        webhook = made.json()
        assert made.headers["location"] == f"/api/v1/webhooks/{webhook['id']}"
        assert webhook.pop("secret").startswith("whsec_")
        assert (webhook["types"], webhook["state"], webhook["version"]) == (["task_created", "task_moved"], "active", 1)
        where = f"/webhooks/{webhook['id']}"
        read = await ann.get(where)
        assert read.json() == webhook and (await ann.get("/webhooks")).json() == [webhook]
        unchanged = await ann.get(where, headers={"If-None-Match": read.headers["etag"]})
        assert unchanged.status_code == 304
        changed = await ann.patch(where, {**webhook, "is_active": False}, headers={"If-Match": read.headers["etag"]})
        assert (changed.json()["state"], changed.json()["version"]) == ("paused", 2)
        assert_refused(await ann.patch(where, {"description": "x", "version": 1}), 412, "version.stale")
        assert_refused(await ann.patch(where, {"state": "active"}), 422, "field.read_only")
        assert_refused(await ann.post(f"{where}/replay", {"after": "0"}), 409, "webhook.inactive")
        assert (await ann.delete(where)).status_code == 204
        assert_refused(await ann.get(where), 404, "webhook.not_found")
        assert_refused(await ann.get(f"{where}/deliveries"), 404, "webhook.not_found")
        events = (await ann.get("/events?types=webhook_created,webhook_updated,webhook_deleted")).json()
        assert [each["event"] for each in events] == ["webhook_created", "webhook_updated", "webhook_deleted"]
        noted = (await ann.get("/audit-events?type=webhook.changed")).json()
        assert [each["details"]["event"] for each in noted][::-1] == [each["event"] for each in events]
        assert "whsec" not in str(events) + str(noted)

    async def test_members_may_not_and_strangers_find_nothing(self, api: Api, ann: Person, receiver: Receiver) -> None:
        webhook = await hook(ann, receiver)
        ben, stranger = await api.colleague(ann), await api.register()
        where = f"/webhooks/{webhook['id']}"
        for verb, path, body in (
            ("GET", "/webhooks", None), ("POST", "/webhooks", {"url": receiver.url}), ("GET", where, None),
            ("PATCH", where, {"description": "x"}), ("DELETE", where, None), ("POST", f"{where}/test", None),
            ("POST", f"{where}/rotate-secret", None), ("POST", f"{where}/replay", {"after": "0"}),
            ("GET", f"{where}/deliveries", None),
            ("POST", f"{where}/deliveries/{webhook['id']}/resend", None),
        ):  # fmt: skip
            refused = await ben.send(verb, path, json=body)
            assert_refused(refused, 403, "permission.denied")
            if path != "/webhooks":
                code = "webhook.not_found"
                assert_refused(await stranger.send(verb, path, json=body), 404, code)
        assert receiver.received == []

    async def test_fifty_are_enough_also_at_once(self, api: Api, ann: Person, receiver: Receiver) -> None:
        await hook(ann, receiver)
        api.sql(
            "insert into webhooks (company_id, id, url, description, types, channels, project_ids, is_active,"
            " sealed_secret, sealed_previous_secret, failures, after_seq, version, created_at, updated_at)"
            " select company_id, gen_random_uuid(), url, '', '{}', '{}', '{}', false, '', '', 0, 0, 1, now(), now()"
            " from webhooks, generate_series(1, 44) where company_id = %s returning 1",
            (ann.company_id,),
        )
        answers = await asyncio.gather(*(ann.post("/webhooks", {"url": receiver.url}) for _ in range(20)))
        assert sorted(each.status_code for each in answers) == [201] * 5 + [409] * 15
        assert len((await ann.get("/webhooks")).json()) == 50
        assert_refused(await ann.post("/webhooks", {"url": receiver.url}), 409, "webhook.too_many")

    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/", "ftp://hooks.example.com/", "https://", "hooks.example.com", "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "https://[::ffff:10.0.0.8]/",
            "https://[64:ff9b::a00:8]/", "https://metadata.google.internal/", "https://printer.local/",
            "https://intranet/", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0/",
            "https://user:word@hooks.example.com/", "https://user@hooks.example.com/", "https://hooks.example.com:22/",
            "https://hooks.example.com:0/", "https://hooks.example.com:70000/", "https://hooks.example.com:x/",
            "https://hooks.example.com/#part", "https://hooks.example.com/a b", "https://hooks.exämple.com/",
            "https://hooks_.example.com\\@10.0.0.1/", "javascript:alert(1)",
            "file:///etc/passwd", "https://-x.example.com/", "https://x..example.com/", "https://example.com./",
            "https://224.0.0.1/", "https://0.0.0.0/", "https://[::]/", "https://100.64.0.1/", "http://10.0.0.1/",
        ],
    )  # fmt: skip
    async def test_an_address_of_a_bad_kind_is_refused_by_name(self, ann: Person, url: str) -> None:
        refused = await ann.post("/webhooks", {"url": url})
        assert_refused(refused, 422, "webhook.url_refused")
        assert refused.json()["errors"][0]["pointer"] == "/url"
        assert (await ann.get("/webhooks")).json() == []

    async def test_who_tries_a_bad_address_is_audited_by_its_host_alone(self, ann: Person, receiver: Receiver) -> None:
        webhook = await hook(ann, receiver)
        for method, path in (("POST", "/webhooks"), ("PATCH", f"/webhooks/{webhook['id']}")):
            refused = await ann.send(method, path, json={"url": "https://printer.local/T0/hush?key=hush"})
            assert_refused(refused, 422, "webhook.url_refused")
        (denied,) = (await ann.get("/audit-events?type=permission.denied")).json()
        assert denied["details"] == {
            "rule": "webhook.url_refused", "verb": "POST /api/v1/webhooks", "host": "printer.local"
        }  # fmt: skip

    async def test_filters_of_nothing_that_is_are_refused(self, ann: Person, api: Api, receiver: Receiver) -> None:
        theirs = await (await api.register()).project()
        for body, code in (
            ({"types": ["notification_created"]}, "request.invalid"),
            ({"types": ["Task Created"]}, "request.invalid"),
            ({"types": ["task_created", "task_create"]}, "request.invalid"),
            ({"channels": ["none"]}, "request.invalid"),
            ({"project_ids": [theirs["id"]]}, "reference.not_found"),
        ):
            assert_refused(await ann.post("/webhooks", {"url": receiver.url, **body}), 422, code)
        webhook = await hook(ann, receiver)
        refused = await ann.patch(f"/webhooks/{webhook['id']}", {"types": ["task_create"]})
        assert refused.json()["errors"] == [{"detail": "is no event; docs/events.md names them", "pointer": "/types/0"}]

    async def test_a_secret_is_shown_once(self, ann: Person, receiver: Receiver) -> None:
        key = {"Idempotency-Key": "hook"}
        first = await ann.post("/webhooks", {"url": receiver.url}, headers=key)
        again = await ann.post("/webhooks", {"url": receiver.url}, headers=key)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == {**first.json(), "secret": None}
        assert len((await ann.get("/webhooks")).json()) == 1


class TestTelling:
    async def test_events_come_signed_as_the_official_library_verifies_it(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        before = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        task = await ann.task(before, title="Ö ✓")
        await post.send()
        (request,) = receiver.received
        told = Verifier(webhook["secret"]).verify(request.body, request.headers)
        (event,) = (await ann.get("/events?types=task_created")).json()
        assert told == {"type": "task_created", "timestamp": event["occurred_at"], "data": event}
        assert told["data"]["task_id"] == task["id"]
        (delivery,) = await sent(ann, webhook)
        assert (delivery["state"], delivery["id"], delivery["seqs"]) == ("delivered", request.id, [event["seq"]])
        assert [each["status"] for each in delivery["attempts"]] == [204]

    async def test_a_rotated_secret_and_the_one_before_it_both_verify_for_a_day(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        rotated = (await ann.post(f"/webhooks/{webhook['id']}/rotate-secret")).json()
        assert rotated["secret"] not in (None, webhook["secret"]) and rotated["version"] == 2
        await ann.task(project)
        await post.send()
        await ann.task(project)
        post.forward(hours=24, minutes=1)
        await post.send()
        during, after = receiver.received
        assert len(during.headers["webhook-signature"].split()) == 2
        Verifier(webhook["secret"]).verify(during.body, during.headers)
        Verifier(rotated["secret"]).verify(during.body, during.headers)
        assert len(after.headers["webhook-signature"].split()) == 1

    async def test_a_secret_that_leaked_within_its_first_day_is_replaced_if_the_older_one_may_end(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        where = f"/webhooks/{webhook['id']}/rotate-secret"
        leaked = (await ann.post(where)).json()
        for body in (None, {}, {"end_previous": False}):
            refused = await ann.post(where, body)
            assert_refused(refused, 409, "webhook.secret_being_replaced")
            assert '{"end_previous": true}' in refused.json()["detail"]
        assert_refused(await ann.post(where, {"end_previous": True, "version": 1}), 412, "version.stale")
        assert_refused(await ann.post(where, {"end_previous": "yes"}), 422, "request.invalid")
        replaced = (await ann.post(where, {"end_previous": True, "version": 2})).json()
        await ann.task(project)
        await post.send()
        (message,) = receiver.received
        for secret in (leaked["secret"], replaced["secret"]):
            Verifier(secret).verify(message.body, message.headers)
        with pytest.raises(VerificationError):
            Verifier(webhook["secret"]).verify(message.body, message.headers)

    async def test_what_is_for_named_people_alone_and_what_was_not_asked_for_stays(
        self, api: Api, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        heard, other = await ann.project(), await ann.project()
        webhook = await hook(ann, receiver, project_ids=[heard["id"]])
        await ann.task(heard)
        await ann.task(other)
        await ann.post("/labels", {"name": "a"})
        api.sql(
            "with next as (update event_sequences set last_seq = last_seq + 2 where company_id = %s returning last_seq)"
            " insert into events (company_id, seq, event, channel, occurred_at, via, project_id, named, for_admins, body)"
            " select %s::uuid, last_seq - 1, 'notification_created', 'notifications', now(), 'system', %s::uuid, array[%s]::uuid[],"
            "        true, jsonb_build_object('text', '') from next union all"
            "  select %s::uuid, last_seq, 'task_watched', 'notifications', now(), 'system', %s::uuid, array[%s]::uuid[], false, jsonb_build_object('text', '')"
            " from next returning 1",
            (ann.company_id, ann.company_id, heard["id"], ann.user_id, ann.company_id, heard["id"], ann.user_id),
        )
        await post.send()
        assert {each.payload["type"] for each in receiver.received} == {"task_created"}
        assert len(await sent(ann, webhook)) == 1

    async def test_what_a_bulk_made_comes_by_the_hundred(self, ann: Person, receiver: Receiver, post: Post) -> None:
        project = await ann.project()
        await hook(ann, receiver, types=["task_created"])
        made = await ann.post(
            "/tasks/bulk",
            {"operations": [{"op": "create", "project_id": project["id"], "title": f"T{n}"} for n in range(250)]},
        )
        assert made.status_code == 200
        await post.send()
        assert [each.payload["data"].get("count") for each in receiver.taken] == [100, 100, 50]
        assert {each.payload["type"] for each in receiver.taken} == {"batch"}
        seqs = [seq for each in receiver.taken for seq in each.seqs]
        assert len(seqs) == 250 and seqs == sorted(seqs)

    async def test_a_test_answers_what_came_back_and_never_what_stands_inside(
        self, ann: Person, receiver: Receiver
    ) -> None:
        webhook = await hook(ann, receiver, is_active=False)
        where = f"/webhooks/{webhook['id']}/test"
        receiver.reply = lambda _: Reply(200, {}, b"fine\x00 " + b"y" * 5000)
        key = {"Idempotency-Key": "once"}
        tried = (await ann.post(where, headers=key)).json()
        assert (tried["type"], tried["state"]) == ("webhook.test", "delivered")
        (attempt,) = tried["attempts"]
        assert attempt["response"].startswith("fine  y") and len(attempt["response"]) == 1000
        Verifier(webhook["secret"]).verify(receiver.received[0].body, receiver.received[0].headers)
        again = await ann.post(where, headers=key)
        assert again.json() == tried and len(receiver.received) == 1
        receiver.reply = lambda _: Reply(302, {"Location": f"{receiver.url}/elsewhere"})
        moved = (await ann.post(where)).json()
        assert (moved["state"], moved["attempts"][0]["status"], len(receiver.received)) == ("dead", 302, 2)
        receiver.reply = lambda _: Reply(None)
        (attempt,) = (await ann.post(where)).json()["attempts"]
        assert (attempt["status"], attempt["error"]) == (None, "the exchange broke off")
        receiver.reply = lambda _: Reply(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
        assert (await ann.post(where)).json()["state"] == "delivered"
        assert (await ann.get(f"/webhooks/{webhook['id']}")).json()["state"] == "paused"


class TestFailing:
    async def test_a_receiver_that_fails_a_third_of_the_time_gets_all_in_order_per_project(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        chance = random.Random(7)
        projects = [await ann.project() for _ in range(4)]
        webhook = await hook(ann, receiver)
        receiver.reply = lambda _: Reply(chance.choice([500, 503, 429, 408, None]) if chance.random() < 0.3 else 204)
        for n in range(40):
            await ann.task(projects[n % 4], title=f"T{n}")
        for _ in range(40):
            await post.send()
            if not await sent(ann, webhook, "?state=pending&limit=1"):
                break
            post.forward(minutes=10)
        events = (await ann.get("/events?limit=200")).json()
        expected = [int(each["seq"]) for each in events if int(each["seq"]) >= _first(receiver)]
        heard = [seq for each in receiver.taken for seq in each.seqs]
        assert sorted(set(heard)) == expected and len(heard) == len(expected)
        by_stream: dict[Any, list[int]] = defaultdict(list)
        for each in receiver.taken:
            by_stream[each.payload["data"]["project_id"]].extend(each.seqs)
        assert len(by_stream) == 5 and all(seqs == sorted(seqs) for seqs in by_stream.values())
        tries: dict[str, set[str]] = defaultdict(set)
        for each in receiver.received:
            tries[each.id].add(each.body.decode())
        assert any(len(d["attempts"]) > 1 for d in await sent(ann, webhook, "?limit=200"))
        assert all(len(bodies) == 1 for bodies in tries.values()), "each retry says the same"

    async def test_a_stuck_project_holds_nobody_else_up_and_its_own_for_an_hour(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        stuck, other = await ann.project(), await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        first, second = await ann.task(stuck, title="first"), await ann.task(stuck, title="second")
        await ann.task(other, title="other")
        receiver.reply = lambda got: Reply(503 if got.payload["data"]["task_id"] == first["id"] else 200)
        await post.send()
        assert [each.payload["data"]["task_title"] for each in receiver.taken] == ["other"]
        post.forward(minutes=59)
        await post.send()
        assert len(receiver.taken) == 1
        post.forward(minutes=2)
        await post.send()
        overtaking = receiver.taken[1].payload
        assert (overtaking["data"]["task_id"], overtaking["delayed"]) == (second["id"], True)
        receiver.reply = lambda _: Reply()
        post.forward(hours=7)
        await post.send()
        assert (receiver.taken[2].payload["data"]["task_id"], receiver.taken[2].payload["delayed"]) == (
            first["id"],
            True,
        )
        assert {each["state"] for each in await sent(ann, webhook)} == {"delivered"}

    async def test_other_refusals_are_dead_letters_and_are_sent_again_by_hand(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        await ann.task(project)
        receiver.reply = lambda _: Reply(400, {}, b"<b>no</b>")
        await post.send()
        (dead,) = await sent(ann, webhook, "?state=dead&type=task_created")
        assert [(each["status"], each["response"]) for each in dead["attempts"]] == [(400, "<b>no</b>")]
        receiver.reply = lambda _: Reply()
        where = f"/webhooks/{webhook['id']}/deliveries/{dead['id']}/resend"
        again = await ann.post(where)
        assert (again.json()["state"], again.json()["delayed"]) == ("pending", True)
        assert_refused(await ann.post(where), 409, "webhook.delivery_under_way")
        await post.send()
        assert receiver.received[0].id == receiver.received[1].id == dead["id"]
        assert receiver.taken[0].payload["delayed"] is True
        (delivered,) = await sent(ann, webhook)
        assert [each["status"] for each in delivered["attempts"]] == [400, 204]

    async def test_gone_switches_it_off_and_tells_the_admins(self, ann: Person, receiver: Receiver, post: Post) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        await ann.task(project)
        receiver.reply = lambda _: Reply(410)
        await post.send()
        found = (await ann.get(f"/webhooks/{webhook['id']}")).json()
        assert (found["state"], found["disabled_reason"], found["version"]) == ("disabled", "gone", 2)
        (event,) = (await ann.get("/events?types=webhook_disabled")).json()
        assert (event["reason"], event["via"], event["actor_id"]) == ("gone", "system", None)
        assert (await ann.get("/audit-events?type=webhook.changed")).json()[0]["details"]["reason"] == "gone"
        assert (event["last_status"], event["last_error"], event["failing_since"]) == (410, None, event["occurred_at"])

    async def test_owners_and_admins_are_mailed_once_that_it_was_switched_off(
        self, api: Api, ann: Person, receiver: Receiver, post: Post, mail: Mail
    ) -> None:
        adam, mia = await api.colleague(ann, role="admin"), await api.colleague(ann)
        people = [each.email for each in (ann, adam, mia)]
        api.sql("update accounts set email_verified_at = now() where email = any(%s) returning 1", (people,))
        webhook = await hook(ann, receiver, types=["task_created"], description="Chat room")
        await ann.task(await ann.project())
        receiver.reply = lambda _: Reply(410, {}, b"hush: secret words of the receiver")
        await post.send()
        subject = "A webhook of"
        texts = [(await mail.message(each, subject)).get_content() for each in people[:2]]
        assert all("“Chat room”" in text and "answered with 410" in text for text in texts)
        assert all(f"/api/v1/webhooks/{webhook['id']}" in text and "hush" not in text for text in texts)
        # Whoever is told by the same letter was told by now.
        assert not [each for each in mail.to(people[2]) if subject in each["Subject"]]
        assert [len([each for each in mail.to(one) if subject in each["Subject"]]) for one in people[:2]] == [1, 1]
        # What was sent is struck off in a moment.
        waiting = "select email from accounts where email = any(%s) and letters <> '[]'"
        async with asyncio.timeout(5):
            while api.sql(waiting, (people,)):
                await asyncio.sleep(0.05)

    async def test_one_that_only_fails_rests_is_tried_now_and_then_and_is_switched_off(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        projects = [await ann.project() for _ in range(12)]
        webhook = await hook(ann, receiver, types=["task_created"])
        for each in projects:
            await ann.task(each)
        receiver.reply = lambda _: Reply(500)
        await post.send()
        tried = len(receiver.received)
        assert 10 <= tried < 14
        assert (await ann.get(f"/webhooks/{webhook['id']}")).json()["state"] == "failing"
        await post.send()
        assert len(receiver.received) == tried, "it rests"
        post.forward(hours=2)
        await post.send()
        assert len(receiver.received) == tried + 1, "one is tried"
        post.forward(days=3)
        await post.send()
        found = (await ann.get(f"/webhooks/{webhook['id']}")).json()
        assert (found["state"], found["disabled_reason"]) == ("disabled", "failing")
        receiver.reply = lambda _: Reply()
        await ann.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
        await post.send()
        # One may have been tried again right after three days, and was given up.
        dead = await sent(ann, webhook, "?state=dead")
        assert len(dead) <= 1
        assert len(receiver.taken) == 12 - len(dead), "what waited is not lost"

    async def test_retry_after_is_waited_for(self, ann: Person, receiver: Receiver, post: Post) -> None:
        project = await ann.project()
        await hook(ann, receiver, types=["task_created"])
        await ann.task(project)
        receiver.reply = lambda _: Reply(429, {"Retry-After": "600"})
        await post.send()
        post.forward(minutes=9)
        await post.send()
        assert len(receiver.received) == 1
        post.forward(minutes=2)
        await post.send()
        assert len(receiver.received) == 2

    async def test_two_processes_at_once_never_change_the_order(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        projects = [await ann.project() for _ in range(3)]
        await hook(ann, receiver, types=["task_created"])
        for n in range(30):
            await ann.task(projects[n % 3])
        await post.queue()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*(dispatch(post.dispatches()) for _ in range(3)))
        # Who finds a company taken looks again later.
        await post.send()
        by_project: dict[str, list[int]] = defaultdict(list)
        for each in receiver.taken:
            by_project[each.payload["data"]["project_id"]].extend(each.seqs)
        assert [len(seqs) for seqs in by_project.values()] == [10, 10, 10]
        assert all(seqs == sorted(seqs) for seqs in by_project.values())
        assert receiver.most_under_way <= 4

    async def test_what_a_stopped_worker_was_sending_is_sent_again_at_once_with_the_same_id(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        await ann.task(project)
        held = asyncio.Event()
        receiver.reply = lambda _: Reply(wait=held)
        await post.queue()
        dying = asyncio.create_task(dispatch(post.dispatches(), grace=0.0))
        async with asyncio.timeout(BOUND):
            while not receiver.received:
                await asyncio.sleep(0.01)
        dying.cancel()
        await asyncio.wait([dying])
        held.set()
        receiver.reply = lambda _: Reply()
        await post.send()
        assert receiver.received[0].id == receiver.received[1].id
        assert (await sent(ann, webhook))[0]["state"] == "delivered"


class TestReplaying:
    async def test_what_happened_after_a_position_comes_again_and_then_what_follows(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        for n in range(7):
            await ann.task(project, title=f"T{n}")
        events = (await ann.get("/events?types=task_created")).json()
        webhook = await hook(ann, receiver, types=["task_created"])
        await post.send()
        assert receiver.received == []
        answer = await ann.post(f"/webhooks/{webhook['id']}/replay", {"after": events[1]["seq"]})
        assert (answer.status_code, answer.json()["replaying_after"]) == (200, events[1]["seq"])
        await ann.task(project, title="new")
        await post.send()
        heard = [each.payload["data"]["task_title"] for each in receiver.taken]
        assert heard == ["T2", "T3", "T4", "T5", "T6", "new"]
        assert (await ann.get(f"/webhooks/{webhook['id']}")).json()["replaying_after"] is None
        assert_refused(await ann.post(f"/webhooks/{webhook['id']}/replay", {"after": "999999"}), 422, "request.invalid")

    async def test_one_that_is_switched_on_again_hears_what_happens_from_then_on(
        self, ann: Person, receiver: Receiver, post: Post
    ) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"], is_active=False)
        await ann.task(project, title="missed")
        await ann.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
        await ann.task(project, title="heard")
        await post.send()
        assert [each.payload["data"]["task_title"] for each in receiver.taken] == ["heard"]

    async def test_lists_are_paged_and_of_one_webhook_alone(self, ann: Person, receiver: Receiver, post: Post) -> None:
        project = await ann.project()
        webhook = await hook(ann, receiver, types=["task_created"])
        other = await hook(ann, receiver, types=["label_created"])
        for _ in range(5):
            await ann.task(project)
        await post.send()
        first = await ann.get(f"/webhooks/{webhook['id']}/deliveries?limit=2&include_total=true&sort=created_at")
        assert first.headers["x-total-count"] == "5"
        link = first.headers["link"].partition(">")[0].removeprefix("</api/v1")
        second = await ann.get(link)
        seqs = [int(each["seqs"][0]) for each in first.json() + second.json()]
        assert seqs == sorted(seqs) and len(set(seqs)) == 4
        assert await sent(ann, other) == []


def _first(receiver: Receiver) -> int:
    return min(min(each.seqs) for each in receiver.taken)
