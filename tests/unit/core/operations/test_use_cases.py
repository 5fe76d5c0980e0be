from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import InvalidCredentials, SessionEnded, TokenInvalid
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import System, Visitor
from core.operations.read_models import Purged
from core.operations.use_cases import PurgeUseCases
from tests.builders.office import PASSWORD, Office

TEMPORARY = "given by the operator"


class TestOpeningACompany:
    async def test_an_unknown_address_gets_an_account_with_a_temporary_password(self) -> None:
        office = Office(registration="closed")
        opened = await _opened(office, owner="Ann@Example.com", owner_name="Ann Miller")
        assert (opened.code, opened.email, opened.password_is_new) == ("acme", "ann@example.com", True)
        (account,) = office.world.tables.accounts.values()
        assert (account.name, account.password_is_temporary, account.claimed_at) == ("Ann Miller", True, None)
        signed_in = await _login(office, TEMPORARY)
        assert (signed_in.user.role, signed_in.company.id) == ("owner", opened.id)

    async def test_its_log_begins_with_what_the_system_did(self) -> None:
        office = Office()
        opened = await _opened(office)
        events = office.world.tables.companies[opened.id].events
        assert [(event.event, event.actor_id, event.via) for event in events] == [
            ("company_created", None, "system"),
            ("user_created", None, "system"),
        ]

    async def test_an_account_whose_address_was_proved_keeps_its_password(self) -> None:
        office = Office()
        await office.register()
        tables = office.world.tables
        (account,) = tables.accounts.values()
        tables.accounts[account.id] = replace(account, email_verified_at=office.clock.now())
        opened = await _opened(office)
        assert not opened.password_is_new
        assert (await _login(office, PASSWORD)).user
        assert all(session.revoked_at is None for session in office.world.tables.sessions.values())

    @pytest.mark.parametrize(
        "left", [{}, {"is_active": False}, {"accepted_at": None}], ids=["there", "left", "invited"]
    )
    async def test_an_account_whose_address_nobody_proved_may_be_anybodys(self, left: dict[str, object]) -> None:
        office = Office()
        await office.register()
        (company,) = office.world.tables.companies.values()
        for user_id, person in company.people.items():
            company.people[user_id] = replace(person, user=replace(person.user, **left))
        opened = await _opened(office)
        assert opened.password_is_new
        assert all(session.revoked_at is not None for session in office.world.tables.sessions.values())
        with pytest.raises(InvalidCredentials):
            await _login(office, PASSWORD)
        assert (await _login(office, TEMPORARY)).user

    async def test_whoever_registered_with_the_address_beforehand_keeps_nothing_to_come_in_by(self) -> None:
        office = await Office.open()
        eve = office.auth.actor_of((await office.register()).access_token)
        await office.enable_factor(eve)
        token = await office.api_token(of=eve)
        opened = await _opened(office)
        assert opened.password_is_new
        with pytest.raises(SessionEnded):
            await office.auth.me(eve)
        with pytest.raises(TokenInvalid):
            await office.presented_tokens.recognise(token.secret or "")
        with pytest.raises(InvalidCredentials):
            await _login(office, PASSWORD)
        # Without her second factor, too.
        signed_in = await _login(office, TEMPORARY)
        owner = office.world.tables.companies[opened.id].people
        assert [(each.user.account_id, each.user.role) for each in owner.values()] == [(eve.account_id, "owner")]
        assert signed_in.user

    async def test_whoever_works_in_another_company_and_proved_the_address_keeps_it_all(self) -> None:
        office = Office()
        await office.register()
        office.change_account(email_verified_at=office.clock.now())
        before = dict(office.world.tables.accounts)
        opened = await _opened(office)
        assert not opened.password_is_new
        assert office.world.tables.accounts == before
        assert all(session.revoked_at is None for session in office.world.tables.sessions.values())
        signed_in = await _login(office, PASSWORD)
        (account,) = before.values()
        (owner,) = office.world.tables.companies[opened.id].people.values()
        assert (owner.user.account_id, owner.user.role, owner.may_act) == (account.id, "owner", True)
        assert signed_in.company.id != opened.id
        with pytest.raises(InvalidCredentials):
            await _login(office, TEMPORARY)

    async def test_codes_that_are_taken_get_a_suffix_and_all_are_listed(self) -> None:
        office = Office()
        first, second = await _opened(office), await _opened(office, owner="bob@example.com")
        lines = await office.operator.companies(System())
        assert [(line.code, line.people, line.is_active) for line in lines] == [
            (first.code, 1, True),
            (second.code, 1, True),
        ]
        assert first.code != second.code


class TestResettingAPassword:
    async def test_the_temporary_one_works_and_all_devices_are_signed_out(self) -> None:
        office = Office()
        await office.register()
        address = await office.operator.reset_password(System(), "ANN@example.com", temporary_password=TEMPORARY)
        assert address == "ann@example.com"
        assert all(session.revoked_at is not None for session in office.world.tables.sessions.values())
        with pytest.raises(InvalidCredentials):
            await _login(office, PASSWORD)
        (account,) = office.world.tables.accounts.values()
        assert (account.password_is_temporary, account.version) == (True, 2)
        assert (await _login(office, TEMPORARY)).user


class TestPurging:
    @pytest.mark.parametrize(("age", "gone"), [(timedelta(days=29, hours=23), 0), (timedelta(days=30, hours=1), 1)])
    async def test_what_was_deleted_stays_for_thirty_days(self, age: timedelta, gone: int) -> None:
        office = await Office.open()
        await office.projects.delete(office.adam, "WEB")
        office.clock.advance(age)
        assert (await office.purging.purge(System())) == Purged(projects=gone)

    async def test_the_log_is_kept_for_ever_unless_it_is_told_otherwise(self) -> None:
        office = await Office.open()
        many, kept = office.head, timedelta(days=90)
        office.clock.advance(kept)
        assert await office.purging.purge(System()) == Purged()
        bounded = PurgeUseCases(remains=office.remains, clock=office.clock, events_kept=kept)
        assert await bounded.purge(System()) == Purged()
        office.clock.advance(timedelta(seconds=1))
        assert await bounded.purge(System()) == Purged(events=many)
        assert office.head == many

    async def test_one_process_purges_at_a_time(self) -> None:
        office = await Office.open()
        office.remains.is_held_by_another = True
        assert await office.purging.purge(System()) is None


async def _opened(office: Office, *, owner: str = "ann@example.com", owner_name: str | None = None):
    return await office.operator.create_company(
        System(), name="Acme", owner=owner, owner_name=owner_name, temporary_password=TEMPORARY
    )


async def _login(office: Office, password: str):
    # A temporary password is good only for choosing another.
    chosen = "chosen by its holder" if password == TEMPORARY else None
    return await office.auth.login(
        Visitor(), Credentials(email="ann@example.com", password=password, new_password=chosen)
    )
