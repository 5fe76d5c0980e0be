from collections.abc import Callable

from core.auth.errors import LinkInvalid, TooManyLetters
from core.auth.letters import LetterKind, LinkPurpose
from core.auth.model import check_password
from core.auth.ports import IdentityUnitOfWork, Passwords
from core.auth.use_cases.following import LetterLimits, Links
from core.auth.use_cases.guessing import Guessing
from core.kernel.actor import Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import answers
from core.kernel.ports import Clock, Ids
from core.users.errors import EmailInvalid, PasswordTooWeak
from core.users.ports import EmailAddresses


class RecoveryUseCases:
    """Coming back into an account whose password is lost, by a link that is mailed to its address."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        passwords: Passwords,
        addresses: EmailAddresses,
        links: Links,
        letters: LetterLimits,
        guessing: Guessing,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._identity = identity
        self._passwords = passwords
        self._addresses = addresses
        self._links = links
        self._letters = letters
        self._guessing = guessing
        self._clock = clock
        self._ids = ids

    @answers(EmailInvalid, TooManyLetters)
    async def forgot(self, visitor: Visitor, *, email: str) -> None:
        """Mails a link that chooses another password to the address, if there is an account for it.

        The answer is the same where there is none, and so is the work. The link is good for 30 minutes and one use;
        whoever asks again within these gets the same one once more.
        """
        address = self._addresses.canonical(email)
        await self._letters.begin(visitor, to=address)
        at, id, what = self._clock.now(), self._ids.new(), AuditType.PASSWORD_RESET_REQUESTED
        async with self._identity() as uow:
            known = await uow.account_by_email(address)
        account_id = known.id if known is not None else None
        kept = await self._guessing.keeps(what, visitor.origin, account_id)
        async with self._identity() as uow:
            account = await uow.account(known.id if known is not None else id)
            if account is None:
                await uow.pretend()
            else:
                letter = account.ask_reset(id=id, at=at)
                await uow.save_account(account)
                await uow.write(letter)
            # Of an address without an account, the installation's own chain tells.
            note = Note(type=what, personal={} if account else {"email": address})
            await uow.note(note, account_id=account_id, origin=visitor.origin, at=at, kept=kept)
            await uow.commit()

    @answers(LinkInvalid, PasswordTooWeak)
    async def reset(self, visitor: Visitor, *, token: str, new_password: str) -> None:
        """Gives the account that the link was mailed to another password, signs all its devices out, and ends its own
        API tokens in every company: whoever lost the password may have lost more.

        It signs nobody in: whoever has a second factor needs that too. The link proves the address; an account that
        never proved it before also loses its factors and the tokens that it made for service users, which somebody
        else may have set up.
        """
        async with self._identity() as uow:
            account, _ = await self._links.holder(uow, token, LinkPurpose.PASSWORD_RESET)
        check_password(new_password, name=account.name, email=account.email, pointer="/new_password")
        # Between the transactions: no connection is held while the hash is computed.
        password_hash = await self._passwords.hash(new_password)
        at = self._clock.now()
        async with self._identity() as uow:
            # Locked before the account is, as whoever changes a user and their account does.
            await uow.users_of(account.id)
            account, _ = await self._links.holder(uow, token, LinkPurpose.PASSWORD_RESET)
            await uow.revoke_sessions(account.id, at=at)
            await uow.end_tokens(account.id, at=at, origin=visitor.origin)
            if account.email_verified_at is None:
                account.strip(at=at)
                await uow.strip(account.id, at=at, origin=visitor.origin)
            account.choose_password(password_hash, at=at)
            account.email_verified_at = account.email_verified_at or at
            await uow.save_account(account)
            await uow.write(account.letter(LetterKind.PASSWORD_CHANGED, id=self._ids.new(), at=at))
            await uow.note(Note(type=AuditType.PASSWORD_RESET), account_id=account.id, origin=visitor.origin, at=at)
            await uow.commit()
        await self._guessing.forgive(account.email)
