"""What stands in the way of guessing passwords and codes."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from core.auth.errors import CodeInvalid, InvalidCredentials, SecondFactorRequired, TooManyFailures
from core.auth.model import (
    CODE_FAILURES,
    FAILURES,
    KEPT_OF_NOBODY,
    LASTING_FAILURES,
    LOCKS,
    Account,
)
from core.auth.ports import Attempts, DeviceTokens, IdentityUnitOfWork
from core.kernel.actor import Actor, Origin, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Unavailable
from core.kernel.limits import Limit, network, part_of_network
from core.kernel.ports import Clock

_ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Whose secret is tried, each place and limit that it counts in, and what an auditor is told if it fails."""

    whose: str
    counts: tuple[tuple[str, Limit], ...]
    account_id: UUID | None
    origin: Origin
    tried: str
    name: str | None = None
    session_id: UUID | None = None


class Guessing:
    """Counts failures to prove who one is: 5 in 15 minutes for each name, existing or not, and network; and for all
    networks together as many as somebody needs who knows the secret, and far fewer than somebody who does not.

    A browser that the account was opened with before has its own count, and so has each login session of the account,
    so that nobody can lock an account's holder out of what they have open. All its browsers together, and all its
    sessions, have no more than all networks together: whoever can make many of them makes no more guesses.

    The methods that answer a context count what is tried in it before it is known how it ends, since many may be under
    way at once, and raise TooManyFailures, alike for names that do not exist. If it succeeds, the failures before are
    forgotten; if it fails, auditors are told, by the same work whether there is such an account or not.
    """

    def __init__(
        self,
        *,
        attempts: Attempts,
        devices: DeviceTokens,
        identity: Callable[[], IdentityUnitOfWork],
        clock: Clock,
    ) -> None:
        self._attempts = attempts
        self._devices = devices
        self._identity = identity
        self._clock = clock

    def password(
        self, visitor: Visitor, *, name: str, account: Account | None, username: str | None = None
    ) -> AbstractAsyncContextManager[None]:
        """A password is tried for a name: an address, or a `username` in a company.

        All companies of the account are told, so none of them reads which one was named.
        """
        account_id, device = account.id if account is not None else None, self._device(visitor, account)
        place = network(visitor.address) if device is None else str(device)
        return self._trying(
            Attempt(
                whose=_name(name) if device is None else _browsers(account_id),
                counts=((place, FAILURES), (_ANYWHERE, LASTING_FAILURES)),
                account_id=account_id,
                origin=visitor.origin,
                tried="password",
                name=name if username is None else username,
            )
        )

    @asynccontextmanager
    async def code(self, visitor: Visitor, account: Account | None, code: str | None) -> AsyncIterator[None]:
        """A code is tried by somebody who knows the account's present password. Nothing is, if the account has no
        second factor. Raises SecondFactorRequired where one is needed and none is given.
        """
        if account is None or not account.has_second_factor:
            yield
            return
        if code is None:
            raise SecondFactorRequired
        device = self._device(visitor, account)
        counts: tuple[tuple[str, Limit], ...] = (network(visitor.address), FAILURES), (_ANYWHERE, CODE_FAILURES)
        if device is not None:
            counts = (str(device), FAILURES), (str(device), CODE_FAILURES), ("browsers", LASTING_FAILURES)
        attempt = Attempt(
            # Whoever changes their password shakes those off that knew the one before.
            whose=f"codes of {account.id} {account.version}",
            counts=counts,
            account_id=account.id,
            origin=visitor.origin,
            tried="code",
        )
        async with self._trying(attempt):
            yield

    def proof(self, actor: Actor, *, tried: str) -> AbstractAsyncContextManager[None]:
        """A password or code is tried in a login session, by whoever has that: the caller as the database found them.

        What a company's own provider began shares a count with all else that it began for the account: it could begin
        as many sessions as it has guesses. Those of the account itself are counted apart, as are other companies'. So
        could a provider of the installation, or whoever is signed in there: all of them together have as many as all
        networks. Codes count apart from passwords, since whoever knows the one may be guessing the other.
        """
        place = str(actor.session_id) if actor.is_general else f"by a provider of {actor.company_id}"
        kind = "codes" if "code" in tried else "passwords"
        return self._trying(
            Attempt(
                whose=f"{kind} in sessions of {actor.account_id}",
                counts=((place, FAILURES), (place, CODE_FAILURES), (_ANYWHERE, LASTING_FAILURES)),
                account_id=actor.account_id,
                origin=actor.origin,
                tried=tried,
                session_id=actor.session_id,
            )
        )

    async def unlock(self, names: Iterable[str], account_id: UUID | None) -> None:
        """Forgets all failures of passwords, tried for those names or in the browsers of the account. Those of codes
        stay: whoever tried codes knew the password.
        """
        for name in names:
            await self._attempts.forget_everywhere(_name(name))
        if account_id is not None:
            await self._attempts.forget_everywhere(_browsers(account_id))

    async def forgive(self, name: str) -> None:
        """Forgets all failures of passwords for a name: its holder proved in another way who they are."""
        await self._attempts.forget_everywhere(_name(name))

    def device_token(self, visitor: Visitor, account: Account) -> str:
        """What the browser is known by from now on: what it has, if that is of this account, else something new. It is
        known no longer than the account's password stays what it is: whoever may have had both has neither then.
        """
        if visitor.device is not None and self._device(visitor, account):
            return visitor.device
        return self._devices.issue(account.id, bound=_bound(account))

    async def keeps(self, what: AuditType, origin: Origin, account_id: UUID | None) -> bool:
        """Whether an auditor is told once more: of an account always, and of nobody who is known a few times a minute,
        each part of the network apart. It is asked and counted for both, so that both take as long.
        """
        whose = f"{what} of {'somebody' if account_id is not None else 'nobody'}"
        wait = await self._attempts.begin(whose, f"part {part_of_network(origin.address)}", KEPT_OF_NOBODY)
        return account_id is not None or not wait

    @asynccontextmanager
    async def _trying(self, attempt: Attempt) -> AsyncIterator[None]:
        for place, limit in attempt.counts:
            wait = await self._attempts.begin(attempt.whose, place, limit)
            if wait:
                # Once, however often it is tried meanwhile.
                if not await self._attempts.begin(attempt.whose, f"{place}, locked", LOCKS):
                    await self._tell(AuditType.LOCKED, attempt)
                raise TooManyFailures(f"Signing in failed too often. Try again in {wait} s.", retry_after=wait)
        try:
            yield
        except (InvalidCredentials, CodeInvalid):
            await self._tell(AuditType.LOGIN_FAILED, attempt)
            raise
        except Unavailable:
            # Nothing was found out: whoever makes us busy locks nobody else out.
            for place, limit in attempt.counts:
                await self._attempts.take_back(attempt.whose, place, limit)
            raise
        for place, limit in attempt.counts:
            await self._attempts.forget(attempt.whose, place, limit)

    async def _tell(self, what: AuditType, attempt: Attempt) -> None:
        """In a transaction of its own: that of the request is taken back."""
        note = Note(
            type=what,
            details={"tried": attempt.tried},
            personal={"name": attempt.name} if attempt.name is not None else {},
        )
        kept = await self.keeps(what, attempt.origin, attempt.account_id)
        async with self._identity() as uow:
            await uow.note(
                note,
                account_id=attempt.account_id,
                origin=attempt.origin,
                at=self._clock.now(),
                session_id=attempt.session_id,
                kept=kept,
            )
            await uow.commit()

    def _device(self, visitor: Visitor, account: Account | None) -> UUID | None:
        known = self._devices.read(visitor.device, bound=_bound(account)) if visitor.device else None
        return known[1] if known is not None and account is not None and known[0] == account.id else None


def _bound(account: Account | None) -> bytes:
    """What changes with an account's password, and is not told by what is bound to it."""
    return ((account.password_hash if account is not None else None) or "").encode()


def name_in(company: UUID | str | None, username: str) -> str:
    """The name that a username is within a company, in the one form by which failures are counted."""
    return f"{username} of {company}".lower()


def _name(name: str) -> str:
    return f"name {name}"


def _browsers(account_id: UUID | None) -> str:
    return f"browsers of {account_id}"
