"""Mailing what waits: in which order things happen when servers refuse, are away, or are slow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import TooManyLetters
from core.auth.letters import LetterKind
from core.kernel.actor import Role, System, Visitor
from core.mail.model import Delivery, Message, is_old_news, try_again_at
from core.mail.wording import Wording
from core.users.use_cases.users import NewUser
from tests.builders.office import Office
from tests.fakes.clock import START

BEA, CAI = "bea@example.com", "cai@example.com"


async def invite(office: Office, *addresses: str) -> None:
    for email in addresses:
        await office.invitations.send(office.olga, email=email, role=Role.MEMBER)


class TestDelivering:
    async def test_each_is_sent_once(self) -> None:
        office = await Office.open()
        await invite(office, BEA, CAI)
        await office.users.create(office.adam, NewUser(name="Dan", email="dan@example.com"))
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.later, posted.refused, posted.outdated, posted.is_away) == (3, 0, 0, 0, False)
        assert [each.to for each in office.mailbox.messages] == [BEA, CAI, "dan@example.com"]
        assert (await office.mail.deliver(System())).sent == 0

    async def test_much_is_sent_in_the_order_in_which_it_happened(self) -> None:
        office = await Office.open()
        addresses = [f"person{number}@example.com" for number in range(12)]
        await invite(office, *addresses)
        assert [each.to for each in await office.mailed()] == addresses

    async def test_who_is_refused_for_now_is_tried_again_and_holds_nobody_up(self) -> None:
        office = await Office.open()
        await invite(office, BEA, CAI)
        office.mailbox.answers[BEA] = Delivery.LATER
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.later) == (1, 1)
        office.mailbox.answers.clear()
        office.clock.advance(timedelta(seconds=29))
        assert (await office.mail.deliver(System())).sent == 0
        office.clock.advance(timedelta(seconds=1))
        assert [each.to for each in await office.mailed()] == [CAI, BEA]

    async def test_it_is_tried_less_and_less_often(self) -> None:
        waits = []
        at = START
        for _ in range(10):
            again = try_again_at(START, now=at)
            waits.append((again - at).total_seconds())
            at = again
        assert waits == [30, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]

    async def test_who_is_refused_for_good_is_not_tried_again(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        await office.register(CAI)
        office.mailbox.answers = {BEA: Delivery.REFUSED, CAI: Delivery.REFUSED}
        assert (await office.mail.deliver(System())).refused == 2
        office.clock.advance(timedelta(days=1))
        assert (await office.mail.deliver(System())).refused == 0
        assert office.mailbox.asked == 2

    async def test_a_server_that_is_away_is_asked_once(self) -> None:
        office = await Office.open()
        await invite(office, BEA, CAI)
        await office.register("ann@example.com")
        await office.register("dan@example.com")
        office.mailbox.is_away = True
        assert (await office.mail.deliver(System())).is_away
        assert office.mailbox.asked == 1
        await office.mail.deliver(System())
        assert office.mailbox.asked == 2
        office.mailbox.is_away = False
        assert {each.to for each in await office.mailed()} == {BEA, CAI, "ann@example.com", "dan@example.com"}

    async def test_away_in_the_middle_loses_nothing_and_repeats_nothing(self) -> None:
        office = await Office.open()
        await invite(office, BEA, CAI, "dan@example.com")
        office.mailbox.answers[CAI] = Delivery.AWAY
        await office.mail.deliver(System())
        assert [each.to for each in office.mailbox.messages] == [BEA]
        office.mailbox.answers.clear()
        assert [each.to for each in await office.mailed()] == [BEA, CAI, "dan@example.com"]

    async def test_what_cannot_be_written_holds_nobody_up(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        office.stored.company.name = "Acme\u2028Bcc: eve"
        other = await office.world.company("Other")
        await office.invitations.send(other, email=CAI, role=Role.MEMBER)
        await office.register("ann@example.com")
        letters = office.world.tables.letters
        for account_id, waiting in letters.items():
            odd = tuple(replace(each, to="ann\u2028@example.com") for each in waiting.letters)
            letters[account_id] = replace(waiting, letters=odd)
        await office.register("dan@example.com")
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.refused, len(posted.unwritable)) == (2, 2, 2)
        assert {each.to for each in office.mailbox.messages} == {CAI, "dan@example.com"}
        office.clock.advance(timedelta(hours=2))
        posted = await office.mail.deliver(System())
        assert (posted.refused, posted.later) == (0, 0)

    async def test_who_dies_in_between_leaves_a_repeat_that_can_be_told(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        await office.register(CAI)
        settle = office.world.company_posts.settle, office.world.account_posts.settle

        async def die(*_: object, **__: object) -> None:
            raise RuntimeError("killed")

        office.world.company_posts.settle = office.world.account_posts.settle = die
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await office.mail.deliver(System())
        office.world.company_posts.settle, office.world.account_posts.settle = settle
        # Nobody knows yet that they are dead.
        assert (await office.mail.deliver(System())).sent == 0
        office.clock.advance(timedelta(minutes=3))
        assert (await office.mail.deliver(System())).sent == 2
        assert len(office.mailbox.messages) == 4
        assert len({each.id for each in office.mailbox.messages}) == 2


class TestNotTooMuch:
    """Links of invitations are answered at once; it is their mail that waits."""

    async def test_an_address_gets_five_an_hour_whoever_sends_them(self) -> None:
        office = await Office.open()
        for number in range(6):
            other = await office.world.company(f"Other {number}")
            await office.invitations.send(other, email=BEA, role=Role.MEMBER)
        await invite(office, CAI)
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.later) == (6, 1)
        assert [each.to for each in office.mailbox.messages].count(BEA) == 5
        # What a stranger asks to be sent to them counts apart: an office that is invited keeps nobody from their account.
        await office.recovery.forgot(Visitor(), email=BEA)
        office.clock.advance(timedelta(hours=1))
        assert (await office.mail.deliver(System())).sent == 1

    async def test_an_account_has_thirty_sent_an_hour_from_all_its_companies(self) -> None:
        office = await Office.open()
        here = await office.world.joins(office.olga, (await office.world.company("Other")).company_id, role=Role.ADMIN)
        for number in range(16):
            for sender in (office.olga, here):
                email = f"person{number}@{sender.company_id}.example.com"
                await office.invitations.send(sender, email=email, role=Role.MEMBER)
        posted = await office.mail.deliver(System())
        assert posted.sent == 30
        # Their other letters are counted apart.
        await office.email.resend(office.olga)
        assert len(await office.mailed(office.world.tables.accounts[office.olga.account_id].email)) == 1
        await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
        assert [each.to for each in await office.mailed(BEA)] == [BEA]
        office.clock.advance(timedelta(hours=1))
        assert (await office.mail.deliver(System())).sent == 2

    async def test_one_that_is_tried_again_counts_once(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        office.mailbox.is_away = True
        for _ in range(10):
            await office.mail.deliver(System())
        office.mailbox.is_away = False
        office.mailbox.answers[BEA] = Delivery.LATER
        for _ in range(10):
            await office.mail.deliver(System())
            office.clock.advance(timedelta(minutes=2))
        office.mailbox.answers.clear()
        office.clock.advance(timedelta(minutes=20))
        assert len(await office.mailed(BEA)) == 1
        for _ in range(4):
            await office.recovery.forgot(Visitor(), email=BEA)


class TestWhatIsOfNoUseAnyMore:
    async def test_an_invitation_that_was_taken_back_is_not_mailed(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        (invitation,) = office.stored.invitations.values()
        await office.invitations.revoke(office.olga, invitation.id)
        assert (await office.mail.deliver(System())).outdated == 1
        assert office.mailbox.messages == []

    async def test_nor_is_one_that_is_gone_or_expired(self) -> None:
        office = await Office.open()
        await invite(office, BEA, CAI)
        del office.stored.invitations[next(iter(office.stored.invitations))]
        office.clock.advance(timedelta(days=7))
        assert (await office.mail.deliver(System())).outdated == 2

    async def test_of_links_that_were_asked_for_the_newest_alone_is_mailed(self) -> None:
        office = await Office.open()
        actor = office.auth.actor_of((await office.register(BEA)).access_token)
        for _ in range(2):
            await office.email.resend(actor)
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.outdated) == (1, 2)

    async def test_a_link_that_was_asked_for_again_while_it_waited_is_mailed_once(self) -> None:
        office = await Office.open()
        await office.register(BEA)
        await office.mail.deliver(System())
        for _ in range(3):
            await office.recovery.forgot(Visitor(), email=BEA)
        office.mailbox.answers[BEA] = Delivery.LATER
        assert (await office.mail.deliver(System())).sent == 0
        del office.mailbox.answers[BEA]
        office.clock.advance(timedelta(minutes=1))
        posted = await office.mail.deliver(System())
        assert (posted.sent, posted.outdated) == (1, 0)
        assert (await office.mail.deliver(System())).sent == 0

    async def test_a_link_that_has_expired_is_not_mailed(self) -> None:
        office = await Office.open()
        await office.register(BEA)
        await office.recovery.forgot(Visitor(), email=BEA)
        office.clock.advance(timedelta(hours=24))
        assert (await office.mail.deliver(System())).outdated == 2

    async def test_what_everybody_knows_by_now_is_not_told(self) -> None:
        office = await Office.open()
        actor = office.auth.actor_of((await office.register(BEA)).access_token)
        await office.sessions.change_password(actor, current_password=None, new_password="another long secret")
        office.mailbox.answers[BEA] = Delivery.LATER
        await office.mail.deliver(System())
        office.clock.advance(timedelta(days=3))
        assert (await office.mail.deliver(System())).outdated == 2
        assert is_old_news(START, now=START + timedelta(days=3))
        assert not is_old_news(START, now=START + timedelta(days=3) - timedelta(seconds=1))


class TestWording:
    WORDING = Wording(public_url="https://flowtrack.example.com:8443")

    @pytest.mark.parametrize("kind", [each for each in LetterKind if each is not LetterKind.WEBHOOK_DISABLED])
    async def test_every_kind_of_letter_about_an_account_is_written_and_has_its_link_or_none(
        self, kind: LetterKind
    ) -> None:
        office = await Office.open()
        account = office.world.tables.accounts[office.mia.account_id]
        letter = account.letter(kind, id=office.world.ids.new(), at=START)
        has_link = kind in (LetterKind.EMAIL_VERIFICATION, LetterKind.EMAIL_CHANGE, LetterKind.PASSWORD_RESET)
        message = self.WORDING.letter(letter, token="ftl_" + "x" * 87 if has_link else None)
        assert message.id == f"<{letter.id}.{kind}@flowtrack.example.com>"
        assert message.to == account.email
        links = [line for line in message.text.splitlines() if "#" in line]
        assert links == ([line for line in links if line.endswith("#ftl_" + "x" * 87)] if has_link else [])
        assert len(links) == has_link
        assert all(len(line) <= 76 for line in message.text.splitlines() if line not in links)
        assert "{" not in message.text

    async def test_nobodys_name_becomes_a_link_in_our_letters(self) -> None:
        office = await Office.open()
        office.stored.company.name = "Win at https://evil.example/x now"
        office.stored.people[office.olga.user_id].user.name = "evil.example"
        await invite(office, BEA)
        (message,) = await office.mailed(BEA)
        assert message.subject == "Invitation to Win at https evil example x now (FlowTrack)"
        assert "evil.example" not in message.text
        assert "evil example invites you" in " ".join(message.text.split())

    async def test_a_name_with_a_full_stop_stays(self) -> None:
        office = await Office.open()
        office.stored.company.name = "Miller & Co."
        await invite(office, BEA)
        assert "“Miller & Co.”" in " ".join((await office.mailed(BEA))[0].text.split())

    async def test_an_inviter_who_is_gone_is_somebody(self) -> None:
        office = await Office.open()
        await invite(office, BEA)
        (invitation,) = office.stored.invitations.values()
        message = self.WORDING.invitation(invitation, token="t", company_name="Acme", inviter_name=None)
        assert message.text.startswith("Somebody invites you")


class TestMessage:
    def test_it_has_no_second_line_in_its_headers(self) -> None:
        with pytest.raises(ValueError, match="control character"):
            Message(id="<1@x>", to=BEA, subject="Hello\r\nBcc: eve@example.com", text="")
