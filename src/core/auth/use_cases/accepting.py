from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    NoActiveMembership,
    PasswordChangeRequired,
    RegistrationClosed,
    SecondFactorRequired,
    SessionEnded,
    SignInFirst,
    SsoRequired,
    TooManyFailures,
)
from core.auth.model import Account, LoginSession, check_password
from core.auth.ports import AccessTokens, IdentityUnitOfWork, OfferedMembership, Passwords, RefreshTokens
from core.auth.read_models import SignedIn
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.devices import SignsDevicesIn, ensure_opens
from core.auth.use_cases.following import Links
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import (
    ensure_password,
    refuse_new_password,
    replace_password,
    replacement,
    still_proved,
)
from core.kernel import text
from core.kernel.actor import Actor, Origin, Visitor
from core.kernel.audit import AuditType
from core.kernel.errors import Fault, Invalid, answers, concerning
from core.kernel.events import Fact
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired
from core.users import policy
from core.users.errors import (
    AlreadyUser,
    EmailInvalid,
    EmailTaken,
    InvitationForAnother,
    InvitationNotFound,
    PasswordTooWeak,
    UsernameTaken,
)
from core.users.model import User, batches, checked_username, usernames_from
from core.users.ports import EmailAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who accepts an invitation, and as whom. The password is the account's, or becomes it where there is none yet;
    `new_password` is for who has a temporary one, `code` for who has a second factor.
    """

    token: str
    password: str | None = None
    new_password: str | None = None
    code: str | None = None
    name: str | None = None
    username: str | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if self.name is not None:
            text.name(self.name)
        if self.username is not None:
            checked_username(self.username)


class AcceptanceUseCases(SignsDevicesIn):
    """Joining a company by an invitation's link."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        passwords: Passwords,
        addresses: EmailAddresses,
        links: Links,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        codes: FactorCodes,
        guessing: Guessing,
        clock: Clock,
        ids: Ids,
        registration: str,
    ) -> None:
        super().__init__(access_tokens=access_tokens, refresh_tokens=refresh_tokens, clock=clock, ids=ids)
        self._identity = identity
        self._passwords = passwords
        self._addresses = addresses
        self._links = links
        self._codes = codes
        self._guessing = guessing
        self._registration = registration

    @answers(
        InvitationNotFound,
        InvitationForAnother,
        SignInFirst,
        SessionEnded,
        TooManyFailures,
        PasswordChangeRequired,
        SecondFactorRequired,
        CodeInvalid,
        AlreadyUser,
        RegistrationClosed,
        PasswordTooWeak,
        UsernameTaken,
        NoActiveMembership,
        SsoRequired,
        AccountProofRequired,
        Invalid,
    )
    async def accept(self, visitor: Visitor, given: Acceptance, *, actor: Actor | None) -> SignedIn:
        """Joins the company of an invitation.

        Whoever is signed in must have its address. Nobody's account is reached by the link alone, since the inviter
        saw it too: an account that has a password takes only that, or has to be signed in to. One without, or an
        address without an account, gets the password that is given here. An account with a second factor takes a `code`
        of it, too. The device is signed in.

        The link that was mailed proves the address. An account that never proved it is then anybody's: it loses its
        password, login sessions, tokens and factors, and gets the password that is given here.
        """
        if actor is not None and (done := await self._join_as(actor, given)) is not None:
            return done
        return await self._join_here(visitor, given, email=None)

    @answers(
        InvitationNotFound,
        InvitationForAnother,
        EmailTaken,
        EmailInvalid,
        AlreadyUser,
        RegistrationClosed,
        PasswordTooWeak,
        UsernameTaken,
        NoActiveMembership,
        SsoRequired,
        Invalid,
    )
    async def register(self, visitor: Visitor, given: Acceptance, *, email: str) -> SignedIn:
        """Opens an account for the invitation's address, and joins its company instead of opening one."""
        try:
            return await self._join_here(visitor, given, email=self._addresses.canonical(email))
        except SignInFirst as known:
            raise EmailTaken from known

    async def _join_as(self, actor: Actor, given: Acceptance) -> SignedIn | None:
        """Accepts within the login session; None if that may be somebody else's, who never proved the address."""
        at = self._clock.now()
        async with self._identity() as uow:
            # Locked before the session is, as whoever deactivates the user does.
            offer = await self._links.offer(uow, given.token)
            session = await uow.session(actor.signed_in.session_id)
            if session is None or not session.is_open(at=at):
                raise SessionEnded
            offer = self._ensure_open(offer)
            account = await uow.account_by_email(offer.invitation.email)
            if account is None or account.id != session.account_id:
                raise InvitationForAnother
            if _must_be_stripped(offer, account):
                return None
            return await self._join(uow, offer, account, session, given, actor.origin, begins=None)

    async def _join_here(self, visitor: Visitor, given: Acceptance, *, email: str | None) -> SignedIn:
        if given.password is None:
            raise Invalid(faults=(Fault("choose one, or sign in before you accept", pointer="/password"),))
        async with self._identity() as uow:
            offer = await self._offer(uow, given.token)
            invited = offer.invitation.email
            known = await uow.account_by_email(invited)
        if email not in (None, invited):
            raise InvitationForAnother
        if known is None or known.password_hash is None or _must_be_stripped(offer, known):
            return await self._join_anew(visitor, given, invited, password=given.password)
        if email is not None:
            raise SignInFirst
        return await self._join_known(visitor, given, known, password=given.password)

    async def _join_known(self, visitor: Visitor, given: Acceptance, known: Account, *, password: str) -> SignedIn:
        """Signs in and accepts at once: who belongs to no company yet could not sign in before."""
        try:
            async with self._guessing.password(visitor, name=known.email, account=known):
                await ensure_password(self._passwords, known, password)
        except InvalidCredentials as wrong:
            raise SignInFirst from wrong
        password_hash = await replacement(self._passwords, known, password, given.new_password)
        session, is_new, origin = self._new_session(known.id, visitor), given.new_password is not None, visitor.origin
        at = session.created_at
        async with self._guessing.code(visitor, known, given.code), self._identity() as uow:
            offer = await self._offer(uow, given.token)
            if offer.invitation.email != known.email:
                raise InvitationForAnother
            try:
                account = await still_proved(uow, known)
            except InvalidCredentials as changed:
                raise SignInFirst from changed
            await replace_password(uow, account, password_hash, is_new=is_new, origin=origin, at=at)
            if await self._codes.use(uow, account, given.code, session_id=session.id, origin=origin, at=at):
                session.prove_second_factor(at=at)
            return await self._join(uow, offer, account, session, given, origin, begins=AuditType.LOGIN_SUCCEEDED)

    async def _join_anew(self, visitor: Visitor, given: Acceptance, invited: str, *, password: str) -> SignedIn:
        """Opens an account, or chooses the password of one that has none."""
        if given.new_password is not None:
            refuse_new_password()
        name = given.name or given.username or invited.partition("@")[0]
        check_password(password, name=name, email=invited)
        # Between the transactions: no connection is held while the hash is computed.
        password_hash = await self._passwords.hash(password)
        at = self._clock.now()
        async with self._identity() as uow:
            offer = await self._offer(uow, given.token)
            known = await uow.account_by_email(invited)
            # Locked, since of two links of two companies only one may choose its password.
            account = await uow.account(known.id) if known is not None else None
            if account is not None and _must_be_stripped(offer, account):
                account.strip(at=at)
                await uow.strip(account.id, at=at, origin=visitor.origin)
            is_new = account is None
            if account is None:
                if self._registration == "closed":
                    raise RegistrationClosed
                account = Account(
                    id=self._ids.new(),
                    email=invited,
                    name=text.name(name),
                    password_hash=password_hash,
                    claimed_at=at,
                    created_at=at,
                    updated_at=at,
                )
            elif account.password_hash is None and account.claimed_at is None and not account.has_second_factor:
                account.choose_password(password_hash, at=at)
                account.name = text.name(given.name) if given.name else account.name
            else:
                raise SignInFirst
            await self._keep(uow, account, offer, is_new=is_new, at=at)
            session = self._new_session(account.id, visitor)
            return await self._join(uow, offer, account, session, given, visitor.origin, begins=AuditType.REGISTERED)

    async def _keep(
        self, uow: IdentityUnitOfWork, account: Account, offer: OfferedMembership, *, is_new: bool, at: datetime
    ) -> None:
        """Writes the account. The link has proved its address, or another is mailed that does."""
        letter = None
        if offer.is_mailed:
            account.verify_email(at=at)
        elif account.email_verified_at is None:
            letter = account.ask_verification(id=self._ids.new(), at=at)
        try:
            await (uow.add_account(account) if is_new else uow.save_account(account))
        except EmailTaken as opened_meanwhile:
            raise SignInFirst from opened_meanwhile
        if letter is not None:
            await uow.write(letter)

    async def _offer(self, uow: IdentityUnitOfWork, token: str) -> OfferedMembership:
        return self._ensure_open(await self._links.offer(uow, token))

    def _ensure_open(self, offer: OfferedMembership | None) -> OfferedMembership:
        if offer is None or not offer.invitation.is_open(at=self._clock.now()):
            raise InvitationNotFound
        role = offer.user.role if offer.user is not None else offer.invitation.role
        if not policy.may_still_bring_in(offer.inviter, role):
            raise InvitationNotFound
        return offer

    async def _join(
        self,
        uow: IdentityUnitOfWork,
        offer: OfferedMembership,
        account: Account,
        session: LoginSession,
        given: Acceptance,
        origin: Origin,
        *,
        begins: AuditType | None,
    ) -> SignedIn:
        """Joins the company, in a login session that is there, or one that begins by what an auditor is told."""
        with concerning(company_id=offer.company_id):
            ensure_opens(session, offer)
            if offer.user is not None and offer.user.account_id == account.id and not offer.user.is_active:
                raise NoActiveMembership
        at, facts = self._clock.now(), list[Fact]()
        user, is_new = offer.user, offer.user is None
        if user is None:
            user, created = User.join(
                id=self._ids.new(),
                account_id=account.id,
                name=given.name or account.name,
                email=account.email,
                username=given.username or await self._free_username(uow, offer.company_id, account),
                role=offer.invitation.role,
                at=at,
            )
            facts.append(created)
        elif user.account_id != account.id:
            raise InvitationNotFound
        else:
            facts.extend(user.accept(name=given.name, username=given.username, at=at))
        facts.append(offer.invitation.accept(user_id=user.id, at=at))
        await uow.join(offer.company_id, user, offer.invitation, facts, is_new=is_new, at=at, origin=origin)
        session.current_company_id = offer.company_id
        if begins is not None:
            await self._begin_session(uow, session, origin, what=begins)
        else:
            await uow.save_session(session)
        await uow.note_login(user.id, offer.company_id, at=at)
        membership = await uow.membership(account.id, offer.company_id)
        await uow.commit()
        return self._signed_in(session, membership, with_refresh_token=begins is not None)

    async def _free_username(self, uow: IdentityUnitOfWork, company_id: UUID, account: Account) -> str:
        for candidates in batches(usernames_from(name=account.name, email=account.email)):
            free = await uow.free_username(company_id, candidates)
            if free is not None:
                return free
        raise UsernameTaken


def _must_be_stripped(offer: OfferedMembership, account: Account) -> bool:
    """Whether the link proves an address that the account never did: who opened it may be anybody."""
    return offer.is_mailed and account.email_verified_at is None
