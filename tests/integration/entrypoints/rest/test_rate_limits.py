"""Rate limits of sessions, companies and addresses, and what is said of them."""

import asyncio
import re
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.sql.presented_tokens import SqlPresentedTokens
from tests.builders.receiver import receiving
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.conftest import AnotherApp

WIDE = {
    "rate_limits_enabled": True,
    "rate_limit_session": "1000/hour",
    "rate_limit_company": "1000/hour",
    "rate_limit_address": "1000/hour",
    "rate_limit_login": "1000/hour",
    "rate_limit_register": "1000/hour",
}
ME = "/auth/me"


def left(answer: httpx.Response) -> dict[str, tuple[int, int]]:
    """What the header RateLimit says is left of each limit, and for how long."""
    found = re.findall(r'"([a-z_]+)";r=([0-9]+);t=([0-9]+)', answer.headers["RateLimit"])
    assert ", ".join(f'"{name}";r={r};t={t}' for name, r, t in found) == answer.headers["RateLimit"]
    return {name: (int(r), int(t)) for name, r, t in found}


def refused(answer: httpx.Response, name: str) -> int:
    """After how many seconds trying again helps."""
    assert (answer.status_code, answer.json()["code"]) == (429, "rate.limited"), answer.text
    wait = int(answer.headers["Retry-After"])
    assert wait >= 1
    assert left(answer) == {name: (0, wait)}
    assert f'"{name}";q=' in answer.headers["RateLimit-Policy"]
    assert name in answer.json()["detail"] and str(wait) in answer.json()["detail"]
    return wait


async def attempt(api: Api, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return await api.client.post("/api/v1/auth/login", json={"email": email, "password": password}, **more)


def by(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


class TestASession:
    async def test_every_answer_says_what_is_left(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "5/min", "rate_limit_company": "7/hour"}) as api:
            ann = await api.register()
            for number in range(1, 6):
                answer = await ann.get(ME)
                assert answer.status_code == 200
                assert answer.headers["RateLimit-Policy"] == '"session";q=5;w=60, "company";q=7;w=3600'
                assert {name: r for name, (r, _) in left(answer).items()} == {
                    "session": 5 - number,
                    "company": 7 - number,
                }
                assert 1 <= left(answer)["session"][1] <= 60

    async def test_beyond_its_limit_it_is_refused_and_nobody_else_is(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "3/hour"}) as api:
            ann, bob = await api.register(), await api.register()
            again = await api.login(ann.email)
            for _ in range(3):
                assert (await ann.get(ME)).status_code == 200
            assert refused(await ann.get(ME), "session") <= 7200
            assert (await again.get(ME)).status_code == 200
            assert (await bob.get(ME)).status_code == 200

    async def test_refusals_and_answers_without_a_body_say_it_too(self, another_app: AnotherApp) -> None:
        async with another_app(**WIDE) as api:
            ann = await api.register()
            project = await ann.project()
            tag = (await ann.get(f"/projects/{project['id']}")).headers["ETag"]
            for answer, status in (
                (await ann.get("/projects/nothing"), 404),
                (await ann.get("/tasks?unknown=1"), 400),
                (await ann.post("/projects", {"name": ""}), 422),
                (await ann.get(f"/projects/{project['id']}", headers={"If-None-Match": tag}), 304),
                (await ann.send("HEAD", ME), 200),
                (await ann.delete(f"/projects/{project['id']}"), 204),
            ):
                assert answer.status_code == status
                assert left(answer).keys() == {"session", "company"}

    async def test_what_is_refused_is_not_carried_out(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "2/hour"}) as api:
            ann = await api.register()
            await ann.project()
            await ann.project()
            refused(await ann.post("/projects", {"name": "One too many"}), "session")
            assert api.count("projects", ann.company_id) == 2

    async def test_it_comes_after_401_and_before_everything_else(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "1/hour"}) as api:
            ann = await api.register()
            await ann.get(ME)
            stranger = Person(client=api.client, token=ann.token + "x", email="", user={}, company={})
            assert (await stranger.get(ME)).status_code == 401
            for answer in (
                await ann.post("/projects", content=b"x" * (1024 * 1024 + 1)),
                await ann.post("/projects", content=b"x", headers={"Content-Type": "text/plain"}),
                await ann.post("/projects", content=b"{", headers={"Content-Type": "application/json"}),
                await ann.get(ME, headers={"Accept": "text/html"}),
                await ann.get("/tasks?unknown=1"),
                await ann.get("/tasks/nothing"),
            ):
                refused(answer, "session")
            assert (await ann.send("HEAD", ME)).status_code == 429

    async def test_waiting_as_long_as_told_helps(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "3/second"}) as api:
            ann = await api.register()
            while (answer := await ann.get(ME)).status_code == 200:
                pass
            await asyncio.sleep(refused(answer, "session"))
            assert (await ann.get(ME)).status_code == 200

    async def test_whoever_does_not_wait_is_slowed_down(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "1/hour"}) as api:
            ann, bob = await api.register(), await api.register()
            await ann.get(ME)
            began = time.monotonic()
            hammering = [asyncio.create_task(ann.get(ME)) for _ in range(10)]
            await asyncio.sleep(0.01)
            await bob.get(ME)
            assert not any(task.done() for task in hammering)
            for task in hammering:
                refused(await task, "session")
            assert 0.2 < time.monotonic() - began < 2


class TestTryingWebhooksOut:
    """Each has a request sent to wherever an admin says."""

    async def test_a_company_has_few_sent_whoever_asks(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_webhook_test": "3/hour"}) as api, receiving() as receiver:
            ann, bob = await api.register(), await api.register()
            adam = await api.colleague(ann, role="admin")
            hooks = [(await who.post("/webhooks", {"url": receiver.url})).json()["id"] for who in (ann, adam, bob)]
            first = await ann.post(f"/webhooks/{hooks[0]}/test")
            assert (first.status_code, left(first)["webhook_test"][0]) == (200, 2), first.text
            assert first.headers["RateLimit-Policy"].endswith(', "webhook_test";q=3;w=3600')
            mia = await api.colleague(ann)
            assert (await mia.post(f"/webhooks/{hooks[0]}/test")).status_code in (403, 404)
            for who, hook in ((adam, hooks[0]), (ann, hooks[1])):
                assert (await who.post(f"/webhooks/{hook}/test")).status_code == 200
            for who, hook in ((ann, hooks[0]), (adam, hooks[1])):
                answer = await who.post(f"/webhooks/{hook}/test")
                assert (answer.status_code, answer.json()["code"]) == (429, "rate.limited"), answer.text
                assert left(answer)["webhook_test"] == (0, int(answer.headers["Retry-After"]))
            assert len(receiver.received) == 3
            assert (await bob.post(f"/webhooks/{hooks[2]}/test")).status_code == 200
            assert (await ann.get(f"/webhooks/{hooks[0]}/deliveries")).status_code == 200


class TestAPassword:
    """Of an account that is signed in: to hash one is slow on purpose."""

    async def test_the_requests_that_hold_one_are_few(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_password": "4/hour"}) as api:
            ann, bob = await api.register(), await api.register()
            step = {"password": PASSWORD}
            made = await ann.post("/users", {"name": "Zoe", "email": "zoe@limits.example", "password": PASSWORD})
            assert (made.status_code, left(made)["password"][0]) == (201, 3)
            zoe = made.json()["id"]
            for path, body in (("/auth/step-up", step), ("/auth/password/change", {"new_password": "short"})):
                answer = await ann.post(path, body)
                assert answer.status_code in (200, 422), answer.text
                assert answer.headers["RateLimit-Policy"].endswith(', "password";q=4;w=3600')
            given = await ann.patch(f"/users/{zoe}", {"password": "another one for her"})
            assert (given.status_code, left(given)["password"][0]) == (200, 0)
            device = await api.login(ann.email)
            for answer in (
                await ann.post("/auth/step-up", step),
                await device.post("/auth/step-up", step),
                await ann.post("/auth/password/change", {"current_password": PASSWORD, "new_password": PASSWORD}),
                await ann.post("/users", {"name": "Max", "email": "max@limits.example", "password": PASSWORD}),
                await ann.patch(f"/users/{zoe}", {"password": PASSWORD}),
                await ann.send("PUT", f"/users/{zoe}", json={"password": PASSWORD}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (429, "rate.limited"), answer.text
                wait = int(answer.headers["Retry-After"])
                assert left(answer)["password"] == (0, wait)
                assert "`password`" in answer.json()["detail"]
            for answer in (
                await ann.post("/users", {"name": "Max", "email": "max@limits.example"}),
                await ann.patch(f"/users/{zoe}", {"name": "Zoe Miller"}),
                await bob.post("/auth/step-up", step),
            ):
                assert answer.is_success, answer.text

    async def test_by_itself_it_is_ten_a_minute(self, another_app: AnotherApp) -> None:
        async with another_app(**WIDE) as api:
            ann = await api.register()
            answers = [await ann.post("/auth/step-up", {"password": PASSWORD}) for _ in range(11)]
            assert [answer.status_code for answer in answers] == [200] * 10 + [429]


class TestACompany:
    async def test_its_people_share_a_limit(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_company": "5/hour"}) as api:
            ann, other = await api.register(), await api.register()
            bob = await api.colleague(ann)
            for _ in range(3):
                assert (await ann.get(ME)).status_code == 200
            for _ in range(2):
                assert (await bob.get(ME)).status_code == 200
            refused(await bob.get(ME), "company")
            refused(await ann.get(ME), "company")
            assert (await other.get(ME)).status_code == 200


class TestAToken:
    async def test_each_has_a_limit_of_its_own_and_its_company_s(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_session": "3/hour", "rate_limit_company": "20/hour"}) as api:
            ann = await api.register()
            first, second = [await token_of(ann) for _ in range(2)]
            for program in (first, second):
                assert [(await program.get(ME)).status_code for _ in range(4)] == [200, 200, 200, 429]
                refused(await program.get(ME), "session")
            ann = await api.login(ann.email)
            left_to_company = left(await ann.get(ME))["company"][0]
            # Two tokens made, six requests by them, and this one.
            assert left_to_company == 20 - 9

    async def test_what_is_none_counts_for_its_address_and_nobody_else(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "4/hour"}) as api:
            ann = await api.register()
            program, unknown = await token_of(ann), await token_of(ann)
            api.sql("delete from api_tokens where hint = %s", (unknown.token[:8],))
            assert (await program.get(ME)).status_code == 200
            before = left(await ann.get(ME))["company"][0]
            for forged in (unknown.token, "ftk_mangled"):
                answer = await replace(ann, token=forged).get(ME)
                assert answer.status_code == 401
                assert answer.headers["RateLimit-Policy"] == '"address";q=4;w=3600'
            assert (await unknown.get(ME)).status_code == 401
            refused(await unknown.get(ME), "address")
            assert left(await ann.get(ME))["company"][0] == before - 1
            # Whoever was recognised goes on; a token that is new here waits for the address.
            assert (await program.get(ME)).status_code == 200
            refused(await (await token_of(ann)).get(ME), "address")

    async def test_a_revoked_one_uses_up_nothing_of_its_company_s(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "3/hour"}) as api:
            ann = await api.register()
            program = await token_of(ann)
            assert (await program.get(ME)).status_code == 200
            api.sql("update api_tokens set revoked_at = now() where hint = %s", (program.token[:8],))
            assert (await program.get(ME)).status_code == 401
            before = left(await ann.get(ME))["company"][0]
            assert [(await program.get(ME)).status_code for _ in range(3)] == [401, 401, 429]
            assert left(await ann.get(ME))["company"][0] == before - 1

    async def test_nothing_is_looked_up_for_an_address_that_has_used_up_its_limit(
        self, another_app: AnotherApp
    ) -> None:
        asked: list[bytes] = []

        def prepare(container: Any) -> None:
            class Watched(SqlPresentedTokens):
                async def recognise(self, digest: bytes) -> Any:
                    asked.append(digest)
                    return await super().recognise(digest)

            container.presented_tokens.override(providers.Singleton(Watched, container.database))

        async with another_app(prepare=prepare, **{**WIDE, "rate_limit_address": "3/hour"}) as api:
            program = await token_of(await api.register())
            api.sql("delete from api_tokens where hint = %s", (program.token[:8],))
            statuses = [(await program.get(ME)).status_code for _ in range(6)]
            assert statuses == [401, 401, 429, 429, 429, 429]
            assert len(asked) == 2


async def token_of(person: Person) -> Person:
    """The person by a new token."""
    made = await person.post("/auth/tokens", {"name": "x", "scopes": ["tasks:read"]})
    assert made.status_code == 201, made.text
    return replace(person, token=made.json()["token"])


class TestAnAddress:
    async def test_public_routes_and_bad_tokens_count_together(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "4/hour"}) as api:
            ann = await api.register()
            assert (await api.client.post("/api/v1/auth/refresh", json={"refresh_token": "no"})).status_code == 401
            nobody = await api.client.get("/api/v1/tasks")
            assert (nobody.status_code, left(nobody)["address"][0]) == (401, 1)
            assert nobody.headers["RateLimit-Policy"] == '"address";q=4;w=3600'
            forged = await api.client.get("/api/v1/tasks", headers={"Authorization": "Bearer forged"})
            assert (forged.status_code, left(forged)["address"][0]) == (401, 0)
            refused(await api.client.get("/api/v1/tasks"), "address")
            refused(await attempt(api, ann.email), "address")
            assert (await ann.get(ME)).status_code == 200

    async def test_signing_in_has_a_narrower_limit(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_login": "3/hour"}) as api:
            ann = await api.register()
            for number in range(1, 4):
                answer = await attempt(api, ann.email)
                assert answer.status_code == 200
                assert answer.headers["RateLimit-Policy"] == '"address";q=1000;w=3600, "login";q=3;w=3600'
                assert left(answer)["login"][0] == 3 - number
            refused(await attempt(api, ann.email), "login")
            assert (await api.client.post("/api/v1/auth/refresh", json={"refresh_token": "no"})).status_code == 401

    async def test_registering_is_limited_by_network_whatever_comes_of_it(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_register": "3/hour", "trusted_proxies": "127.0.0.1"}) as api:
            body = {"email": "taken@example.com", "name": "Ann", "password": PASSWORD}

            async def register(address: str) -> httpx.Response:
                return await api.client.post("/api/v1/auth/register", json=body, headers=by(address))

            statuses = [(await register(f"192.0.2.{number}")).status_code for number in range(3)]
            assert statuses == [201, 409, 409]
            refused(await register("192.0.2.200"), "register")
            assert (await register("198.51.100.1")).status_code == 409

    async def test_one_of_ipv6_is_its_64(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "2/hour", "trusted_proxies": "127.0.0.1"}) as api:
            for host in ("1", "2"):
                assert (await api.client.get("/api/v1/tasks", headers=by(f"2001:db8::{host}"))).status_code == 401
            refused(await api.client.get("/api/v1/tasks", headers=by("2001:db8::3")), "address")
            assert (await api.client.get("/api/v1/tasks", headers=by("2001:db8:0:1::1"))).status_code == 401

    async def test_an_address_that_is_made_up_is_not_believed(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "2/hour"}) as api:
            answers = [await api.client.get("/api/v1/tasks", headers=by(f"192.0.2.{each}")) for each in range(3)]
            assert [answer.status_code for answer in answers] == [401, 401, 429]

    @pytest.mark.parametrize(("trusted", "kept"), [("127.0.0.0/8", "192.0.2.7"), ("10.0.0.0/8", "127.0.0.1")])
    async def test_a_session_remembers_the_address_that_is_believed(
        self, another_app: AnotherApp, trusted: str, kept: str
    ) -> None:
        async with another_app(trusted_proxies=trusted) as api:
            ann = await api.register()
            assert (await attempt(api, ann.email, headers=by("198.51.100.1, 192.0.2.7"))).status_code == 200
            rows = api.sql(
                "select s.address from login_sessions s join users u using (account_id) where u.id = %s"
                " order by s.id desc limit 1",
                (ann.user_id,),
            )
            assert str(rows[0][0]).partition("/")[0] == kept


class TestWhatIsNotLimited:
    async def test_pages_documents_and_health(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limit_address": "1/hour"}) as api:
            for path in ("/health", "/health/live", "/docs", "/openapi.json", "/problems/rate.limited", "/nothing"):
                for _ in range(2):
                    answer = await api.client.get(path)
                    assert answer.status_code == (404 if path == "/nothing" else 200)
                    assert "RateLimit" not in answer.headers

    async def test_anything_where_limits_are_switched_off(self, another_app: AnotherApp) -> None:
        async with another_app(**{**WIDE, "rate_limits_enabled": False, "rate_limit_session": "1/hour"}) as api:
            ann = await api.register()
            for _ in range(3):
                answer = await ann.get(ME)
                assert answer.status_code == 200
                assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


async def test_the_document_says_it_of_every_operation(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for item in document["paths"].values():
        for operation in item.values():
            refusal = operation["responses"]["429"]
            codes = next(iter(refusal["content"].values()))["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert "rate.limited" in codes
            assert refusal["headers"].keys() == {"RateLimit-Policy", "RateLimit", "Retry-After"}
            success = next(answer for status, answer in operation["responses"].items() if status[0] in "23")
            assert {"RateLimit-Policy", "RateLimit"} <= success["headers"].keys()
            expected = ["session", "company"] if "security" in operation else ["address"]
            assert operation["x-rate-limits"][: len(expected)] == expected
    for path, method in (
        ("/auth/step-up", "post"),
        ("/auth/password/change", "post"),
        ("/users", "post"),
        ("/users/{user_id}", "patch"),
    ):
        limits = document["paths"][f"/api/v1{path}"][method]["x-rate-limits"]
        assert limits == ["session", "company", "password"], path
    assert document["paths"]["/api/v1/auth/login"]["post"]["x-rate-limits"] == ["address", "login"]
    assert document["paths"]["/api/v1/auth/register"]["post"]["x-rate-limits"] == ["address", "register"]


class TestFailuresToSignIn:
    async def test_after_five_nothing_is_looked_at_for_known_and_unknown_alike(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            ann = await api.register()
            api.client.cookies.clear()
            answers = {}
            for email in (ann.email, f"nobody-{ann.email}"):
                for _ in range(5):
                    wrong = await attempt(api, email, "a wrong guess")
                    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.invalid_credentials")
                answers[email] = await attempt(api, email)
            for answer in answers.values():
                assert (answer.status_code, answer.json()["code"]) == (429, "auth.too_many_failures")
                assert 880 < int(answer.headers["Retry-After"]) <= 900
            assert (await ann.get(ME)).status_code == 200

    async def test_many_at_once_are_five(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            ann = await api.register()
            api.client.cookies.clear()
            answers = await asyncio.gather(*(attempt(api, ann.email, "a wrong guess") for _ in range(20)))
            assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15

    async def test_a_browser_that_signed_in_before_is_not_locked_out(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            ann = await api.register()
            known = dict(api.client.cookies)
            api.client.cookies.clear()
            for _ in range(5):
                await attempt(api, ann.email, "a wrong guess")
            assert (await attempt(api, ann.email)).status_code == 429
            device = f"flowtrack_device={known['flowtrack_device']}"
            again = await attempt(api, ann.email, headers={"Cookie": device})
            assert again.status_code == 200
            assert device in again.headers["Set-Cookie"]
            forged = device[:-2] + ("AA" if not device.endswith("AA") else "BB")
            api.client.cookies.clear()
            assert (await attempt(api, ann.email, headers={"Cookie": forged})).status_code == 429

    @pytest.mark.parametrize(
        ("url", "name", "is_secure"),
        [("http://localhost:8000", "flowtrack_device", False), ("https://x.example", "__Host-flowtrack_device", True)],
    )
    async def test_its_cookie_is_for_nobody_else(
        self, another_app: AnotherApp, url: str, name: str, is_secure: bool
    ) -> None:
        async with another_app(public_url=url) as api:
            ann = await api.register()
            answer = await attempt(api, ann.email)
            (line,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{name}=")]
            parts = {part.strip().lower() for part in line.split(";")[1:]}
            assert {"httponly", "path=/", "samesite=lax", "max-age=34560000"} <= parts
            assert ("secure" in parts) is is_secure
            assert "domain" not in line.lower()


class TestRedis:
    async def test_processes_share_their_limits_within_about_a_second(
        self, another_app: AnotherApp, redis_url: str
    ) -> None:
        shared = {**WIDE, "redis_url": redis_url, "rate_limit_session": "6/hour", "trusted_proxies": "127.0.0.1"}
        async with another_app(**shared) as one, another_app(**shared) as two:
            ann = await one.register()
            there = Person(client=two.client, token=ann.token, email=ann.email, user=ann.user, company=ann.company)
            for _ in range(6):
                assert (await ann.get(ME)).status_code == 200
            await asyncio.sleep(2.5)
            refused(await there.get(ME), "session")
            assert (await one.client.get("/health/redis")).json() == {"status": "up"}
            assert (await one.client.get("/health")).json()["redis"] == "up"

    async def test_failures_to_sign_in_are_shared_at_once(self, another_app: AnotherApp, redis_url: str) -> None:
        async with another_app(redis_url=redis_url) as one, another_app(redis_url=redis_url) as two:
            ann = await one.register()
            one.client.cookies.clear()
            statuses = [(await attempt(each, ann.email, "a wrong guess")).status_code for each in (one, two) * 3]
            assert statuses == [401] * 5 + [429]

    async def test_without_it_requests_go_on(self, another_app: AnotherApp) -> None:
        limits = {**WIDE, "rate_limit_session": "3/hour", "redis_url": "redis://127.0.0.1:1"}
        async with another_app(**limits) as api:
            ann = await api.register()
            assert (await attempt(api, ann.email)).status_code == 200
            assert [(await ann.get(ME)).status_code for _ in range(4)] == [200, 200, 200, 429]
            health = await api.client.get("/health")
            assert (health.status_code, health.json()["redis"]) == (200, "down")
            async with httpx.AsyncClient(transport=api.client._transport, base_url="http://localhost:8000") as probe:
                down = await probe.get("/health/redis")
            assert (down.status_code, down.json()) == (503, {"status": "down"})

    async def test_a_read_never_waits_for_it(self, another_app: AnotherApp) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with another_app(**{**WIDE, "redis_url": url}) as api:
            ann = await api.register()
            began = time.monotonic()
            for _ in range(20):
                assert (await ann.get(ME)).status_code == 200
            assert time.monotonic() - began < 1
        server.close()
