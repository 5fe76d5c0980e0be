"""Links that were mailed: asking for them, and finding out what they stand for."""

from uuid import UUID

from core.auth.errors import LinkInvalid, TooManyLetters
from core.auth.letters import Link, LinkPurpose
from core.auth.model import Account
from core.auth.ports import Attempts, IdentityUnitOfWork, LinkTokens, OfferedMembership
from core.kernel.actor import Actor, Visitor
from core.kernel.limits import Limit, network
from core.kernel.ports import Clock
from core.users.ports import InvitationTokens

# An invitation is mailed once, however often that is tried within the hour.
_ONCE = Limit(name="letters_counted", most=1, seconds=3600)
TO_ONE_ADDRESS = Limit(name="letters", most=5, seconds=3600)
_ANYWHERE = "anywhere"
NOTICES = "notices"
_ASKED = {"letters": "invitations", NOTICES: NOTICES}
BY_ONE_ASKER = Limit(name="letters_asked", most=30, seconds=3600)


class LetterLimits:
    """Counts the letters that are asked for: by the address that gets them, whether anybody has it or not, and by the
    network of who asks, or by their account. Nobody's mailbox is filled, and nobody tries out a list of addresses.

    Invitations count as they are mailed, not as they are made: their links were answered, and mail can wait.
    """

    def __init__(self, *, attempts: Attempts) -> None:
        self._attempts = attempts

    async def begin(self, asker: Actor | Visitor, *, to: str) -> None:
        """Counts a letter. Raises TooManyLetters.

        What strangers ask for counts apart from what is asked for by who is signed in: it uses up nothing of theirs.
        """
        kind = "letters" if isinstance(asker, Actor) else "strangers' letters"
        by = f"account {asker.account_id}" if isinstance(asker, Actor) else network(asker.address)
        wait = await self._wait(by, kind, to=to)
        if wait:
            raise TooManyLetters(f"Too many letters were asked for. Try again in {wait} s.", retry_after=wait)

    async def may_go(self, letter_id: UUID, asked_by: UUID | None, *, to: str, kind: str = "letters") -> bool:
        """Whether an invitation, or a letter of a kind that counts apart, may be mailed now, which is then counted:
        once, although servers are asked again.
        """
        whose = f"letter {letter_id}"
        if await self._attempts.begin(whose, _ANYWHERE, _ONCE):
            return True
        # Counted apart: whoever invites an office in a morning still changes their own address.
        if not await self._wait(f"{_ASKED[kind]} of {asked_by}", kind, to=to):
            return True
        await self._attempts.forget(whose, _ANYWHERE, _ONCE)
        return False

    async def _wait(self, by: str, kind: str, *, to: str) -> int:
        """Counts a letter, and answers 0; or how many seconds to wait."""
        for whose, place, limit in (
            ("letters asked for", by, BY_ONE_ASKER),
            (f"{kind} to {to}", _ANYWHERE, TO_ONE_ADDRESS),
        ):
            wait = await self._attempts.begin(whose, place, limit)
            if wait:
                return wait
        return 0


class Links:
    """Knows mailed links, and the links of invitations that were shown to whoever sent them."""

    def __init__(self, *, mailed: LinkTokens, shown: InvitationTokens, clock: Clock) -> None:
        self._mailed = mailed
        self._shown = shown
        self._clock = clock

    async def holder(self, uow: IdentityUnitOfWork, token: str, *purposes: LinkPurpose) -> tuple[Account, LinkPurpose]:
        """The account that a link was mailed to, locked, and what for. Raises LinkInvalid."""
        named = self._mailed.read(token)
        if named is None or named.purpose not in purposes:
            raise LinkInvalid
        account = await uow.account(named.owner_id)
        good = account.link(named.purpose, at=self._clock.now()) if account is not None else None
        if account is None or good is None or not self._mailed.fits(token, good):
            raise LinkInvalid
        return account, named.purpose

    async def offer(self, uow: IdentityUnitOfWork, token: str) -> OfferedMembership | None:
        """The invitation of a link, locked, open or not."""
        named = self._mailed.read(token)
        if named is None or named.purpose is not LinkPurpose.INVITATION:
            return await uow.invitation(self._shown.digest(token))
        offer = await uow.invitation_by_id(named.owner_id, named.request_id)
        if offer is None or not self._mailed.fits(token, Link.of_invitation(offer.company_id, offer.invitation)):
            return None
        return offer._replace(is_mailed=True)
