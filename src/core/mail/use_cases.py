from collections.abc import Callable
from datetime import datetime
from functools import partial

from core.auth.letters import Letter, Link
from core.auth.model import Account
from core.auth.ports import LinkTokens
from core.auth.use_cases.following import LetterLimits
from core.kernel.actor import System
from core.kernel.errors import answers
from core.kernel.ports import Clock
from core.mail.model import AT_ONCE, LEASE, Delivery, Message, is_old_news, try_again_at
from core.mail.ports import AccountPosts, CompanyPosts, Mail
from core.mail.read_models import AccountPost, CompanyPost, Invited, Posted
from core.mail.wording import PURPOSE_OF, Wording


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
    ) -> None:
        self._mail = mail
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
        while not posted.is_away and (waiting := await self._claim_account()) is not None:
            await self._to_holder(waiting, posted)
        while not posted.is_away and (log_of := await self._claim_company()) is not None:
            await self._of_company(log_of, posted)
        return posted

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
            if not await self._is_done(partial(self._letter, post.account, each), posted, of=each.id)
        ]
        done = [each.id for each in letters if each not in left]
        await self._accounts.settle(post, done=done, again_at=self._again_at([each.at for each in left], posted))

    async def _of_company(self, post: CompanyPost, posted: Posted) -> None:
        left = [
            each
            for each in post.invited
            if not await self._is_done(
                partial(self._invitation, post, each), posted, of=f"{post.company_id}:{each.seq}", may_wait=each
            )
        ]
        waiting = [each.invitation.created_at for each in left if each.invitation is not None]
        again_at = self._again_at(waiting, posted)
        await self._companies.settle(post, behind=[each.seq for each in left], again_at=again_at)

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

    async def _may_go(self, invited: Invited, *, to: str) -> bool:
        """Whether an address gets no more of them than of other letters, and an account sends no more."""
        invitation = invited.invitation
        return invitation is None or await self._letters.may_go(invitation.id, invited.inviter_id, to=to)

    async def _is_done(
        self, written: Callable[[], Message | None], posted: Posted, *, of: object, may_wait: Invited | None = None
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
            elif may_wait is not None and not await self._may_go(may_wait, to=message.to):
                delivery = Delivery.LATER
            else:
                delivery = await self._mail.send(message)
        except ValueError:
            posted.unwritable.append(str(of))
            delivery = Delivery.REFUSED
        posted.count(delivery)
        return delivery in (Delivery.SENT, Delivery.REFUSED)
