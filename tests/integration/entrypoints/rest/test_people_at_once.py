"""People who are brought in, accept, are asked back and are sent away at the same time."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.test_people import accept, address, as_person, invited, made

KEY = "Idempotency-Key"


def codes(answers: list[httpx.Response]) -> list[tuple[int, str | None]]:
    return sorted((each.status_code, each.json().get("code") if each.status_code >= 400 else None) for each in answers)


def users_with(api: Api, email: str) -> list[tuple[Any, ...]]:
    return api.sql("select company_id::text, is_active, accepted_at is not null from users where email = %s", (email,))


def invitations_to(api: Api, email: str) -> list[tuple[Any, ...]]:
    return api.sql(
        "select accepted_at is not null, revoked_at is not null from invitations where email = %s order by created_at",
        (email,),
    )


@pytest.mark.parametrize("turn", range(5))
async def test_of_two_admins_who_make_the_same_address_a_user_one_does(api: Api, turn: int) -> None:
    olga = await api.register()
    adam, email = await api.colleague(olga, role="admin"), address()
    if turn % 2:
        await invited(olga, email)
    more = {"password": "a temporary pass"} if turn == 2 else {}
    answers = await asyncio.gather(
        *(who.post("/users", {"name": "Bea", "email": email, **more}) for who in (olga, adam))
    )
    (first, second) = codes(answers)
    assert first == (201, None)
    assert second in ((409, "user.already_member"), (409, "conflict.changed_meanwhile"))
    assert len(users_with(api, email)) == 1
    assert len(api.sql("select 1 from accounts where email = %s", (email,))) == 1
    assert [each[1] for each in invitations_to(api, email)].count(False) == 1


async def test_twenty_equal_posts_at_once_with_one_key_make_one_user(api: Api) -> None:
    olga, email = await api.register(), address()
    body = {"name": "Bea", "email": email}
    before = api.count("users", olga.company_id)
    answers = await asyncio.gather(*(olga.post("/users", body, headers={KEY: "k"}) for _ in range(20)))
    fresh = [each for each in answers if each.status_code == 201 and "idempotency-replayed" not in each.headers]
    assert len(fresh) == 1
    assert set(codes(answers)) <= {(201, None), (409, "idempotency.in_flight")}
    for each in answers:
        if each.status_code == 201:
            assert each.json()["id"] == fresh[0].json()["id"]
            assert (each.json()["invitation"] is None) is (each is not fresh[0])
    assert api.count("users", olga.company_id) == before + 1
    assert api.count("invitations", olga.company_id) == 1
    events = [each["event"] for each in (await olga.get("/events?limit=200")).json()]
    assert [events.count(each) for each in ("user_created", "invitation_created")] == [2, 1]


async def test_a_link_that_is_followed_while_it_is_taken_back_is_one_or_the_other(api: Api) -> None:
    olga = await api.register()
    for turn in range(6):
        email = address()
        link = await (made(olga, email=email) if turn % 2 else invited(olga, email))
        token = link["invitation"]["token"] if turn % 2 else link["token"]
        (invitation_id,) = [
            each["id"] for each in (await olga.get("/invitations?status=pending")).json() if each["email"] == email
        ]

        async def revoke(path: str = f"/invitations/{invitation_id}", delay: float = 0.04 * turn) -> httpx.Response:
            await asyncio.sleep(delay)
            return await olga.delete(path)

        accepted, revoked = await asyncio.gather(
            accept(api, {"token": token, "password": PASSWORD, "name": "Bea"}), revoke()
        )
        ((is_accepted, is_revoked),) = invitations_to(api, email)
        assert is_accepted is not is_revoked
        if is_accepted:
            assert (accepted.status_code, revoked.status_code) == (200, 404)
            assert users_with(api, email) == [(olga.company_id, True, True)]
        else:
            assert (accepted.status_code, revoked.status_code) == (404, 204)
            assert users_with(api, email) in ([], [(olga.company_id, True, False)])


async def test_whoever_is_deactivated_while_they_accept_is_out_in_the_end(api: Api) -> None:
    """Nobody waits for the other in a ring, which would be answered 503."""
    olga = await api.register()
    members = [await api.register() for _ in range(4)]
    for turn in range(12):
        who = members[turn // 3] if turn % 3 == 0 else None
        email = who.email if who else address()
        new = await made(olga, email=email)
        body = {"token": new["invitation"]["token"]} if who else {
            "token": new["invitation"]["token"], "password": PASSWORD,
        }  # fmt: skip

        async def send_away(user: str = new["id"], delay: float = 0.02 * (turn % 6)) -> httpx.Response:
            await asyncio.sleep(delay)
            return await olga.delete(f"/users/{user}")

        accepted, gone = await asyncio.gather(accept(api, body, by=who), send_away())
        assert gone.status_code == 204
        assert codes([accepted])[0] in (
            (200, None),
            (403, "auth.no_active_membership"),
            (404, "invitation.not_found"),
        ), accepted.text
        (user,) = [each for each in users_with(api, email) if each[0] == olga.company_id]
        assert user == (olga.company_id, False, accepted.status_code == 200)
        ((is_accepted, is_revoked),) = invitations_to(api, email)
        assert is_accepted is (accepted.status_code == 200)
        assert is_accepted is not is_revoked
        if accepted.status_code == 200:
            assert (await as_person(api, accepted).get("/tasks")).status_code == 401


async def test_whoever_is_made_a_user_while_they_accept_an_earlier_link_is_one_user(api: Api) -> None:
    olga = await api.register()
    for turn in range(8):
        email = address()
        link = await invited(olga, email)

        async def make(email: str = email, delay: float = 0.03 * turn) -> httpx.Response:
            await asyncio.sleep(delay)
            return await olga.post("/users", {"name": "Bea", "email": email})

        accepted, posted = await asyncio.gather(
            accept(api, {"token": link["token"], "password": PASSWORD, "name": "Bea"}), make()
        )
        assert codes([accepted])[0] in (
            (200, None), (404, "invitation.not_found"), (409, "account.email_taken"), (409, "user.already_member"),
        ), accepted.text  # fmt: skip
        assert codes([posted])[0] in (
            (201, None), (409, "user.already_member"), (409, "conflict.changed_meanwhile"),
        ), posted.text  # fmt: skip
        assert {accepted.is_success, posted.is_success} == {True, False}
        assert len(users_with(api, email)) == 1


async def test_of_the_links_of_two_companies_one_alone_chooses_the_password(api: Api) -> None:
    """An inviter who holds one of them does not get in beside the person who follows the other."""
    olga, mallory = await api.register(), await api.register()
    words = ["Tr0ub4dor and three", "Mallory's 0wn word"]
    for _ in range(6):
        email = address()
        links = [(await made(who, email=email))["invitation"]["token"] for who in (olga, mallory)]
        answers = await asyncio.gather(
            *(accept(api, {"token": link, "password": word}) for link, word in zip(links, words, strict=True))
        )
        assert codes(answers) == [(200, None), (401, "auth.sign_in_first")]
        winner = next(number for number, each in enumerate(answers) if each.status_code == 200)
        for number, word in enumerate(words):
            entered = await api.client.post("/api/v1/auth/login", json={"email": email, "password": word})
            api.client.cookies.clear()
            assert entered.status_code == (200 if number == winner else 401)


async def test_admins_who_ask_again_and_send_away_at_once_leave_no_open_link(api: Api) -> None:
    olga = await api.register()
    adam: Person = await api.colleague(olga, role="admin")
    for _ in range(5):
        new = await made(olga)
        asked, gone = await asyncio.gather(
            adam.post("/invitations", {"email": new["email"]}), olga.delete(f"/users/{new['id']}")
        )
        assert gone.status_code == 204
        assert codes([asked])[0] in ((201, None), (409, "user.already_member"))
        assert all(is_revoked for _, is_revoked in invitations_to(api, new["email"]))


# One order of locks for everybody: the user, the invitation, the account, its sessions. What holds the first and wants
# the last never meets the opposite, which would be answered 503.


async def waited(
    api: Api, asked: Awaitable[httpx.Response], *, first: tuple[str, str], then: tuple[str, str]
) -> httpx.Response:
    """The answer to a request that waits for a row of `first`, and does not hold the row of `then` meanwhile."""
    with psycopg.connect(api.superuser_url) as connection:
        table, row = first
        assert connection.execute(f"select from {table} where {row} for no key update").rowcount == 1
        waiting = asyncio.ensure_future(asked)
        blocked = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        async with asyncio.timeout(20):
            while connection.execute(blocked).fetchone() != (1,):
                assert not waiting.done(), "it did not wait"
                await asyncio.sleep(0.05)
        table, row = then
        held = connection.execute(f"select from {table} where {row} for no key update nowait")
        assert held.rowcount == 1
    return await waiting


async def test_making_a_user_waits_for_the_link_before_it_touches_the_account(api: Api) -> None:
    olga, other, email = await api.register(), await api.register(), address()
    await made(other, email=email)
    link = await invited(olga, email)
    asked = olga.post("/users", {"name": "Bea", "email": email})
    first, then = ("invitations", f"id = '{link['id']}'"), ("accounts", f"email = '{email}'")
    assert (await waited(api, asked, first=first, then=then)).status_code == 201


async def test_changing_an_address_waits_for_the_link_before_it_touches_the_account(api: Api) -> None:
    olga = await api.register()
    bea, email = await api.colleague(olga), address()
    assert (await olga.post("/invitations", {"email": email, "role": "member"})).status_code == 201
    asked = olga.patch(f"/users/{bea.user_id}", {"email": email})
    first, then = ("invitations", f"email = '{email}'"), ("accounts", f"email = '{bea.email}'")
    # The account is of two companies, and that is found only after the wait.
    assert (await waited(api, asked, first=first, then=then)).status_code == 403


async def test_signing_in_waits_for_the_user_before_it_touches_the_account(api: Api) -> None:
    olga = await api.register()
    first, then = ("users", f"id = '{olga.user_id}'"), ("accounts", f"email = '{olga.email}'")
    asked = api.client.post("/api/v1/auth/login", json={"email": olga.email, "password": PASSWORD})
    assert (await waited(api, asked, first=first, then=then)).status_code == 200
    api.client.cookies.clear()


async def test_switching_companies_waits_for_the_user_before_it_touches_the_session(api: Api) -> None:
    olga, bea = await api.register(), await api.register()
    there = await api.colleague(olga, who=bea)
    first, then = ("users", f"id = '{there.user_id}'"), ("login_sessions", f"id = '{bea.session_id}'")
    asked = bea.post("/auth/switch-company", {"company_id": olga.company_id})
    assert (await waited(api, asked, first=first, then=then)).status_code == 200
