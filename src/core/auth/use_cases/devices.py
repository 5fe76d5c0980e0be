from uuid import UUID

from core.auth.errors import NoActiveMembership
from core.auth.model import ACCESS_LIFE, LoginSession
from core.auth.ports import AccessTokens, RefreshTokens
from core.auth.read_models import Claims, SignedIn
from core.companies.read_models import CompanyView
from core.kernel.actor import Visitor
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
