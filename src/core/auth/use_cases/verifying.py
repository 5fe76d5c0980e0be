from collections.abc import Callable
from datetime import datetime

from core.auth.errors import EmailVerifiedAlready, LinkInvalid, SessionEnded, SignInFirst, TooManyLetters
from core.auth.letters import LetterKind, LinkPurpose
from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork
from core.auth.use_cases.following import LetterLimits, Links
from core.auth.use_cases.proving import ensure_fresh
from core.kernel.actor import Actor, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import answers
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired, StepUpRequired, ensure_general
from core.users.errors import EmailInvalid, EmailTaken
from core.users.model import UserChanges
from core.users.ports import EmailAddresses

_SIGN_IN = (
    "Sign in to the account of this address, if need be by a new password as for a lost one, then follow the link."
)
_PURPOSES = (LinkPurpose.EMAIL_VERIFICATION, LinkPurpose.EMAIL_CHANGE)


class EmailUseCases:
    """The address of one's own account: proving it, and changing it for another."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        addresses: EmailAddresses,
        links: Links,
        letters: LetterLimits,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._identity = identity
        self._addresses = addresses
        self._links = links
        self._letters = letters
        self._clock = clock
        self._ids = ids

    @answers(SessionEnded, AccountProofRequired, StepUpRequired, EmailInvalid, TooManyLetters)
    async def change(self, actor: Actor, *, email: str) -> None:
        """Mails a link to the address that is to take the place of the account's, and tells the present one.

        Nothing changes before somebody followed the link, within 24 hours. Whether another account has the address is
        said only then, to who has proved it. The present address takes the wish back.
        """
        address = self._addresses.canonical(email)
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            ensure_general(caller)
            await ensure_fresh(uow, caller, await _own(uow, caller), at=at)
        await self._letters.begin(actor, to=address)
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            account = await _own(uow, caller)
            await ensure_fresh(uow, caller, account, at=at)
            letter = account.ask_email_change(address, id=self._ids.new(), at=at)
            await uow.save_account(account)
            if letter is not None:
                await uow.write(letter)
                await uow.write(account.letter(LetterKind.EMAIL_CHANGE_REQUESTED, id=self._ids.new(), at=at))
            await uow.commit()

    @answers(SessionEnded, AccountProofRequired, EmailVerifiedAlready, TooManyLetters)
    async def resend(self, actor: Actor) -> None:
        """Mails the link once more that proves the address of the account, or the one that is to take its place.

        Links that were mailed before are good no more.
        """
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            ensure_general(caller)
            to = _unproved(await _own(uow, caller))
        await self._letters.begin(actor, to=to)
        async with self._identity() as uow:
            account = await _own(uow, await uow.caller(actor))
            _unproved(account)
            await uow.write(account.ask_verification(id=self._ids.new(), at=self._clock.now()))
            await uow.save_account(account)
            await uow.commit()

    @answers(LinkInvalid, SignInFirst, EmailTaken)
    async def verify(self, visitor: Visitor, *, token: str, actor: Actor | None) -> None:
        """Takes the address for proved that the link was mailed to. Whoever has the link may, signed in to the account
        itself: whoever has the address alone may not be who opened the account, and gets it by choosing a password.

        If it was to take the place of another, it does now: in the account, and in each active company whose own copy
        of the address was still the old one. The old address is told.
        """
        at = self._clock.now()
        async with self._identity() as uow:
            account, _ = await self._links.holder(uow, token, *_PURPOSES)
        async with self._identity() as uow:
            # Locked before the account is, as whoever changes a user and their account does.
            users = await uow.users_of(account.id)
            account, purpose = await self._links.holder(uow, token, *_PURPOSES)
            await _ensure_signed_in(uow, actor, account, at=at)
            before = account.email
            told = account.letter(LetterKind.EMAIL_CHANGED, id=self._ids.new(), at=at)
            account.verify_email(at=at)
            await uow.save_account(account)
            note = Note(type=AuditType.EMAIL_VERIFIED)
            if purpose is LinkPurpose.EMAIL_CHANGE:
                note = Note(type=AuditType.EMAIL_CHANGED, personal={"old": before, "new": account.email})
                await uow.write(told)
                for company_id, user in users:
                    if user.email == before:
                        changes = UserChanges(given=frozenset({"email"}), email=account.email)
                        facts = user.change(changes, at=at)
                        await uow.save_user(company_id, user, facts, at=at, origin=visitor.origin)
            await uow.note(note, account_id=account.id, origin=visitor.origin, at=at)
            await uow.commit()


async def _own(uow: IdentityUnitOfWork, caller: Actor) -> Account:
    account = await uow.account(caller.signed_in.account_id)
    if account is None:
        raise SessionEnded
    return account


async def _ensure_signed_in(uow: IdentityUnitOfWork, actor: Actor | None, account: Account, *, at: datetime) -> None:
    """By a link alone somebody who is led to follow it would vouch for a password, devices and factors that a stranger
    has set up. Raises SignInFirst.
    """
    session = await uow.glance(actor.signed_in.session_id) if actor is not None else None
    if session is None or session.account_id != account.id or session.general_at is None or not session.is_open(at=at):
        raise SignInFirst(_SIGN_IN)


def _unproved(account: Account) -> str:
    """The address that waits to be proved. Raises EmailVerifiedAlready if there is none."""
    if account.pending_email is None and account.email_verified_at is not None:
        raise EmailVerifiedAlready
    return account.pending_email or account.email
