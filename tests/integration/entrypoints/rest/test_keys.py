"""Changing the installation's secret, and the key that signs access tokens, while people are signed in."""

import base64
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from dependency_injector import providers
from joserfc import jwt
from joserfc.jwk import OKPKey

from adapters.crypto import key_ring
from adapters.crypto.sealing import Sealer, Unsealable
from adapters.sql.migrating import migrate
from adapters.sql.sealed import SEALED, Resealed, SealedColumn, opening, reseal
from adapters.system.clock import SystemClock
from entrypoints.container import Container
from entrypoints.settings import Settings
from tests.fakes.clock import SettableClock
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.conftest import Server, TestDatabase, quick_container, running
from tests.integration.entrypoints.rest.test_factors import with_factor

_numbers = itertools.count(1)
OLD, NEW = "the first secret of this installation", "the second secret of this installation"


@pytest.fixture
def place(postgres_server: Server) -> TestDatabase:
    database = postgres_server.database(f"keys_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    return database


def container_for(place: TestDatabase, folder: Path, secret: str, previous: str | None = None) -> Container:
    settings = Settings(
        data_dir=folder,
        secret_key=secret,
        secret_key_previous=previous,
        database_url="postgresql://unused",
        _env_file=None,
    )
    return quick_container(settings, database_url=place.application)


@asynccontextmanager
async def process(container: Container, place: TestDatabase) -> AsyncIterator[Api]:
    async with running(container) as client:
        yield Api(client=client, superuser_url=place.superuser)


async def refresh_token_of(api: Api, email: str) -> str:
    body = {"email": email, "password": PASSWORD, "return_refresh_token": True}
    answer = await api.client.post("/api/v1/auth/login", json=body)
    api.client.cookies.clear()
    return str(answer.json()["refresh_token"])


async def refreshed(api: Api, token: str) -> httpx.Response:
    return await api.client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def as_seen_by(api: Api, person: Person) -> Person:
    return Person(client=api.client, token=person.token, email=person.email, user=person.user, company=person.company)


# The secret


async def test_a_request_is_known_again_under_the_next_secret_and_its_body_by_nobody_else(
    place: TestDatabase, tmp_path: Path
) -> None:
    body = b'{"name":"Bob","email":"bob@example.com","password":"' + PASSWORD.encode() + b'"}'
    more: dict[str, Any] = {
        "content": body,
        "headers": {"Idempotency-Key": "k", "Content-Type": "application/json"},
    }
    async with process(container_for(place, tmp_path, OLD), place) as api:
        ann = await api.register()
        first = await ann.post("/users", **more)
        assert first.status_code == 201, first.text
        ((kept,),) = api.sql("select digest from idempotency_keys")
        assert bytes(kept) != sha256(body + b"\x00").digest()
        key = Sealer(secrets=(OLD,)).key_for("flowtrack idempotency")
        assert bytes(kept) == hmac.digest(key, body + b"\x00", "sha256")
    async with process(container_for(place, tmp_path, NEW, OLD), place) as api:
        again = await as_seen_by(api, ann).post("/users", **more)
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert again.headers["Idempotency-Replayed"] == "true"
        more["content"] = body.replace(b"Bob", b"Rob")
        other = await as_seen_by(api, ann).post("/users", **more)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")


async def test_with_the_previous_secret_at_hand_nobody_is_signed_out_and_lists_go_on(
    place: TestDatabase, tmp_path: Path
) -> None:
    async with process(container_for(place, tmp_path, OLD), place) as api:
        ann = await api.register()
        for _ in range(3):
            await ann.project()
        hook = (await ann.post("/webhooks", {"url": "https://hooks.example.com/"})).json()
        assert (await ann.post(f"/webhooks/{hook['id']}/rotate-secret")).status_code == 200
        token = await refresh_token_of(api, ann.email)
        link = (await ann.get("/projects?limit=1")).links["next"]["url"]
        holder = await with_factor(api)
    async with process(container_for(place, tmp_path, NEW, OLD), place) as api:
        again = as_seen_by(api, ann)
        assert len((await again.get("/projects")).json()) == 3
        assert len((await again.client.get(link, headers={"Authorization": f"Bearer {ann.token}"})).json()) == 1
        answer = await refreshed(api, token)
        assert answer.status_code == 200
        successor = answer.json()["refresh_token"]
    done = list(reseal(place.application, Sealer(secrets=(NEW, OLD))))
    # One signs access tokens; another proves the audit, if the first second was over.
    keys = done[0].anew
    assert keys in (1, 2)
    assert done == [
        Resealed(SEALED[0], keys, 0),
        Resealed(SEALED[1], 1, 0),
        Resealed(SEALED[2], 0, 0),
        # The webhook's secret, and the one that it had before.
        Resealed(SEALED[3], 1, 0),
        Resealed(SEALED[4], 1, 0),
    ]
    # What was made and sealed since needs the old secret no more.
    async with process(container_for(place, tmp_path, NEW), place) as api:
        assert len((await as_seen_by(api, ann).get("/projects")).json()) == 3
        assert (await refreshed(api, successor)).status_code == 200
        again = replace(holder, api=api)
        for code in (again.fresh(), again.codes[0]):
            assert (await again.shows(await again.asked(), code)).status_code == 200
        refused = await as_seen_by(api, ann).client.get(link, headers={"Authorization": f"Bearer {ann.token}"})
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor.invalid")


async def test_a_third_secret_opens_nothing(place: TestDatabase, tmp_path: Path) -> None:
    async with process(container_for(place, tmp_path, OLD), place) as api:
        ann = await api.register()
        token = await refresh_token_of(api, ann.email)
    with pytest.raises(Unsealable):
        async with process(container_for(place, tmp_path, NEW, "a third one that was never used here"), place):
            pass
    with pytest.raises(Unsealable):
        list(reseal(place.application, Sealer(secrets=(NEW,))))
    async with process(container_for(place, tmp_path, OLD), place) as api:
        assert (await refreshed(api, token)).status_code == 200


async def test_rekeying_again_changes_nothing(place: TestDatabase, tmp_path: Path) -> None:
    async with process(container_for(place, tmp_path, OLD), place):
        pass
    sealer = Sealer(secrets=(NEW, OLD))
    with psycopg.connect(place.application, autocommit=True) as connection:
        assert opening(connection, sealer)[:2] == (0, 1)
        assert opening(connection, Sealer(secrets=(NEW,))).closed == {"signing_keys.sealed_private_jwk": 1}
        list(reseal(place.application, sealer))
        assert opening(connection, sealer)[:2] == (1, 0)
    assert list(reseal(place.application, sealer)) == [
        Resealed(SEALED[0], 0, 1),
        Resealed(SEALED[1], 0, 0),
        Resealed(SEALED[2], 0, 0),
        Resealed(SEALED[3], 0, 0),
        Resealed(SEALED[4], 0, 0),
    ]


async def test_a_sealed_column_of_companies_is_sealed_anew_in_all_of_them(place: TestDatabase, tmp_path: Path) -> None:
    """No table of companies has one yet; the first that does adds a row to SEALED."""
    with psycopg.connect(place.owner) as connection:
        connection.execute(
            "create table connections (company_id uuid not null, id int not null, secret bytea not null,"
            " primary key (company_id, id))"
        )
        connection.execute("alter table connections enable row level security")
        connection.execute("alter table connections force row level security")
        connection.execute(
            "create policy own on connections using"
            " (company_id = nullif(current_setting('app.company_id', true), '')::uuid)"
        )
        connection.execute("grant select, update on connections to test_app")
    old = Sealer(secrets=(OLD,))
    async with process(container_for(place, tmp_path, OLD), place) as api:
        companies = [(await api.register()).company_id for _ in range(2)]
        for company in companies:
            for number in (1, 2):
                api.sql(
                    "insert into connections values (%s, %s, %s)",
                    (company, number, old.seal(f"{company}{number}".encode())),
                )
        api.sql("insert into connections values (%s, 3, '')", (companies[0],))
    column = SealedColumn("connections", ("id",), "secret")
    assert list(reseal(place.application, Sealer(secrets=(NEW, OLD)), [column])) == [Resealed(column, 4, 0)]
    new = Sealer(secrets=(NEW,))
    found = Api(client=api.client, superuser_url=place.superuser).sql("select * from connections where id < 3")
    assert len(found) == 4
    for company, number, sealed in found:
        assert new.open(sealed) == f"{company}{number}".encode()


async def test_a_column_that_cannot_be_opened_whole_is_left_as_it_was(place: TestDatabase, tmp_path: Path) -> None:
    async with process(container_for(place, tmp_path, OLD), place) as api:
        pass
    api.sql("insert into signing_keys values ('z', '{}', 'not sealed at all', now(), null)")
    before = api.sql("select * from signing_keys order by kid")
    with pytest.raises(Unsealable):
        list(reseal(place.application, Sealer(secrets=(NEW, OLD))))
    assert api.sql("select * from signing_keys order by kid") == before


# The key that signs


async def kids(api: Api) -> list[str]:
    return [key["kid"] for key in (await api.client.get("/.well-known/jwks.json")).json()["keys"]]


def _kid(token: str) -> str:
    head = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


async def test_a_running_server_meets_a_new_key_and_goes_on_with_the_tokens_of_the_old(
    place: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "_PAUSE", 0.0)
    first, second = (container_for(place, tmp_path, OLD) for _ in range(2))
    async with process(first, place) as one, process(second, place) as other:
        ann = await one.register()
        (old,) = await kids(one)
        await second.key_ring().rotate()
        await second.key_ring().refresh()
        # The other process signs with the new key; this one has never heard of it, and accepts its token all the same.
        bob = await other.register()
        assert _kid(bob.token) != old == _kid(ann.token)
        assert await kids(one) == [old]
        assert (await as_seen_by(one, bob).get("/auth/me")).status_code == 200
        assert await kids(one) == await kids(other) == [_kid(bob.token), old]
        # The old key's tokens are accepted by both, and both sign with the new one.
        for api in (one, other):
            assert (await as_seen_by(api, ann).get("/auth/me")).status_code == 200
            assert _kid((await api.login(ann.email)).token) == _kid(bob.token)
    # A process that starts now knows both; the private half of the old one is gone.
    async with process(container_for(place, tmp_path, OLD), place) as late:
        assert await kids(late) == [_kid(bob.token), old]
        assert (await as_seen_by(late, ann).get("/auth/me")).status_code == 200
        stored = dict(late.sql("select kid, length(sealed_private_jwk) from signing_keys"))
        assert stored[old] == 0 < stored[_kid(bob.token)]


async def test_a_retired_key_is_shown_until_its_tokens_are_over(place: TestDatabase, tmp_path: Path) -> None:
    clock = SettableClock(at=SystemClock().now())
    container = container_for(place, tmp_path, OLD)
    container.clock.override(providers.Object(clock))
    async with process(container, place) as api:
        (old,) = await kids(api)
        await container.key_ring().rotate()
        for minutes, shown in ((0, True), (40, True), (10, False)):
            clock.advance(timedelta(minutes=minutes))
            await container.key_ring().refresh()
            assert (old in await kids(api)) is shown
        assert len(await kids(api)) == 1


async def test_a_token_of_a_key_that_never_was_is_refused_and_looked_for_at_most_every_few_seconds(
    place: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_for(place, tmp_path, OLD)
    looked = 0
    async with process(container, place) as api:
        ann = await api.register()
        ring = container.key_ring()
        original = ring.load

        async def counted() -> None:
            nonlocal looked
            looked += 1
            await original()

        monkeypatch.setattr(ring, "load", counted)
        forged = OKPKey.generate_key("Ed25519", {"kid": "never was"})
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": "never was"}
        token = jwt.encode(header, {"sub": "x"}, forged, algorithms=["EdDSA"])
        for wait in (0.0, 10.0):
            monkeypatch.setattr(ring, "_looked", ring._looked - wait)
            for _ in range(5):
                answer = await api.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
                assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_invalid")
        assert looked == 1
        for nonsense in ("", "a.b.c", "....", "e30.e30.e30", "WzFd.e30.x", "ü.ü.ü", "x" * 5000):
            answer = await api.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {nonsense}".encode()})
            assert answer.status_code == 401, nonsense
        assert (await ann.get("/auth/me")).status_code == 200


async def test_a_new_key_that_cannot_be_opened_does_not_disturb_a_running_server(
    place: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the secret was changed, and this process still works with the one before."""
    monkeypatch.setattr(key_ring, "_PAUSE", 0.0)
    container = container_for(place, tmp_path, OLD)
    async with process(container, place) as api:
        ann = await api.register()
        changed = container_for(place, tmp_path, NEW, OLD)
        async with process(changed, place) as other:
            await changed.key_ring().rotate()
            await changed.key_ring().refresh()
            bob = await other.register()
        assert (await as_seen_by(api, bob).get("/auth/me")).status_code == 401
        assert (await ann.get("/auth/me")).status_code == 200
        assert (await api.register()).token


async def test_who_has_a_second_factor_comes_in_by_a_recovery_code_where_the_secret_is_lost(
    place: TestDatabase, tmp_path: Path
) -> None:
    async with process(container_for(place, tmp_path, OLD), place) as api:
        holder = await with_factor(api)
    lost = container_for(place, tmp_path, NEW)
    await lost.database().open()
    try:
        await lost.key_ring().rotate()
    finally:
        await lost.database().close()
    with psycopg.connect(place.application, autocommit=True) as connection:
        assert opening(connection, Sealer(secrets=(NEW,))).closed == {"accounts.totp_secret": 1}
    async with process(container_for(place, tmp_path, NEW), place) as api:
        again = replace(holder, api=api)
        refused = await again.shows(await again.asked(), again.fresh())
        assert (refused.status_code, refused.json()["code"]) == (401, "auth.code_invalid")
        assert (await again.shows(await again.asked(), again.codes[0])).status_code == 200


async def test_a_lost_secret_costs_a_new_sign_in_and_no_more(place: TestDatabase, tmp_path: Path) -> None:
    async with process(container_for(place, tmp_path, OLD), place) as api:
        ann = await api.register()
    lost = container_for(place, tmp_path, NEW)
    await lost.database().open()
    try:
        await lost.key_ring().rotate()
    finally:
        await lost.database().close()
    assert list(reseal(place.application, Sealer(secrets=(NEW,)))) == [
        Resealed(SEALED[0], 0, 1),
        Resealed(SEALED[1], 0, 0),
        Resealed(SEALED[2], 0, 0),
        Resealed(SEALED[3], 0, 0),
        Resealed(SEALED[4], 0, 0),
    ]
    async with process(container_for(place, tmp_path, NEW), place) as api:
        assert (await (await api.login(ann.email)).get("/auth/me")).status_code == 200


def test_keys_for_one_purpose_begin_with_the_present_one() -> None:
    both, new = Sealer(secrets=(NEW, OLD)), Sealer(secrets=(NEW,))
    keys: Any = both.keys_for("a purpose")
    assert keys[0] == new.key_for("a purpose") == both.key_for("a purpose")
    assert len(set(keys)) == 2
