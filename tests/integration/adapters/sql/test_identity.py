"""The doors across companies on PostgreSQL: what they write beside the contract, and that devices do not wait in a ring."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from adapters.sql.connection import Database
from adapters.sql.repositories.companies import SqlCompanyUnitOfWork
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.tables.identity import companies
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.auth.model import LoginSession
from core.auth.use_cases.signing_in import AuthUseCases
from core.companies.model import Company
from core.kernel.actor import Actor, Role
from core.users.model import User
from tests.integration.adapters.sql.firms import Firm

HERE = Statement(select(companies.c.id, func.current_setting("app.company_id")))


def a_company(founder: Actor, *, name: str) -> tuple[Company, User, Any]:
    """A company, its owner, and what is to be said once its code is settled."""
    at, owner_id = datetime.now(UTC), uuid.uuid4()
    company = Company.found(id=uuid.uuid4(), name=name, contact_email=None, at=at)
    owner, user_created = User.join(
        id=owner_id,
        account_id=founder.account_id,
        name="Robin",
        email="robin@example.com",
        username="robin",
        role=Role.OWNER,
        at=at,
    )
    return company, owner, lambda: (company.founded(by=owner_id), user_created)


async def by_upkeep(database: Database, founder: Actor, company: Company, owner: User, facts: Any) -> None:
    async with SqlIdentityUnitOfWork(database) as uow:
        await uow.add_company(company, owner, facts, at=company.created_at)
        # It is the doors' transaction again afterwards.
        await uow.note_login(owner.id, company.id, at=company.created_at)
        assert company.id in {each.company_id for each in await uow.memberships(founder.account_id)}
        await uow.commit()


async def from_another(database: Database, founder: Actor, company: Company, owner: User, facts: Any) -> None:
    async with SqlCompanyUnitOfWork(database, SystemClock(), founder) as uow:
        await uow.open_company(company, owner, facts, at=company.created_at)
        # It is the founder's own company again afterwards.
        assert await uow.fetch((HERE, {})) == [[(founder.company_id, str(founder.company_id))]]
        await uow.commit()


@pytest.mark.parametrize("door", [by_upkeep, from_another], ids=lambda door: door.__name__)
async def test_the_event_of_a_company_that_was_opened_carries_the_code_that_it_got(
    database: Database, firm: Firm, door: Any
) -> None:
    name = f"Firm {uuid.uuid4().hex}"
    codes = []
    for _ in range(3):
        company, owner, facts = a_company(firm.owner, name=name)
        stem = company.code
        await door(database, firm.owner, company, owner, facts)
        ((kept,),) = firm.sql("select code from companies where id = %s", (company.id,))
        told = firm.sql(
            "select seq, event, body ->> 'code', actor_id from events where company_id = %s order by seq", (company.id,)
        )
        assert [row[:2] for row in told] == [(1, "company_created"), (2, "user_created")]
        assert told[0][2] == kept == company.code
        assert told[0][3] == owner.id
        assert firm.sql("select last_seq from event_sequences where company_id = %s", (company.id,)) == [(2,)]
        codes.append(kept)
    assert codes[0] == stem
    assert len(set(codes)) == 3
    assert all(code.startswith(f"{stem}-") for code in codes[1:])
    assert firm.count("events") == 0


async def test_companies_of_one_name_that_are_opened_at_once_get_codes_of_their_own(
    database: Database, firm: Firm
) -> None:
    name = f"Firm {uuid.uuid4().hex}"
    made = [a_company(firm.owner, name=name) for _ in range(6)]
    await asyncio.gather(*(by_upkeep(database, firm.owner, *each) for each in made))
    assert len({company.code for company, _, _ in made}) == 6
    for company, _, _ in made:
        assert firm.sql(
            "select c.code = e.body ->> 'code' from companies c join events e on e.company_id = c.id and e.seq = 1"
            " where c.id = %s",
            (company.id,),
        ) == [(True,)]


async def test_a_device_keeps_the_company_that_it_works_in(database: Database, firm: Firm) -> None:
    for wanted in (firm.id, None):
        async with SqlIdentityUnitOfWork(database) as uow:
            session = await uow.session(firm.owner.session_id)
            assert session is not None
            session.current_company_id = wanted
            await uow.save_session(session)
            await uow.commit()
        async with SqlIdentityUnitOfWork(database) as uow:
            assert await uow.session(firm.owner.session_id) == session


# Several devices of one account


def with_devices(firm: Firm, count: int) -> list[Actor]:
    """The same person, signed in on so many devices."""
    person = firm.user()
    devices = [replace(person, session_id=uuid.uuid4()) for _ in range(count)]
    for device in devices:
        firm.sql(
            "insert into login_sessions (id, account_id, nonce, generation, created_at, last_used_at, expires_at,"
            " authenticated_at) values (%s, %s, 'nonce', 1, now(), now(), now() + interval '7 days', now())",
            (device.session_id, device.account_id),
        )
    return devices


def use_cases(database: Database) -> AuthUseCases:
    unused = ("profiles", "passwords", "addresses", "access_tokens", "refresh_tokens", "guessing", "tickets", "codes")
    nothing: dict[str, Any] = dict.fromkeys(unused)
    return AuthUseCases(
        identity=lambda: SqlIdentityUnitOfWork(database),
        clock=SystemClock(),
        ids=UuidV7Ids(),
        registration="open",
        **nothing,
    )


def open_sessions(firm: Firm, device: Actor) -> set[uuid.UUID]:
    rows = firm.sql("select id from login_sessions where account_id = %s and revoked_at is null", (device.account_id,))
    return {session_id for (session_id,) in rows}


async def test_devices_that_sign_all_others_out_at_once_do_not_wait_for_each_other_in_a_ring(
    database: Database, firm: Firm
) -> None:
    auth = use_cases(database)
    for _ in range(15):
        devices = with_devices(firm, 8)
        assert len(open_sessions(firm, devices[0])) == 9
        await asyncio.wait_for(
            asyncio.gather(*(auth.logout(device, refresh_token=None, everywhere=True) for device in devices)), 20
        )
        assert open_sessions(firm, devices[0]) == set()


async def test_choosing_a_password_and_signing_out_everywhere_at_once_do_not_wait_in_a_ring(
    database: Database, firm: Firm
) -> None:
    auth = use_cases(database)

    async def choose(device: Actor) -> None:
        async with SqlIdentityUnitOfWork(database) as uow:
            account = await uow.account(device.account_id)
            assert account is not None
            await uow.revoke_sessions(account.id, at=datetime.now(UTC))
            await uow.save_account(account)
            await uow.commit()

    for _ in range(15):
        devices = with_devices(firm, 8)
        await asyncio.wait_for(
            asyncio.gather(
                *(
                    choose(device) if number % 2 else auth.logout(device, refresh_token=None, everywhere=True)
                    for number, device in enumerate(devices)
                )
            ),
            20,
        )
        assert open_sessions(firm, devices[0]) == set()


async def test_an_account_that_is_loaded_is_its_loaders_until_the_end_and_devices_may_sign_in_meanwhile(
    database: Database, firm: Firm
) -> None:
    (device,) = with_devices(firm, 1)
    async with SqlIdentityUnitOfWork(database) as first, SqlIdentityUnitOfWork(database) as second:
        assert await first.account(device.account_id) is not None
        session = LoginSession.begin(
            id=uuid.uuid4(), account_id=device.account_id, nonce=b"n", agent=None, address=None, at=datetime.now(UTC)
        )
        await asyncio.wait_for(second.add_session(session), 2)
        waiting = asyncio.ensure_future(second.account(device.account_id))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await first.commit()
        assert await asyncio.wait_for(waiting, 2) is not None


async def test_signing_out_everywhere_and_here_at_once_ends_all(database: Database, firm: Firm) -> None:
    auth = use_cases(database)
    for _ in range(15):
        devices = with_devices(firm, 8)
        await asyncio.wait_for(
            asyncio.gather(
                *(
                    auth.logout(device, refresh_token=None, everywhere=number % 2 == 0)
                    for number, device in enumerate(devices)
                )
            ),
            20,
        )
        assert open_sessions(firm, devices[0]) == set()


async def test_a_session_that_is_loaded_alone_leaves_the_others_free(database: Database, firm: Firm) -> None:
    one, two = with_devices(firm, 2)
    async with SqlIdentityUnitOfWork(database) as first, SqlIdentityUnitOfWork(database) as second:
        assert await first.session(one.session_id) is not None
        assert await asyncio.wait_for(second.session(two.session_id), 2) is not None


async def test_a_session_with_its_others_is_loaded_as_one_that_waits_for_each_of_them(
    database: Database, firm: Firm
) -> None:
    one, two = with_devices(firm, 2)
    async with SqlIdentityUnitOfWork(database) as first, SqlIdentityUnitOfWork(database) as second:
        assert await first.session(one.session_id) is not None
        waiting = asyncio.ensure_future(second.session(two.session_id, and_others=True))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await first.commit()
        found = await asyncio.wait_for(waiting, 2)
    assert found is not None
    assert found.id == two.session_id
    assert open_sessions(firm, one) >= {one.session_id, two.session_id}


async def test_an_unknown_session_has_no_others(database: Database) -> None:
    async with SqlIdentityUnitOfWork(database) as uow:
        assert await uow.session(uuid.uuid4(), and_others=True) is None


async def test_a_company_that_was_deleted_is_not_there_to_load(database: Database, firm: Firm) -> None:
    async with SqlCompanyUnitOfWork(database, SystemClock(), firm.owner) as uow:
        company = await uow.load()
        assert company is not None
        company.delete(confirmed=company.code, at=datetime.now(UTC))
        uow.save(company)
        await uow.flush()
        assert await uow.load() is None
