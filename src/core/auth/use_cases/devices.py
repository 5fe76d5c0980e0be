from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.auth.errors import NoActiveMembership, RefreshInvalid, SsoRequired
from core.auth.model import ACCESS_LIFE, LoginSession
from core.auth.ports import AccessTokens, IdentityUnitOfWork, OfferedMembership, RefreshTokens
from core.auth.read_models import Claims, Membership, SignedIn
from core.companies.read_models import CompanyView
from core.kernel.actor import Origin, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import ChangedMeanwhile, concerning
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import AccountProofRequired
from core.users.read_models import UserView


def is_opened(session: LoginSession, membership: Membership | OfferedMembership) -> bool:
    """Whether the session began in a way that the company accepts."""
    return session.opens(
        membership.company_id, sso_enforced=membership.sso_enforced, breaks_glass=membership.breaks_glass
    )


def ensure_opens(session: LoginSession, membership: Membership | OfferedMembership) -> None:
    """Raises SsoRequired for a company that is entered by its own provider alone, and AccountProofRequired if another
    company's provider is all that vouched for the session.
    """
    if is_opened(session, membership):
        return
    if membership.sso_enforced:
        raise SsoRequired(membership.sso_connection_id)
    raise AccountProofRequired


class Earlier(NamedTuple):
    """The login session of whoever signs in with a browser that was signed in. `is_reused`: by a refresh token that was
    replaced long ago, so that somebody else has what replaced it.
    """

    session_id: UUID
    is_reused: bool


class SignsDevicesIn:
    """What every way of signing in ends with: a login session, and the tokens that stand for it."""

    def __init__(self, *, access_tokens: AccessTokens, refresh_tokens: RefreshTokens, clock: Clock, ids: Ids) -> None:
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._clock = clock
        self._ids = ids

    def _new_session(self, account_id: UUID, visitor: Visitor, *, by_provider_of: UUID | None = None) -> LoginSession:
        return LoginSession.begin(
            id=self._ids.new(),
            account_id=account_id,
            nonce=self._refresh_tokens.new_nonce(),
            agent=visitor.agent,
            address=visitor.address,
            at=self._clock.now(),
            by_provider_of=by_provider_of,
        )

    async def _join_earlier(
        self, uow: IdentityUnitOfWork, session: LoginSession, refresh_token: str | None
    ) -> Earlier | None:
        """Has a new login session take over what the same browser proved before for the same account. Returns the
        earlier one, to be ended by `_end_earlier` once the user and the account are locked.
        """
        try:
            session_id, generation = self._refresh_tokens.read(refresh_token or "")
        except RefreshInvalid:
            return None
        at = self._clock.now()
        earlier = await uow.glance(session_id)
        if earlier is None or not earlier.is_open(at=at) or earlier.account_id != session.account_id:
            return None
        genuine = self._refresh_tokens.matches(
            refresh_token or "", session_id=earlier.id, nonce=earlier.nonce, generation=generation
        )
        if not genuine:
            return None
        is_newest = generation == earlier.generation or earlier.is_repeat(generation, at=at)
        if is_newest:
            session.join(earlier)
        return Earlier(earlier.id, is_reused=not is_newest)

    async def _end_earlier(self, uow: IdentityUnitOfWork, earlier: Earlier | None, origin: Origin) -> None:
        """Ends the login session that was taken over, or whose replaced token was used once more. Raises
        ChangedMeanwhile if what was taken over was signed out at this moment.
        """
        if earlier is None:
            return
        at, locked = self._clock.now(), await uow.session(earlier.session_id)
        if locked is None or not locked.is_open(at=at):
            if earlier.is_reused:
                return
            raise ChangedMeanwhile
        locked.revoke(at=at)
        await uow.save_session(locked)
        if earlier.is_reused:
            await self._note(uow, AuditType.REFRESH_REUSED, locked, origin, at=at)

    async def _entered(
        self,
        uow: IdentityUnitOfWork,
        session: LoginSession,
        *,
        company_id: UUID | None = None,
        company: str | None = None,
        login_at: datetime | None = None,
    ) -> tuple[UserView, CompanyView]:
        """Has the session work in the company that is named, by its id, its code or both; else in the one that the
        device last worked in, if the session opens it, else in another that it does, the one used last before others.
        `login_at` is noted as the user's last sign-in there.

        Raises NoActiveMembership, and SsoRequired or AccountProofRequired where the account belongs to a company that
        the session does not open.
        """
        memberships = await uow.memberships(session.account_id)
        candidates = [
            each
            for each in memberships
            if company_id in (None, each.company_id) and company in (None, each.company_code)
        ]
        candidates.sort(key=lambda each: each.company_id != session.current_company_id)
        candidates.sort(key=lambda each: not is_opened(session, each))
        with concerning(account_id=session.account_id, company_id=company_id, company_code=company):
            if not candidates:
                raise NoActiveMembership
        with concerning(account_id=session.account_id, company_id=candidates[0].company_id):
            ensure_opens(session, candidates[0])
        if login_at is not None:
            await uow.note_login(candidates[0].user_id, candidates[0].company_id, at=login_at)
        found = await uow.membership(session.account_id, candidates[0].company_id)
        if found is None:
            raise NoActiveMembership
        session.current_company_id = candidates[0].company_id
        return found

    async def _begin_session(
        self,
        uow: IdentityUnitOfWork,
        session: LoginSession,
        origin: Origin,
        *,
        what: AuditType = AuditType.LOGIN_SUCCEEDED,
    ) -> None:
        """Adds a login session, and tells the auditors by what it came about."""
        await uow.add_session(session)
        details = {"second_factor": session.second_factor_at is not None}
        await self._note(uow, what, session, origin, at=session.created_at, details=details)

    async def _note(
        self,
        uow: IdentityUnitOfWork,
        what: AuditType,
        session: LoginSession,
        origin: Origin,
        *,
        at: datetime,
        details: Mapping[str, object] | None = None,
        company_id: UUID | None = None,
    ) -> None:
        """Tells the auditors of all companies of the account, or of one alone, what became of a login session."""
        await uow.note(
            Note(type=what, details=details or {}),
            account_id=session.account_id,
            origin=origin,
            at=at,
            session_id=session.id,
            company_id=company_id,
        )

    def _signed_in(
        self,
        session: LoginSession,
        membership: tuple[UserView, CompanyView] | None,
        *,
        with_refresh_token: bool = True,
        device_token: str | None = None,
    ) -> SignedIn:
        if membership is None:
            raise NoActiveMembership
        user, company = membership
        claims = Claims(
            account_id=session.account_id,
            user_id=user.id,
            company_id=company.id,
            session_id=session.id,
            role=user.role,
        )
        refresh_token = None
        if with_refresh_token:
            refresh_token = self._refresh_tokens.derive(
                session_id=session.id, nonce=session.nonce, generation=session.generation
            )
        return SignedIn(
            access_token=self._access_tokens.sign(claims, at=self._clock.now()),
            expires_in=int(ACCESS_LIFE.total_seconds()),
            refresh_token=refresh_token,
            user=user,
            company=company,
            device_token=device_token,
        )
