"""Rate limits of requests: asked before anything of a request is read but who sent it.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: the policies, and what is left of each.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from random import uniform
from typing import NoReturn
from uuid import UUID

from starlette.types import Scope

from core.kernel.actor import Actor
from core.kernel.errors import TooMany
from core.kernel.limits import Limit, household, network
from core.kernel.ports import RateLimits
from entrypoints.settings import Settings

# Where a route of the OpenAPI document names its limits; one without is not limited.
LIMITED_BY = "x-rate-limits"
# Who does not wait is made to: what is answered at once is asked again at once, at everybody's cost. Not all of them
# alike, or they would come back together.
_HELD_SECONDS = (0.2, 0.3)
_MOST_HELD = 500


class RequestLimits:
    """Counts the requests of sessions, companies and addresses."""

    def __init__(self, counts: RateLimits, settings: Settings) -> None:
        self._take = counts.take
        self._look = counts.look
        self._limit = cache(settings.limit)
        self._session, self._company = settings.limit("session"), settings.limit("company")
        self._policy = cache(lambda names: _policy([settings.limit(name) for name in names]))
        self._signed_in_policy = self._policy(("session", "company"))
        self._held = 0

    async def signed_in(self, scope: Scope, actor: Actor) -> None:
        """Counts a request of a login session or token, and of its company. Raises TooMany, after a moment."""
        headers = scope["flowtrack.headers"]
        headers.append(self._signed_in_policy)
        session = self._take(self._session, actor.key_id.hex)
        if not session.granted:
            await self._refuse(headers, self._session, session.seconds)
        company = self._take(self._company, actor.company_id.hex)
        if not company.granted:
            await self._refuse(headers, self._company, company.seconds)
        left = b'"session";r=%d;t=%d, "company";r=%d;t=%d'
        headers.append((b"ratelimit", left % (session[1], session[2], company[1], company[2])))

    async def password(self, scope: Scope, actor: Actor) -> None:
        """Counts a request that has a password hashed, which is slow on purpose. Raises TooMany, after a moment.

        By account: whoever may sign in may have as many sessions as they like. A service user has none.
        """
        await self._besides(scope, self._limit("password"), actor.account_id or actor.user_id)

    async def webhook_test(self, scope: Scope, actor: Actor) -> None:
        """Counts a request that has another one sent to wherever the caller says. Raises TooMany, after a moment.

        By company: it has as many webhooks as it likes at one address.
        """
        await self._besides(scope, self._limit("webhook_test"), actor.company_id)

    async def _besides(self, scope: Scope, limit: Limit, key: UUID) -> None:
        headers = scope["flowtrack.headers"]
        headers.append(self._policy((limit.name,)))
        allowance = self._take(limit, key.hex)
        if not allowance.granted:
            await self._refuse(headers, limit, allowance.seconds)
        left = b'"%b";r=%d;t=%d' % (limit.name.encode(), allowance.remaining, allowance.seconds)
        headers.append((b"ratelimit", left))

    async def visitor(self, scope: Scope, names: tuple[str, ...]) -> None:
        """Counts a request of somebody who is not signed in, by each of the limits. Raises TooMany, after a moment."""
        headers, peer = scope["flowtrack.headers"], scope["client"]
        headers.append(self._policy(names))
        address = peer[0] if peer else None
        left = []
        for name in names:
            limit = self._limit(name)
            # Accounts are opened from whole networks: that is what one has many addresses of.
            allowance = self._take(limit, network(address) if name == "register" else household(address))
            if not allowance.granted:
                await self._refuse(headers, limit, allowance.seconds)
            left.append(b'"%b";r=%d;t=%d' % (name.encode(), allowance.remaining, allowance.seconds))
        headers.append((b"ratelimit", b", ".join(left)))

    async def stranger(self, scope: Scope) -> None:
        """Raises TooMany, after a moment, if the address has used up its limit: then nothing is looked up for it. Uses
        up nothing: who turns out to be nobody is counted by `visitor`.
        """
        limit, peer = self._limit("address"), scope["client"]
        allowance = self._look(limit, household(peer[0] if peer else None))
        if not allowance.granted:
            scope["flowtrack.headers"].append(self._policy(("address",)))
            await self._refuse(scope["flowtrack.headers"], limit, allowance.seconds)

    async def _refuse(self, headers: list[tuple[bytes, bytes]], limit: Limit, wait: int) -> NoReturn:
        headers.append((b"ratelimit", b'"%b";r=0;t=%d' % (limit.name.encode(), wait)))
        if self._held < _MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(uniform(*_HELD_SECONDS))  # noqa: S311  (no secret)
            finally:
                self._held -= 1
        wording = f"The limit `{limit.name}`, {limit.most} requests in {limit.seconds} s, is used up"
        raise TooMany(f"{wording}; try again in {wait} s.", retry_after=wait)


def _policy(limits: Sequence[Limit]) -> tuple[bytes, bytes]:
    written = ", ".join(f'"{limit.name}";q={limit.most};w={limit.seconds}' for limit in limits)
    return b"ratelimit-policy", written.encode()
