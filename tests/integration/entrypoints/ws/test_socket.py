"""The socket over TCP: who is let in, what they hear, and when it ends."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import InvalidStatus

from core.jobs.model import JobRef
from core.kernel.actor import System
from entrypoints.live import hub
from entrypoints.ws import endpoint
from tests.integration.entrypoints.ws.living import Living


async def audited(live: Living, of: Any, rule: str) -> list[dict[str, Any]]:
    answer = await of.get("/audit-events?type=permission.denied")
    return [each for each in answer.json() if each["details"].get("rule") == rule]


class TestLettingIn:
    @pytest.mark.parametrize("prefix", ["", "/api/v1"])
    async def test_an_access_token_opens_ones_own_socket(self, live: Living, prefix: str) -> None:
        olga = await live.api.register()
        async with live.opened(olga.user_id, prefix=prefix) as ear:
            assert ear.connection.subprotocol == "flowtrack.v1"
            ready = await ear.sign_in(olga.token)
            head = (await olga.get("/events")).headers["x-event-seq"]
            assert ready == {
                "type": "ready",
                "seq": head,
                "user_id": olga.user_id,
                "company_id": olga.company_id,
                "heartbeat_seconds": 25,
            }

    async def test_whoever_says_nothing_is_let_go(self, live: Living, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(endpoint, "AUTHENTICATED_WITHIN", 0.2)
        olga = await live.api.register()
        async with live.opened(olga.user_id) as ear:
            assert await ear.closed() == (4401, "auth.too_late")

    @pytest.mark.parametrize(
        "message",
        [
            {"type": "auth", "token": "nonsense"},
            {"type": "auth", "token": "ftk_nonsense"},
            {"type": "auth", "token": ""},
            {"type": "auth"},
            {"type": "subscribe"},
            {"type": "dance"},
            [],
        ],
    )
    async def test_what_is_no_token_is_refused(self, live: Living, message: Any) -> None:
        olga = await live.api.register()
        async with live.opened(olga.user_id) as ear:
            await ear.connection.send(json.dumps(message))
            assert (await ear.closed())[0] == 4401

    async def test_anothers_socket_is_refused_and_noted(self, live: Living) -> None:
        olga = await live.api.register()
        mia = await live.api.colleague(olga)
        for user_id in (olga.user_id, "no-id"):
            async with live.opened(user_id) as ear:
                await ear.say(type="auth", token=mia.token)
                assert await ear.closed() == (4403, "socket.of_another")
        (noted,) = await audited(live, olga, "socket.of_another")
        assert noted["actor_id"] == mia.user_id

    async def test_an_api_token_needs_its_scope(self, live: Living) -> None:
        olga = await live.api.register()
        for scope, is_let_in in (("events:read", True), ("tasks:read", False)):
            made = await olga.post("/auth/tokens", {"name": scope, "scopes": [scope]})
            async with live.opened(olga.user_id) as ear:
                if is_let_in:
                    await ear.sign_in(made.json()["token"])
                else:
                    await ear.say(type="auth", token=made.json()["token"])
                    assert await ear.closed() == (4403, "auth.scope_missing")

    async def test_a_browser_must_come_from_an_allowed_page(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.opened(olga.user_id, origin="https://evil.example") as ear:
            assert await ear.closed() == (4403, "socket.origin_refused")
        async with live.opened(olga.user_id, origin=live.url) as ear:
            await ear.sign_in(olga.token)

    async def test_a_session_that_ended_opens_nothing(self, live: Living) -> None:
        olga = await live.api.register()
        await olga.post("/auth/logout", {})
        async with live.opened(olga.user_id) as ear:
            await ear.say(type="auth", token=olga.token)
            assert await ear.closed() == (4401, "auth.session_ended")

    async def test_there_are_no_other_sockets(self, live: Living) -> None:
        with pytest.raises(InvalidStatus):
            async with live.opened("", prefix="/elsewhere"):
                pass


class TestHearing:
    async def test_a_change_is_heard_as_the_log_tells_it(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        async with live.ear(olga) as ear:
            task = await olga.task(project)
            heard = await ear.event()
            (told,) = (await olga.get(f"/events?after={int(heard['seq']) - 1}")).json()
            assert heard == {"type": "event", **told}
            assert (heard["event"], heard["task_id"]) == ("task_created", task["id"])

    async def test_without_a_subscription_all_is_heard_from_the_beginning(
        self, live: Living, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(endpoint, "SUBSCRIBED_WITHIN", 0.3)
        olga = await live.api.register()
        async with live.opened(olga.user_id) as ear:
            ready = await ear.sign_in(olga.token)
            project = await olga.project()
            said = await ear.next()
            assert (said["type"], said["seq"]) == ("subscribed", ready["seq"])
            assert sorted(said["channels"]) == ["kanban_updates", "notifications", "project_updates", "task_updates"]
            assert (await ear.event())["project_id"] == project["id"]

    async def test_what_was_missed_is_told_from_a_position(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        for _ in range(3):
            await olga.task(project)
        everything = (await olga.get("/events")).json()
        for since in (0, 2):
            async with live.ear(olga, since=str(since)) as ear:
                heard = [await ear.event() for _ in range(len(everything) - since)]
                assert [each["seq"] for each in heard] == [each["seq"] for each in everything[since:]]

    async def test_only_the_channels_asked_for(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        async with live.ear(olga, channels=["kanban_updates"]) as ear:
            task = await olga.task(project)
            await olga.patch(f"/tasks/{task['id']}", {"title": "Another"})
            await olga.patch(f"/tasks/{task['id']}/move", {"new_status": "done"})
            assert (await ear.event())["event"] == "task_moved"
            await ear.say(type="subscribe", channels=["task_updates"])
            assert (await ear.next())["channels"] == ["task_updates"]
            await olga.patch(f"/tasks/{task['id']}", {"title": "A third"})
            assert (await ear.event())["event"] == "task_updated"

    async def test_whoever_leaves_a_project_hears_no_more_of_it(self, live: Living) -> None:
        olga = await live.api.register()
        web, app = await olga.project(), await olga.project()
        mia = await live.api.colleague(olga, projects=(web, app))
        async with live.ear(mia) as ear:
            await olga.task(web)
            assert (await ear.event())["project_id"] == web["id"]
            assert (await olga.delete(f"/projects/{web['id']}/members/{mia.user_id}")).status_code == 204
            await olga.task(web)
            last = await olga.task(app)
            heard = await ear.until("task_created")
            assert heard[-1]["task_id"] == last["id"]
            assert [each["event"] for each in heard[:-1]] == ["project_member_removed"]

    async def test_another_role_holds_from_the_next_event_on(self, live: Living) -> None:
        olga = await live.api.register()
        secret = await olga.project()
        mia = await live.api.colleague(olga)
        async with live.ear(mia) as ear:
            await olga.task(secret)
            await olga.patch(f"/users/{mia.user_id}", {"role": "admin"})
            second = await olga.task(secret)
            (*_, heard) = await ear.until("task_created")
            assert heard["task_id"] == second["id"]
            await olga.patch(f"/users/{mia.user_id}", {"role": "member"})
            await olga.task(secret)
            mine = await mia.patch("/users/me", {"name": "Mia"})
            assert mine.status_code == 200
            rest = await ear.until("user_updated", seq=mine.headers["x-event-seq"])
            assert "task_created" not in {each["event"] for each in rest}

    async def test_many_events_of_one_transaction_come_in_order(self, live: Living) -> None:
        olga = await live.api.register()
        project = await olga.project()
        operations = [
            {"op": "create", "project_id": project["id"], "title": f"Task {number}"} for number in range(1000)
        ]
        async with live.ear(olga) as ear:
            answer = await olga.post("/tasks/bulk", {"operations": operations})
            assert answer.status_code == 200
            heard = [await ear.event() for _ in range(1000)]
            seqs = [int(each["seq"]) for each in heard]
            assert seqs == list(range(seqs[0], seqs[0] + 1000))


class TestJobs:
    async def test_whoever_asked_for_a_job_hears_how_far_it_is(self, live: Living) -> None:
        olga = await live.api.register()
        adam = await live.api.colleague(olga, role="admin")
        project = await olga.project()
        async with live.ear(olga) as ear, live.ear(adam) as other:
            answer = await olga.post(
                f"/tasks/import?project_id={project['id']}",
                content=b"title\nOne\nTwo\n",
                headers={"Content-Type": "text/csv"},
            )
            job_id = answer.json()["id"]
            ref = JobRef(UUID(olga.company_id), UUID(job_id))
            while not await live.container.job_run_use_cases().run(System(), ref):
                pass
            told: dict[str, Any] = {}
            while told.get("state") != "finished":
                told = await ear.next()
                assert told["type"] in ("job_progress", "event", "presence")
            assert told == {
                "type": "job_progress",
                "job_id": job_id,
                "kind": "task_import",
                "state": "finished",
                "progress": (await olga.get(f"/jobs/{job_id}")).json()["progress"],
            }
            await other.say(type="ping")
            while (said := await other.next())["type"] != "heartbeat":
                assert said["type"] != "job_progress"


class TestEnding:
    async def test_signing_out_closes_it_at_once(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.ear(olga) as ear:
            await olga.post("/auth/logout", {})
            assert await ear.closed() == (4401, "auth.session_ended")

    async def test_of_two_devices_one_goes_on(self, live: Living) -> None:
        olga = await live.api.register()
        other = await live.api.login(olga.email)
        async with live.ear(olga) as here, live.ear(other) as there:
            answer = await other.delete(f"/auth/sessions/{olga.session_id}")
            assert answer.status_code == 204
            assert (await here.closed())[0] == 4401
            await other.project()
            assert (await there.event())["event"] == "project_created"

    async def test_a_deactivated_user_is_let_go(self, live: Living) -> None:
        olga = await live.api.register()
        mia = await live.api.colleague(olga)
        async with live.ear(mia) as ear:
            assert (await olga.delete(f"/users/{mia.user_id}")).status_code == 204
            assert (await ear.closed())[0] == 4401

    async def test_whose_password_an_admin_changes_is_let_go_at_once(
        self, live: Living, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # It was told, and not found by looking.
        monkeypatch.setattr(hub, "POLLED_EVERY", 600.0)
        mia = await live.api.register()
        olga = await live.api.colleague(mia, role="owner")
        # The account belongs to this company alone, and so the company sets its password.
        live.api.sql("update users set role = 'member' where id = %s", (mia.user_id,))
        async with live.ear(mia) as ear:
            answer = await olga.patch(f"/users/{mia.user_id}", {"password": "another-Secret-phrase-9"})
            assert answer.status_code == 200, answer.text
            assert await ear.closed() == (4401, "auth.session_ended")

    async def test_a_revoked_token_is_let_go(self, live: Living) -> None:
        olga = await live.api.register()
        made = (await olga.post("/auth/tokens", {"name": "t", "scopes": ["events:read"]})).json()
        async with live.ear(olga, token=made["token"]) as ear:
            await olga.delete(f"/auth/tokens/{made['id']}")
            assert (await ear.closed())[0] == 4401

    async def test_a_position_beyond_the_log_is_a_resync(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.opened(olga.user_id) as ear:
            await ear.sign_in(olga.token)
            await ear.say(type="subscribe", since="999999")
            assert await ear.closed() == (4409, "events.position_invalid")

    async def test_a_position_that_is_kept_no_longer_is_a_resync(self, live: Living) -> None:
        olga = await live.api.register()
        live.api.sql("delete from events where company_id = %s and seq = 1 returning seq", (olga.company_id,))
        async with live.opened(olga.user_id) as ear:
            await ear.sign_in(olga.token)
            await ear.say(type="subscribe", since="0")
            assert await ear.closed() == (4409, "events.expired")
        async with live.ear(olga, since="1") as ear:
            assert (await ear.event())["seq"] == "2"


class TestWhatClientsSay:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("{", "frame.malformed"),
            ("[" * 5000, "frame.malformed"),
            ("null", "frame.malformed"),
            ("{}", "frame.malformed"),
            ('{"type": 5}', "frame.malformed"),
            ('{"type": "dance"}', "frame.unknown"),
            ('{"type": "subscribe", "channels": []}', "frame.invalid"),
            ('{"type": "subscribe", "channels": ["weather"]}', "frame.invalid"),
            ('{"type": "subscribe", "since": "-1"}', "frame.invalid"),
            ('{"type": "subscribe", "since": "1e3"}', "frame.invalid"),
            ('{"type": "subscribe", "since": true}', "frame.invalid"),
            ('{"type": "subscribe", "since": 1.0}', "frame.invalid"),
            ('{"type": "subscribe", "surprise": 1}', "frame.invalid"),
            ('{"type": "subscribe", "since": "1"}', "frame.misplaced"),
            ('{"type": "auth", "token": "x"}', "frame.misplaced"),
            (b"\x00\x01", "frame.binary"),
        ],
    )
    async def test_what_is_not_understood_is_named_and_the_socket_goes_on(
        self, live: Living, text: str | bytes, code: str
    ) -> None:
        olga = await live.api.register()
        async with live.ear(olga) as ear:
            await ear.connection.send(text)
            said = await ear.next()
            assert (said["type"], said["code"]) == ("error", code)
            await ear.say(type="ping")
            assert await ear.next() == {"type": "heartbeat", "seq": ear.ready["seq"]}

    async def test_too_large_a_message_ends_it(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.ear(olga) as ear:
            await ear.connection.send("x" * 70_000)
            assert (await ear.closed())[0] == 1009

    async def test_ten_thousand_subscriptions_end_it(self, live: Living) -> None:
        olga = await live.api.register()
        async with live.ear(olga) as ear:

            async def flood() -> None:
                for _ in range(10_000):
                    await ear.say(type="subscribe")

            flooding = asyncio.create_task(flood())
            assert await ear.closed() == (1008, "frame.too_many")
            await asyncio.gather(flooding, return_exceptions=True)
        async with asyncio.timeout(10):
            while not (noted := (await olga.get("/audit-events?type=permission.denied")).json()):
                await asyncio.sleep(0.05)
        assert [each["details"]["rule"] for each in noted] == ["frame.too_many"]
