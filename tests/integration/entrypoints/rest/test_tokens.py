"""API tokens over HTTP: how they are made, what they open, and what ends them. Section 4 of the contract."""

import asyncio
import base64
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.kernel.actor import System
from core.tokens.model import Scope
from entrypoints.container import Container
from tests.integration.api import PASSWORD, Api, Person

ALL = [str(scope) for scope in Scope]
INVALID = (401, "auth.token_invalid")


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def made(person: Person, path: str = "/auth/tokens", **fields: Any) -> dict[str, Any]:
    answer = await person.post(path, {"name": "Report", "scopes": ALL, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def acting(person: Person, token: str) -> Person:
    """Whoever sends that token."""
    return replace(person, token=token)


async def by_token(person: Person, *scopes: str) -> Person:
    return acting(person, (await made(person, scopes=list(scopes or ALL)))["token"])


async def robot(owner: Person, **fields: Any) -> dict[str, Any]:
    answer = await owner.post("/users", {"name": f"Robot {token_hex(4)}", "kind": "service", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def robot_token(owner: Person, user: dict[str, Any], **fields: Any) -> Person:
    return acting(owner, (await made(owner, f"/users/{user['id']}/tokens", **fields))["token"])


def an_hour_ago(api: Api, person: Person) -> None:
    """The person proved who they are an hour ago."""
    api.sql(
        "update login_sessions set authenticated_at = now() - interval '1 hour' where id = %s", (person.session_id,)
    )


class TestMaking:
    async def test_the_secret_is_shown_once_and_kept_as_a_digest(self, api: Api) -> None:
        ann = await api.register()
        answer = await ann.post("/auth/tokens", {"name": " Nightly report ", "scopes": ["tasks:write", "tasks:read"]})
        token = answer.json()
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["location"] == f"/api/v1/auth/tokens/{token['id']}"
        secret = token.pop("token")
        assert secret.startswith("ftk_") and len(secret) == 53
        assert token["hint"] == secret[:8]
        assert (token["name"], token["scopes"], token["status"]) == (
            "Nightly report", ["tasks:read", "tasks:write"], "active",
        )  # fmt: skip
        life = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["created_at"])
        assert life == timedelta(days=90)
        for path in ("/auth/tokens", f"/auth/tokens/{token['id']}", f"/users/me/tokens/{token['id']}"):
            shown = await ann.get(path)
            assert shown.json() in (token, [token])
            assert secret not in shown.text
        rows = api.sql("select t::text from api_tokens t where id = %s", (token["id"],))
        events = api.sql("select body::text from events where company_id = %s", (ann.company_id,))
        notes = api.sql("select a::text from audit_events a where company_id = %s", (ann.company_id,))
        assert secret not in str([rows, events, notes])
        assert secret[8:] not in str([rows, events, notes])

    async def test_it_needs_a_fresh_proof(self, api: Api) -> None:
        ann = await api.register()
        service = await robot(ann)
        an_hour_ago(api, ann)
        for path in ("/auth/tokens", f"/users/{service['id']}/tokens"):
            refused = await ann.post(path, {"name": "x", "scopes": ALL})
            assert code(refused) == (403, "auth.step_up_required")
        assert (await ann.post("/auth/step-up", {"password": PASSWORD})).status_code == 200
        assert await made(ann)

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"name": " "}, "/name"),
            ({"scopes": []}, "/scopes"),
            ({"scopes": ["tasks:delete"]}, "/scopes/0"),
            ({"scopes": ["tasks:read"] * 99}, "/scopes"),
            ({"scopes": "tasks:read"}, "/scopes"),
            ({"expires_at": None}, "/expires_at"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
            ({"expires_at": "9999-12-31T23:59:59Z"}, "/expires_at"),
            ({"expires_at": "tomorrow"}, "/expires_at"),
            ({"expires_at": 1}, "/expires_at"),
            ({"user_id": str(uuid4())}, "/user_id"),
        ],
    )
    async def test_bad_values_are_refused_with_their_place(
        self, api: Api, fields: dict[str, Any], pointer: str
    ) -> None:
        ann = await api.register()
        answer = await ann.post("/auth/tokens", {"name": "x", "scopes": ["tasks:read"], **fields})
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert api.count("api_tokens", ann.company_id) == 0

    async def test_a_service_s_may_have_no_end(self, api: Api) -> None:
        ann = await api.register()
        path = f"/users/{(await robot(ann))['id']}/tokens"
        assert (await made(ann, path, expires_at=None))["expires_at"] is None
        ends = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (await made(ann, path, expires_at=ends))["expires_at"] == ends

    async def test_nobody_makes_one_for_a_person(self, api: Api) -> None:
        ann = await api.register()
        bob = await api.colleague(ann)
        for user_id in (bob.user_id, ann.user_id, "me"):
            refused = await ann.post(f"/users/{user_id}/tokens", {"name": "x", "scopes": ALL})
            assert code(refused) == (403, "token.holder_is_person")

    async def test_a_key_makes_one_and_its_replay_shows_no_secret(self, api: Api) -> None:
        ann = await api.register()
        path, body = f"/users/{(await robot(ann))['id']}/tokens", {"name": "x", "scopes": ["tasks:read"]}
        first = await ann.post(path, body, headers={"Idempotency-Key": "k"})
        again = await ann.post(path, body, headers={"Idempotency-Key": "k"})
        assert first.json()["token"].startswith("ftk_")
        assert again.json() == {**first.json(), "token": None}
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["x-event-seq"] == first.headers["x-event-seq"]
        assert api.count("api_tokens", ann.company_id) == 1
        other = await ann.post(path, {**body, "name": "y"}, headers={"Idempotency-Key": "k"})
        assert code(other) == (422, "idempotency.key_reused")

    async def test_one_may_have_a_hundred(self, api: Api) -> None:
        ann = await api.register()
        api.sql(
            "insert into api_tokens (company_id, id, user_id, name, scopes, digest, hint, created_at)"
            " select %s, gen_random_uuid(), %s, 'x', '{tasks:read}', uuid_send(gen_random_uuid()), 'ftk_', now()"
            " from generate_series(1, 99)",
            (ann.company_id, ann.user_id),
        )
        # Two at once: the holder's row is locked.
        answers = await asyncio.gather(*(ann.post("/auth/tokens", {"name": "x", "scopes": ALL}) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert code(refused) == (409, "token.too_many")


class TestListing:
    async def test_pages_and_statuses(self, api: Api) -> None:
        ann = await api.register()
        tokens = [await made(ann, name=f"T{number}") for number in range(4)]
        await ann.delete(f"/auth/tokens/{tokens[0]['id']}")
        api.sql("update api_tokens set expires_at = now() where id = %s", (tokens[1]["id"],))

        async def names(query: str, path: str = "/auth/tokens") -> list[str]:
            return [each["name"] for each in (await ann.get(f"{path}?{query}")).json()]

        for path in ("/auth/tokens", "/users/me/tokens", f"/users/{ann.user_id}/tokens"):
            assert await names("", path) == ["T3", "T2", "T1", "T0"]
            assert await names("status=active", path) == ["T3", "T2"]
            assert await names("sort=name", path) == ["T0", "T1", "T2", "T3"]
            assert await names("status=expired,revoked", path) == ["T1", "T0"]
        first = await ann.get("/auth/tokens?limit=3&include_total=true")
        assert first.headers["x-total-count"] == "4"
        following = first.headers["link"].partition(">")[0].lstrip("<").removeprefix("/api/v1")
        assert [each["name"] for each in (await ann.get(following)).json()] == ["T0"]
        assert (await ann.get("/auth/tokens?status=gone")).status_code == 422

    async def test_members_see_those_of_nobody_else_and_admins_of_all(self, api: Api) -> None:
        ann = await api.register()
        project = await ann.project()
        bob, eve = await api.colleague(ann, projects=(project,)), await api.colleague(ann, projects=(project,))
        zoe = await api.colleague(ann)
        token = await made(bob)
        path = f"/users/{bob.user_id}/tokens"
        for who, expected in ((eve, (403, "permission.denied")), (zoe, (404, "user.not_found"))):
            for refused in (
                await who.get(path),
                await who.get(f"{path}/{token['id']}"),
                await who.delete(f"{path}/{token['id']}"),
            ):
                assert code(refused) == expected
        assert len((await ann.get(path)).json()) == 1
        assert (await ann.delete(f"{path}/{token['id']}")).status_code == 204
        assert code(await acting(bob, token["token"]).get("/tasks")) == INVALID


class TestWhatEndsOne:
    async def test_revoking_at_once_on_every_process(self, api: Api, another_app: Any) -> None:
        ann = await api.register()
        token = await made(ann)
        async with another_app() as there:
            here, elsewhere = acting(ann, token["token"]), replace(acting(ann, token["token"]), client=there.client)
            for each in (here, elsewhere):
                assert (await each.get("/tasks")).status_code == 200
            assert (await ann.delete(f"/auth/tokens/{token['id']}")).status_code == 204
            for each in (here, elsewhere):
                for answer in (
                    await each.get("/tasks"),
                    await each.get("/tasks/NONE-1"),
                    await each.get("/tasks?unknown=1"),
                    await each.get("/auth/sessions"),
                    await each.post("/projects", {"name": "x"}),
                    await each.post("/projects", {}),
                ):
                    assert code(answer) == INVALID
        again = await ann.delete(f"/auth/tokens/{token['id']}")
        assert again.status_code == 204

    @pytest.mark.parametrize("warm", [True, False])
    @pytest.mark.parametrize("end", ["expired", "deactivated", "left", "company deleted", "company inactive"])
    async def test_everything_else_at_once(self, api: Api, end: str, warm: bool) -> None:
        ann = await api.register()
        bob = await api.colleague(ann)
        token = await made(bob)
        program = acting(bob, token["token"])
        if warm:
            assert (await program.get("/tasks")).status_code == 200
        ends: dict[str, Callable[[], Awaitable[Any]]] = {
            "deactivated": lambda: ann.delete(f"/users/{bob.user_id}"),
            "left": lambda: bob.post(f"/companies/{bob.company_id}/leave"),
            "company deleted": lambda: ann.send(
                "DELETE", f"/companies/{ann.company_id}", json={"confirm": ann.company["code"]}
            ),
        }
        if end in ends:
            answer = await ends[end]()
            assert answer.is_success, answer.text
        elif end == "expired":
            api.sql("update api_tokens set expires_at = now() where id = %s", (token["id"],))
        else:
            api.sql("update companies set is_active = false where id = %s", (ann.company_id,))
        for answer in (await program.get("/tasks"), await program.post("/projects", {"name": "x"})):
            assert code(answer) == INVALID

    async def test_whoever_comes_back_has_to_make_new_ones(self, api: Api) -> None:
        ann = await api.register()
        service = await robot(ann)
        program = await robot_token(ann, service)
        assert (await program.get("/tasks")).status_code == 200
        assert (await ann.delete(f"/users/{service['id']}")).status_code == 204
        refused = await ann.post(f"/users/{service['id']}/tokens", {"name": "x", "scopes": ALL})
        assert code(refused) == (409, "token.holder_inactive")
        assert (await ann.patch(f"/users/{service['id']}", {"is_active": True})).status_code == 200
        assert code(await program.get("/tasks")) == INVALID
        assert [each["status"] for each in (await ann.get(f"/users/{service['id']}/tokens")).json()] == ["revoked"]
        assert (await (await robot_token(ann, service)).get("/tasks")).status_code == 200

    async def test_signing_out_ends_none(self, api: Api) -> None:
        ann = await api.register()
        program = await by_token(ann)
        assert (await ann.post("/auth/logout", {"all": True})).status_code == 204
        assert (await program.get("/tasks")).status_code == 200

    async def test_the_present_role_counts_at_once(self, api: Api) -> None:
        ann = await api.register()
        service = await robot(ann, role="admin")
        program = await robot_token(ann, service)
        assert (await program.get("/users")).status_code == 200
        assert (await program.post("/projects", {"name": "x"})).status_code == 201
        await ann.patch(f"/users/{service['id']}", {"role": "member"})
        assert code(await program.get("/users")) == (403, "permission.denied")
        assert code(await program.post("/projects", {"name": "x"})) == (403, "permission.denied")


def mangled(token: str) -> dict[str, str]:
    """What is no token, or was one."""
    body, checksum = token[4:-6], token[-6:]
    swapped = body[1] + body[0] + body[2:] if body[0] != body[1] else body[::-1]
    return {
        "empty": "",
        "a letter changed": f"ftk_{swapped}{checksum}",
        "the checksum changed": f"ftk_{body}{'A' * 6 if checksum != 'A' * 6 else 'B' * 6}",
        "cut off": token[:-1],
        "longer": f"{token}x",
        "twice": f"{token}{token}",
        "in capitals": token.upper(),
        "a prefix": "ftk_",
        "oversized": f"ftk_{'x' * 7_000}",
        "with a space": f"{token[:20]} {token[20:]}",
        "percent": token.replace("_", "%5F"),
        "null": "ftk_\\0",
    }


class TestWhatIsNoToken:
    @pytest.mark.parametrize("how", mangled("ftk_" + "ab" * 30))
    async def test_it_is_refused_by_its_name(self, api: Api, how: str) -> None:
        ann = await api.register()
        token = (await made(ann))["token"]
        answer = await acting(ann, mangled(token)[how]).get("/tasks")
        assert code(answer) == INVALID
        assert answer.headers["www-authenticate"] == 'Bearer realm="flowtrack"'

    @pytest.mark.parametrize("raw", [b"Bearer ftk_\xff\xfe", "Bearer ftk_ж".encode(), b"Bearer ftk_\xc3\x28" * 9])
    async def test_bytes_that_are_no_text(self, api: Api, raw: bytes) -> None:
        answer = await api.client.get("/api/v1/tasks", headers=[(b"authorization", raw)])
        assert code(answer) == INVALID

    async def test_a_checksum_alone_opens_nothing(self, api: Api) -> None:
        ann = await api.register()
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        secret, number, check = "x" * 43, zlib.crc32(b"x" * 43), ""
        for _ in range(6):
            number, digit = divmod(number, 62)
            check = digits[digit] + check
        assert code(await acting(ann, f"ftk_{secret}{check}").get("/tasks")) == INVALID

    async def test_other_schemes_and_places(self, api: Api) -> None:
        token = (await made(await api.register()))["token"]
        basic = base64.b64encode(f"{token}:".encode()).decode()
        for headers in ({"Authorization": f"Basic {basic}"}, {"Authorization": token}, {"X-Api-Key": token}):
            assert code(await api.client.get("/api/v1/tasks", headers=headers)) == INVALID
        for headers in ({"Authorization": f"bearer {token}"}, {"Authorization": f"BEARER   {token} "}):
            assert (await api.client.get("/api/v1/tasks", headers=headers)).status_code == 200

    async def test_one_that_is_missing_another_company_or_no_id_is_404(self, api: Api) -> None:
        ann, eve = await api.register(), await api.register()
        theirs = await made(eve)
        for ref in (str(uuid4()), theirs["id"], "nonsense"):
            for path in (f"/auth/tokens/{ref}", f"/users/me/tokens/{ref}", f"/users/{ann.user_id}/tokens/{ref}"):
                for method in ("GET", "DELETE"):
                    assert code(await ann.send(method, path)) == (404, "token.not_found")
        assert (await acting(eve, theirs["token"]).get("/tasks")).status_code == 200


class TestActing:
    async def test_everything_that_a_request_can_say_counts(self, api: Api) -> None:
        ann = await api.register()
        program = await by_token(ann)
        project = await program.project(name="By token")
        key = {"Idempotency-Key": token_hex(8)}
        body = {"project_id": project["id"], "title": "Once"}
        first, again = [await program.post("/tasks", body, headers=key) for _ in range(2)]
        assert (first.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        # The key is the holder's, however they act.
        assert (await ann.post("/tasks", body, headers=key)).headers["idempotency-replayed"] == "true"
        task = first.json()
        assert task["created_by"] == ann.user_id
        head = await program.send("HEAD", f"/tasks/{task['id']}")
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
        assert int(head.headers["x-event-seq"]) >= int(first.headers["x-event-seq"])
        same = await program.get(f"/tasks/{task['id']}", headers={"If-None-Match": first.headers["etag"]})
        assert same.status_code == 304
        stale = await program.patch(f"/tasks/{task['id']}", {"title": "x"}, headers={"If-Match": '"9"'})
        assert stale.status_code == 412
        page = await program.get("/tasks?limit=1&include_total=true")
        assert page.headers["x-total-count"] == "1"

    async def test_events_and_audit_say_by_which_token(self, api: Api) -> None:
        ann = await api.register()
        service = await robot(ann, role="admin")
        token = await made(ann, f"/users/{service['id']}/tokens")
        program = acting(ann, token["token"])
        await program.project()
        last = (await ann.get("/events?after=0&types=project_created")).json()[-1]
        assert (last["via"], last["actor_id"]) == ("token", service["id"])
        user = await robot(program)
        rows = api.sql(
            "select type, via, actor_id::text, token_id::text, session_id, address, request_id is not null"
            " from audit_events where company_id = %s and details ->> 'user_id' = %s",
            (ann.company_id, user["id"]),
        )
        assert rows == [("user.created", "token", service["id"], token["id"], None, "127.0.0.1", True)]
        rows = api.sql(
            "select type, details ->> 'token_id', session_id::text from audit_events"
            " where company_id = %s and type like 'token.%%'",
            (ann.company_id,),
        )
        assert rows == [("token.created", token["id"], ann.session_id)]

    async def test_who_i_am(self, api: Api) -> None:
        ann, eve = await api.register(), await api.register()
        await api.colleague(eve, who=ann)
        service = await robot(ann)
        for program, user_id in (
            (await by_token(ann, "events:read"), ann.user_id),
            (await robot_token(ann, service, scopes=["events:read"]), service["id"]),
        ):
            for path in ("/auth/me", "/users/me", "/users/profile"):
                me = await program.get(path)
                assert (me.status_code, me.json()["id"]) == (200, user_id)
                assert [each["id"] for each in me.json()["companies"]] == [ann.company_id]
        program = await by_token(ann)
        assert [each["id"] for each in (await program.get("/companies")).json()] == [ann.company_id]
        assert (await program.get(f"/companies/{eve.company_id}")).status_code == 404

    async def test_a_service_without_project_sees_what_a_member_does(self, api: Api) -> None:
        ann = await api.register()
        project = await ann.project()
        task = await ann.task(project)
        service = await robot(ann)
        program = await robot_token(ann, service)
        assert (await program.get(f"/tasks/{task['id']}")).status_code == 404
        await ann.post(f"/projects/{project['id']}/members/{service['id']}")
        assert (await program.get(f"/tasks/{task['id']}")).status_code == 200
        assert code(await program.patch(f"/tasks/{task['id']}", {"title": "x"})) == (403, "permission.denied")

    async def test_it_opens_one_company_alone(self, api: Api) -> None:
        """A person of two companies: what they made in one sees nothing of the other."""
        ann, eve = await api.register(), await api.register()
        there = await api.colleague(eve, who=ann, role="owner")
        project = await there.project()
        program = await by_token(ann)
        for path in (f"/projects/{project['id']}", f"/companies/{eve.company_id}", f"/users/{there.user_id}"):
            assert (await program.get(path)).status_code == 404
        assert code(await program.post("/auth/switch-company", {"company_id": eve.company_id})) == (
            403, "auth.not_by_token",
        )  # fmt: skip

    async def test_it_accepts_no_invitation_and_signs_nobody_out(self, api: Api) -> None:
        ann = await api.register()
        program = await by_token(ann)
        refused = await program.client.post(
            "/api/v1/invitations/accept",
            json={"token": "fti_x", "password": PASSWORD},
            headers={"Authorization": f"Bearer {program.token}"},
        )
        assert code(refused) == (403, "auth.not_by_token")
        api.client.cookies.clear()
        assert (await program.post("/auth/logout", {"all": True})).status_code == 204
        assert (await ann.get("/auth/me")).status_code == 200


class TestLastUse:
    async def test_it_is_noted_about_once_a_minute_and_not_by_the_read(self, api: Api, container: Container) -> None:
        ann = await api.register()
        token = await made(ann)
        program = acting(ann, token["token"])

        async def last_used() -> str | None:
            return (await ann.get(f"/auth/tokens/{token['id']}")).json()["last_used_at"]

        assert (await program.get("/tasks")).status_code == 200
        assert await last_used() is None
        # What the background does each minute.
        await container.presented_token_use_cases().keep_uses(System())
        first = await last_used()
        assert first is not None
        await container.presented_token_use_cases().keep_uses(System())
        assert await last_used() == first
        assert (await program.get("/tasks/NONE-1")).status_code == 404
        await container.presented_token_use_cases().keep_uses(System())
        second = await last_used()
        assert second is not None and second > first
        await ann.delete(f"/auth/tokens/{token['id']}")
        assert code(await program.get("/tasks")) == INVALID
        await container.presented_token_use_cases().keep_uses(System())
        assert await last_used() == second

    async def test_what_was_used_last_is_kept_at_the_end(self, api: Api, another_app: Any) -> None:
        ann = await api.register()
        token = await made(ann)
        async with another_app() as there:
            program = replace(acting(ann, token["token"]), client=there.client)
            assert (await program.get("/tasks")).status_code == 200
        assert (await ann.get(f"/auth/tokens/{token['id']}")).json()["last_used_at"] is not None
