from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    NoActiveMembership,
    PasswordChangeRequired,
    RefreshInvalid,
    RegistrationClosed,
    SecondFactorRequired,
    SessionEnded,
    SsoRequired,
    TokenInvalid,
    TooManyFailures,
)
from core.auth.model import TICKET_LIFE, Account, check_password
from core.auth.ports import (
    AccessTokens,
    IdentityUnitOfWork,
    LoginTickets,
    Passwords,
    ProfileReader,
    RefreshTokens,
)
from core.auth.read_models import Profile, SecondFactorAsked, SignedIn, Ticket
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.credentials import Credentials, named_by
from core.auth.use_cases.devices import SignsDevicesIn, ensure_opens
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import ensure_password, replace_password, replacement, still_proved
from core.companies.model import Company
from core.kernel import text
from core.kernel.actor import NOWHERE, Actor, Origin, Role, Visitor, reading
from core.kernel.audit import AuditType
from core.kernel.errors import ChangedMeanwhile, Fault, Invalid, ReferenceNotFound, answers
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired
from core.users.errors import EmailInvalid, EmailTaken, PasswordTooWeak
from core.users.model import User, username_from
from core.users.ports import EmailAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a newcomer gives. A name or a username is enough; the other is made from it. `code` is for who has no
    company any more, but an account with a second factor.
    """

    email: str
    password: str
    code: str | None = None
    name: str | None = None
    username: str | None = None
    company_name: str | None = None


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
        tickets: LoginTickets,
        codes: FactorCodes,
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
        self._tickets = tickets
        self._codes = codes
        self._guessing = guessing
        self._registration = registration

    @answers(
        EmailTaken,
        EmailInvalid,
        PasswordTooWeak,
        TooManyFailures,
        SecondFactorRequired,
        CodeInvalid,
        RegistrationClosed,
        Invalid,
    )
    async def register(self, visitor: Visitor, given: Registration) -> SignedIn:
        """Opens an account and a company of which it is the owner, and signs the device in.

        Anybody may, while the installation takes registrations. An account that was made by an admin, and that nobody
        has had the password of, is taken over; one that belongs to no company any more opens one with its password. A
        link that proves the address is mailed; until somebody followed it, nothing is withheld.
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
        proved = known if is_proved else None
        async with self._guessing.code(visitor, proved, given.code), self._identity() as uow:
            account = await self._founder(uow, known, account, is_proved=is_proved)
            if proved is not None and await self._codes.use(
                uow, account, given.code, session_id=session.id, origin=visitor.origin, at=at
            ):
                session.prove_second_factor(at=at)
            if account.email_verified_at is None:
                await uow.write(account.ask_verification(id=self._ids.new(), at=at))
                await uow.save_account(account)
            await uow.add_company(
                company, owner, lambda: (company.founded(by=owner_id), user_created), at=at, origin=visitor.origin
            )
            session.current_company_id = company.id
            await self._begin_session(uow, session, visitor.origin, what=AuditType.REGISTERED)
            await uow.note_login(owner.id, company.id, at=at)
            membership = await uow.membership(account.id, company.id)
            await uow.commit()
        return self._signed_in(session, membership, device_token=self._guessing.device_token(visitor, account))

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
    async def login(
        self, visitor: Visitor, given: Credentials, *, earlier_token: str | None = None
    ) -> SignedIn | SecondFactorAsked:
        """Signs a device in with a password, into the company named or the one used last. A browser that the same
        account is signed in with already keeps what it proved before.

        If the account has a second factor, the answer is a ticket instead, which `/auth/login/second-factor` takes
        together with a code. Nothing has happened until then.

        A temporary password, which somebody else chose, is good only together with `new_password`: it is replaced by
        that, all other devices are signed out, and the caller is signed in. Without it the answer is 403
        `auth.password_change_required`.

        After 5 failures within 15 minutes for one name from one network, known or unknown, nothing is looked at until
        the first of them is past; a browser that signed in before is counted by itself.
        """
        async with self._identity() as uow:
            name, account = await named_by(given, uow=uow, addresses=self._addresses)
        username = given.username if given.email is None else None
        async with self._guessing.password(visitor, name=name, account=account, username=username):
            account = await ensure_password(self._passwords, account, given.password)
        password_hash = await replacement(self._passwords, account, given.password, given.new_password)
        is_new = given.new_password is not None
        if account.has_second_factor:
            return self._asked_for_second_factor(account, given, password_hash, is_new=is_new)
        session, origin = self._new_session(account.id, visitor), visitor.origin
        at = session.created_at
        async with self._identity() as uow:
            earlier = await self._join_earlier(uow, session, earlier_token)
            # The user is locked before the account, and that before its sessions, as whoever changes or deactivates
            # them does.
            membership = await self._entered(
                uow, session, company_id=given.company_id, company=given.company, login_at=at
            )
            account = await still_proved(uow, account)
            if account.has_second_factor:
                # It was enabled while the password was verified.
                return self._asked_for_second_factor(account, given, password_hash, is_new=is_new)
            await self._end_earlier(uow, earlier, origin)
            await replace_password(uow, account, password_hash, is_new=is_new, origin=origin, at=at)
            await self._begin_session(uow, session, origin)
            await uow.commit()
        return self._signed_in(session, membership, device_token=self._guessing.device_token(visitor, account))

    @answers(RefreshInvalid, NoActiveMembership, SsoRequired, AccountProofRequired)
    async def refresh(
        self, token: str | None, *, company_id: UUID | None, from_cookie: bool, origin: Origin = NOWHERE
    ) -> SignedIn:
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
                await self._note(uow, AuditType.REFRESH_REUSED, session, origin, at=at)
                await uow.commit()
                raise RefreshInvalid
            membership = await self._entered(uow, session, company_id=company_id)
            await uow.save_session(session)
            await self._note(uow, AuditType.REFRESHED, session, origin, at=at, company_id=membership[1].id)
            await uow.commit()
        return self._signed_in(session, membership)

    @answers()
    async def logout(
        self, actor: Actor | None, *, refresh_token: str | None, everywhere: bool, origin: Origin = NOWHERE
    ) -> None:
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
            await self._note(uow, AuditType.LOGGED_OUT, session, origin, at=at, details={"everywhere": everywhere})
            await uow.commit()

    @answers()
    async def holder_of(self, _: Visitor, refresh_token: str | None) -> UUID | None:
        """The account whose refresh token that is, good or not; nothing of any other text."""
        try:
            session_id, generation = self._refresh_tokens.read(refresh_token or "")
        except RefreshInvalid:
            return None
        async with self._identity() as uow:
            session = await uow.glance(session_id)
        if session is None or not self._refresh_tokens.matches(
            refresh_token or "", session_id=session.id, nonce=session.nonce, generation=generation
        ):
            return None
        return session.account_id

    @reading
    @answers(SessionEnded)
    async def me(self, actor: Actor) -> Answer[Profile]:
        """Who the caller is: their user in this company, the company, and all companies of their account."""
        return await self._profiles.profile(actor)

    @answers(SessionEnded, ReferenceNotFound, SsoRequired, AccountProofRequired)
    async def switch_company(self, actor: Actor, company_id: UUID) -> SignedIn:
        """Gives an access token for another company of the same account, within the same login session."""
        at = self._clock.now()
        account_id, session_id = actor.signed_in
        async with self._identity() as uow:
            membership = await uow.membership(account_id, company_id)
            if membership is not None:
                # The user is locked before the session, as whoever deactivates them does.
                await uow.note_login(membership[0].id, membership[1].id, at=at)
            session = await uow.session(session_id)
            if session is None or not session.is_open(at=at) or session.account_id != account_id:
                raise SessionEnded
            if membership is None:
                raise ReferenceNotFound(pointer="/company_id")
            for each in await uow.memberships(account_id):
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

    def _asked_for_second_factor(
        self, account: Account, given: Credentials, password_hash: str | None, *, is_new: bool
    ) -> SecondFactorAsked:
        ticket = Ticket(
            account_id=account.id,
            version=account.version,
            expires_at=self._clock.now() + TICKET_LIFE,
            company_id=given.company_id,
            company=given.company,
            password_hash=password_hash,
            is_new=is_new,
        )
        return SecondFactorAsked(self._tickets.issue(ticket), int(TICKET_LIFE.total_seconds()))

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
        is_held = account.password_hash is not None or account.claimed_at is not None or account.has_second_factor
        if is_held or given.password_hash is None:
            raise EmailTaken
        account.choose_password(given.password_hash, at=given.created_at)
        account.name = given.name
        await uow.save_account(account)
        return account

    async def _ensure_own(self, visitor: Visitor, account: Account, password: str) -> None:
        """Raises EmailTaken unless that is the password that the account's holder chose."""
        try:
            async with self._guessing.password(visitor, name=account.email, account=account):
                await ensure_password(self._passwords, account, password)
        except InvalidCredentials as wrong:
            raise EmailTaken from wrong
        if account.password_is_temporary:
            raise EmailTaken
