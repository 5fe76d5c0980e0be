from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from core.auth.errors import (
    InvalidCredentials,
    NoActiveMembership,
    PasswordChangeRequired,
    RefreshInvalid,
    RegistrationClosed,
    SessionEnded,
    SsoRequired,
    TokenInvalid,
    TooManyFailures,
)
from core.auth.model import Account, check_password
from core.auth.ports import (
    AccessTokens,
    IdentityUnitOfWork,
    Passwords,
    ProfileReader,
    RefreshTokens,
)
from core.auth.read_models import Membership, Profile, SignedIn
from core.auth.use_cases.devices import SignsDevicesIn, ensure_opens, is_opened
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import ensure_password, keep_password, replacement
from core.companies.model import Company
from core.kernel import text
from core.kernel.actor import Actor, Role, Visitor, reading
from core.kernel.errors import ChangedMeanwhile, Fault, Invalid, ReferenceNotFound, answers
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired
from core.users.errors import EmailInvalid, EmailTaken, PasswordTooWeak
from core.users.model import User, username_from
from core.users.ports import EmailAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a newcomer gives. A name or a username is enough; the other is made from it."""

    email: str
    password: str
    name: str | None = None
    username: str | None = None
    company_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An address, or a username together with the company that it is unique in. `new_password` is for who has a
    temporary one.
    """

    password: str
    email: str | None = None
    username: str | None = None
    company: str | None = None
    company_id: UUID | None = None
    new_password: str | None = None


class AuthUseCases(SignsDevicesIn):
    """Registering, signing in and out, and moving between the companies of one account."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        profiles: ProfileReader,
        passwords: Passwords,
        addresses: EmailAddresses,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        guessing: Guessing,
        clock: Clock,
        ids: Ids,
        registration: str,
    ) -> None:
        super().__init__(access_tokens=access_tokens, refresh_tokens=refresh_tokens, clock=clock, ids=ids)
        self._identity = identity
        self._profiles = profiles
        self._passwords = passwords
        self._addresses = addresses
        self._guessing = guessing
        self._registration = registration

    @answers(EmailTaken, EmailInvalid, PasswordTooWeak, TooManyFailures, RegistrationClosed, Invalid)
    async def register(self, visitor: Visitor, given: Registration) -> SignedIn:
        """Opens an account and a company of which it is the owner, and signs the device in.

        Anybody may, while the installation takes registrations. An account that was made by an admin, and that nobody
        has had the password of, is taken over; one that belongs to no company any more opens one with its password.
        """
        if self._registration != "open":
            raise RegistrationClosed
        if not (given.name or given.username):
            raise Invalid(faults=(Fault("a name or a username is needed", pointer="/name"),))
        email = self._addresses.canonical(given.email)
        name = text.name(given.name or given.username or "")
        check_password(given.password, name=name, email=email)
        async with self._identity() as uow:
            known = await uow.account_by_email(email)
        is_proved = known is not None and known.password_hash is not None
        if known is not None and is_proved:
            await self._ensure_own(visitor, known, given.password)
        password_hash = None if is_proved else await self._passwords.hash(given.password)

        at = self._clock.now()
        account = Account(
            id=self._ids.new(),
            email=email,
            name=name,
            password_hash=password_hash,
            claimed_at=at,
            created_at=at,
            updated_at=at,
        )
        owner_id, account_id = self._ids.new(), known.id if known is not None else account.id
        company = Company.found(
            id=self._ids.new(),
            name=given.company_name or f"{name[:190]}'s company",
            contact_email=email,
            at=at,
            pointer="/company_name",
        )
        owner, user_created = User.join(
            id=owner_id,
            account_id=account_id,
            name=name,
            email=email,
            username=given.username or username_from(name=name, email=email),
            role=Role.OWNER,
            at=at,
        )
        session = self._new_session(account_id, visitor)
        async with self._identity() as uow:
            account = await self._founder(uow, known, account, is_proved=is_proved)
            await uow.add_company(
                company, owner, lambda: (company.founded(by=owner_id), user_created), at=at, origin=visitor.origin
            )
            session.current_company_id = company.id
            await uow.add_session(session)
            await uow.note_login(owner.id, company.id, at=at)
            membership = await uow.membership(account.id, company.id)
            await uow.commit()
        return self._signed_in(session, membership, device_token=self._guessing.device_token(visitor, account.id))

    @answers(
        InvalidCredentials,
        TooManyFailures,
        PasswordChangeRequired,
        PasswordTooWeak,
        NoActiveMembership,
        SsoRequired,
        ChangedMeanwhile,
        Invalid,
    )
    async def login(self, visitor: Visitor, given: Credentials, *, earlier_token: str | None = None) -> SignedIn:
        """Signs a device in with a password, into the company named or the one used last. A browser that the same
        account is signed in with already keeps what it proved before.

        A temporary password, which somebody else chose, is good only together with `new_password`: it is replaced by
        that, all other devices are signed out, and the caller is signed in. Without it the answer is 403
        `auth.password_change_required`.

        After 5 failures within 15 minutes for one name from one network, known or unknown, nothing is looked at until
        the first of them is past; a browser that signed in before is counted by itself.
        """
        async with self._identity() as uow:
            account = await self._account_of(uow, given)
        account_id = account.id if account else None
        attempt = await self._guessing.begin(visitor, name=self._name_of(given), account_id=account_id)
        account = await ensure_password(self._passwords, account, given.password)
        await self._guessing.succeeded(attempt)
        password_hash = await replacement(self._passwords, account, given.password, given.new_password)
        session = self._new_session(account.id, visitor)
        at = session.created_at
        async with self._identity() as uow:
            earlier = await self._join_earlier(uow, session, earlier_token)
            # The user is locked before the account and its sessions, as whoever changes or deactivates them does.
            membership, candidates = None, await self._wanted(uow, account, given)
            for candidate in sorted(candidates, key=lambda each: not is_opened(session, each)):
                ensure_opens(session, candidate)
                await uow.note_login(candidate.user_id, candidate.company_id, at=at)
                membership = await uow.membership(account.id, candidate.company_id)
                break
            await self._end_earlier(uow, earlier)
            await keep_password(uow, account, password_hash, is_new=given.new_password is not None, at=at)
            if membership is None:
                raise NoActiveMembership
            session.current_company_id = membership[1].id
            await uow.add_session(session)
            await uow.commit()
        return self._signed_in(session, membership, device_token=self._guessing.device_token(visitor, account.id))

    @answers(RefreshInvalid, NoActiveMembership, SsoRequired, AccountProofRequired)
    async def refresh(self, token: str | None, *, company_id: UUID | None, from_cookie: bool) -> SignedIn:
        """Replaces a refresh token by its successor and gives a new access token.

        By cookie, the token just replaced works for 10 more seconds and gives the same successor, since browsers
        refresh from several tabs. Any other second use means that a token was stolen: the login session ends.
        """
        if token is None:
            raise RefreshInvalid
        session_id, generation = self._refresh_tokens.read(token)
        at = self._clock.now()
        async with self._identity() as uow:
            session = await uow.session(session_id)
            if session is None or not session.is_open(at=at):
                raise RefreshInvalid
            genuine = self._refresh_tokens.matches(
                token, session_id=session.id, nonce=session.nonce, generation=generation
            )
            if not genuine:
                raise RefreshInvalid
            if generation == session.generation:
                session.rotate(at=at)
            elif not (from_cookie and session.is_repeat(generation, at=at)):
                session.revoke(at=at)
                await uow.save_session(session)
                await uow.commit()
                raise RefreshInvalid
            membership = await self._entered(uow, session, company_id)
            session.current_company_id = membership[1].id
            await uow.save_session(session)
            await uow.commit()
        return self._signed_in(session, membership)

    @answers()
    async def logout(self, actor: Actor | None, *, refresh_token: str | None, everywhere: bool) -> None:
        """Signs the device out, or all devices of the account. Whoever is not signed in is signed out already."""
        session_id, genuine = (actor.session_id, True) if actor else (None, False)
        generation = 0
        if session_id is None and refresh_token is not None:
            try:
                session_id, generation = self._refresh_tokens.read(refresh_token)
            except RefreshInvalid:
                return
        if session_id is None:
            return
        at = self._clock.now()
        async with self._identity() as uow:
            session = await uow.session(session_id, and_others=everywhere)
            if session is None or not session.is_open(at=at):
                return
            genuine = genuine or self._refresh_tokens.matches(
                refresh_token or "", session_id=session.id, nonce=session.nonce, generation=generation
            )
            if not genuine:
                return
            session.revoke(at=at)
            await uow.save_session(session)
            if everywhere:
                await uow.revoke_sessions(session.account_id, at=at, reach=session.reach)
            await uow.commit()

    @reading
    @answers(SessionEnded)
    async def me(self, actor: Actor) -> Answer[Profile]:
        """Who the caller is: their user in this company, the company, and all companies of their account."""
        return await self._profiles.profile(actor)

    @answers(SessionEnded, ReferenceNotFound, SsoRequired, AccountProofRequired)
    async def switch_company(self, actor: Actor, company_id: UUID) -> SignedIn:
        """Gives an access token for another company of the same account, within the same login session."""
        at = self._clock.now()
        async with self._identity() as uow:
            membership = await uow.membership(actor.account_id, company_id)
            if membership is not None:
                # The user is locked before the session, as whoever deactivates them does.
                await uow.note_login(membership[0].id, membership[1].id, at=at)
            session = await uow.session(actor.session_id)
            if session is None or not session.is_open(at=at) or session.account_id != actor.account_id:
                raise SessionEnded
            if membership is None:
                raise ReferenceNotFound(pointer="/company_id")
            for each in await uow.memberships(actor.account_id):
                if each.company_id == company_id:
                    ensure_opens(session, each)
            session.current_company_id = membership[1].id
            await uow.save_session(session)
            await uow.commit()
        return self._signed_in(session, membership, with_refresh_token=False)

    @answers(TokenInvalid)
    def actor_of(self, token: str) -> Actor:
        """The caller that an access token stands for, as far as the token can say."""
        claims = self._access_tokens.verify(token, at=self._clock.now())
        return Actor(
            company_id=claims.company_id,
            user_id=claims.user_id,
            account_id=claims.account_id,
            session_id=claims.session_id,
            role=claims.role,
        )

    async def _wanted(self, uow: IdentityUnitOfWork, account: Account, given: Credentials) -> list[Membership]:
        """The memberships that may be meant."""
        return [
            each
            for each in await uow.memberships(account.id)
            if given.company_id in (None, each.company_id) and given.company in (None, each.company_code)
        ]

    async def _account_of(self, uow: IdentityUnitOfWork, given: Credentials) -> Account | None:
        if given.email is not None:
            try:
                email = self._addresses.canonical(given.email)
            except EmailInvalid:
                return None
            return await uow.account_by_email(email)
        if given.username is not None and (given.company is not None or given.company_id is not None):
            return await uow.account_by_username(
                given.username, company_id=given.company_id, company_code=given.company
            )
        raise Invalid(faults=(Fault("an e-mail, or a username with its company, is needed", pointer="/email"),))

    async def _founder(
        self, uow: IdentityUnitOfWork, known: Account | None, given: Account, *, is_proved: bool
    ) -> Account:
        """The account that opens a company: a new one, one that nobody has had the password of, or one whose password
        was proved and that has no company left. Raises EmailTaken.
        """
        if known is None:
            await uow.add_account(given)
            return given
        account = await uow.account(known.id)
        if account is None or account.has_another_password_than(known):
            raise EmailTaken
        if is_proved:
            if await uow.memberships(account.id):
                raise EmailTaken
            return account
        if account.password_hash is not None or account.claimed_at is not None or given.password_hash is None:
            raise EmailTaken
        account.choose_password(given.password_hash, at=given.created_at)
        account.name = given.name
        await uow.save_account(account)
        return account

    async def _ensure_own(self, visitor: Visitor, account: Account, password: str) -> None:
        """Raises EmailTaken unless that is the password that the account's holder chose."""
        attempt = await self._guessing.begin(visitor, name=account.email, account_id=account.id)
        try:
            await ensure_password(self._passwords, account, password)
        except InvalidCredentials as wrong:
            raise EmailTaken from wrong
        await self._guessing.succeeded(attempt)
        if account.password_is_temporary:
            raise EmailTaken

    def _name_of(self, given: Credentials) -> str:
        """What is tried to sign in with, in the one form by which failures are counted, whether it exists or not."""
        if given.email is None:
            return f"{given.username} of {given.company_id or given.company}".lower()
        try:
            return self._addresses.canonical(given.email)
        except EmailInvalid:
            return given.email.strip().lower()
