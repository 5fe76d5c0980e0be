"""Losing a password, and coming back by a mailed link."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import (
    InvalidCredentials,
    LinkInvalid,
    SessionEnded,
    TokenInvalid,
    TooManyFailures,
    TooManyLetters,
)
from core.auth.letters import LetterKind
from core.auth.model import Account
from core.auth.use_cases.signing_in import Credentials
from core.kernel.actor import System, Visitor
from core.kernel.audit import AuditType, Note
from core.tokens.model import Scope
from core.tokens.use_cases.tokens import NewApiToken
from tests.builders.office import PASSWORD, Office

ANN = "ann@example.com"
NEW = "another long secret"


def account(office: Office, email: str = ANN) -> Account:
    (found,) = (each for each in office.world.tables.accounts.values() if each.email == email)
    return found


async def login(office: Office, password: str = NEW) -> object:
    return await office.auth.login(Visitor(), Credentials(email=ANN, password=password))


async def forgotten(office: Office) -> str:
    """Ann has an account, and forgot her password; the secret of the link that she got."""
    await office.register(ANN)
    await office.recovery.forgot(Visitor(), email=ANN)
    return await office.link_to(ANN)


async def reset(office: Office, token: str, password: str = NEW) -> None:
    await office.recovery.reset(Visitor(), token=token, new_password=password)


class TestForgot:
    async def test_a_link_is_mailed_to_the_address(self) -> None:
        office = await Office.open()
        await office.register(ANN)
        await office.recovery.forgot(Visitor(), email=" ANN@example.com")
        message = (await office.mailed(ANN))[-1]
        assert "Choose a new password" in message.subject
        assert f"https://flowtrack.example.com/reset-password#{await office.link_to(ANN)}\n" in message.text

    async def test_nobody_is_mailed_at_an_address_without_an_account(self) -> None:
        office = await Office.open()
        before = office.world.snapshot()
        await office.recovery.forgot(Visitor(address="192.0.2.7"), email=ANN)
        *_, note = office.world.tables.notes
        assert replace(office.world.tables, notes=before.notes) == before
        assert await office.mailed() == []
        # The installation's operator may want to know; no company does.
        assert note.company_id is None
        assert note.note == Note(type=AuditType.PASSWORD_RESET_REQUESTED, personal={"email": ANN})

    async def test_what_is_kept_of_unknown_addresses_is_bounded(self) -> None:
        office = await Office.open()
        before = len(office.world.tables.notes)
        for number in range(30):
            await office.recovery.forgot(Visitor(address="192.0.2.7"), email=f"nobody{number}@example.com")
        assert len(office.world.tables.notes) == before + 1

    async def test_no_hash_tells_known_addresses_from_unknown_ones(self) -> None:
        office = await Office.open()
        await office.register(ANN)
        before = office.passwords.effort
        for email in (ANN, "nobody@example.com"):
            await office.recovery.forgot(Visitor(), email=email)
        assert office.passwords.effort == before

    async def test_letters_are_counted_by_address_known_or_not_and_by_network(self) -> None:
        office = await Office.open()
        await office.register(ANN)
        for email in (ANN, "nobody@example.com"):
            for number in range(5):
                await office.recovery.forgot(Visitor(address=f"10.0.{number}.1"), email=email)
            with pytest.raises(TooManyLetters) as refused:
                await office.recovery.forgot(Visitor(address="10.0.9.1"), email=email)
            assert refused.value.retry_after == 3600
        for number in range(30):
            await office.recovery.forgot(Visitor(address="192.0.2.7"), email=f"person{number}@example.com")
        with pytest.raises(TooManyLetters):
            await office.recovery.forgot(Visitor(address="192.0.2.8"), email="another@example.com")
        office.clock.advance(timedelta(hours=1))
        await office.recovery.forgot(Visitor(address="192.0.2.8"), email=ANN)

    async def test_strangers_use_up_nothing_of_whoever_is_signed_in(self) -> None:
        office = await Office.open()
        own = office.auth.actor_of((await office.register(ANN)).access_token)
        for number in range(5):
            await office.recovery.forgot(Visitor(address=f"10.0.{number}.1"), email=ANN)
        for _ in range(5):
            await office.email.resend(own)
        with pytest.raises(TooManyLetters):
            await office.email.resend(own)


class TestReset:
    async def test_the_password_is_another_one_and_all_devices_are_signed_out(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        device = office.auth.actor_of((await login(office, PASSWORD)).access_token)
        await reset(office, token)
        await login(office)
        with pytest.raises(InvalidCredentials):
            await login(office, PASSWORD)
        with pytest.raises(SessionEnded):
            await office.auth.me(device)

    async def test_it_proves_the_address_and_tells_the_holder(self) -> None:
        office = await Office.open()
        await reset(office, await forgotten(office))
        assert account(office).email_verified_at == office.clock.now()
        assert (await office.mailed(ANN))[-1].subject == "Your password was changed (FlowTrack)"

    async def test_a_link_works_once(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        await reset(office, token)
        with pytest.raises(LinkInvalid):
            await reset(office, token, "a third long secret")
        await login(office)

    async def test_a_link_works_for_half_an_hour(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        office.clock.advance(timedelta(minutes=30) - timedelta(seconds=1))
        with pytest.raises(LinkInvalid):
            await reset(office, token.replace("password_reset", "email_verification"))
        office.clock.advance(timedelta(seconds=1))
        with pytest.raises(LinkInvalid):
            await reset(office, token)

    async def test_asking_again_voids_no_link_that_is_good(self) -> None:
        """Whoever knows the address could keep its holder from ever choosing a password."""
        office = await Office.open()
        earlier = await forgotten(office)
        before = len(await office.mailed(ANN))
        office.clock.advance(timedelta(minutes=29))
        await office.recovery.forgot(Visitor(address="198.51.100.9"), email=ANN)
        assert len(await office.mailed(ANN)) == before + 1
        assert await office.link_to(ANN) == earlier
        await reset(office, earlier)

    async def test_asking_again_keeps_no_link_good_for_longer(self) -> None:
        office = await Office.open()
        earlier = await forgotten(office)
        office.clock.advance(timedelta(minutes=29))
        await office.recovery.forgot(Visitor(), email=ANN)
        office.clock.advance(timedelta(minutes=1))
        with pytest.raises(LinkInvalid):
            await reset(office, earlier)
        await office.recovery.forgot(Visitor(), email=ANN)
        assert await office.link_to(ANN) != earlier
        await reset(office, await office.link_to(ANN))

    async def test_after_another_password_the_next_link_is_another(self) -> None:
        office = await Office.open()
        earlier = await forgotten(office)
        await reset(office, earlier)
        await office.recovery.forgot(Visitor(), email=ANN)
        assert await office.link_to(ANN) != earlier
        with pytest.raises(LinkInvalid):
            await reset(office, earlier, "a third long secret")
        await reset(office, await office.link_to(ANN), "a third long secret")

    async def test_a_password_that_was_changed_meanwhile_ends_it(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        device = office.auth.actor_of((await login(office, PASSWORD)).access_token)
        await office.sessions.change_password(device, current_password=None, new_password=NEW)
        with pytest.raises(LinkInvalid):
            await reset(office, token, "a third long secret")

    async def test_of_two_at_once_one_alone_chooses(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        hashing = office.passwords.hash

        async def overtaken(password: str) -> str:
            office.passwords.hash = hashing
            await reset(office, token, "who was quicker wins")
            return await hashing(password)

        office.passwords.hash = overtaken
        with pytest.raises(LinkInvalid):
            await reset(office, token)
        await login(office, "who was quicker wins")

    async def test_a_link_of_somebody_else_opens_nothing(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        other = office.world.tables.accounts[office.mia.account_id]
        forged = token.replace(str(account(office).id), str(other.id))
        with pytest.raises(LinkInvalid):
            await reset(office, forged)
        with pytest.raises(LinkInvalid):
            await reset(office, token.replace(str(account(office).id), str(office.web.id)))

    async def test_failures_before_are_forgotten(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await login(office, "a wrong guess")
        with pytest.raises(TooManyFailures):
            await login(office, PASSWORD)
        await reset(office, token)
        await login(office)

    async def test_a_temporary_password_is_one_no_more(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        office.change_account(password_is_temporary=True)
        await reset(office, token)
        await login(office)

    async def test_an_account_without_a_password_gets_one(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        office.change_account(password_hash=None, claimed_at=None)
        await reset(office, token)
        assert account(office).claimed_at == office.clock.now()
        await login(office)

    async def test_what_an_admin_changes_ends_the_links_that_were_asked_for(self) -> None:
        office = await Office.open()
        await office.register(ANN)
        mia = office.world.tables.accounts[office.mia.account_id]
        await office.recovery.forgot(Visitor(), email=mia.email)
        token = await office.link_to(mia.email)
        async with office.world.people_unit_of_work(office.olga) as uow:
            await uow.accounts.change_password(
                mia.id, "turned:", letter_id=office.world.ids.new(), at=office.clock.now()
            )
            await uow.commit()
        with pytest.raises(LinkInvalid):
            await reset(office, token)


class TestApiTokens:
    """Whoever lost the password may have lost more; whoever changes it has not."""

    async def test_choosing_one_by_a_link_ends_the_accounts_own_in_every_company(self) -> None:
        office = await Office.open()
        ann = office.auth.actor_of((await office.register(ANN)).access_token)
        there = await office.world.joins(ann, office.olga.company_id)
        robot = await office.robot(by=ann)
        mine = [(await office.api_token(of=each)).token for each in (ann, there)]
        given = NewApiToken(name="Robot's", scopes=(Scope.TASKS_READ,))
        others = (
            (await office.api_token(of=office.adam)).token,
            (await office.api_tokens.create_for(ann, robot.id, given)).value.token,
        )
        office.change_account(email_verified_at=office.clock.now())
        visitor = Visitor(address="192.0.2.7", agent="a browser", request_id="r-1")
        await office.recovery.forgot(visitor, email=ANN)
        before = len(office.world.tables.notes)
        await office.recovery.reset(visitor, token=await office.link_to(ANN), new_password=NEW)
        kept = {id: each for tables in office.world.tables.companies.values() for id, each in tables.api_tokens.items()}
        assert [kept[each.id].revoked_at for each in mine] == [office.clock.now()] * 2
        assert [kept[each.id].revoked_at for each in others] == [None, None]
        told = [each for each in office.world.tables.notes[before:] if each.note.type is AuditType.TOKEN_REVOKED]
        assert {(each.company_id, each.actor_id, each.note.details["token_id"]) for each in told} == {
            (each.company_id, each.user_id, token.id) for each, token in zip((ann, there), mine, strict=True)
        }
        assert {(each.origin, each.via) for each in told} == {(visitor.origin, "visitor")}

    async def test_an_account_that_never_proved_its_address_is_told_of_its_own_too(self) -> None:
        office = await Office.open()
        token = await forgotten(office)
        device = office.auth.actor_of((await login(office, PASSWORD)).access_token)
        await office.api_token(of=device)
        await reset(office, token)
        assert [each.note.type for each in office.world.tables.notes][-3:] == [
            AuditType.TOKEN_REVOKED, AuditType.ACCOUNT_STRIPPED, AuditType.PASSWORD_RESET,
        ]  # fmt: skip

    async def test_so_does_one_that_the_operator_gives(self) -> None:
        office = await Office.open()
        ann = office.auth.actor_of((await office.register(ANN)).access_token)
        made = await office.api_token(of=ann)
        await office.operator.reset_password(System(), ANN, temporary_password="temporary secret")
        with pytest.raises(TokenInvalid):
            await office.presented_tokens.recognise(made.secret or "")
        told = [each for each in office.world.tables.notes if each.note.type is AuditType.TOKEN_REVOKED]
        assert [(each.via, each.actor_id) for each in told] == [("system", None)]

    async def test_changing_it_when_signed_in_leaves_them(self) -> None:
        office = await Office.open()
        ann = office.auth.actor_of((await office.register(ANN)).access_token)
        made = await office.api_token(of=ann)
        await office.sessions.change_password(ann, current_password=PASSWORD, new_password=NEW)
        await office.auth.me(await office.presented_tokens.recognise(made.secret or ""))


class TestAudit:
    async def test_asking_and_choosing_are_told_to_each_company_of_the_account(self) -> None:
        office = await Office.open()
        signed_in = await office.register(ANN)
        actor = office.auth.actor_of(signed_in.access_token)
        await office.world.joins(actor, office.olga.company_id)
        visitor = Visitor(address="192.0.2.7", agent="a browser", request_id="r-1")
        await office.recovery.forgot(visitor, email=ANN)
        await office.recovery.reset(visitor, token=await office.link_to(ANN), new_password=NEW)
        told = [each for each in office.world.tables.notes if str(each.note.type).startswith("password.")]
        companies = {actor.company_id, office.olga.company_id}
        assert {(str(each.note.type), each.company_id) for each in told} == {
            (type, company) for type in ("password.reset_requested", "password.reset") for company in companies
        }
        assert {each.origin for each in told} == {visitor.origin}


class TestTellingOfChanges:
    async def test_whoever_changes_their_password_is_told(self) -> None:
        office = await Office.open()
        signed_in = await office.register(ANN)
        device = office.auth.actor_of(signed_in.access_token)
        await office.sessions.change_password(device, current_password=PASSWORD, new_password=NEW)
        (letter,) = [each for each in await office.mailed(ANN) if LetterKind.PASSWORD_CHANGED in each.id]
        assert "Your password was changed" in letter.subject
