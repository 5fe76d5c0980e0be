"""Registering, signing in and out, and what tokens and cookies are worth: section 4 of the contract."""

import asyncio
import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from argon2 import PasswordHasher
from dependency_injector import providers
from joserfc import jwt
from joserfc.jwk import OKPKey

from adapters.crypto.passwords import Argon2Passwords
from entrypoints.container import Container
from tests.integration.api import PASSWORD, Api, Person

REFRESH = "/api/v1/auth/refresh"
LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
REGISTER = "/api/v1/auth/register"
PLAIN_COOKIE, HOST_COOKIE = "flowtrack_refresh", "__Host-flowtrack_refresh"


class MovableClock:
    """A clock that tests put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def newcomer(**fields: Any) -> dict[str, Any]:
    """What somebody new registers with."""
    given = {"email": f"{uuid4().hex}@example.com", "name": "Robin Reed", "password": PASSWORD, **fields}
    return {name: value for name, value in given.items() if value is not None}


def part(token: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token, unverified."""
    encoded = token.split(".")[number]
    return dict(json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))


def packed(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def set_cookie(response: httpx.Response) -> tuple[str, Any]:
    """The name and the morsel of the refresh token's cookie, the only one that is not the browser's own."""
    (line,) = (each for each in response.headers.get_list("set-cookie") if "flowtrack_device=" not in each)
    ((name, morsel),) = SimpleCookie(line).items()
    return name, morsel


async def me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


def assert_refused(response: httpx.Response, status: int, code: str, *pointers: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointers:
        assert [each["pointer"] for each in response.json()["errors"]] == list(pointers)


# Registering


async def test_registering_opens_a_company_of_which_the_caller_is_owner(browser: httpx.AsyncClient) -> None:
    given = newcomer(name="Ann Miller")
    answer = await browser.post(REGISTER, json=given)
    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == {"access_token", "token_type", "expires_in", "user", "company"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    assert (body["user"]["name"], body["user"]["role"], body["user"]["email"]) == (
        "Ann Miller",
        "owner",
        given["email"],
    )
    assert (body["user"]["kind"], body["user"]["is_active"]) == ("person", True)
    assert (body["company"]["name"], body["company"]["role"]) == ("Ann Miller's company", "owner")
    assert body["company"]["settings"] == {"members_edit_all_project_tasks": False, "time_zone": "UTC"}


async def test_a_username_alone_is_enough_to_register_and_nothing_of_the_two_is_not(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.post(REGISTER, json=newcomer(name=None, username="robin.r", company_name="Nest"))
    assert answer.status_code == 201
    assert (answer.json()["user"]["name"], answer.json()["user"]["username"]) == ("robin.r", "robin.r")
    assert answer.json()["company"]["name"] == "Nest"
    assert_refused(await browser.post(REGISTER, json=newcomer(name=None)), 422, "request.invalid", "/name")


async def test_companies_of_one_name_get_different_codes(browser: httpx.AsyncClient) -> None:
    name = f"Same & {uuid4().hex[:8]}"
    codes = [
        (await browser.post(REGISTER, json=newcomer(company_name=name))).json()["company"]["code"] for _ in range(3)
    ]
    assert len(set(codes)) == 3
    assert all(code.startswith("same-") and httpx.URL(f"http://x/{code}").path == f"/{code}" for code in codes)


async def test_an_address_is_one_account_in_any_case_and_in_both_forms_of_its_domain(
    browser: httpx.AsyncClient,
) -> None:
    local = f"P{uuid4().hex}"
    first = await browser.post(REGISTER, json=newcomer(email=f"{local}@BÜCHER.Example"))
    assert first.status_code == 201
    assert first.json()["user"]["email"] == f"{local.lower()}@xn--bcher-kva.example"
    for same in (f"{local}@xn--bcher-kva.example", f"{local.upper()}@bücher.example", f" {local}@BÜCHER.example "):
        assert_refused(await browser.post(REGISTER, json=newcomer(email=same)), 409, "account.email_taken")
        signed_in = await browser.post(LOGIN, json={"email": same, "password": PASSWORD})
        assert signed_in.status_code == 200, same


async def test_of_two_who_register_one_address_at_once_one_wins(browser: httpx.AsyncClient) -> None:
    given = newcomer()
    answers = await asyncio.gather(*(browser.post(REGISTER, json=given) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


@pytest.mark.parametrize(
    "email", ["nobody", "@example.com", "a@", "a b@example.com", "a@b@c.example", "a@exa mple.com"]
)
async def test_what_is_no_address_cannot_be_registered(browser: httpx.AsyncClient, email: str) -> None:
    answer = await browser.post(REGISTER, json=newcomer(email=email))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/email")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Sh0rt!x", "7 characters of four kinds"),
        ("onlysmall12", "11 characters of two kinds"),
        ("password1234", "common"),
        ("Xy7!robin-reed-Xy7!", "holds the name"),
        ("ROBINhood-1234-tall", "holds a part of the name, in another case"),
        ("Xy7!gardenia99", "holds the address"),
        ("x" * 60 + "Y1!" + "z" * 66, "129 characters"),
    ],
)
async def test_a_weak_password_is_refused(browser: httpx.AsyncClient, password: str, why: str) -> None:
    given = newcomer(name="Robin Reed", email="gardenia@example.com", password=password)
    assert_refused(await browser.post(REGISTER, json=given), 422, "password.too_weak", "/password")


@pytest.mark.parametrize("password", ["Ab1defgh", "twelve small", "Ab1!" + "q" * 124, "Xy7!red-bike"])
async def test_a_strong_password_is_taken_and_signs_in(browser: httpx.AsyncClient, password: str) -> None:
    given = newcomer(password=password)
    assert (await browser.post(REGISTER, json=given)).status_code == 201
    signed_in = await browser.post(LOGIN, json={"email": given["email"], "password": password})
    assert signed_in.status_code == 200
    wrong = await browser.post(LOGIN, json={"email": given["email"], "password": password + "!"})
    assert_refused(wrong, 401, "auth.invalid_credentials")


@pytest.mark.parametrize("registration", ["invitation", "closed"])
async def test_an_installation_may_take_no_registrations(another_app: Any, registration: str, api: Api) -> None:
    ann = await api.register()
    async with another_app(registration=registration) as closed:
        assert_refused(await closed.client.post(REGISTER, json=newcomer()), 403, "auth.registration_closed")
        again = await closed.login(ann.email)
        assert_refused(await again.post("/companies", {"name": "Another"}), 403, "company.creation_closed")


# Access tokens


async def test_an_access_token_says_who_and_where_for_half_an_hour(api: Api) -> None:
    ann = await api.register()
    header, claims = part(ann.token, 0), part(ann.token, 1)
    keys = (await api.client.get("/.well-known/jwks.json")).json()["keys"]
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert header["kid"] in [key["kid"] for key in keys]
    account_id = api.sql("select account_id from users where id = %s", (ann.user_id,))[0][0]
    assert (claims["sub"], claims["user_id"], claims["company_id"]) == (str(account_id), ann.user_id, ann.company_id)
    assert claims["role"] == "owner"
    assert claims["aud"] == claims["iss"] == "http://localhost:8000"
    assert UUID(claims["sid"]) and claims["jti"]
    assert claims["exp"] - claims["iat"] == 1800
    assert abs(claims["iat"] - time.time()) < 30
    assert part((await api.login(ann.email)).token, 1)["jti"] != claims["jti"]


async def test_the_jwks_shows_public_halves_that_verify_our_tokens(api: Api) -> None:
    ann = await api.register()
    keys = (await api.client.get("/.well-known/jwks.json")).json()["keys"]
    for key in keys:
        assert {"kty", "crv", "x", "kid", "alg", "use"} <= set(key)
        assert "d" not in key
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    key = next(key for key in keys if key["kid"] == part(ann.token, 0)["kid"])
    assert jwt.decode(ann.token, OKPKey.import_key(key), algorithms=["EdDSA"]).claims["user_id"] == ann.user_id


def _claims(ann: Person, **changes: Any) -> dict[str, Any]:
    """Those of a person's token; an instant is said as how far it is from now."""
    found = {**part(ann.token, 1), "jti": str(uuid4()), **changes}
    return {
        name: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in found.items()
        if value is not None
    }


def _own_key(container: Container) -> OKPKey:
    return container.access_tokens()._keys[0].key


async def test_both_names_of_the_algorithm_are_accepted(api: Api, container: Container) -> None:
    ann = await api.register()
    for algorithm in ("EdDSA", "Ed25519"):
        header = {"alg": algorithm, "kid": part(ann.token, 0)["kid"], "typ": "at+jwt"}
        token = jwt.encode(header, _claims(ann), _own_key(container), algorithms=["EdDSA", "Ed25519"])
        assert part(token, 0)["alg"] == algorithm
        assert (await me(api.client, token)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": timedelta(seconds=-1)},
        {"exp": None},
        {"exp": "soon"},
        {"exp": [9999999999]},
        {"iat": timedelta(hours=1)},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"sub": None},
        {"sub": "ann"},
        {"sub": 7},
        {"user_id": None},
        {"company_id": None},
        {"company_id": {"id": 1}},
        {"sid": None},
        {"role": "emperor"},
        {"role": None},
        {"nbf": timedelta(hours=1)},
    ],
    ids=str,
)
async def test_a_token_of_our_key_with_other_claims_is_refused(
    api: Api, container: Container, changes: dict[str, Any]
) -> None:
    ann = await api.register()
    header = {"alg": "EdDSA", "kid": part(ann.token, 0)["kid"], "typ": "at+jwt"}
    token = jwt.encode(header, _claims(ann, **changes), _own_key(container), algorithms=["EdDSA"])
    assert_refused(await me(api.client, token), 401, "auth.token_invalid")


def by_secret(kid: str, claims: dict[str, Any], secret: bytes) -> str:
    """A token signed with HS256, as by somebody who takes a public key for a shared secret."""
    signed = f"{packed({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{packed(claims)}"
    mac = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def signed(key: OKPKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with a true signature, whatever its header says."""
    content = f"{packed({'alg': 'EdDSA', 'typ': 'at+jwt', **header})}.{packed(claims)}"
    signature = key.get_op_key("sign").sign(content.encode())
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def test_forged_tokens_are_refused(api: Api, container: Container) -> None:
    ann = await api.register()
    kid, claims = part(ann.token, 0)["kid"], _claims(ann)
    head, body, signature = ann.token.split(".")
    own, public = _own_key(container), container.access_tokens().jwks()["keys"][0]
    other = OKPKey.generate_key("Ed25519", {"kid": kid})
    flipped = base64.urlsafe_b64decode(signature + "==")
    flipped = base64.urlsafe_b64encode(bytes([flipped[0] ^ 1]) + flipped[1:]).decode().rstrip("=")
    forged = {
        "alg none": f"{packed({'alg': 'none', 'typ': 'at+jwt', 'kid': kid})}.{packed(claims)}.",
        "alg None": f"{packed({'alg': 'None', 'typ': 'at+jwt', 'kid': kid})}.{packed(claims)}.{signature}",
        "no alg": f"{packed({'typ': 'at+jwt', 'kid': kid})}.{packed(claims)}.{signature}",
        "HS256 by the public key": by_secret(kid, claims, public["x"].encode()),
        "HS256 by the public key's bytes": by_secret(kid, claims, base64.urlsafe_b64decode(public["x"] + "=")),
        "HS256 by the public PEM": by_secret(kid, claims, own.as_pem(private=False)),
        "HS256 by nothing": by_secret(kid, claims, b""),
        "another key of the same name": jwt.encode(
            {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}, claims, other, algorithms=["EdDSA"]
        ),
        "a key that nobody knows": jwt.encode(
            {"alg": "EdDSA", "typ": "at+jwt", "kid": "unknown"}, claims, other, algorithms=["EdDSA"]
        ),
        "a key that it brings along": jwt.encode(
            {"alg": "EdDSA", "typ": "at+jwt", "jwk": other.as_dict(private=False)}, claims, other, algorithms=["EdDSA"]
        ),
        "typ JWT": jwt.encode({"alg": "EdDSA", "typ": "JWT", "kid": kid}, claims, own, algorithms=["EdDSA"]),
        "no typ": jwt.encode({"alg": "EdDSA", "kid": kid}, claims, own, algorithms=["EdDSA"]),
        "other claims": f"{head}.{packed({**claims, 'role': 'owner', 'company_id': str(uuid4())})}.{signature}",
        "another signature": f"{head}.{body}.{flipped}",
        "no signature": f"{head}.{body}.",
        "a critical extension that nobody knows": signed(own, {"kid": kid, "crit": ["house"], "house": 1}, claims),
    }
    assert (await me(api.client, signed(own, {"kid": kid}, claims))).status_code == 200
    for name, token in forged.items():
        answer = await me(api.client, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_invalid"), name
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await me(api.client, ann.token)).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "x" * 5000,
        f"{packed('[]')}.e30.x",
        f"{packed('7')}.e30.x",
        f"{packed('null')}.e30.x",
        f"{packed('[' * 2900)}.e30.x",
        f"{packed('{' + chr(34) + 'a' + chr(34) + ':' + '[' * 2800)}.e30.x",
        f"{packed('9' * 2900)}.e30.x",
        f"{packed({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': {'a': 1}})}.e30.x",
        f"{packed({'alg': ['EdDSA'], 'typ': 'at+jwt'})}.e30.x",
        f"{packed({'alg': 'EdDSA', 'typ': 'at+jwt', 'crit': 7})}.e30.x",
        f"{packed({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'})}..{packed('x' * 12)}.{packed('x')}.{packed('x' * 16)}",
        f"{packed({'alg': 'ECDH-ES', 'enc': 'A128GCM'})}.x.{packed('x' * 12)}.{packed('x')}.{packed('x' * 16)}",
        "\xff\xfe.\xff.\xff",
        '{"payload": "e30"}',
    ],
    ids=lambda token: token[:24] or "nothing",
)
async def test_what_is_no_token_is_refused(api: Api, token: str) -> None:
    answer = await api.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
    assert_refused(answer, 401, "auth.token_invalid")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Token x", "bearerx"])
async def test_another_scheme_is_refused(api: Api, header: str) -> None:
    answer = await api.client.get("/api/v1/auth/me", headers={"Authorization": header})
    assert_refused(answer, 401, "auth.token_invalid")
    assert_refused(await api.client.get("/api/v1/auth/me"), 401, "auth.token_invalid")


async def test_a_token_of_another_installation_is_refused(api: Api, another_app: Any) -> None:
    ann = await api.register()
    async with another_app(public_url="https://elsewhere.example") as elsewhere:
        assert_refused(await me(elsewhere.client, ann.token), 401, "auth.token_invalid")


async def test_a_token_that_was_used_stops_working_when_it_expires(api: Api, another_app: Any) -> None:
    clock = MovableClock()
    async with another_app(prepare=lambda c: c.clock.override(providers.Object(clock))) as later:
        ann = await later.register()
        clock.ahead = timedelta(seconds=1795)
        assert (await ann.get("/auth/me")).status_code == 200
        clock.ahead = timedelta(seconds=1801)
        for _ in range(2):
            assert_refused(await ann.get("/auth/me"), 401, "auth.token_invalid")
            assert_refused(await ann.get("/tasks"), 401, "auth.token_invalid")


# What holds at once


READS = ("/auth/me", "/tasks", "/projects", "/companies", "/events")


async def assert_shut_out(ann: Person, project: dict[str, Any]) -> None:
    for path in (*READS, f"/projects/{project['id']}", f"/projects/{project['id']}/board"):
        assert_refused(await ann.get(path), 401, "auth.session_ended")
    assert_refused(await ann.post("/tasks", {"project_id": project["id"], "title": "x"}), 401, "auth.session_ended")
    assert_refused(await ann.post("/companies", {"name": "x"}), 401, "auth.session_ended")
    assert_refused(await ann.post("/auth/switch-company", {"company_id": ann.company_id}), 401, "auth.session_ended")


async def test_a_revoked_session_is_shut_out_at_once(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    before = api.count("tasks", ann.company_id)
    api.sql("update login_sessions set revoked_at = now() where id = %s", (part(ann.token, 1)["sid"],))
    await assert_shut_out(ann, project)
    assert api.count("tasks", ann.company_id) == before


async def test_an_expired_session_is_shut_out(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    api.sql("update login_sessions set expires_at = now() where id = %s", (part(ann.token, 1)["sid"],))
    await assert_shut_out(ann, project)


async def test_a_deactivated_user_is_shut_out_of_that_company_alone(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    project = await owner.project()
    there = await api.colleague(owner, who=ann, role="admin")
    assert (await there.get("/projects")).status_code == 200
    api.sql("update users set is_active = false where id = %s", (there.user_id,))
    for path in READS:
        assert_refused(await there.get(path), 401, "auth.session_ended")
    assert_refused(await there.post("/tasks", {"project_id": project["id"], "title": "x"}), 401, "auth.session_ended")
    assert (await ann.get("/auth/me")).status_code == 200
    refused = await api.client.post(
        LOGIN, json={"email": ann.email, "password": PASSWORD, "company_id": owner.company_id}
    )
    assert_refused(refused, 403, "auth.no_active_membership")
    assert [each["id"] for each in (await ann.get("/companies")).json()] == [ann.company_id]


async def test_a_company_that_is_not_active_lets_nobody_in(api: Api) -> None:
    ann = await api.register()
    api.sql("update companies set is_active = false where id = %s", (ann.company_id,))
    assert_refused(await ann.get("/auth/me"), 401, "auth.session_ended")
    refused = await api.client.post(LOGIN, json={"email": ann.email, "password": PASSWORD})
    assert_refused(refused, 403, "auth.no_active_membership")


async def test_a_change_of_role_holds_at_once_whatever_the_token_says(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, role="admin", projects=(project,))
    assert len((await bob.get("/projects")).json()) == 2
    api.sql("update users set role = 'member' where id = %s", (bob.user_id,))
    assert part(bob.token, 1)["role"] == "admin"
    assert [each["id"] for each in (await bob.get("/projects")).json()] == [project["id"]]
    assert (await bob.get(f"/projects/{hidden['id']}")).status_code == 404
    assert (await bob.get("/auth/me")).json()["role"] == "member"
    assert_refused(await bob.post("/projects", {"name": "x"}), 403, "permission.denied")
    assert_refused(await bob.delete(f"/projects/{project['id']}"), 403, "permission.denied")
    api.sql("update users set role = 'owner' where id = %s", (bob.user_id,))
    assert len((await bob.get("/projects")).json()) == 2
    assert (await bob.delete(f"/projects/{project['id']}")).status_code == 204


async def test_requests_of_an_ended_session_spoil_nothing_for_others(another_app: Any) -> None:
    """A statement that follows a refused one in a pipeline must not count as prepared on that connection."""
    async with another_app() as api:
        ann, bob = await api.register(), await api.register()
        await bob.post("/auth/logout")
        for _ in range(12):
            for path in (*READS, "/tasks?include_total=true", "/projects?include_total=true"):
                assert (await bob.get(path)).status_code == 401
            assert (await bob.post("/projects", {"name": "x"}, headers={"Idempotency-Key": "k"})).status_code == 401
        for _ in range(12):
            for path in (*READS, "/tasks?include_total=true", "/projects?include_total=true"):
                assert (await ann.get(path)).status_code == 200, path
        for number in range(12):
            made = await ann.post("/projects", {"name": "x"}, headers={"Idempotency-Key": f"k{number}"})
            assert made.status_code == 201


# Signing in


async def test_signing_in_answers_as_registering_does(browser: httpx.AsyncClient, api: Api) -> None:
    ann = await api.register()
    answer = await browser.post(LOGIN, json={"email": ann.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "user", "company"}
    assert answer.json()["user"]["id"] == ann.user_id
    assert (await me(browser, answer.json()["access_token"])).json()["last_login_at"] is not None
    shown = await browser.post(LOGIN, json={"email": ann.email, "password": PASSWORD, "return_refresh_token": True})
    assert shown.json()["refresh_token"] == set_cookie(shown)[1].value


async def test_a_wrong_password_and_an_unknown_address_look_the_same(api: Api) -> None:
    ann = await api.register()
    bodies = []
    for email in (ann.email, "nobody@example.com", "no address at all"):
        answer = await api.client.post(LOGIN, json={"email": email, "password": "wrong, wrong, wrong"})
        assert_refused(answer, 401, "auth.invalid_credentials")
        bodies.append({**answer.json(), "request_id": None})
    assert bodies[0] == bodies[1] == bodies[2]


class CountingHasher(PasswordHasher):
    """Counts what it verifies, and with which cost."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.verified.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return super().verify(hash, password)


async def test_an_unknown_address_costs_the_same_hashing_as_a_known_one(another_app: Any) -> None:
    hasher = CountingHasher()
    passwords = Argon2Passwords(hasher)
    async with another_app(prepare=lambda c: c.passwords.override(providers.Object(passwords))) as counted:
        ann = await counted.register()
        for given in (
            {"email": ann.email},
            {"email": "nobody@example.com"},
            {"email": "no address at all"},
            {"username": ann.user["username"], "company_id": ann.company_id},
            {"username": "nobody", "company": "nowhere"},
        ):
            hasher.verified.clear()
            answer = await counted.client.post(LOGIN, json={**given, "password": "wrong, wrong, wrong"})
            assert_refused(answer, 401, "auth.invalid_credentials")
            assert hasher.verified == ["$argon2id$v=19$m=8,t=1,p=1"], given


async def test_passwords_are_kept_as_argon2id_and_no_answer_shows_them(api: Api) -> None:
    ann = await api.register()
    ((kept,),) = api.sql(
        "select password_hash from accounts where id = (select account_id from users where id = %s)", (ann.user_id,)
    )
    assert kept.startswith("$argon2id$") and PASSWORD not in kept
    assert "password" not in (await ann.get("/auth/me")).text


async def test_a_username_signs_in_together_with_its_company(api: Api) -> None:
    ann, bob = await api.register(username="Same.Name"), await api.register(username="same.name")
    for person in (ann, bob):
        for company in ({"company": person.company["code"]}, {"company_id": person.company_id}):
            for username in ("same.name", "SAME.NAME"):
                answer = await api.client.post(LOGIN, json={"username": username, "password": PASSWORD, **company})
                assert (answer.status_code, answer.json()["user"]["id"]) == (200, person.user_id)
    alone = await api.client.post(LOGIN, json={"username": "same.name", "password": PASSWORD})
    assert alone.status_code == 422
    neither = await api.client.post(LOGIN, json={"password": PASSWORD})
    assert neither.status_code == 422


async def test_a_username_signs_in_to_the_company_that_it_was_named_with(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    there = await api.colleague(owner, who=ann)
    username = (await there.get("/auth/me")).json()["username"]
    answer = await api.client.post(
        LOGIN, json={"username": username, "password": PASSWORD, "company": owner.company["code"]}
    )
    assert answer.json()["company"]["id"] == owner.company_id
    wrong = await api.client.post(LOGIN, json={"username": username, "password": PASSWORD, "company": "nowhere"})
    assert_refused(wrong, 401, "auth.invalid_credentials")


async def test_one_account_has_a_role_in_each_company_and_moves_between_them(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    project = await owner.project()
    there = await api.colleague(owner, who=ann, projects=(project,))
    assert there.company_id == owner.company_id
    profile = (await there.get("/auth/me")).json()
    assert {each["id"]: each["role"] for each in profile["companies"]} == {
        ann.company_id: "owner",
        owner.company_id: "member",
    }
    assert all(set(each) == {"id", "name", "code", "role"} for each in profile["companies"])
    assert (profile["role"], profile["company"]["id"], profile["company"]["role"]) == (
        "member", owner.company_id, "member",
    )  # fmt: skip
    assert_refused(await there.post("/projects", {"name": "x"}), 403, "permission.denied")

    switched = await there.post("/auth/switch-company", {"company_id": ann.company_id})
    body = switched.json()
    assert (switched.status_code, body["company"]["id"], body["user"]["role"]) == (200, ann.company_id, "owner")
    assert part(body["access_token"], 1)["sid"] == part(there.token, 1)["sid"]
    home = Person(
        client=ann.client, token=body["access_token"], email=ann.email, user=body["user"], company=body["company"]
    )
    assert (await home.post("/projects", {"name": "x"})).status_code == 201
    assert [each["id"] for each in (await there.get("/projects")).json()] == [project["id"]]
    assert (await home.get(f"/projects/{project['id']}")).status_code == 404


async def test_signing_in_again_opens_the_company_used_last(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    there = await api.colleague(owner, who=ann)
    assert (await api.login(ann.email)).company_id == owner.company_id
    await there.post("/auth/switch-company", {"company_id": ann.company_id})
    assert (await api.login(ann.email)).company_id == ann.company_id
    assert (await api.login(ann.email, company=owner.company["code"])).company_id == owner.company_id


async def test_nobody_switches_or_signs_in_to_a_company_that_is_not_theirs(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    answers = []
    for company_id in (bob.company_id, str(uuid4())):
        switched = await ann.post("/auth/switch-company", {"company_id": company_id})
        assert_refused(switched, 422, "reference.not_found")
        answers.append(
            await api.client.post(LOGIN, json={"email": ann.email, "password": PASSWORD, "company_id": company_id})
        )
    for answer in answers:
        assert_refused(answer, 403, "auth.no_active_membership")
    named = await api.client.post(
        LOGIN, json={"email": ann.email, "password": PASSWORD, "company": bob.company["code"]}
    )
    assert_refused(named, 403, "auth.no_active_membership")


@pytest.mark.parametrize("path", ["/users/me", "/users/profile"])
async def test_who_i_am_has_two_more_addresses(api: Api, path: str) -> None:
    ann = await api.register()
    assert (await ann.get(path)).json() == (await ann.get("/auth/me")).json()


@pytest.mark.parametrize(
    ("path", "cached"),
    [("/users/me", "private, no-cache"), ("/users/profile", "private, no-cache"), ("/auth/me", "no-store")],
)
async def test_who_i_am_is_not_sent_again_to_whom_has_it(api: Api, path: str, cached: str) -> None:
    ann = await api.register()
    first = await ann.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"1.')
    again = await ann.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert first.headers["cache-control"] == again.headers["cache-control"] == cached
    tags = {tag}
    changed = await ann.patch("/users/me", {"name": "Ann Renamed"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    for change in (
        None,
        ann.patch(f"/companies/{ann.company_id}", {"name": "Renamed"}),
        ann.post("/companies", {"name": "Another"}),
    ):
        if change is not None:
            assert (await change).is_success
        now = await ann.get(path, headers={"If-None-Match": ", ".join(tags)})
        assert now.status_code == 200 and now.headers["etag"] not in tags
        tags.add(now.headers["etag"])
    assert (await ann.patch("/users/me", {"name": "Late"}, headers={"If-Match": tag})).status_code == 412


# The cookie


async def test_on_plain_http_the_cookie_has_no_prefix(browser: httpx.AsyncClient) -> None:
    name, morsel = set_cookie(await browser.post(REGISTER, json=newcomer()))
    assert name == PLAIN_COOKIE
    assert (morsel["httponly"], morsel["samesite"].lower(), morsel["path"]) == (True, "lax", "/")
    assert (morsel["secure"], morsel["domain"], morsel["max-age"]) == ("", "", str(7 * 24 * 3600))


async def test_on_https_the_cookie_is_bound_to_the_host(another_app: Any) -> None:
    async with another_app(public_url="https://flow.example") as secure:
        answer = await secure.client.post(REGISTER, json=newcomer())
        name, morsel = set_cookie(answer)
        assert name == HOST_COOKIE
        assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["domain"]) == (True, True, "/", "")
        assert morsel["samesite"].lower() == "lax"
        assert "strict-transport-security" in answer.headers
        cookies = {"Origin": "https://flow.example", "Cookie": f"{HOST_COOKIE}={morsel.value}"}
        renewed = await secure.client.post(REFRESH, headers=cookies)
        assert (renewed.status_code, set_cookie(renewed)[0]) == (200, HOST_COOKIE)
        plain = {**cookies, "Cookie": f"{PLAIN_COOKIE}={set_cookie(renewed)[1].value}"}
        secure.client.cookies.clear()
        assert_refused(await secure.client.post(REFRESH, headers=plain), 401, "auth.refresh_invalid")
        gone = await secure.client.post(LOGOUT, headers=cookies)
        cleared = set_cookie(gone)
        assert (cleared[0], cleared[1].value, cleared[1]["max-age"]) == (HOST_COOKIE, "", "0")
        assert (cleared[1]["secure"], cleared[1]["path"]) == (True, "/")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Origin": "https://app.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost:8001"}, 403),
        ({"Origin": "https://localhost:8000"}, 403),
        ({"Origin": "http://localhost:8000.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
    ids=str,
)
async def test_the_cookie_counts_only_from_an_allowed_page(
    another_app: Any, headers: dict[str, str], status: int
) -> None:
    async with another_app(cors_origins=("https://app.example",)) as api:
        ann = await api.register()
        answer = await api.client.post(REFRESH, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["code"] == "auth.origin_refused"
            assert "set-cookie" not in answer.headers
            await api.client.post(LOGOUT, headers=headers)
            assert (await ann.get("/auth/me")).status_code == 200
            assert (await api.client.post(REFRESH, headers={"Sec-Fetch-Site": "none"})).status_code == 200


async def test_a_token_in_the_body_needs_no_origin(api: Api) -> None:
    ann = await api.register()
    answer = await api.client.post(LOGIN, json={"email": ann.email, "password": PASSWORD, "return_refresh_token": True})
    api.client.cookies.clear()
    renewed = await api.client.post(REFRESH, json={"refresh_token": answer.json()["refresh_token"]})
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] not in (None, answer.json()["refresh_token"])


# Refreshing


async def refresh_token_of(api: Api, email: str) -> tuple[str, str]:
    """A fresh device: its access and refresh tokens."""
    answer = await api.client.post(LOGIN, json={"email": email, "password": PASSWORD, "return_refresh_token": True})
    api.client.cookies.clear()
    return answer.json()["access_token"], answer.json()["refresh_token"]


async def by_cookie(api: Api, token: str, **fields: Any) -> httpx.Response:
    api.client.cookies.clear()
    headers = {"Origin": "http://localhost:8000", "Cookie": f"{PLAIN_COOKIE}={token}"}
    answer = await api.client.post(REFRESH, headers=headers, **({"json": fields} if fields else {}))
    api.client.cookies.clear()
    return answer


async def by_body(api: Api, token: str, **fields: Any) -> httpx.Response:
    answer = await api.client.post(REFRESH, json={"refresh_token": token, **fields})
    api.client.cookies.clear()
    return answer


async def test_refreshing_by_cookie_rotates_it_and_gives_a_token_that_works(browser: httpx.AsyncClient) -> None:
    registered = await browser.post(REGISTER, json=newcomer())
    seen = {set_cookie(registered)[1].value}
    for _ in range(3):
        answer = await browser.post(REFRESH)
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
        assert set_cookie(answer)[1].value not in seen
        seen.add(set_cookie(answer)[1].value)
        assert (await me(browser, answer.json()["access_token"])).status_code == 200
    sessions = {part(each.json()["access_token"], 1)["sid"] for each in (registered, answer)}
    assert len(sessions) == 1


async def test_the_cookie_just_replaced_gives_the_same_successor_for_ten_seconds(another_app: Any) -> None:
    clock = MovableClock()
    async with another_app(prepare=lambda c: c.clock.override(providers.Object(clock))) as api:
        ann = await api.register()
        access, first = await refresh_token_of(api, ann.email)
        successor = set_cookie(await by_cookie(api, first))[1].value
        clock.ahead = timedelta(seconds=9)
        for _ in range(2):
            again = await by_cookie(api, first)
            assert (again.status_code, set_cookie(again)[1].value) == (200, successor)
            assert (await me(api.client, again.json()["access_token"])).status_code == 200
        clock.ahead = timedelta(seconds=11)
        assert_refused(await by_cookie(api, first), 401, "auth.refresh_invalid")
        assert_refused(await by_cookie(api, successor), 401, "auth.refresh_invalid")
        assert_refused(await me(api.client, access), 401, "auth.session_ended")
        assert (await ann.get("/auth/me")).status_code == 200


async def test_tabs_that_refresh_at_once_all_get_the_same_successor(api: Api) -> None:
    ann = await api.register()
    _, first = await refresh_token_of(api, ann.email)
    headers = {"Origin": "http://localhost:8000", "Cookie": f"{PLAIN_COOKIE}={first}"}
    answers = await asyncio.gather(*(api.client.post(REFRESH, headers=headers) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({set_cookie(answer)[1].value for answer in answers}) == 1


async def test_a_cookie_two_steps_old_ends_the_session_even_within_the_grace(api: Api) -> None:
    ann = await api.register()
    access, first = await refresh_token_of(api, ann.email)
    second = set_cookie(await by_cookie(api, first))[1].value
    third = set_cookie(await by_cookie(api, second))[1].value
    assert_refused(await by_cookie(api, first), 401, "auth.refresh_invalid")
    assert_refused(await by_cookie(api, third), 401, "auth.refresh_invalid")
    assert_refused(await me(api.client, access), 401, "auth.session_ended")


async def test_a_second_use_by_body_ends_the_session_at_once(api: Api) -> None:
    ann = await api.register()
    access, first = await refresh_token_of(api, ann.email)
    second = (await by_body(api, first)).json()["refresh_token"]
    assert_refused(await by_body(api, first), 401, "auth.refresh_invalid")
    assert_refused(await by_body(api, second), 401, "auth.refresh_invalid")
    assert_refused(await me(api.client, access), 401, "auth.session_ended")
    assert (await ann.get("/auth/me")).status_code == 200


async def test_refresh_tokens_that_nobody_gave_out_change_nothing(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    access, token = await refresh_token_of(api, ann.email)
    _, other = await refresh_token_of(api, bob.email)
    raw = base64.urlsafe_b64decode(token.removeprefix("ftr_") + "==")
    forged = [
        "ftr_" + base64.urlsafe_b64encode(bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])).decode().rstrip("=")
        for place in range(len(raw))
    ]
    foreign = base64.urlsafe_b64decode(other.removeprefix("ftr_") + "==")
    forged.append("ftr_" + base64.urlsafe_b64encode(raw[:20] + foreign[20:]).decode().rstrip("="))
    odd = [
        "",
        "ftr_",
        "ftr_x",
        "ftr_" + "A" * 400,
        "nothing",
        token[:-1],
        token + "A",
        token.removeprefix("ftr_"),
        "ftr_é",
    ]
    for wrong in (*forged, *odd):
        assert_refused(await by_body(api, wrong), 401, "auth.refresh_invalid")
    assert_refused(await api.client.post(REFRESH), 401, "auth.refresh_invalid")
    assert (await me(api.client, access)).status_code == 200
    assert (await by_body(api, token)).status_code == 200


async def test_refreshing_may_change_the_company(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    await api.colleague(owner, who=ann)
    _, token = await refresh_token_of(api, ann.email)
    there = await by_body(api, token, company_id=owner.company_id)
    assert (there.json()["company"]["id"], there.json()["user"]["role"]) == (owner.company_id, "member")
    home = await by_cookie(api, there.json()["refresh_token"], company_id=ann.company_id)
    assert (home.json()["company"]["id"], home.json()["user"]["role"]) == (ann.company_id, "owner")
    stranger = await api.register()
    refused = await by_cookie(api, set_cookie(home)[1].value, company_id=stranger.company_id)
    assert_refused(refused, 403, "auth.no_active_membership")
    assert (await by_cookie(api, set_cookie(home)[1].value)).status_code == 200


async def test_refreshing_without_naming_a_company_stays_in_the_present_one(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    await api.colleague(owner, who=ann)
    _, token = await refresh_token_of(api, ann.email)
    home = await by_body(api, token, company_id=ann.company_id)
    assert home.json()["company"]["id"] == ann.company_id
    again = await by_body(api, home.json()["refresh_token"])
    assert again.json()["company"]["id"] == ann.company_id


async def test_a_session_lasts_seven_days_from_its_last_use_and_ninety_in_all(another_app: Any) -> None:
    clock = MovableClock()
    async with another_app(prepare=lambda c: c.clock.override(providers.Object(clock))) as api:
        ann = await api.register()
        _, token = await refresh_token_of(api, ann.email)
        began = api.sql(
            "select max(created_at) from login_sessions where account_id = %s", (part(ann.token, 1)["sub"],)
        )
        for days in (6.9, 13.7, 20.5, 27.3, 34.1, 40.9, 47.7, 54.5, 61.3, 68.1, 74.9, 81.7, 88.5):
            clock.ahead = timedelta(days=days)
            answer = await by_body(api, token)
            assert answer.status_code == 200, days
            token = answer.json()["refresh_token"]
        ((ends,),) = api.sql(
            "select max(expires_at) from login_sessions where account_id = %s", (part(ann.token, 1)["sub"],)
        )
        assert ends == began[0][0] + timedelta(days=90)
        clock.ahead = timedelta(days=90.1)
        assert_refused(await by_body(api, token), 401, "auth.refresh_invalid")

        clock.ahead = timedelta()
        _, idle = await refresh_token_of(api, ann.email)
        clock.ahead = timedelta(days=7.1)
        assert_refused(await by_body(api, idle), 401, "auth.refresh_invalid")


async def test_refresh_tokens_are_not_kept_in_clear(api: Api) -> None:
    ann = await api.register()
    _, token = await refresh_token_of(api, ann.email)
    rows = api.sql(
        "select login_sessions::text from login_sessions where account_id = %s", (part(ann.token, 1)["sub"],)
    )
    assert rows and not any(token[4:] in row[0] for row in rows)


# Signing out


async def test_signing_out_ends_this_device_at_once_and_no_other(api: Api) -> None:
    ann = await api.register()
    other = await api.login(ann.email)
    api.client.cookies.clear()
    answer = await ann.post("/auth/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(await ann.get("/auth/me"), 401, "auth.session_ended")
    assert (await other.get("/auth/me")).status_code == 200


async def test_signing_out_everywhere_ends_all_devices_of_the_account_and_of_nobody_else(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    others = [await api.login(ann.email) for _ in range(3)]
    _, token = await refresh_token_of(api, ann.email)
    assert (await ann.post("/auth/logout", {"all": True})).status_code == 204
    for person in (ann, *others):
        assert_refused(await person.get("/auth/me"), 401, "auth.session_ended")
    assert_refused(await by_body(api, token), 401, "auth.refresh_invalid")
    assert (await bob.get("/auth/me")).status_code == 200


async def test_signing_out_by_cookie_ends_the_session_and_clears_the_cookie(browser: httpx.AsyncClient) -> None:
    registered = await browser.post(REGISTER, json=newcomer())
    answer = await browser.post(LOGOUT)
    assert answer.status_code == 204
    name, morsel = set_cookie(answer)
    assert (name, morsel.value, morsel["max-age"]) == (PLAIN_COOKIE, "", "0")
    assert_refused(await me(browser, registered.json()["access_token"]), 401, "auth.session_ended")
    assert PLAIN_COOKIE not in browser.cookies


async def test_signing_out_is_204_whoever_asks_and_however_often(browser: httpx.AsyncClient, api: Api) -> None:
    ann = await api.register()
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {ann.token}"},
        {"Authorization": f"Bearer {ann.token}"},
        {"Cookie": f"{PLAIN_COOKIE}=nonsense"},
        {"Cookie": f"{PLAIN_COOKIE}=ftr_{'A' * 70}"},
    ):
        for body in (None, {}, {"all": True}, {"all": False}):
            answer = await browser.post(LOGOUT, headers=headers, **({"json": body} if body is not None else {}))
            assert (answer.status_code, answer.content) == (204, b""), headers


async def test_nothing_about_signing_in_may_be_stored(browser: httpx.AsyncClient, api: Api) -> None:
    given = newcomer()
    registered = await browser.post(REGISTER, json=given)
    token = {"Authorization": f"Bearer {registered.json()['access_token']}"}
    answers = [
        registered,
        await browser.post(LOGIN, json={"email": given["email"], "password": PASSWORD}),
        await browser.post(LOGIN, json={"email": given["email"], "password": "wrong, wrong, wrong"}),
        await browser.post(REFRESH),
        await browser.get("/api/v1/auth/me", headers=token),
        await browser.get("/api/v1/auth/me"),
        await browser.post(
            "/api/v1/auth/switch-company", headers=token, json={"company_id": registered.json()["company"]["id"]}
        ),
        await browser.post(LOGOUT),
        await browser.post(REGISTER, json={}),
    ]
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store"] * len(answers)
