"""A person's own login sessions and password over HTTP, and what a stolen refresh token is worth."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import bcrypt
import httpx
import pytest
from argon2 import PasswordHasher
from dependency_injector import providers

from adapters.crypto.passwords import Argon2Passwords
from tests.integration.api import PASSWORD, Api, Person

AUTH = "/api/v1/auth"
COOKIE = "flowtrack_refresh"
OWN_PAGE = {"Origin": "http://localhost:8000"}
NEW = "quite another secret"


class MovableClock:
    """A clock that tests put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def assert_refused(response: httpx.Response, status: int, code: str, *pointers: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointers:
        assert [each["pointer"] for each in response.json()["errors"]] == list(pointers)


async def signed_in(api: Api, email: str, **fields: Any) -> httpx.Response:
    """What signing in answers; the client keeps no cookie of it."""
    answer = await api.client.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD, **fields})
    api.client.cookies.clear()
    return answer


async def device(api: Api, email: str) -> tuple[Person, str]:
    """One more device, and its refresh token."""
    answer = await signed_in(api, email, return_refresh_token=True)
    return api._person(answer, email), answer.json()["refresh_token"]


async def sessions(person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/auth/sessions{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def by_sql(api: Api, person: Person, change: str, *values: Any) -> None:
    """Changes an account as no request can yet."""
    api.sql(
        f"update accounts set {change} where id = (select account_id from users where id = %s)",
        (*values, person.user_id),
    )


def lay_aside(api: Api, person: Person, by: timedelta) -> None:
    """As if the session had proved who it is that much earlier."""
    api.sql("update login_sessions set authenticated_at = now() - %s where id = %s", (by, person.session_id))


# The list


async def test_the_sessions_of_an_account_are_listed_the_one_used_last_first(api: Api) -> None:
    ann = await api.register(company_name="Ann & Co")
    phone = await api.client.post(
        f"{AUTH}/login", json={"email": ann.email, "password": PASSWORD}, headers={"User-Agent": "Phone/1.0"}
    )
    found = await sessions(ann)
    assert [each["current"] for each in found] == [False, True]
    assert [each["id"] for each in found] == [api._person(phone, ann.email).session_id, ann.session_id]
    assert found[0]["agent"] == "Phone/1.0"
    assert found[0]["address"] == "127.0.0.1"
    assert (found[0]["current_company_id"], found[0]["current_company_name"]) == (ann.company_id, "Ann & Co")
    assert set(found[0]) == {
        "id", "agent", "address", "created_at", "last_used_at", "expires_at", "authenticated_at", "current",
        "current_company_id", "current_company_name",
    }  # fmt: skip
    assert found[0]["created_at"] == found[0]["last_used_at"] == found[0]["authenticated_at"]


async def test_the_list_shows_no_secret_and_may_not_be_stored(api: Api) -> None:
    ann = await api.register()
    answer = await ann.get("/auth/sessions")
    assert answer.headers["cache-control"] == "no-store"
    assert "nonce" not in answer.text and "ftr_" not in answer.text


async def test_the_list_comes_in_pages_and_is_of_this_account_alone(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    mine = [ann, *[(await device(api, ann.email))[0] for _ in range(4)]]
    first = await ann.get("/auth/sessions?limit=2&include_total=true")
    assert first.headers["x-total-count"] == "5"
    seen = [each["id"] for each in first.json()]
    answer = first
    while "link" in answer.headers:
        answer = await ann.send("GET", answer.links["next"]["url"].removeprefix("/api/v1"))
        seen += [each["id"] for each in answer.json()]
    assert seen == [person.session_id for person in reversed(mine)]
    assert [each["id"] for each in await sessions(ann, "?skip=4")] == [ann.session_id]
    assert [each["id"] for each in await sessions(ann, "?sort=created_at")] == [person.session_id for person in mine]
    assert [each["id"] for each in await sessions(bob)] == [bob.session_id]


async def test_refreshing_is_use_and_reading_is_none(api: Api) -> None:
    ann = await api.register()
    other, token = await device(api, ann.email)
    desk, _ = await device(api, ann.email)
    await other.get("/tasks")
    assert (await sessions(ann))[0]["id"] == desk.session_id
    assert (await api.client.post(f"{AUTH}/refresh", json={"refresh_token": token})).status_code == 200
    found = (await sessions(ann))[0]
    assert found["id"] == other.session_id
    assert found["last_used_at"] > found["created_at"]


# Ending one


async def test_a_device_that_is_signed_out_is_shut_out_at_once_in_every_process(api: Api, another_app: Any) -> None:
    ann = await api.register()
    phone, token = await device(api, ann.email)
    async with another_app() as elsewhere:
        bearer = {"Authorization": f"Bearer {phone.token}"}
        assert (await elsewhere.client.get(f"{AUTH}/me", headers=bearer)).status_code == 200
        answer = await ann.delete(f"/auth/sessions/{phone.session_id}")
        assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (204, b"", "no-store")
        assert "set-cookie" not in answer.headers
        for path in (f"{AUTH}/me", "/api/v1/tasks", f"{AUTH}/sessions"):
            assert_refused(await elsewhere.client.get(path, headers=bearer), 401, "auth.session_ended")
        refused = await elsewhere.client.post(f"{AUTH}/refresh", json={"refresh_token": token})
        assert_refused(refused, 401, "auth.refresh_invalid")
    assert [each["id"] for each in await sessions(ann)] == [ann.session_id]


async def test_ending_the_present_one_clears_the_cookie(browser: httpx.AsyncClient, api: Api) -> None:
    given = {"email": f"{uuid4().hex}@example.com", "name": "Robin", "password": PASSWORD}
    ann = api._person(await browser.post(f"{AUTH}/register", json=given), given["email"])
    bearer = {"Authorization": f"Bearer {ann.token}"}
    assert COOKIE in browser.cookies
    assert (await browser.delete(f"{AUTH}/sessions/{ann.session_id}", headers=bearer)).status_code == 204
    assert COOKIE not in browser.cookies
    assert_refused(await browser.get(f"{AUTH}/me", headers=bearer), 401, "auth.session_ended")
    assert_refused(await browser.delete(f"{AUTH}/sessions/{ann.session_id}", headers=bearer), 401, "auth.session_ended")


async def test_a_session_of_others_or_of_nobody_or_one_that_ended_is_not_found(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    gone, _ = await device(api, ann.email)
    assert (await ann.delete(f"/auth/sessions/{gone.session_id}")).status_code == 204
    idle, _ = await device(api, ann.email)
    api.sql("update login_sessions set expires_at = now() where id = %s", (idle.session_id,))
    for wanted in (bob.session_id, str(uuid4()), gone.session_id, idle.session_id, "no-id", "current"):
        assert_refused(await ann.delete(f"/auth/sessions/{wanted}"), 404, "auth.session_not_found")
    assert (await bob.get("/auth/me")).status_code == 200


async def test_of_many_who_end_one_session_at_once_one_does(api: Api) -> None:
    ann = await api.register()
    phone, _ = await device(api, ann.email)
    answers = await asyncio.gather(*(ann.delete(f"/auth/sessions/{phone.session_id}") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404, 404, 404]


# A refresh token that two use


async def renew(api: Api, token: str, *, cookie: bool) -> httpx.Response:
    more: dict[str, Any] = {"json": {"refresh_token": token}}
    if cookie:
        more = {"headers": {**OWN_PAGE, "Cookie": f"{COOKIE}={token}"}}
    answer = await api.client.post(f"{AUTH}/refresh", **more)
    api.client.cookies.clear()
    return answer


async def assert_ended(api: Api, device: Person, other: Person, *tokens: str) -> None:
    """Everything of the device has stopped, and nothing of the other one."""
    for token in tokens:
        for cookie in (True, False):
            assert_refused(await renew(api, token, cookie=cookie), 401, "auth.refresh_invalid")
    for path in ("/auth/me", "/tasks", "/auth/sessions"):
        assert_refused(await device.get(path), 401, "auth.session_ended")
    switched = await device.post("/auth/switch-company", {"company_id": device.company_id})
    assert_refused(switched, 401, "auth.session_ended")
    assert device.session_id not in [each["id"] for each in await sessions(other)]


async def test_tabs_of_two_processes_that_refresh_at_once_get_the_same_successor(api: Api, another_app: Any) -> None:
    ann = await api.register()
    async with another_app() as elsewhere:
        for _ in range(5):
            _, token = await device(api, ann.email)
            headers = {**OWN_PAGE, "Cookie": f"{COOKIE}={token}"}
            clients = (api.client, elsewhere.client) * 3
            answers = await asyncio.gather(*(each.post(f"{AUTH}/refresh", headers=headers) for each in clients))
            for client in clients:
                client.cookies.clear()
            assert {answer.status_code for answer in answers} == {200}
            (successor,) = {answer.headers["set-cookie"].partition(";")[0].partition("=")[2] for answer in answers}
            assert (await renew(api, successor, cookie=True)).status_code == 200
            for answer in answers:
                bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                assert (await elsewhere.client.get(f"{AUTH}/me", headers=bearer)).status_code == 200


async def test_of_a_thief_and_the_owner_who_use_a_token_of_the_body_at_once_none_keeps_anything(
    api: Api, another_app: Any
) -> None:
    ann = await api.register()
    async with another_app() as elsewhere:
        for _ in range(5):
            owner, token = await device(api, ann.email)
            given = {"refresh_token": token}
            answers = await asyncio.gather(
                *(each.post(f"{AUTH}/refresh", json=given) for each in (api.client, elsewhere.client))
            )
            for client in (api.client, elsewhere.client):
                client.cookies.clear()
            assert sorted(answer.status_code for answer in answers) == [200, 401]
            (won,) = (answer for answer in answers if answer.status_code == 200)
            (lost,) = (answer for answer in answers if answer.status_code == 401)
            assert_refused(lost, 401, "auth.refresh_invalid")
            assert "set-cookie" not in lost.headers
            await assert_ended(api, owner, ann, token, won.json()["refresh_token"])
            await assert_ended(elsewhere, api._person(won, ann.email), ann)


async def test_a_cookie_that_a_thief_sends_in_the_body_has_no_grace(api: Api) -> None:
    ann = await api.register()
    owner, token = await device(api, ann.email)
    successor = (await renew(api, token, cookie=True)).headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert_refused(await renew(api, token, cookie=False), 401, "auth.refresh_invalid")
    await assert_ended(api, owner, ann, token, successor)


@pytest.mark.parametrize("cookie", [True, False])
async def test_an_ended_session_is_not_renewed_and_stays_as_it_ended(api: Api, cookie: bool) -> None:
    ann = await api.register()
    phone, token = await device(api, ann.email)
    await phone.post("/auth/logout")
    before = api.sql("select s::text from login_sessions s where id = %s", (phone.session_id,))
    for _ in range(2):
        assert_refused(await renew(api, token, cookie=cookie), 401, "auth.refresh_invalid")
    assert api.sql("select s::text from login_sessions s where id = %s", (phone.session_id,)) == before


async def test_a_token_of_two_generations_ago_ends_the_session_in_every_process(api: Api, another_app: Any) -> None:
    ann = await api.register()
    owner, first = await device(api, ann.email)
    second = (await renew(api, first, cookie=False)).json()["refresh_token"]
    third = (await renew(api, second, cookie=False)).json()["refresh_token"]
    async with another_app() as elsewhere:
        assert_refused(await renew(elsewhere, first, cookie=True), 401, "auth.refresh_invalid")
    await assert_ended(api, owner, ann, first, second, third)


# Stepping up


async def test_stepping_up_says_until_when_it_counts(api: Api) -> None:
    ann = await api.register()
    answer = await ann.post("/auth/step-up", {"password": PASSWORD})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    since, until = (datetime.fromisoformat(answer.json()[name]) for name in ("authenticated_at", "valid_until"))
    assert until - since == timedelta(minutes=10)
    assert (await sessions(ann))[0]["authenticated_at"] == answer.json()["authenticated_at"]


async def test_a_wrong_password_is_told_from_a_session_that_ended(api: Api) -> None:
    ann = await api.register()
    before = await sessions(ann)
    assert_refused(await ann.post("/auth/step-up", {"password": "wrong"}), 401, "auth.invalid_credentials")
    assert await sessions(ann) == before
    await ann.post("/auth/logout")
    assert_refused(await ann.post("/auth/step-up", {"password": PASSWORD}), 401, "auth.session_ended")


async def test_a_code_proves_nothing_where_there_is_no_second_factor(api: Api) -> None:
    ann = await api.register()
    for body in ({"code": "123456"}, {"password": PASSWORD, "code": "123456"}):
        assert_refused(await ann.post("/auth/step-up", body), 409, "totp.not_enabled")
    assert_refused(await ann.post("/auth/step-up", {}), 422, "request.invalid", "/password")


# Changing the password


async def test_a_changed_password_ends_all_other_devices_at_once(api: Api, another_app: Any) -> None:
    ann, bob = await api.register(), await api.register()
    others = [await device(api, ann.email) for _ in range(3)]
    async with another_app() as elsewhere:
        answer = await ann.post("/auth/password/change", {"new_password": NEW})
        assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (204, b"", "no-store")
        for other, token in others:
            bearer = {"Authorization": f"Bearer {other.token}"}
            assert_refused(await elsewhere.client.get(f"{AUTH}/me", headers=bearer), 401, "auth.session_ended")
            assert_refused(await renew(elsewhere, token, cookie=False), 401, "auth.refresh_invalid")
    assert [each["id"] for each in await sessions(ann)] == [ann.session_id]
    assert (await bob.get("/auth/me")).status_code == 200
    assert_refused(await signed_in(api, ann.email), 401, "auth.invalid_credentials")
    assert (await signed_in(api, ann.email, password=NEW)).status_code == 200


async def test_changing_it_needs_a_fresh_proof(api: Api) -> None:
    ann = await api.register()
    lay_aside(api, ann, timedelta(minutes=9, seconds=30))
    assert (await ann.post("/auth/password/change", {"new_password": NEW})).status_code == 204
    lay_aside(api, ann, timedelta(minutes=10))
    change = {"new_password": PASSWORD}
    assert_refused(await ann.post("/auth/password/change", change), 403, "auth.step_up_required")
    assert_refused(
        await ann.post("/auth/password/change", {**change, "current_password": "wrong"}),
        401, "auth.invalid_credentials",
    )  # fmt: skip
    assert (await ann.post("/auth/step-up", {"password": NEW})).status_code == 200
    assert (await ann.post("/auth/password/change", change)).status_code == 204
    lay_aside(api, ann, timedelta(days=1))
    with_proof = {"current_password": PASSWORD, "new_password": NEW}
    assert (await ann.post("/auth/password/change", with_proof)).status_code == 204


@pytest.mark.parametrize("weak", ["short", "password1234", "x" * 129, PASSWORD])
async def test_a_weak_one_and_the_present_one_are_refused(api: Api, weak: str) -> None:
    ann = await api.register()
    answer = await ann.post("/auth/password/change", {"new_password": weak})
    assert_refused(answer, 422, "password.too_weak", "/new_password")
    assert (await signed_in(api, ann.email)).status_code == 200


async def test_two_devices_that_change_it_at_once_leave_one_of_them(api: Api) -> None:
    for _ in range(4):
        ann = await api.register()
        phone, _ = await device(api, ann.email)
        chosen = [f"{NEW} one", f"{NEW} two"]
        answers = await asyncio.gather(
            *(
                person.post("/auth/password/change", {"current_password": PASSWORD, "new_password": password})
                for person, password in zip((ann, phone), chosen, strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [204, 401]
        won = [answer.status_code for answer in answers].index(204)
        assert (await signed_in(api, ann.email, password=chosen[won])).status_code == 200
        assert_refused(await signed_in(api, ann.email, password=chosen[1 - won]), 401, "auth.invalid_credentials")
        assert [(await person.get("/auth/me")).status_code for person in (ann, phone)] == (
            [200, 401] if won == 0 else [401, 200]
        )


class Interrupted(Argon2Passwords):
    """While the next password is verified, somebody else does something."""

    def __init__(self) -> None:
        super().__init__(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def verify(self, password: str, password_hash: str | None) -> bool:
        found = await super().verify(password, password_hash)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found


async def test_who_signs_in_with_the_old_one_while_it_is_changed_is_left_with_nothing(another_app: Any) -> None:
    passwords = Interrupted()
    async with another_app(prepare=lambda c: c.passwords.override(providers.Object(passwords))) as api:
        ann = await api.register()
        phone, _ = await device(api, ann.email)
        passwords.meanwhile = lambda: ann.post("/auth/password/change", {"new_password": NEW})
        assert_refused(await signed_in(api, ann.email), 401, "auth.invalid_credentials")
        assert_refused(await phone.get("/auth/me"), 401, "auth.session_ended")
        assert [each["id"] for each in await sessions(ann)] == [ann.session_id]


async def test_a_device_that_is_signed_out_while_it_changes_the_password_does_not(another_app: Any) -> None:
    passwords = Interrupted()
    async with another_app(prepare=lambda c: c.passwords.override(providers.Object(passwords))) as api:
        ann = await api.register()
        for path, body in (
            ("/auth/password/change", {"current_password": PASSWORD, "new_password": NEW}),
            ("/auth/step-up", {"password": PASSWORD}),
        ):
            phone, _ = await device(api, ann.email)
            passwords.meanwhile = lambda: ann.delete(f"/auth/sessions/{phone.session_id}")
            assert_refused(await phone.post(path, body), 401, "auth.session_ended")
        assert (await signed_in(api, ann.email)).status_code == 200


# Temporary passwords


async def test_a_temporary_password_only_opens_the_choice_of_ones_own(api: Api) -> None:
    ann = await api.register()
    by_sql(api, ann, "password_is_temporary = true, claimed_at = null")
    assert_refused(await signed_in(api, ann.email), 403, "auth.password_change_required")
    assert_refused(await signed_in(api, ann.email, password="wrong"), 401, "auth.invalid_credentials")
    wrong = await signed_in(api, ann.email, password="wrong", new_password="short")
    assert_refused(wrong, 401, "auth.invalid_credentials")
    weak = await signed_in(api, ann.email, new_password="short")
    assert_refused(weak, 422, "password.too_weak", "/new_password")
    same = await signed_in(api, ann.email, new_password=PASSWORD)
    assert_refused(same, 422, "password.too_weak", "/new_password")

    answer = await signed_in(api, ann.email, new_password=NEW)
    assert (answer.status_code, answer.json()["user"]["id"]) == (200, ann.user_id)
    assert api.sql(
        "select password_is_temporary, claimed_at is not null, version from accounts where email = %s", (ann.email,)
    ) == [(False, True, 2)]
    assert_refused(await ann.get("/auth/me"), 401, "auth.session_ended")
    assert (await signed_in(api, ann.email, password=NEW)).status_code == 200
    again = await signed_in(api, ann.email, password=NEW, new_password=PASSWORD)
    assert_refused(again, 422, "request.invalid", "/new_password")


# Hashes of an older system


async def test_a_hash_of_an_older_system_signs_in_and_becomes_one_of_today(api: Api) -> None:
    ann = await api.register()
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    by_sql(api, ann, "password_hash = %s", kept)
    assert_refused(await signed_in(api, ann.email, password="wrong"), 401, "auth.invalid_credentials")
    assert api.sql("select password_hash from accounts where email = %s", (ann.email,)) == [(kept,)]
    answers = await asyncio.gather(*(signed_in(api, ann.email) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    ((now, version),) = api.sql("select password_hash, version from accounts where email = %s", (ann.email,))
    assert now.startswith("$argon2id$") and version == 1
    assert (await signed_in(api, ann.email)).status_code == 200
    assert api.sql("select password_hash from accounts where email = %s", (ann.email,)) == [(now,)]
    assert (await ann.get("/auth/me")).status_code == 200


# Memberships that nobody accepted


async def test_a_membership_that_was_not_accepted_opens_nothing(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    there = await api.colleague(owner, who=ann, role="admin")
    username = (await there.get("/auth/me")).json()["username"]
    _, token = await device(api, ann.email)
    api.sql("update users set accepted_at = null where id = %s", (there.user_id,))

    for path in ("/auth/me", "/tasks", "/projects", "/auth/sessions"):
        assert_refused(await there.get(path), 401, "auth.session_ended")
    assert_refused(await there.post("/projects", {"name": "x"}), 401, "auth.session_ended")
    for named in ({"company_id": owner.company_id}, {"company": owner.company["code"]}):
        assert_refused(await signed_in(api, ann.email, **named), 403, "auth.no_active_membership")
        by_name = await api.client.post(f"{AUTH}/login", json={"username": username, "password": PASSWORD, **named})
        assert_refused(by_name, 401, "auth.invalid_credentials")
    refused = await api.client.post(f"{AUTH}/refresh", json={"refresh_token": token, "company_id": owner.company_id})
    assert_refused(refused, 403, "auth.no_active_membership")
    switched = await ann.post("/auth/switch-company", {"company_id": owner.company_id})
    assert_refused(switched, 422, "reference.not_found", "/company_id")
    assert [each["id"] for each in (await ann.get("/auth/me")).json()["companies"]] == [ann.company_id]
    assert [each["id"] for each in (await ann.get("/companies")).json()] == [ann.company_id]

    renewed = await renew(api, token, cookie=False)
    assert renewed.json()["company"]["id"] == ann.company_id
    assert (await signed_in(api, ann.email)).json()["company"]["id"] == ann.company_id


async def test_who_belongs_nowhere_any_more_is_told_so_and_their_token_is_not_spent(api: Api) -> None:
    ann = await api.register()
    _, token = await device(api, ann.email)
    api.sql("update users set accepted_at = null where id = %s", (ann.user_id,))
    for _ in range(2):
        assert_refused(await renew(api, token, cookie=False), 403, "auth.no_active_membership")
    assert_refused(await signed_in(api, ann.email), 403, "auth.no_active_membership")
    api.sql("update users set accepted_at = now() where id = %s", (ann.user_id,))
    assert (await renew(api, token, cookie=False)).status_code == 200


async def test_one_account_in_several_companies_signs_in_to_the_one_it_names(api: Api) -> None:
    ann, second, third = [await api.register() for _ in range(3)]
    await api.colleague(second, who=ann)
    left = await api.colleague(third, who=ann)
    api.sql("update users set is_active = false where id = %s", (left.user_id,))
    api.client.cookies.clear()
    for company in (ann.company, second.company):
        for named in ({"company_id": company["id"]}, {"company": company["code"]}):
            assert (await signed_in(api, ann.email, **named)).json()["company"]["id"] == company["id"]
        both = {"company_id": company["id"], "company": company["code"]}
        assert (await signed_in(api, ann.email, **both)).json()["company"]["id"] == company["id"]
    contradicting = {"company_id": ann.company_id, "company": second.company["code"]}
    assert_refused(await signed_in(api, ann.email, **contradicting), 403, "auth.no_active_membership")
    assert_refused(await signed_in(api, ann.email, company_id=left.company_id), 403, "auth.no_active_membership")


# The clock


async def test_a_step_up_is_over_after_ten_minutes_of_the_clock(another_app: Any) -> None:
    clock = MovableClock()
    async with another_app(prepare=lambda c: c.clock.override(providers.Object(clock))) as api:
        ann = await api.register()
        clock.ahead = timedelta(minutes=9, seconds=50)
        assert (await ann.post("/auth/password/change", {"new_password": NEW})).status_code == 204
        clock.ahead = timedelta(minutes=10, seconds=1)
        refused = await ann.post("/auth/password/change", {"new_password": PASSWORD})
        assert_refused(refused, 403, "auth.step_up_required")
        await ann.post("/auth/step-up", {"password": NEW})
        clock.ahead = timedelta(minutes=20)
        assert (await ann.post("/auth/password/change", {"new_password": PASSWORD})).status_code == 204
