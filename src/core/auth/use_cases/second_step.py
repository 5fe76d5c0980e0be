from collections.abc import Callable

from core.auth.errors import CodeInvalid, NoActiveMembership, SsoRequired, TicketInvalid, TooManyFailures
from core.auth.model import Account
from core.auth.ports import AccessTokens, IdentityUnitOfWork, LoginTickets, RefreshTokens
from core.auth.read_models import SignedIn, Ticket
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.devices import SignsDevicesIn
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import replace_password
from core.kernel.actor import Visitor
from core.kernel.errors import ChangedMeanwhile, answers
from core.kernel.ports import Clock, Ids


class SecondStepUseCases(SignsDevicesIn):
    """Signing in where a password is not enough."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        tickets: LoginTickets,
        codes: FactorCodes,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        guessing: Guessing,
        clock: Clock,
        ids: Ids,
    ) -> None:
        super().__init__(access_tokens=access_tokens, refresh_tokens=refresh_tokens, clock=clock, ids=ids)
        self._identity = identity
        self._tickets = tickets
        self._codes = codes
        self._guessing = guessing

    @answers(TicketInvalid, CodeInvalid, TooManyFailures, NoActiveMembership, SsoRequired, ChangedMeanwhile)
    async def login(self, visitor: Visitor, *, ticket: str, code: str, earlier_token: str | None = None) -> SignedIn:
        """Signs a device in with a ticket of `/auth/login` and a code: of the authenticator, or a recovery code.

        Into the company that was named there; a `new_password` that was given there replaces the temporary one now. A
        ticket is good for 5 minutes, and for as long as the account's password and second factor stay what they were.
        Each code is good once. After 5 that were wrong, within 15 minutes, none is looked at for a while.
        """
        promised = self._tickets.read(ticket)
        if promised is None:
            raise TicketInvalid
        async with self._identity() as uow:
            account = await self._promised(uow, promised)
        session = self._new_session(account.id, visitor)
        at = session.created_at
        async with self._guessing.code(visitor, account, code), self._identity() as uow:
            earlier = await self._join_earlier(uow, session, earlier_token)
            # The user is locked before the account, and that before its sessions, as whoever changes or deactivates
            # them does.
            membership = await self._entered(
                uow, session, company_id=promised.company_id, company=promised.company, login_at=at
            )
            account = await self._promised(uow, promised)
            await self._end_earlier(uow, earlier, visitor.origin)
            await self._codes.use(uow, account, code, session_id=session.id, origin=visitor.origin, at=at)
            session.prove_second_factor(at=at)
            await replace_password(
                uow, account, promised.password_hash, is_new=promised.is_new, origin=visitor.origin, at=at
            )
            await self._begin_session(uow, session, visitor.origin)
            await uow.commit()
        return self._signed_in(session, membership, device_token=self._guessing.device_token(visitor, account))

    async def _promised(self, uow: IdentityUnitOfWork, ticket: Ticket) -> Account:
        """The account, locked, if it still is what the ticket was given for. Raises TicketInvalid."""
        if self._clock.now() >= ticket.expires_at:
            raise TicketInvalid
        account = await uow.account(ticket.account_id)
        if account is None or account.version != ticket.version or not account.has_second_factor:
            raise TicketInvalid
        return account
