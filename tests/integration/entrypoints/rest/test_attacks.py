"""What somebody tries who means harm, each under its own name: that it fails, and what the auditors hear of it."""

import asyncio
import base64
import json
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher
from dependency_injector import providers

from adapters.crypto.passwords import Argon2Passwords
from entrypoints.container import Container
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.conftest import AnotherApp

NOBODYS = "00000000-0000-0000-0000-000000000000"
WIDE = {f"rate_limit_{name}": "10000/hour" for name in ("session", "company", "address", "login", "register")}


def told(api: Api, company_id: str, type: str = "permission.denied") -> list[dict[str, Any]]:
    """The audit events of a type, the oldest first, with the address that they came from."""
    rows = api.sql(
        "select details, address, actor_id::text, personal from audit_events where company_id = %s and type = %s"
        " order by at, id",
        (company_id, type),
    )
    return [{**details, "address": address, "actor": actor, "personal": personal} for details, address, actor, personal in rows]  # fmt: skip


def rules(api: Api, company_id: str) -> list[tuple[str, str]]:
    return [(each["rule"], each["verb"]) for each in told(api, company_id)]


def everything(api: Api) -> int:
    return int(api.sql("select count(*) from audit_events")[0][0])


async def attempt(api: Api, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    return await api.client.post(
        "/api/v1/auth/login", json={"email": email, "password": password, **more}, headers=headers
    )


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestPublicDoors:
    """Whoever is refused there is not signed in yet, and the refusal is noted all the same."""

    LOGIN, REFRESH = "POST /api/v1/auth/login", "POST /api/v1/auth/refresh"

    async def test_a_company_that_is_entered_by_its_provider_alone(self, api: Api) -> None:
        ann, other = await api.register(), await api.register()
        bea = await api.colleague(ann, who=other)
        kept = (await attempt(api, other.email, return_refresh_token=True)).json()["refresh_token"]
        api.sql("update companies set sso_enforced = true where id = %s", (ann.company_id,))
        for _ in range(3):
            assert code_of(await attempt(api, other.email, company_id=ann.company_id)) == (403, "auth.sso_required")
        body = {"refresh_token": kept, "company_id": ann.company_id}
        assert code_of(await api.client.post("/api/v1/auth/refresh", json=body)) == (403, "auth.sso_required")
        # Of one account and rule, one a minute.
        noted = rules(api, ann.company_id)
        assert noted[0] == ("auth.sso_required", self.LOGIN) and len(noted) <= 2
        assert set(noted) <= {("auth.sso_required", self.LOGIN), ("auth.sso_required", self.REFRESH)}
        (first, *_) = told(api, ann.company_id)
        assert (first["actor"], first["address"], first["personal"]) == (bea.user_id, "127.0.0.1", None)
        # The other company of the account hears nothing of it.
        assert rules(api, other.company_id) == []

    async def test_somebody_who_was_deactivated_with_the_right_password(self, api: Api) -> None:
        ann, other = await api.register(), await api.register()
        bea = await api.colleague(ann, who=other)
        assert (await ann.delete(f"/users/{bea.user_id}")).status_code == 204
        for named in ({"company_id": ann.company_id}, {"company": ann.company["code"]}):
            assert code_of(await attempt(api, other.email, **named)) == (403, "auth.no_active_membership")
        assert set(rules(api, ann.company_id)) == {("auth.no_active_membership", self.LOGIN)}
        assert rules(api, other.company_id) == []

    async def test_somebody_who_belongs_nowhere_any_more(self, api: Api) -> None:
        ann = await api.register()
        bea = await api.colleague(ann)
        api.sql("update users set is_active = false where email = %s", (bea.email,))
        assert code_of(await attempt(api, bea.email)) == (403, "auth.no_active_membership")
        assert rules(api, ann.company_id) == [("auth.no_active_membership", self.LOGIN)]

    async def test_a_foreign_page_that_sends_the_cookie_along(self, api: Api, browser: httpx.AsyncClient) -> None:
        """Cross-site request forgery."""
        ann = await api.register()
        answer = await browser.post("/api/v1/auth/login", json={"email": ann.email, "password": PASSWORD})
        assert answer.status_code == 200
        for path, body in (("refresh", {}), ("logout", {"all": True}), ("refresh", {})):
            forged = await browser.post(
                f"/api/v1/auth/{path}", json=body, headers={"Origin": "https://evil.example", "User-Agent": "Firefox"}
            )
            assert code_of(forged) == (403, "auth.origin_refused")
        denied = told(api, ann.company_id)
        assert {(each["rule"], each["actor"]) for each in denied} == {("auth.origin_refused", ann.user_id)}
        assert len(denied) <= 2
        assert (await ann.get("/auth/me")).status_code == 200

    async def test_a_cookie_that_is_nobodys_is_told_to_nobody_and_seldom(
        self, api: Api, browser: httpx.AsyncClient
    ) -> None:
        before = everything(api)
        for number in range(20):
            browser.cookies.set("flowtrack_refresh", f"made up {number}")
            forged = await browser.post("/api/v1/auth/refresh", json={}, headers={"Origin": "https://evil.example"})
            assert code_of(forged) == (403, "auth.origin_refused")
        assert everything(api) - before <= 2
        assert ("auth.origin_refused", self.REFRESH) in rules(api, NOBODYS)


class TestStuffing:
    async def test_passwords_from_a_thousand_addresses_are_bounded_for_one_account(
        self, another_app: AnotherApp
    ) -> None:
        async with another_app(**WIDE, trusted_proxies="127.0.0.1") as api:
            ann = await api.register(email="stuffed@example.com")
            home = await attempt(api, ann.email, headers={"X-Forwarded-For": "192.0.2.7"})
            device = home.cookies["flowtrack_device"]
            api.client.cookies.clear()

            async def one(number: int) -> int:
                address = f"10.{number // 250}.{number % 250}.1"
                answer = await attempt(api, ann.email, f"a wrong guess {number}", headers={"X-Forwarded-For": address})
                return answer.status_code

            found: list[int] = []
            for begin in range(0, 1000, 40):
                found += await asyncio.gather(*(one(number) for number in range(begin, begin + 40)))
            assert (found.count(401), found.count(429)) == (100, 900)
            failed = told(api, ann.company_id, "auth.login_failed")
            assert len(failed) == 100 and len({each["address"] for each in failed}) == 100
            # The right one is not looked at either, but for the browser that is known, and for what is open.
            right = await attempt(api, ann.email, headers={"X-Forwarded-For": "10.9.9.9"})
            assert code_of(right) == (429, "auth.too_many_failures")
            known = {"X-Forwarded-For": "10.9.9.9", "Cookie": f"flowtrack_device={device}"}
            assert (await attempt(api, ann.email, headers=known)).status_code == 200
            assert (await ann.get("/auth/me")).status_code == 200

    async def test_whoever_would_wait_too_long_is_told_so_and_locks_nobody_out(self, another_app: AnotherApp) -> None:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        passwords = Argon2Passwords(quick)
        async with another_app(
            **WIDE, prepare=lambda each: each.passwords.override(providers.Object(passwords))
        ) as api:
            ann = await api.register()
            room, passwords._room = passwords._room, 0
            for _ in range(6):
                answer = await attempt(api, ann.email, "a wrong guess")
                assert code_of(answer) == (503, "service.busy")
                assert int(answer.headers["retry-after"]) >= 1
            body = {"email": "stuffed.more@example.com", "name": "Ann", "password": PASSWORD}
            assert code_of(await api.client.post("/api/v1/auth/register", json=body)) == (503, "service.busy")
            passwords._room = room
            assert (await attempt(api, ann.email)).status_code == 200


class TestSpoofedAddresses:
    @pytest.mark.parametrize(
        ("trusted", "kept"), [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.1", "192.0.2.7")]
    )
    async def test_one_that_is_made_up_reaches_no_audit_event(
        self, another_app: AnotherApp, trusted: str, kept: str
    ) -> None:
        async with another_app(trusted_proxies=trusted) as api:
            ann = await api.register()
            await attempt(api, ann.email, "a wrong guess", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.7"})
            (failed,) = told(api, ann.company_id, "auth.login_failed")
            assert failed["address"] == kept


class TestTokens:
    async def test_one_that_is_put_in_another_companys_place_is_good_for_nothing_and_not_told(self, api: Api) -> None:
        """By design: what is not found, or no token at all, names nobody to tell."""
        ann, eve = await api.register(), await api.register()
        project = await ann.project()
        head, body, signature = eve.token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        swapped = {name: ann.company_id if value == eve.company_id else value for name, value in claims.items()}
        assert swapped != claims
        forged = base64.urlsafe_b64encode(json.dumps(swapped).encode()).decode().rstrip("=")
        before = everything(api)
        missing = await eve.get(f"/projects/{project['id']}")
        assert code_of(missing) == (404, "project.not_found")
        answer = await api.client.get(
            "/api/v1/projects", headers={"Authorization": f"Bearer {head}.{forged}.{signature}"}
        )
        assert code_of(answer) == (401, "auth.token_invalid")
        assert everything(api) == before

    @pytest.mark.parametrize("size", [1, 5_000, 60_000])
    async def test_one_of_any_size_that_is_none_is_refused_and_not_told(self, api: Api, size: int) -> None:
        before = everything(api)
        for text in ("x" * size, f"ftk_{'x' * size}", f"{'x' * size}.{'y' * size}.z"):
            answer = await api.client.get("/api/v1/tasks", headers={"Authorization": f"Bearer {text}"})
            assert code_of(answer) == (401, "auth.token_invalid")
        assert everything(api) == before


@pytest.mark.parametrize(
    "alike", ["\N{CYRILLIC SMALL LETTER A}nn@example.com", "ann@ex\N{CYRILLIC SMALL LETTER A}mple.com", "ann\x00@example.com"], ids=ascii
)  # fmt: skip
async def test_an_address_that_looks_like_anothers_is_refused_at_register_and_not_told(api: Api, alike: str) -> None:
    """By design: it is a bad value like any other, and nobody's."""
    before = everything(api)
    body = {"email": alike, "name": "Ann", "password": PASSWORD}
    answer = await api.client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422, answer.text
    assert everything(api) == before


class TestWaitingForEachOther:
    async def test_signing_in_again_and_stepping_up_at_once_wait_in_no_ring(self, another_app: AnotherApp) -> None:
        """Both lock the account and the login session that is there; in one order, or neither would ever go on."""
        verified, go_on = asyncio.Event(), asyncio.Event()

        def held_back(container: Container) -> None:
            quick: Argon2Passwords = container.passwords()
            verify = quick.verify

            async def slowly(password: str, password_hash: str | None) -> bool:
                found = await verify(password, password_hash)
                if not verified.is_set() and armed:
                    verified.set()
                    await go_on.wait()
                return found

            quick.verify = slowly  # type: ignore[method-assign]
            container.passwords.override(providers.Object(quick))

        armed: list[bool] = []
        async with another_app(**WIDE, prepare=held_back) as api:
            ann = await api.register()
            page = {"Origin": "http://localhost:8000"}
            here = self._person(ann, await attempt(api, ann.email, headers=page))
            armed.append(True)
            stepping = asyncio.create_task(here.post("/auth/step-up", {"password": PASSWORD}))
            await asyncio.wait_for(verified.wait(), 5)
            account = "select 1 from accounts where email = %s for update"
            async with await psycopg.AsyncConnection.connect(api.superuser_url) as holder:
                await holder.execute(account, (ann.email,))
                go_on.set()
                await asyncio.sleep(0.3)
                signing = asyncio.create_task(attempt(api, ann.email, headers=page))
                await asyncio.sleep(0.3)
            stepped, signed = await asyncio.gather(stepping, signing)
            assert (stepped.status_code, signed.status_code) == (200, 200), (stepped.text, signed.text)
            # The earlier session was taken over, once the step-up was through.
            assert (await here.get("/auth/me")).status_code == 401

    @staticmethod
    def _person(ann: Person, answer: httpx.Response) -> Person:
        body = answer.json()
        return Person(
            client=ann.client, token=body["access_token"], email=ann.email, user=body["user"], company=body["company"]
        )
