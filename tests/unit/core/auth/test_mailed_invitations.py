"""Joining by the link that was mailed: it proves the address, so nobody who only claimed the address keeps anything."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import InvalidCredentials, NoActiveMembership, SessionEnded, SignInFirst
from core.auth.model import Account
from core.auth.read_models import SignedIn
from core.auth.use_cases.accepting import Acceptance
from core.auth.use_cases.signing_in import Credentials
from core.kernel.actor import Actor, Role, Visitor
from core.kernel.audit import AuditType
from core.kernel.errors import Invalid
from core.users.errors import EmailTaken, InvitationForAnother, InvitationNotFound
from core.users.use_cases.users import NewUser
from tests.builders.office import PASSWORD, Office

BEA = "bea@example.com"
NEW = "another long secret"


async def mailed(office: Office, email: str = BEA) -> str:
    """The secret of the link that was mailed to who is invited."""
    await office.invitations.send(office.olga, email=email, role=Role.MEMBER)
    return await office.link_to(email)


async def accept(office: Office, token: str, *, actor: Actor | None = None, **fields: str | None) -> SignedIn:
    return await office.acceptance.accept(Visitor(), Acceptance(token=token, **fields), actor=actor)


async def hijacker(office: Office) -> Actor:
    """Somebody who registered with an address that is not theirs."""
    return office.auth.actor_of((await office.register(BEA)).access_token)


def account(office: Office, email: str = BEA) -> Account:
    (found,) = (each for each in office.world.tables.accounts.values() if each.email == email)
    return found


async def login(office: Office, password: str) -> object:
    return await office.auth.login(Visitor(), Credentials(email=BEA, password=password))


class TestProving:
    async def test_a_newcomer_has_proved_the_address(self) -> None:
        office = await Office.open()
        await accept(office, await mailed(office), password=PASSWORD)
        assert account(office).email_verified_at == office.clock.now()
        assert [each.subject for each in await office.mailed(BEA)] == ["Invitation to Acme (FlowTrack)"]

    async def test_by_the_link_that_the_sender_saw_they_have_not_and_are_mailed_another(self) -> None:
        office = await Office.open()
        view, _ = await office.invitations.send(office.olga, email=BEA, role=Role.MEMBER)
        await accept(office, view.token or "", password=PASSWORD)
        assert account(office).email_verified_at is None
        await office.follow(await office.link_to(BEA))
        assert account(office).email_verified_at is not None

    async def test_the_mailed_link_is_another_than_the_one_that_was_shown(self) -> None:
        office = await Office.open()
        view, _ = await office.invitations.send(office.olga, email=BEA, role=Role.MEMBER)
        assert await office.link_to(BEA) != view.token
        (message,) = await office.mailed(BEA)
        assert (view.token or "") not in message.text

    async def test_both_links_are_one_invitation(self) -> None:
        office = await Office.open()
        view, _ = await office.invitations.send(office.olga, email=BEA, role=Role.MEMBER)
        token = await office.link_to(BEA)
        await accept(office, view.token or "", password=PASSWORD)
        with pytest.raises(InvitationNotFound):
            await accept(office, token, password=PASSWORD)

    async def test_whoever_an_admin_made_chooses_their_password_by_it(self) -> None:
        office = await Office.open()
        await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
        done = await accept(office, await office.link_to(BEA), password=NEW)
        assert done.company.id == office.olga.company_id
        assert account(office).email_verified_at == office.clock.now()

    async def test_it_is_for_seven_days(self) -> None:
        office = await Office.open()
        token = await mailed(office)
        office.clock.advance(timedelta(days=7))
        with pytest.raises(InvitationNotFound):
            await accept(office, token, password=PASSWORD)

    async def test_it_dies_with_the_invitation(self) -> None:
        office = await Office.open()
        token = await mailed(office)
        (invitation,) = office.stored.invitations.values()
        await office.invitations.revoke(office.olga, invitation.id)
        with pytest.raises(InvitationNotFound):
            await accept(office, token, password=PASSWORD)

    async def test_a_link_that_nobody_made_opens_nothing(self) -> None:
        office = await Office.open()
        token = await mailed(office)
        for forged in (f"{token}00", token.replace("invitation", "password_reset"), "invitation.x.y.z"):
            with pytest.raises(InvitationNotFound):
                await accept(office, forged, password=PASSWORD)
        (invitation,) = office.stored.invitations.values()
        elsewhere = token.replace(str(office.olga.company_id), str(invitation.id))
        with pytest.raises(InvitationNotFound):
            await accept(office, elsewhere, password=PASSWORD)


class TestAddressesThatSomebodyElseRegistered:
    async def test_the_holder_gets_the_account_and_the_hijacker_is_out(self) -> None:
        office = await Office.open()
        other = await hijacker(office)
        done = await accept(office, await mailed(office), password=NEW)
        assert done.company.id == office.olga.company_id
        assert account(office).email_verified_at == office.clock.now()
        await login(office, NEW)
        with pytest.raises(InvalidCredentials):
            await login(office, PASSWORD)
        with pytest.raises(SessionEnded):
            await office.auth.me(other)
        assert done.refresh_token is not None

    async def test_each_company_of_the_account_is_told_what_it_lost(self) -> None:
        office = await Office.open()
        eve = await hijacker(office)
        await office.api_token(of=eve)
        token = await mailed(office)
        await accept(office, token, password=NEW)
        (told,) = [each for each in office.world.tables.notes if each.note.type is AuditType.ACCOUNT_STRIPPED]
        assert (told.company_id, told.actor_id, told.via) == (eve.company_id, eve.user_id, "visitor")
        assert told.note.details == {"tokens": 1}

    async def test_a_factor_of_the_hijacker_locks_nobody_out(self) -> None:
        office = await Office.open()
        await hijacker(office)
        office.change_account(BEA, totp_secret=b"sealed", totp_enabled_at=office.clock.now(), recovery_digests=(b"x",))
        await accept(office, await mailed(office), password=NEW)
        assert not account(office).has_second_factor
        assert (account(office).totp_secret, account(office).recovery_digests) == (None, ())

    async def test_nor_does_it_where_the_password_is_chosen_by_a_mailed_link(self) -> None:
        office = await Office.open()
        await hijacker(office)
        office.change_account(BEA, totp_secret=b"sealed", totp_enabled_at=office.clock.now())
        await office.recovery.forgot(Visitor(), email=BEA)
        await office.recovery.reset(Visitor(), token=await office.link_to(BEA), new_password=NEW)
        assert not account(office).has_second_factor

    async def test_a_factor_of_who_proved_the_address_stays_when_the_password_is_lost(self) -> None:
        office = await Office.open()
        await hijacker(office)
        await office.follow(await office.link_to(BEA))
        office.change_account(BEA, totp_secret=b"sealed", totp_enabled_at=office.clock.now())
        await office.recovery.forgot(Visitor(), email=BEA)
        await office.recovery.reset(Visitor(), token=await office.link_to(BEA), new_password=NEW)
        assert account(office).has_second_factor

    async def test_what_the_hijacker_asked_for_is_good_no_more(self) -> None:
        office = await Office.open()
        other = await hijacker(office)
        await office.email.change(other, email="eve@example.com")
        token = await office.link_to("eve@example.com")
        await accept(office, await mailed(office), password=NEW)
        with pytest.raises(Invalid):
            await office.email.verify(Visitor(), token=token, actor=other)

    async def test_a_session_of_the_hijacker_that_the_holder_was_led_into_is_not_kept(self) -> None:
        office = await Office.open()
        other = await hijacker(office)
        token = await mailed(office)
        with pytest.raises(Invalid) as refused:
            await accept(office, token, actor=other)
        assert [fault.pointer for fault in refused.value.faults] == ["/password"]
        done = await accept(office, token, actor=other, password=NEW)
        assert office.auth.actor_of(done.access_token).session_id != other.session_id
        with pytest.raises(SessionEnded):
            await office.auth.me(other)

    async def test_registering_by_the_mailed_link_takes_it_over_too(self) -> None:
        office = await Office.open()
        await hijacker(office)
        acceptance = Acceptance(token=await mailed(office), password=NEW)
        await office.acceptance.register(Visitor(), acceptance, email=BEA)
        await login(office, NEW)

    async def test_a_temporary_password_that_an_admin_knows_is_gone(self) -> None:
        office = await Office.open()
        there = await office.world.company("Elsewhere")
        await office.users.create(there, NewUser(name="Bea", email=BEA, password="the admin knows it"))
        await accept(office, await mailed(office), password=NEW)
        with pytest.raises(InvalidCredentials):
            await login(office, "the admin knows it")

    async def test_the_link_that_the_sender_saw_strips_nobody(self) -> None:
        office = await Office.open()
        await hijacker(office)
        view, _ = await office.invitations.send(office.olga, email=BEA, role=Role.MEMBER)
        with pytest.raises(SignInFirst):
            await accept(office, view.token or "", password=NEW)
        await login(office, PASSWORD)

    async def test_of_two_who_follow_it_at_once_one_alone_chooses(self) -> None:
        office = await Office.open()
        await hijacker(office)
        token = await mailed(office)
        hashing = office.passwords.hash

        async def overtaken(password: str) -> str:
            office.passwords.hash = hashing
            await accept(office, token, password="who was quicker wins")
            return await hashing(password)

        office.passwords.hash = overtaken
        with pytest.raises(InvitationNotFound):
            await accept(office, token, password=NEW)
        await login(office, "who was quicker wins")


class TestAddressesThatWereProved:
    async def _proved(self, office: Office) -> Actor:
        actor = await hijacker(office)
        await office.follow(await office.link_to(BEA))
        return actor

    async def test_they_keep_their_password_and_have_to_sign_in(self) -> None:
        office = await Office.open()
        actor = await self._proved(office)
        token = await mailed(office)
        with pytest.raises(SignInFirst):
            await accept(office, token, password=NEW)
        with pytest.raises(EmailTaken):
            await office.acceptance.register(Visitor(), Acceptance(token=token, password=NEW), email=BEA)
        await accept(office, token, actor=actor)
        await login(office, PASSWORD)

    async def test_nobody_accepts_for_another_address(self) -> None:
        office = await Office.open()
        token = await mailed(office)
        with pytest.raises(InvitationForAnother):
            await accept(office, token, actor=office.mia)

    async def test_whoever_recovers_the_account_first_need_not_be_stripped(self) -> None:
        office = await Office.open()
        other = await hijacker(office)
        await office.recovery.forgot(Visitor(), email=BEA)
        await office.recovery.reset(Visitor(), token=await office.link_to(BEA), new_password=NEW)
        with pytest.raises(SessionEnded):
            await office.auth.me(other)
        done = await accept(office, await mailed(office), password=NEW)
        assert done.company.id == office.olga.company_id

    async def test_a_deactivated_user_stays_out(self) -> None:
        office = await Office.open()
        made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
        token = await office.link_to(BEA)
        person = office.stored.people[made.user.id]
        office.stored.people[made.user.id] = replace(person, user=replace(person.user, is_active=False))
        with pytest.raises(NoActiveMembership):
            await accept(office, token, password=NEW)
