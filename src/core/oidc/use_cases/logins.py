import hmac
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from core.auth.errors import NoActiveMembership, SsoRequired
from core.auth.model import IDLE, LoginSession
from core.auth.ports import AccessTokens, RefreshTokens
from core.auth.read_models import SignedIn
from core.auth.use_cases.devices import SignsDevicesIn
from core.kernel.actor import Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import ChangedMeanwhile, answers, concerning
from core.kernel.limits import part_of_network
from core.kernel.ports import Clock, Ids
from core.oidc import policy
from core.oidc.errors import (
    LoginCodeInvalid,
    LoginRefused,
    LoginStateInvalid,
    OidcConnectionNotFound,
    ProviderAway,
    ProviderUnusable,
    RedirectRefused,
)
from core.oidc.model import CODE_LIFE, LoginState
from core.oidc.ports import (
    InstanceProvider,
    LinkingUnitOfWork,
    LoginRequest,
    LoginSecrets,
    OpenLinkingUnitOfWork,
    ProviderClient,
    Providers,
    Sealing,
)
from core.oidc.read_models import Begun, Claimed, Returned, WayIn
from core.oidc.use_cases.recognising import Recognition, Way
from core.users.errors import EmailInvalid
from core.users.ports import EmailAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingBack:
    """What a browser brings back from a provider: what it kept, what the provider sent along, and the connection whose
    address it was sent back to; None: that of the installation's providers.
    """

    sealed_state: str | None
    state: str | None
    code: str | None
    issuer: str | None = None
    connection_id: UUID | None = None


class OidcLoginUseCases(SignsDevicesIn):
    """Signing in at a provider, and coming back."""

    def __init__(
        self,
        *,
        linking: OpenLinkingUnitOfWork,
        providers: Providers,
        instance_providers: tuple[InstanceProvider, ...],
        sealing: Sealing,
        states: Sealing,
        secrets: LoginSecrets,
        addresses: EmailAddresses,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        clock: Clock,
        ids: Ids,
        redirects: tuple[str, ...],
    ) -> None:
        """`sealing` opens what connections keep; `states` seals what browsers keep, and opens nothing else."""
        super().__init__(access_tokens=access_tokens, refresh_tokens=refresh_tokens, clock=clock, ids=ids)
        self._linking = linking
        self._providers = providers
        self._instance = {each.id: each for each in instance_providers}
        self._sealing = sealing
        self._states = states
        self._secrets = secrets
        self._addresses = addresses
        self._redirects = redirects

    @answers(EmailInvalid)
    async def discover(self, _: Visitor, *, email: str) -> tuple[WayIn, ...]:
        """The providers at which whoever has such an address may sign in. Anybody may ask: only the domain counts, so
        the answer is the same whether there is such an account or not.
        """
        domain = self._addresses.canonical(email).partition("@")[2]
        of_installation = [
            WayIn(each.id, each.name, company=None)
            for each in self._instance.values()
            if not each.email_domains or domain in each.email_domains
        ]
        async with self._linking() as uow:
            return (*await uow.ways_in(domain), *of_installation)

    @answers(OidcConnectionNotFound, RedirectRefused, ProviderAway, ProviderUnusable)
    async def begin(self, _: Visitor, connection_id: UUID, *, redirect_to: str | None, anew: bool = False) -> Begun:
        """Sends a browser to a provider to sign in. It comes back to `/auth/oidc/{connection_id}/callback`, from a
        provider of the installation to `/auth/oidc/callback`, and from there to `redirect_to`, which must be among the
        addresses that the operator allows, with a code.

        `anew` has the provider ask for a proof even if it knows the browser still: a sign-in counts as a fresh proof
        from when the provider says that it took one.
        """
        redirect_to = redirect_to if redirect_to is not None else self._redirects[0]
        with concerning(connection_id=connection_id):
            if not policy.may_return_to(redirect_to, self._redirects):
                raise RedirectRefused
        async with self._linking() as uow:
            way = await self._way(uow, connection_id)
        new = self._secrets.new
        request = LoginRequest(state=new(), nonce=new(), verifier=new(), anew=anew)
        address = await self._providers.login_address(way.client, request)
        kept = LoginState(
            state=request.state,
            nonce=request.nonce,
            verifier=request.verifier,
            connection_id=connection_id,
            redirect_to=redirect_to,
            begun_at=self._clock.now(),
        )
        return Begun(address=address, sealed_state=self._states.seal(kept.written()).decode())

    @answers(
        LoginStateInvalid,
        OidcConnectionNotFound,
        LoginRefused,
        ProviderAway,
        ProviderUnusable,
        ChangedMeanwhile,
    )
    async def come_back(self, visitor: Visitor, given: ComingBack) -> Returned:
        """Takes back a browser that a provider sent, and sends it on with a code that is good once, for 60 seconds, in
        this browser alone: `POST /auth/oidc/token` signs it in. It has to come back to the address of the connection by
        which it was sent.

        The same person at the same provider is the same account from then on. Whoever is not known yet is linked by the
        address that the provider says is verified, and only if whoever set the provider up may speak for its domain: a
        company must have proved it. A company's own provider opens that company and no other.
        """
        kept = self._kept(given.sealed_state)
        with concerning(connection_id=kept.connection_id):
            self._ensure_came_back(kept, given)
            async with self._linking() as uow:
                way = await self._way(uow, kept.connection_id)
            try:
                claimed = await self._claimed(way, kept, given)
                code = await self._settled(visitor, kept, claimed)
            except LoginRefused as refused:
                await self._note_refusal(visitor, way, kept, refused)
                raise
        joint = "&" if "?" in kept.redirect_to else "?"
        return Returned(redirect_to=f"{kept.redirect_to}{joint}{urlencode({'code': code})}")

    @answers(LoginStateInvalid, LoginCodeInvalid, NoActiveMembership, SsoRequired, ChangedMeanwhile)
    async def redeem(
        self, visitor: Visitor, *, code: str, sealed_state: str | None, earlier_token: str | None = None
    ) -> SignedIn:
        """Signs in the browser that came back from a provider, by the code that it was sent on with. If the same
        account is signed in with it already, it keeps what it proved before.
        """
        kept = self._kept(sealed_state)
        at = self._clock.now()
        code_digest, state_digest = self._secrets.digest(code), self._secrets.digest(kept.state)
        with concerning(connection_id=kept.connection_id):
            async with self._linking() as uow:
                session = await uow.unredeemed(code_digest, state_digest=state_digest, at=at)
                if session is None:
                    raise LoginCodeInvalid
                session.last_used_at, session.expires_at = at, at + IDLE
                # As it was made: the companies whose own provider it came by.
                by_provider_of = session.sso_company_ids
                earlier = await self._join_earlier(uow, session, earlier_token)
                membership = await self._entered(uow, session, login_at=at)
                await self._end_earlier(uow, earlier, visitor.origin)
                if not await uow.redeem(session, code_digest=code_digest):
                    raise LoginCodeInvalid
                await self._tell(uow, session, visitor, kept, by_provider_of=by_provider_of)
                await uow.commit()
        return self._signed_in(session, membership)

    async def _tell(
        self,
        uow: LinkingUnitOfWork,
        session: LoginSession,
        visitor: Visitor,
        kept: LoginState,
        *,
        by_provider_of: tuple[UUID, ...],
    ) -> None:
        """What one company's provider does is that company's affair. If the session opens all of the account, the other
        companies are told that somebody signed in, and not where.
        """
        told: list[UUID | None] = [*by_provider_of] or [None]
        if by_provider_of and session.general_at is not None:
            told = [each.company_id for each in await uow.memberships(session.account_id)]
        for company_id in told:
            is_theirs = not by_provider_of or company_id in by_provider_of
            await uow.note(
                Note(type=AuditType.OIDC_LOGIN, details={"connection_id": kept.connection_id} if is_theirs else {}),
                account_id=session.account_id,
                origin=visitor.origin,
                at=session.last_used_at,
                session_id=session.id,
                company_id=company_id,
            )

    def _ensure_came_back(self, kept: LoginState, given: ComingBack) -> None:
        """Raises LoginStateInvalid for what another browser, or another connection, was to come back with.

        Whoever sends a browser here with another's answer does not know what it keeps. One that a provider handed on to
        another (mix-up, RFC 9700 4.4) comes back to that one's address.
        """
        is_state = hmac.compare_digest(kept.state.encode(), (given.state or "").encode())
        expected = None if kept.connection_id in self._instance else kept.connection_id
        if not (is_state & hmac.compare_digest(str(expected), str(given.connection_id))):
            raise LoginStateInvalid

    def _kept(self, sealed_state: str | None) -> LoginState:
        """What the browser keeps. Raises LoginStateInvalid."""
        opened = self._states.opened(sealed_state.encode()) if sealed_state else None
        if opened is None:
            raise LoginStateInvalid
        return LoginState.read(opened, at=self._clock.now())

    async def _way(self, uow: LinkingUnitOfWork, connection_id: UUID) -> Way:
        """Raises OidcConnectionNotFound."""
        instance = self._instance.get(connection_id)
        if instance is not None:
            return Way(instance.client, company=None, domains=frozenset(instance.email_domains) or None)
        company = await uow.connection(connection_id)
        if company is None:
            raise OidcConnectionNotFound
        chosen = company.connection.chosen
        opened = self._sealing.opened(chosen.client_secret) if chosen.client_secret else None
        if opened is None and chosen.client_secret:
            raise ProviderUnusable("The connection's client_secret cannot be opened any more; give it anew.")
        client = ProviderClient(
            issuer=chosen.issuer,
            client_id=chosen.client_id,
            client_secret=opened.decode() if opened is not None else None,
            connection_id=connection_id,
        )
        return Way(client, company, domains=company.proved_domains & frozenset(chosen.email_domains))

    async def _claimed(self, way: Way, kept: LoginState, given: ComingBack) -> Claimed:
        if not given.code:
            raise LoginRefused("provider", "The provider let nobody in.")
        return await self._providers.claimed(
            way.client,
            LoginRequest(state=kept.state, nonce=kept.nonce, verifier=kept.verifier),
            code=given.code,
            issuer=given.issuer,
            role_claim=way.role_claim,
        )

    async def _settled(self, visitor: Visitor, kept: LoginState, claimed: Claimed) -> str:
        """Recognises who came back, and makes the login session that the returned code opens."""
        at, code = self._clock.now(), self._secrets.new()
        async with self._linking() as uow:
            # As it is now: the provider took its time.
            way = await self._way(uow, kept.connection_id)
            if way.client.issuer != claimed.issuer:
                raise OidcConnectionNotFound
            account = await Recognition(
                uow, way, claimed, ids=self._ids, addresses=self._addresses, origin=visitor.origin, at=at
            ).account()
            session = self._new_session(account.id, visitor, by_provider_of=way.company_id)
            # What somebody proved to the provider long ago is no fresh proof here; nor is what lies ahead of us.
            session.authenticated_at = min(at, claimed.authenticated_at or at)
            session.current_company_id = way.company_id
            # Until it is redeemed it is nobody's, and ends by itself.
            session.expires_at = at + CODE_LIFE
            await uow.add_unredeemed(
                session,
                code_digest=self._secrets.digest(code),
                state_digest=self._secrets.digest(kept.state),
                until=session.expires_at,
            )
            await uow.commit()
        return code

    async def _note_refusal(self, visitor: Visitor, way: Way, kept: LoginState, refused: LoginRefused) -> None:
        """In a transaction of its own: whatever the refused one wrote was taken back. Once a minute for each reason and
        part of the network, since whoever began to sign in may come back as often as they like.
        """
        at = self._clock.now()
        once = f"{kept.connection_id} {refused.reason} part {part_of_network(visitor.address)} {at:%Y-%m-%dT%H:%M}"
        note = Note(
            type=AuditType.OIDC_REFUSED, details={"connection_id": kept.connection_id, "reason": refused.reason}
        )
        async with self._linking() as uow:
            await uow.note_of_nobody(note, company_id=way.company_id, origin=visitor.origin, at=at, coalesced_by=once)
            await uow.commit()
        refused.is_noted = True
