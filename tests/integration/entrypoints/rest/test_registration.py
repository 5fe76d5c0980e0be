"""FLOWTRACK_REGISTRATION: who may open an account and a company, on installations that are not open to everybody."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from core.kernel.actor import System
from entrypoints.container import Container
from entrypoints.settings import Registration, Settings
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.conftest import TestDatabase, quick_container, running


@pytest.fixture(params=[Registration.INVITATION, Registration.CLOSED])
async def restricted(
    request: pytest.FixtureRequest, settings: Settings, test_database: TestDatabase
) -> AsyncIterator[tuple[Registration, httpx.AsyncClient]]:
    """A second process over the same database, which does not take everybody."""
    own = settings.model_copy(update={"registration": request.param})
    async with running(quick_container(own, database_url=test_database.product)) as client:
        yield request.param, client


def there(person: Person, client: httpx.AsyncClient) -> Person:
    return replace(person, client=client)


async def test_nobody_opens_an_account_or_a_company_by_themselves(
    api: Api, restricted: tuple[Registration, httpx.AsyncClient]
) -> None:
    _, client = restricted
    given = {"email": f"{uuid.uuid4().hex}@example.com", "name": "Ann", "password": PASSWORD}
    refused = await client.post("/api/v1/auth/register", json=given)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.registration_closed")
    assert api.sql("select 1 from accounts where email = %s", (given["email"],)) == []
    olga = there(await api.register(), client)
    closed = await olga.post("/companies", {"name": "Another"})
    assert (closed.status_code, closed.json()["code"]) == (403, "company.creation_closed")


async def test_whoever_was_invited_registers_unless_it_is_closed(
    api: Api, restricted: tuple[Registration, httpx.AsyncClient]
) -> None:
    registration, client = restricted
    olga = there(await api.register(), client)
    by_form, by_link = [f"{uuid.uuid4().hex}@example.com" for _ in range(2)]
    links = [(await olga.post("/invitations", {"email": email})).json()["token"] for email in (by_form, by_link)]
    form = {"email": by_form, "name": "Bea", "password": PASSWORD, "invitation_token": links[0]}
    answers = [
        await client.post("/api/v1/auth/register", json=form),
        await client.post("/api/v1/invitations/accept", json={"token": links[1], "password": PASSWORD}),
    ]
    client.cookies.clear()
    if registration is Registration.CLOSED:
        assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "auth.registration_closed")}
        return
    assert [each.status_code for each in answers] == [201, 200]
    assert {each.json()["company"]["id"] for each in answers} == {olga.company_id}


async def test_admins_make_users_all_the_same(api: Api, restricted: tuple[Registration, httpx.AsyncClient]) -> None:
    _, client = restricted
    olga = there(await api.register(), client)
    new = (await olga.post("/users", {"name": "Bea", "email": f"{uuid.uuid4().hex}@example.com"})).json()
    joined = await client.post(
        "/api/v1/invitations/accept", json={"token": new["invitation"]["token"], "password": PASSWORD}
    )
    client.cookies.clear()
    assert (joined.status_code, joined.json()["user"]["id"]) == (200, new["id"])


async def test_whoever_has_an_account_accepts_while_signed_in(
    api: Api, restricted: tuple[Registration, httpx.AsyncClient]
) -> None:
    _, client = restricted
    olga, bea = there(await api.register(), client), there(await api.register(), client)
    link = (await olga.post("/invitations", {"email": bea.email})).json()
    joined = await bea.post("/invitations/accept", {"token": link["token"]})
    assert (joined.status_code, joined.json()["company"]["id"]) == (200, olga.company_id)


async def test_whoever_registered_beforehand_does_not_own_what_the_operator_opens(
    api: Api, client: httpx.AsyncClient, container: Container
) -> None:
    eve, given = await api.register(email=f"{uuid.uuid4().hex}@example.com"), "given by the operator"
    opened = await container.operator_use_cases().create_company(
        System(), name="Acme", owner=eve.email, owner_name=None, temporary_password=given
    )
    assert opened.password_is_new
    assert (await eve.get("/auth/me")).status_code == 401
    login = {"email": eve.email, "company_id": str(opened.id)}
    for password, more, status in (
        (PASSWORD, {}, 401),
        (given, {}, 403),
        (given, {"new_password": f"my {given}"}, 200),
    ):
        found = await client.post("/api/v1/auth/login", json={**login, "password": password, **more})
        assert found.status_code == status, found.text
    told = "select type, via from audit_events where company_id = %s and via = 'system' order by type"
    assert api.sql(told, (eve.company_id,)) == [("account.stripped", "system"), ("password.reset", "system")]
