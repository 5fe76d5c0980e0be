from collections.abc import Awaitable, Callable
from typing import Any, Self

from tests.fakes.identity import InMemoryIdentityUnitOfWork


class Overtaken:
    """Opens units of work in which, once, somebody else is quicker: `meanwhile` happens just before something is asked
    of one, by the name of its method; the first time, or after it was asked `later` times.
    """

    def __init__(
        self,
        opened: Callable[[], InMemoryIdentityUnitOfWork],
        before: str,
        meanwhile: Callable[[], Awaitable[object]],
        *,
        later: int = 0,
    ) -> None:
        self._opened = opened
        self.before = before
        self.left = later
        self.meanwhile: Callable[[], Awaitable[object]] | None = meanwhile

    def __call__(self) -> "_Overtaken":
        return _Overtaken(self._opened(), self)


class _Overtaken:
    def __init__(self, uow: InMemoryIdentityUnitOfWork, by: Overtaken) -> None:
        self._uow, self._by = uow, by

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._uow, name)
        if name != self._by.before or self._by.meanwhile is None:
            return asked
        if self._by.left:
            self._by.left -= 1
            return asked
        meanwhile, self._by.meanwhile = self._by.meanwhile, None

        async def overtaken(*args: Any, **named: Any) -> Any:
            await meanwhile()
            return await asked(*args, **named)

        return overtaken

    async def __aenter__(self) -> Self:
        await self._uow.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._uow.__aexit__(*raised)
