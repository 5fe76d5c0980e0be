from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from core.auth.errors import NoActiveMembership
from core.auth.model import ACCESS_LIFE, LoginSession
from core.auth.ports import AccessTokens, IdentityUnitOfWork, RefreshTokens
from core.auth.read_models import Claims, SignedIn
from core.companies.read_models import CompanyView
from core.kernel.actor import Origin, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.ports import Clock, Ids
from core.users.read_models import UserView


class SignsDevicesIn:
    """What every way of signing in ends with: a login session, and the tokens that stand for it."""

    def __init__(self, *, access_tokens: AccessTokens, refresh_tokens: RefreshTokens, clock: Clock, ids: Ids) -> None:
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._clock = clock
        self._ids = ids

    def _new_session(self, account_id: UUID, visitor: Visitor) -> LoginSession:
        return LoginSession.begin(
            id=self._ids.new(),
            account_id=account_id,
            nonce=self._refresh_tokens.new_nonce(),
            agent=visitor.agent,
            address=visitor.address,
            at=self._clock.now(),
        )

    async def _enter(
        self, uow: IdentityUnitOfWork, session: LoginSession, *, company_id: UUID | None, company: str | None
    ) -> tuple[UserView, CompanyView] | None:
        """Has the session begin in the company that is named, by its id, its code or both; else in the one that the
        account was last used in. None if it may not.
        """
        for candidate in await uow.memberships(session.account_id):
            if company_id in (None, candidate.company_id) and company in (None, candidate.company_code):
                await uow.note_login(candidate.user_id, candidate.company_id, at=session.created_at)
                session.current_company_id = candidate.company_id
                return await uow.membership(session.account_id, candidate.company_id)
        return None

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
