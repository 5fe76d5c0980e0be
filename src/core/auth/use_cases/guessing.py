"""What stands in the way of guessing passwords and codes."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from core.auth.errors import TooManyFailures
from core.auth.model import CODE_FAILURES, FAILURES, LASTING_FAILURES, Account
from core.auth.ports import Attempts, DeviceTokens
from core.kernel.actor import Actor, Visitor
from core.kernel.limits import Limit, network

_ANYWHERE = "anywhere"


class Attempt(NamedTuple):
    """What an attempt is counted by: whose secret is guessed, and each place and limit that it counts in."""

    whose: str
    counts: tuple[tuple[str, Limit], ...]


class Guessing:
    """Counts failures to prove who one is: 5 in 15 minutes for each name, existing or not, and network; and for all
    networks together as many as somebody needs who knows the secret, and far fewer than somebody who does not.

    A browser that the account was opened with before has its own count, and so has each login session, so that nobody
    can lock an account's holder out of what they have open.
    """

    def __init__(self, *, attempts: Attempts, devices: DeviceTokens) -> None:
        self._attempts = attempts
        self._devices = devices

    async def begin(self, visitor: Visitor, *, name: str, account_id: UUID | None) -> Attempt:
        """Counts a password, tried for a name, before it is known how it ends: many may be under way at once.

        Returns what it is counted by, for `succeeded`. Raises TooManyFailures, alike for names that do not exist.
        """
        device = self._device(visitor, account_id)
        if device is not None:
            return await self._begin(Attempt(_browsers(account_id), ((str(device), FAILURES),)))
        counts = (network(visitor.address), FAILURES), (_ANYWHERE, LASTING_FAILURES)
        return await self._begin(Attempt(_name(name), counts))

    async def begin_code(self, visitor: Visitor, account: Account) -> Attempt:
        """Counts a code, tried by somebody who knows the account's present password. Raises TooManyFailures."""
        device = self._device(visitor, account.id)
        if device is not None:
            place = str(device)
            return await self._begin(Attempt(_codes(account), ((place, FAILURES), (place, CODE_FAILURES))))
        counts = (network(visitor.address), FAILURES), (_ANYWHERE, CODE_FAILURES)
        return await self._begin(Attempt(_codes(account), counts))

    async def begin_proof(self, actor: Actor) -> Attempt:
        """Counts a password or code, tried in a login session by whoever has that. Raises TooManyFailures."""
        place = str(actor.session_id)
        return await self._begin(Attempt(f"proofs of {actor.account_id}", ((place, FAILURES), (place, CODE_FAILURES))))

    async def succeeded(self, attempt: Attempt) -> None:
        """Forgets the failures before."""
        for place, limit in attempt.counts:
            await self._attempts.forget(attempt.whose, place, limit)

    async def unlock(self, names: Iterable[str], account_id: UUID | None) -> None:
        """Forgets all failures of passwords, tried for those names or in the browsers of the account. Those of codes
        stay: whoever tried codes knew the password.
        """
        for name in names:
            await self._attempts.forget_everywhere(_name(name))
        if account_id is not None:
            await self._attempts.forget_everywhere(_browsers(account_id))

    def device_token(self, visitor: Visitor, account_id: UUID) -> str:
        """What the browser is known by from now on: what it has, if that is of this account, else something new."""
        if visitor.device is not None and self._device(visitor, account_id):
            return visitor.device
        return self._devices.issue(account_id)

    async def _begin(self, attempt: Attempt) -> Attempt:
        for place, limit in attempt.counts:
            wait = await self._attempts.begin(attempt.whose, place, limit)
            if wait:
                raise TooManyFailures(f"Signing in failed too often. Try again in {wait} s.", retry_after=wait)
        return attempt

    def _device(self, visitor: Visitor, account_id: UUID | None) -> UUID | None:
        known = self._devices.read(visitor.device) if visitor.device else None
        return known[1] if known is not None and known[0] == account_id else None


def name_in(company: UUID | str | None, username: str) -> str:
    """The name that a username is within a company, in the one form by which failures are counted."""
    return f"{username} of {company}".lower()


def _name(name: str) -> str:
    return f"name {name}"


def _browsers(account_id: UUID | None) -> str:
    return f"browsers of {account_id}"


def _codes(account: Account) -> str:
    # Who changes their password shakes those off that knew the one before.
    return f"codes of {account.id} {account.version}"
