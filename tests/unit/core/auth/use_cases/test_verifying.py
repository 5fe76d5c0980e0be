"""Proving one's address, and changing it for another."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import EmailVerifiedAlready, LinkInvalid, SessionEnded, SignInFirst, TooManyLetters
from core.auth.model import Account, LoginSession
from core.kernel.actor import Actor, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.step_up import StepUpRequired
from core.users.errors import EmailTaken
from tests.builders.office import PASSWORD, Office

ANN, NEW = "ann@example.com", "ann.new@example.com"


def account(office: Office, actor: Actor) -> Account:
    return office.world.tables.accounts[actor.account_id]


async def ann(office: Office) -> Actor:
    return office.auth.actor_of((await office.register(ANN)).access_token)


async def verify(office: Office, token: str) -> None:
    await office.follow(token)


def ann_at_a_provider_of_one_company(office: Office, actor: Actor) -> Actor:
    """The same account in a login session that the provider of one company began."""
    session = LoginSession.begin(
        id=office.world.ids.new(),
        account_id=actor.account_id,
        nonce=b"n",
        agent=None,
        address=None,
        at=office.clock.now(),
        by_provider_of=actor.company_id,
    )
    office.world.tables.sessions[session.id] = session
    return replace(actor, session_id=session.id)


class TestProving:
    async def test_whoever_registers_is_mailed_a_link_that_proves_the_address(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        assert account(office, actor).email_verified_at is None
        await verify(office, await office.link_to(ANN))
        assert account(office, actor).email_verified_at == office.clock.now()

    async def test_a_link_works_once_and_for_a_day(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        token = await office.link_to(ANN)
        office.clock.advance(timedelta(hours=24))
        with pytest.raises(LinkInvalid):
            await verify(office, token)
        office.clock.advance(timedelta(hours=-1))
        await verify(office, token)
        with pytest.raises(LinkInvalid):
            await verify(office, token)
        assert account(office, actor).email_verified_at is not None

    async def test_it_is_sent_again_and_the_one_before_is_good_no_more(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        earlier = await office.link_to(ANN)
        await office.email.resend(actor)
        with pytest.raises(LinkInvalid):
            await verify(office, earlier)
        await verify(office, await office.link_to(ANN))

    async def test_a_proved_address_needs_no_link(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await verify(office, await office.link_to(ANN))
        with pytest.raises(EmailVerifiedAlready):
            await office.email.resend(actor)

    async def test_an_address_that_was_proved_meanwhile_needs_none_either(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        begin = office.letters.begin

        async def overtaken(asker: Actor, *, to: str) -> None:
            await begin(asker, to=to)
            await verify(office, await office.link_to(ANN))

        office.letters.begin = overtaken
        with pytest.raises(EmailVerifiedAlready):
            await office.email.resend(actor)


class TestChanging:
    async def test_nothing_changes_before_the_new_address_is_proved(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email=NEW)
        assert account(office, actor).email == ANN
        await verify(office, await office.link_to(NEW))
        changed = account(office, actor)
        assert (changed.email, changed.email_verified_at) == (NEW, office.clock.now())

    async def test_the_old_address_is_told_before_and_after(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email=NEW)
        await verify(office, await office.link_to(NEW))
        subjects = [each.subject.removesuffix(" (FlowTrack)") for each in await office.mailed(ANN)]
        assert subjects == ["Your e-mail address is about to change", "Your e-mail address was changed"]
        assert all("#" not in each.text for each in await office.mailed(ANN))

    async def test_the_companies_copies_change_with_it_where_they_were_the_same(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        here = await office.world.joins(actor, office.olga.company_id)
        there = await office.world.company("Elsewhere")
        elsewhere = await office.world.joins(actor, there.company_id)
        copy = office.world.tables.companies[there.company_id].people[elsewhere.user_id].user
        copy.email = "ann.at.work@example.com"
        before = office.head
        await office.email.change(actor, email=NEW)
        await verify(office, await office.link_to(NEW))
        assert office.stored.people[here.user_id].user.email == NEW
        assert [(each.event, each.body["changes"]) for each in office.facts(after=before)] == [
            ("user_updated", {"email": {"old": ANN, "new": NEW}})
        ]
        assert copy.email == "ann.at.work@example.com"
        own = office.world.tables.companies[actor.company_id].people[actor.user_id].user
        assert own.email == NEW

    async def test_who_it_was_last_proved_counts(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        office.clock.advance(timedelta(minutes=10))
        with pytest.raises(StepUpRequired):
            await office.email.change(actor, email=NEW)
        await office.sessions.step_up(actor, password=PASSWORD)
        await office.email.change(actor, email=NEW)

    async def test_an_address_that_somebody_has_is_only_refused_to_who_proved_it(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        mia = account(office, office.mia).email
        await office.email.change(actor, email=mia)
        token = await office.link_to(mia)
        with pytest.raises(EmailTaken):
            await verify(office, token)
        assert account(office, actor).email == ANN

    async def test_the_present_address_takes_the_wish_back(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email=NEW)
        token = await office.link_to(NEW)
        for _ in range(2):
            await office.email.change(actor, email=ANN)
        with pytest.raises(LinkInvalid):
            await verify(office, token)

    async def test_the_link_to_the_new_address_is_sent_again(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await verify(office, await office.link_to(ANN))
        await office.email.change(actor, email=NEW)
        earlier = await office.link_to(NEW)
        await office.email.resend(actor)
        with pytest.raises(LinkInvalid):
            await verify(office, earlier)
        await verify(office, await office.link_to(NEW))
        assert account(office, actor).email == NEW

    async def test_a_link_for_one_address_never_proves_another(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email=NEW)
        token = await office.link_to(NEW)
        office.change_account(pending_email="eve@example.com")
        with pytest.raises(LinkInvalid):
            await verify(office, token)

    async def test_an_earlier_link_to_the_old_address_does_not_prove_the_new_one(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        token = await office.link_to(ANN)
        await office.email.change(actor, email=NEW)
        with pytest.raises(LinkInvalid):
            await verify(office, token)

    async def test_letters_to_many_addresses_are_counted_by_the_account(self) -> None:
        office = await Office.open()
        for number in range(30):
            await office.email.change(office.mia, email=f"person{number}@example.com")
        with pytest.raises(TooManyLetters):
            await office.email.change(office.mia, email="another@example.com")
        await office.email.change(office.max, email="another@example.com")


class TestAudit:
    async def test_what_was_proved_and_changed_is_told(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await verify(office, await office.link_to(ANN))
        await office.email.change(actor, email=NEW)
        await verify(office, await office.link_to(NEW))
        told = [each.note for each in office.world.tables.notes if str(each.note.type).startswith("email.")]
        assert told == [
            Note(type=AuditType.EMAIL_VERIFIED),
            Note(type=AuditType.EMAIL_CHANGED, personal={"old": ANN, "new": NEW}),
        ]


class TestTakingOver:
    """What somebody who had the account before must not be left with."""

    @pytest.mark.parametrize("which", ["its own", "another"])
    async def test_whoever_is_led_to_follow_the_link_vouches_for_nobody_elses_account(self, which: str) -> None:
        office = await Office.open()
        eve = await ann(office)
        if which == "another":
            await verify(office, await office.link_to(ANN))
            await office.email.change(eve, email=NEW)
        token = await office.link_to(ANN if which == "its own" else NEW)
        by_provider = ann_at_a_provider_of_one_company(office, eve)
        before = office.world.snapshot()
        for actor in (None, office.mia, by_provider):
            with pytest.raises(SignInFirst):
                await office.email.verify(Visitor(), token=token, actor=actor)
        assert office.world.tables == before
        await office.world.sign_out(eve)
        with pytest.raises(SignInFirst):
            await office.email.verify(Visitor(), token=token, actor=eve)

    async def test_the_holder_gets_what_somebody_opened_with_their_address_all_the_same(self) -> None:
        office = await Office.open()
        eve = await ann(office)
        await office.enable_factor(eve)
        with pytest.raises(SignInFirst):
            await office.email.verify(Visitor(), token=await office.link_to(ANN), actor=None)
        await office.recovery.forgot(Visitor(), email=ANN)
        await office.recovery.reset(Visitor(), token=await office.link_to(ANN), new_password="another long secret")
        found = account(office, eve)
        assert (found.email_verified_at, found.has_second_factor) == (office.clock.now(), False)
        with pytest.raises(SessionEnded):
            await office.auth.me(eve)

    async def test_whoever_recovers_the_account_ends_a_change_that_was_asked_for(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email="eve@example.com")
        token = await office.link_to("eve@example.com")
        await office.recovery.forgot(Visitor(), email=ANN)
        await office.recovery.reset(Visitor(), token=await office.link_to(ANN), new_password="another long secret")
        with pytest.raises(LinkInvalid):
            await office.email.verify(Visitor(), token=token, actor=actor)
        assert account(office, actor).email == ANN

    async def test_so_does_whoever_changes_the_password(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.email.change(actor, email="eve@example.com")
        token = await office.link_to("eve@example.com")
        await office.sessions.change_password(actor, current_password=PASSWORD, new_password="another long secret")
        with pytest.raises(LinkInvalid):
            await verify(office, token)

    async def test_a_changed_address_ends_a_link_that_was_mailed_to_the_old_one(self) -> None:
        office = await Office.open()
        actor = await ann(office)
        await office.recovery.forgot(Visitor(), email=ANN)
        token = await office.link_to(ANN)
        await office.email.change(actor, email=NEW)
        await verify(office, await office.link_to(NEW))
        with pytest.raises(LinkInvalid):
            await office.recovery.reset(Visitor(), token=token, new_password="another long secret")
