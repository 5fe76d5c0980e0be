"""A second factor over HTTP: from the first code to the last, by every door that takes a password."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pyotp
import pytest

from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.conformance import Conformance
from tests.integration.entrypoints.rest.test_sessions import AUTH, NEW, assert_refused, lay_aside, renew, sessions

WRONG = "000000"
SIGNED_IN = {"access_token", "token_type", "expires_in", "user", "company"}


@dataclass(kw_only=True)
class Holder:
    """Somebody with a second factor, and what they know and have."""

    api: Api
    person: Person
    secret: str
    codes: list[str]

    def code(self, *, later: int = 0) -> str:
        """What the authenticator shows, or will show so many steps later."""
        return pyotp.TOTP(self.secret).at(int(time.time()) + 30 * later)

    def fresh(self) -> str:
        """A code that is good, whichever were used before."""
        self.api.sql("update accounts set totp_step = 0 where email = %s", (self.person.email,))
        return self.code()

    async def asked(self, **fields: Any) -> str:
        """The ticket that signing in gives."""
        answer = await self.login(**fields)
        assert answer.status_code == 200 and answer.json().keys() == {"second_factor_required", "ticket", "expires_in"}
        assert answer.json()["second_factor_required"] is True and answer.json()["expires_in"] == 300
        assert "set-cookie" not in answer.headers and answer.headers["cache-control"] == "no-store"
        return str(answer.json()["ticket"])

    async def login(self, **fields: Any) -> httpx.Response:
        given = {"email": self.person.email, "password": PASSWORD, **fields}
        return await self.post("/login", given)

    async def shows(self, ticket: str, code: str, **fields: Any) -> httpx.Response:
        return await self.post("/login/second-factor", {"ticket": ticket, "code": code, **fields})

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        answer = await self.api.client.post(f"{AUTH}{path}", json=body)
        self.api.client.cookies.clear()
        return answer


async def with_factor(api: Api, person: Person | None = None) -> Holder:
    person = person or await api.register()
    begun = await person.post("/auth/totp/enable")
    assert begun.status_code == 200, begun.text
    secret = begun.json()["secret"]
    confirmed = await person.post("/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    assert confirmed.status_code == 200, confirmed.text
    return Holder(api=api, person=person, secret=secret, codes=confirmed.json()["recovery_codes"])


@pytest.fixture
async def ann(api: Api) -> Holder:
    return await with_factor(api)


def audited(api: Api, person: Person) -> list[str]:
    """The types of what the auditors of a person's company were told, in order."""
    found = api.sql("select type from audit_events where company_id = %s order by at, ctid", (person.company_id,))
    return [row[0] for row in found]


# The life of a factor


async def test_it_is_enabled_shown_once_and_disabled(api: Api) -> None:
    ann = await api.register()
    assert (await ann.get("/auth/me")).json()["second_factor"] is False
    begun = await ann.post("/auth/totp/enable")
    assert begun.headers["cache-control"] == "no-store"
    totp = pyotp.parse_uri(begun.json()["provisioning_uri"])
    assert (totp.secret, totp.issuer, totp.name) == (begun.json()["secret"], "FlowTrack localhost", ann.email)
    # It does not count yet.
    assert (await ann.get("/auth/me")).json()["second_factor"] is False
    assert (await api.login(ann.email)).token

    assert_refused(await ann.post("/auth/totp/confirm", {"code": WRONG}), 401, "auth.code_invalid")
    confirmed = await ann.post("/auth/totp/confirm", {"code": totp.now()})
    codes = confirmed.json()["recovery_codes"]
    assert confirmed.headers["cache-control"] == "no-store" and len(set(codes)) == 10
    for path in ("/auth/me", "/users/me"):
        assert (await ann.get(path)).json()["second_factor"] is True
    assert_refused(await ann.post("/auth/totp/enable"), 409, "totp.enabled")
    assert_refused(await ann.post("/auth/totp/confirm", {"code": totp.now()}), 409, "totp.enabled")

    assert_refused(await ann.post("/auth/totp/disable", {"code": WRONG}), 401, "auth.code_invalid")
    assert (await ann.post("/auth/totp/disable", {"code": codes[0]})).status_code == 204
    assert (await ann.get("/auth/me")).json()["second_factor"] is False
    assert (await api.login(ann.email)).token
    assert_refused(await ann.post("/auth/totp/disable", {"code": codes[1]}), 409, "totp.not_enabled")
    assert_refused(await ann.post("/auth/recovery-codes"), 409, "totp.not_enabled")
    assert_refused(await ann.post("/auth/totp/confirm", {"code": WRONG}), 409, "totp.not_begun")


async def test_nothing_of_it_is_readable_in_the_database(api: Api, ann: Holder, test_database: Any) -> None:
    (row,) = api.sql("select a::text from accounts a where email = %s", (ann.person.email,))
    for shown in (ann.secret, *ann.codes, *(code.replace("-", "") for code in ann.codes)):
        assert shown not in row[0] and shown.encode().hex() not in row[0]
    with psycopg.connect(test_database.product) as connection:
        for column in ("totp_secret", "totp_enabled_at", "totp_step", "recovery_digests"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select {column} from accounts")
            connection.rollback()


async def test_it_takes_a_fresh_proof(api: Api) -> None:
    plain, ann = await api.register(), await with_factor(api)
    for person in (plain, ann.person):
        lay_aside(api, person, timedelta(minutes=10))
    assert_refused(await plain.post("/auth/totp/enable"), 403, "auth.step_up_required")
    assert_refused(await ann.person.post("/auth/totp/disable", {"code": ann.codes[0]}), 403, "auth.step_up_required")
    assert_refused(await ann.person.post("/auth/recovery-codes"), 403, "auth.step_up_required")
    # The password that somebody overheard is no proof where there is a factor.
    assert_refused(await ann.person.post("/auth/step-up", {"password": PASSWORD}), 403, "auth.second_factor_required")
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert_refused(await ann.person.post("/auth/password/change", change), 403, "auth.step_up_required")
    assert (await ann.person.post("/auth/step-up", {"code": ann.fresh()})).status_code == 200
    renewed = (await ann.person.post("/auth/recovery-codes")).json()["recovery_codes"]
    assert len({*renewed, *ann.codes}) == 20
    assert_refused(await ann.person.post("/auth/totp/disable", {"code": ann.codes[1]}), 401, "auth.code_invalid")
    assert (await ann.person.post("/auth/password/change", change)).status_code == 204


async def test_a_session_of_one_companys_provider_does_not_reach_it(api: Api, ann: Holder) -> None:
    api.sql(
        "update login_sessions set general_at = null, sso_company_ids = array[%s::uuid] where id = %s",
        (ann.person.company_id, ann.person.session_id),
    )
    for path, body in (
        ("/auth/totp/enable", None),
        ("/auth/totp/confirm", {"code": WRONG}),
        ("/auth/totp/disable", {"code": ann.codes[0]}),
        ("/auth/recovery-codes", None),
    ):
        assert_refused(await ann.person.post(path, body), 403, "auth.account_proof_required")


# Signing in


async def test_signing_in_takes_two_steps(api: Api, ann: Holder) -> None:
    before = api.sql("select count(*) from login_sessions")
    ticket = await ann.asked()
    assert api.sql("select count(*) from login_sessions") == before
    answer = await api.client.post(f"{AUTH}/login/second-factor", json={"ticket": ticket, "code": ann.code(later=1)})
    assert answer.status_code == 200 and answer.json().keys() == SIGNED_IN
    assert {cookie.name for cookie in api.client.cookies.jar} == {"flowtrack_refresh", "flowtrack_device"}
    api.client.cookies.clear()
    person = api._person(answer, ann.person.email)
    assert (await person.get("/auth/me")).status_code == 200
    (row,) = api.sql("select second_factor_at is not null from login_sessions where id = %s", (person.session_id,))
    assert row == (True,)


async def test_the_options_of_signing_in_are_kept(api: Api, ann: Holder) -> None:
    other = await api.register()
    there = await colleague_with_factor(api, other, ann)
    for named in ({"company_id": other.company_id}, {"company": other.company["code"]}):
        ticket = await ann.asked(**named)
        answer = await ann.shows(ticket, ann.fresh(), return_refresh_token=True)
        assert answer.json().keys() == SIGNED_IN | {"refresh_token"}
        assert answer.json()["company"]["id"] == other.company_id
        assert answer.json()["user"]["id"] == there
        assert (await renew(api, answer.json()["refresh_token"], cookie=False)).status_code == 200
    assert_refused(await ann.shows(await ann.asked(company="nothing"), ann.fresh()), 403, "auth.no_active_membership")


async def colleague_with_factor(api: Api, of: Person, ann: Holder) -> str:
    """One more membership of somebody who cannot just sign in there: the user's id."""
    (row,) = api.sql(
        "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,"
        " version, created_at, updated_at)"
        " select %s, gen_random_uuid(), account_id, 'person', name, email, username, 'member', true, now(), 1, now(),"
        " now() from users where id = %s returning id::text",
        (of.company_id, ann.person.user_id),
    )
    return str(row[0])


async def test_a_code_is_good_once_and_an_older_one_never_after_it(api: Api, ann: Holder) -> None:
    ticket = await ann.asked()
    assert_refused(await ann.shows(ticket, ann.code()), 401, "auth.code_invalid")  # it confirmed the factor
    used = ann.code(later=1)
    assert (await ann.shows(ticket, used)).status_code == 200
    for code in (used, ann.code(), ann.code(later=-1)):
        assert_refused(await ann.shows(ticket, code), 401, "auth.code_invalid")
    assert (await ann.shows(ticket, ann.codes[0].upper())).status_code == 200
    assert_refused(await ann.shows(ticket, ann.codes[0]), 401, "auth.code_invalid")


@pytest.mark.parametrize("kind", ["of the authenticator", "to write down"])
async def test_of_many_requests_at_once_with_one_code_one_signs_in(
    api: Api, ann: Holder, another_app: Any, kind: str
) -> None:
    """By whatever ticket, in whatever process, and by whatever door."""
    code = ann.code(later=1) if kind == "of the authenticator" else ann.codes[5]
    tickets = [await ann.asked() for _ in range(2)]
    async with another_app() as elsewhere:
        there = Holder(api=elsewhere, person=ann.person, secret=ann.secret, codes=ann.codes)
        answers = await asyncio.gather(
            ann.shows(tickets[0], code),
            there.shows(tickets[0], code),
            ann.shows(tickets[1], code),
            ann.person.post("/auth/step-up", {"code": code}),
        )
    found = Counter(answer.status_code for answer in answers)
    assert found == {200: 1, 401: 3}, [answer.text for answer in answers]
    left = api.sql("select cardinality(array_remove(recovery_digests, '')) from accounts where email = %s",
                   (ann.person.email,))  # fmt: skip
    assert left == [(10 if kind == "of the authenticator" else 9,)]


async def test_a_ticket_is_of_the_password_that_was_proved(api: Api, ann: Holder) -> None:
    ticket = await ann.asked()
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert (await ann.person.post("/auth/password/change", change)).status_code == 204
    assert_refused(await ann.shows(ticket, ann.codes[0]), 401, "auth.ticket_invalid")
    assert (await ann.shows(await ann.asked(password=NEW), ann.codes[0])).status_code == 200


@pytest.mark.parametrize("text", ["none", "ftt_none", "ftl_none", "ftd_none", "x" * 2000])
async def test_what_is_no_ticket_is_refused(api: Api, ann: Holder, text: str) -> None:
    assert_refused(await ann.shows(text, ann.codes[0]), 401, "auth.ticket_invalid")


async def test_other_tokens_of_ours_are_no_tickets(api: Api, ann: Holder) -> None:
    signed_in = await ann.shows(await ann.asked(), ann.codes[0], return_refresh_token=True)
    for text in (signed_in.json()["refresh_token"], signed_in.json()["access_token"]):
        assert_refused(await ann.shows(text, ann.codes[1]), 401, "auth.ticket_invalid")
    # Nor is a ticket one of those.
    ticket = await ann.asked()
    bearer = {"Authorization": f"Bearer {ticket}"}
    assert_refused(await api.client.get(f"{AUTH}/me", headers=bearer), 401, "auth.token_invalid")
    assert_refused(await renew(api, ticket, cookie=False), 401, "auth.refresh_invalid")


async def test_a_temporary_password_is_replaced_in_the_second_step(api: Api, ann: Holder) -> None:
    api.sql("update accounts set password_is_temporary = true where email = %s", (ann.person.email,))
    assert_refused(await ann.login(), 403, "auth.password_change_required")
    ticket = await ann.asked(new_password=NEW)
    assert_refused(await ann.shows(ticket, WRONG), 401, "auth.code_invalid")
    assert_refused(await ann.login(password=NEW), 401, "auth.invalid_credentials")
    assert (await ann.person.get("/auth/me")).status_code == 200
    assert (await ann.shows(ticket, ann.codes[0])).status_code == 200
    assert_refused(await ann.person.get("/auth/me"), 401, "auth.session_ended")
    assert_refused(await ann.shows(ticket, ann.codes[1]), 401, "auth.ticket_invalid")
    assert await ann.asked(password=NEW)


async def test_five_wrong_codes_close_the_network_and_not_the_browser_that_is_known(api: Api, ann: Holder) -> None:
    known = await api.client.post(
        f"{AUTH}/login/second-factor", json={"ticket": await ann.asked(), "code": ann.codes[0]}
    )
    device = known.cookies["flowtrack_device"]
    api.client.cookies.clear()
    ticket = await ann.asked()
    for _ in range(5):
        assert_refused(await ann.shows(ticket, WRONG), 401, "auth.code_invalid")
    refused = await ann.shows(ticket, ann.codes[1])
    assert_refused(refused, 429, "auth.too_many_failures")
    assert 0 < int(refused.headers["retry-after"]) <= 15 * 60
    api.client.cookies.set("flowtrack_device", device)
    assert (await ann.shows(ticket, ann.codes[1])).status_code == 200
    assert (await ann.person.get("/auth/me")).status_code == 200
    assert (await ann.person.post("/auth/step-up", {"code": ann.codes[2]})).status_code == 200
    types = audited(api, ann.person)
    assert types.count("auth.login_failed") == 5 and types.count("auth.locked") == 1


# Other doors

# Each route that signs a device in, and why a password alone is not enough there.
DOORS = {
    "register": "an account that is known takes its code; a new one has no factor",
    "login": "answers a ticket",
    "loginWithSecondFactor": "takes the code",
    "acceptInvitation": "an account that is known takes its code; a new one has no factor",
    "refresh": "takes no password: the session proved its factor when it began",
    "redeemOidcCode": "takes no password: a provider vouches, and whatever it asked for stands in for the factor",
}


def test_every_door_is_known(conformance: Conformance) -> None:
    """A route that signs in is a door to be tried: by a password, by a link or by whatever else."""
    found = set()
    for _, _, operation in conformance.operations():
        if "security" in operation:
            continue
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            shown = [conformance.schema(each) for each in schema.get("anyOf", [schema])]
            if status.startswith("2") and any("access_token" in each.get("properties", {}) for each in shown):
                found.add(operation["operationId"])
    assert found == DOORS.keys()


async def test_accepting_an_invitation_takes_a_code(api: Api, ann: Holder) -> None:
    olga = await api.register()
    token = (await olga.post("/invitations", {"email": ann.person.email})).json()["token"]
    given = {"token": token, "password": PASSWORD}

    async def accepts(**more: str) -> httpx.Response:
        answer = await api.client.post("/api/v1/invitations/accept", json={**given, **more})
        api.client.cookies.clear()
        return answer

    assert_refused(await accepts(), 403, "auth.second_factor_required")
    assert_refused(await accepts(code=WRONG), 401, "auth.code_invalid")
    assert_refused(await accepts(code=ann.codes[0], password="a wrong guess"), 401, "auth.sign_in_first")
    assert api.count("users", olga.company_id) == 1
    accepted = await accepts(code=ann.codes[0])
    assert accepted.status_code == 200 and accepted.json()["company"]["id"] == olga.company_id
    assert_refused(await ann.shows(await ann.asked(), ann.codes[0]), 401, "auth.code_invalid")


async def test_opening_another_company_takes_a_code(api: Api, ann: Holder) -> None:
    api.sql("update users set is_active = false where id = %s", (ann.person.user_id,))
    given = {"email": ann.person.email, "password": PASSWORD, "name": "Ann"}
    assert_refused(await ann.post("/register", given), 403, "auth.second_factor_required")
    assert_refused(await ann.post("/register", {**given, "code": WRONG}), 401, "auth.code_invalid")
    assert_refused(
        await ann.post("/register", {**given, "password": "a wrong guess", "code": ann.codes[0]}),
        409, "account.email_taken",
    )  # fmt: skip
    opened = await ann.post("/register", {**given, "code": ann.codes[0]})
    assert opened.status_code == 201 and opened.json()["company"]["id"] != ann.person.company_id


async def test_a_password_that_an_admin_sets_opens_nothing_alone(api: Api, ann: Holder) -> None:
    other = await api.colleague(ann.person, role="owner")
    api.sql("update users set role = 'member' where id = %s", (ann.person.user_id,))
    changed = await other.patch(f"/users/{ann.person.user_id}", {"password": "a temporary pass"})
    assert changed.status_code == 200, changed.text
    assert_refused(await ann.login(password="a temporary pass"), 403, "auth.password_change_required")
    assert await ann.asked(password="a temporary pass", new_password=NEW)


# Unlocking


async def test_an_admin_lets_somebody_try_again(api: Api) -> None:
    olga = await api.register()
    ann = await api.colleague(olga)
    # What the browser is known by would be counted by itself.
    api.client.cookies.clear()
    given = {"email": ann.email, "password": "a wrong guess"}
    for _ in range(5):
        assert_refused(await post(api, given), 401, "auth.invalid_credentials")
    right = {**given, "password": PASSWORD}
    assert_refused(await post(api, right), 429, "auth.too_many_failures")
    assert_refused(await ann.post(f"/users/{olga.user_id}/unlock"), 404, "user.not_found")
    assert_refused(await ann.post(f"/users/{ann.user_id}/unlock"), 403, "permission.denied")
    unlocked = await olga.post(f"/users/{ann.user_id}/unlock")
    assert (unlocked.status_code, unlocked.content) == (204, b"") and "x-event-seq" in unlocked.headers
    assert (await post(api, right)).status_code == 200
    assert audited(api, olga).count("auth.unlocked") == 1
    for _ in range(4):
        assert (await olga.post(f"/users/{ann.user_id}/unlock")).status_code == 204
    refused = await olga.post(f"/users/{ann.user_id}/unlock")
    assert_refused(refused, 429, "user.too_many_unlocks")
    assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_it_unlocks_in_every_process(api: Api, another_app: Any, redis_url: str) -> None:
    olga = await api.register()
    ann = await api.colleague(olga)
    async with another_app(redis_url=redis_url) as one, another_app(redis_url=redis_url) as two:
        given = {"email": ann.email, "password": "a wrong guess"}
        for place in range(5):
            assert_refused(await post((one, two)[place % 2], given), 401, "auth.invalid_credentials")
        for each in (one, two):
            assert_refused(await post(each, {**given, "password": PASSWORD}), 429, "auth.too_many_failures")
        bearer = {"Authorization": f"Bearer {olga.token}"}
        unlocked = await one.client.post(f"/api/v1/users/{ann.user_id}/unlock", headers=bearer)
        assert unlocked.status_code == 204
        for each in (two, one):
            assert (await post(each, {**given, "password": PASSWORD})).status_code == 200


async def post(api: Api, given: dict[str, str]) -> httpx.Response:
    answer = await api.client.post(f"{AUTH}/login", json=given)
    api.client.cookies.clear()
    return answer


# What auditors are told


async def test_auditors_are_told_of_it_all(api: Api) -> None:
    ann = await with_factor(api)
    assert (await ann.shows(await ann.asked(), WRONG)).status_code == 401
    assert (await ann.shows(await ann.asked(), ann.codes[0])).status_code == 200
    assert (await ann.person.post("/auth/totp/disable", {"code": ann.codes[1]})).status_code == 204
    types = [each for each in audited(api, ann.person) if each.split(".")[0] in ("auth", "totp", "recovery")]
    assert types == [
        "auth.registered", "totp.enabled", "auth.login_failed", "recovery.used", "auth.login_succeeded",
        "recovery.used", "totp.disabled",
    ]  # fmt: skip
    rows = api.sql("select a::text from audit_events a where company_id = %s", (ann.person.company_id,))
    for secret in (PASSWORD, ann.secret, *ann.codes):
        assert not any(secret in row[0] for row in rows)


async def test_a_name_that_nobody_has_is_told_to_the_installation_alone(api: Api, another_app: Any) -> None:
    email = f"nobody{time.time_ns()}@example.com"
    # By a process that noted none yet: of such names it keeps one a minute from one network.
    async with another_app() as fresh:
        assert (await post(fresh, {"email": email, "password": PASSWORD})).status_code == 401
    rows = api.sql(
        "select company_id::text, actor_id, type, address from audit_events where personal->>'name' = %s", (email,)
    )
    assert rows == [("00000000-0000-0000-0000-000000000000", None, "auth.login_failed", "127.0.0.1")]
    assert len(await sessions(await api.register())) == 1
