from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from core.auth.letters import Letter, LetterKind, Link
from core.auth.model import Account
from core.auth.ports import LinkTokens
from core.auth.use_cases.following import NOTICES, LetterLimits
from core.kernel.actor import System
from core.kernel.days import last_at_hour
from core.kernel.errors import answers
from core.kernel.ports import Clock, Ids
from core.mail.model import AT_ONCE, LEASE, Delivery, Message, is_old_news, try_again_at
from core.mail.ports import AccountPosts, CompanyPosts, DigestPosts, Mail
from core.mail.read_models import AccountPost, CompanyPost, DigestPost, Invited, Posted
from core.mail.wording import PURPOSE_OF, Wording, notices
from core.notifications.model import MORNING

AGAIN: Final = timedelta(minutes=10)
"""What a server does not take at the moment is tried again after that."""


class MailUseCases:
    """Mailing what has to be: claimed in a transaction, sent in none, settled in another. Whoever dies in between sends
    a message twice, under the same id; none is lost.
    """

    def __init__(
        self,
        *,
        mail: Mail,
        companies: CompanyPosts,
        accounts: AccountPosts,
        links: LinkTokens,
        letters: LetterLimits,
        wording: Wording,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._mail = mail
        self._ids = ids
        self._companies = companies
        self._accounts = accounts
        self._links = links
        self._letters = letters
        self._wording = wording
        self._clock = clock

    @answers()
    async def deliver(self, _: System) -> Posted:
        """Mails all that waits, as far as the server takes it."""
        posted = Posted()
        await self._to_holders(posted)
        has_written = False
        while not posted.is_away and (log_of := await self._claim_company()) is not None:
            has_written = await self._of_company(log_of, posted) or has_written
        if has_written:
            await self._to_holders(posted)
        return posted

    async def _to_holders(self, posted: Posted) -> None:
        while not posted.is_away and (waiting := await self._claim_account()) is not None:
            await self._to_holder(waiting, posted)

    async def _claim_account(self) -> AccountPost | None:
        at = self._clock.now()
        return await self._accounts.claim(at=at, until=at + LEASE)

    async def _claim_company(self) -> CompanyPost | None:
        at = self._clock.now()
        return await self._companies.claim(at=at, until=at + LEASE, most=AT_ONCE)

    async def _to_holder(self, post: AccountPost, posted: Posted) -> None:
        # What was asked for again while it waited is mailed once.
        letters = list({each.id: each for each in post.letters}.values())
        left = [
            each
            for each in letters
            if not await self._is_done(
                partial(self._letter, post.account, each), posted, of=each.id, may_go=partial(self._may_tell, each)
            )
        ]
        done = [each.id for each in letters if each not in left]
        await self._accounts.settle(post, done=done, again_at=self._again_at([each.at for each in left], posted))

    async def _of_company(self, post: CompanyPost, posted: Posted) -> bool:
        """Mails invitations, and writes the letters of what several people are told: each is then sent by itself, so
        that no address is written to again since another one takes nothing. Whether there were any.
        """
        left = [
            each
            for each in post.invited
            if not await self._is_done(
                partial(self._invitation, post, each),
                posted,
                of=f"{post.company_id}:{each.seq}",
                may_go=partial(self._may_invite, each),
            )
        ]
        waiting = [each.invitation.created_at for each in left if each.invitation is not None]
        again_at = self._again_at(waiting, posted)
        letters = notices(post, new_id=self._ids.new)
        behind = [each.seq for each in left]
        await self._companies.settle(post, behind=behind, again_at=again_at, letters=letters)
        return bool(letters)

    def _again_at(self, waiting: list[datetime], posted: Posted) -> datetime | None:
        """When what was left is tried again: at once, if it is not about the one address; None if nothing was left."""
        if not waiting:
            return None
        now = self._clock.now()
        return now if posted.is_away else try_again_at(min(waiting), now=now)

    def _letter(self, account: Account, letter: Letter) -> Message | None:
        """The message; None if it is of no use any more, since another was asked for or it came to be too late."""
        now = self._clock.now()
        purpose = PURPOSE_OF.get(letter.kind)
        if purpose is None:
            return None if is_old_news(letter.at, now=now) else self._wording.letter(letter, token=None)
        link = account.link(purpose, at=now)
        if link is None or link.request_id != letter.id:
            return None
        return self._wording.letter(letter, token=self._links.derive(link))

    def _invitation(self, post: CompanyPost, invited: Invited) -> Message | None:
        invitation = invited.invitation
        if invitation is None or not invitation.is_open(at=self._clock.now()):
            return None
        return self._wording.invitation(
            invitation,
            token=self._links.derive(Link.of_invitation(post.company_id, invitation)),
            company_name=post.company_name,
            inviter_name=invited.inviter_name,
        )

    async def _may_invite(self, invited: Invited, to: str) -> bool:
        """Whether an address gets no more of them than of other letters, and an account sends no more."""
        invitation = invited.invitation
        return invitation is None or await self._letters.may_go(invitation.id, invited.inviter_id, to=to)

    async def _may_tell(self, letter: Letter, to: str) -> bool:
        """Letters about an account were counted when they were asked for. Notices count by the company, so that nobody
        fills mailboxes by switching a webhook on again and again.
        """
        if letter.kind is not LetterKind.WEBHOOK_DISABLED:
            return True
        return await self._letters.may_go(letter.id, UUID(letter.about["company_id"]), to=to, kind=NOTICES)

    async def _is_done(
        self,
        written: Callable[[], Message | None],
        posted: Posted,
        *,
        of: object,
        may_go: Callable[[str], Awaitable[bool]],
    ) -> bool:
        """Sends it; whether there is nothing more to do about it. What cannot be written holds nobody else's up."""
        try:
            message = written()
            if message is None:
                posted.outdated += 1
                return True
            if posted.is_away:
                # Who takes nothing need not be asked for each.
                delivery = Delivery.AWAY
            elif not await may_go(message.to):
                delivery = Delivery.LATER
            else:
                delivery = await self._mail.send(message)
        except ValueError:
            posted.unwritable.append(str(of))
            delivery = Delivery.REFUSED
        posted.count(delivery)
        return delivery in (Delivery.SENT, Delivery.REFUSED)


class DigestUseCases:
    """Mailing once a day what was not read: claimed in a transaction, sent in none, settled in another. Whoever dies in
    between sends a mail twice, under the same id.
    """

    def __init__(self, *, mail: Mail, posts: DigestPosts, wording: Wording, clock: Clock) -> None:
        self._mail = mail
        self._posts = posts
        self._wording = wording
        self._clock = clock

    @answers()
    async def deliver(self, _: System) -> Posted:
        """Mails wherever it is 9 in the morning or later, and that was not done since."""
        posted = Posted()
        for morning in await self._posts.mornings():
            day = last_at_hour(morning.zone, self._clock.now(), hour=MORNING)
            if morning.mailed_on is None or morning.mailed_on < day:
                await self._of_company(morning.company_id, day, posted)
            if posted.is_away:
                break
        return posted

    async def _of_company(self, company_id: UUID, day: date, posted: Posted) -> None:
        while not posted.is_away:
            at = self._clock.now()
            claimed = await self._posts.claim(company_id, day=day, at=at, until=at + LEASE, most=AT_ONCE)
            if not claimed:
                return
            for post in claimed:
                await self._to_user(post, posted)

    async def _to_user(self, post: DigestPost, posted: Posted) -> None:
        if not post.lines or post.to is None:
            posted.outdated += 1
            await self._posts.settle(post, again_at=None)
            return
        # Who takes nothing need not be asked for each.
        delivery = Delivery.AWAY if posted.is_away else await self._sent(post, post.to, posted)
        posted.count(delivery)
        now = self._clock.now()
        again = {Delivery.AWAY: now, Delivery.LATER: try_again_at(now - AGAIN, now=now)}
        await self._posts.settle(post, again_at=again.get(delivery))

    async def _sent(self, post: DigestPost, to: str, posted: Posted) -> Delivery:
        try:
            message = self._wording.digest(post, to=to)
        except ValueError:
            posted.unwritable.append(f"{post.company_id}:{post.user_id}")
            return Delivery.REFUSED
        return await self._mail.send(message)
