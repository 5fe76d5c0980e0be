"""What stands in the way of guessing passwords."""

from uuid import UUID

from core.auth.errors import TooManyFailures
from core.auth.model import FAILURES
from core.auth.ports import Attempts, DeviceTokens
from core.kernel.actor import Visitor
from core.kernel.limits import network


class Guessing:
    """Counts failures to prove who one is: 5 in 15 minutes for each name, existing or not, and network.

    A browser that the account was opened with before has its own count, so that nobody can lock its holder out of it.
    """

    def __init__(self, *, attempts: Attempts, devices: DeviceTokens) -> None:
        self._attempts = attempts
        self._devices = devices

    async def begin(self, visitor: Visitor, *, name: str, account_id: UUID | None) -> str:
        """Counts an attempt before it is known how it ends, since many may be under way at once.

        Returns what it is counted by, for `succeeded`. Raises TooManyFailures, alike for names that do not exist.
        """
        device = self._device(visitor, account_id)
        key = f"device {device}" if device else _by_name(visitor, name)
        wait = await self._attempts.begin(key, FAILURES)
        if wait:
            raise TooManyFailures(f"Signing in failed too often. Try again in {wait} s.", retry_after=wait)
        return key

    async def succeeded(self, key: str) -> None:
        """Forgets the failures before."""
        await self._attempts.forget(key, FAILURES)

    async def forgive(self, visitor: Visitor, *, name: str) -> None:
        """Forgets the failures for a name from the visitor's network: they proved in another way who they are."""
        await self._attempts.forget(_by_name(visitor, name), FAILURES)

    def device_token(self, visitor: Visitor, account_id: UUID) -> str:
        """What the browser is known by from now on: what it has, if that is of this account, else something new."""
        if visitor.device is not None and self._device(visitor, account_id):
            return visitor.device
        return self._devices.issue(account_id)

    def _device(self, visitor: Visitor, account_id: UUID | None) -> UUID | None:
        known = self._devices.read(visitor.device) if visitor.device else None
        return known[1] if known is not None and known[0] == account_id else None


def _by_name(visitor: Visitor, name: str) -> str:
    return f"name {name} from {network(visitor.address)}"
