from collections.abc import Awaitable, Callable

_OLDER = "older:"


class CheapPasswords:
    """Hashes by turning round; an older system did not even that.

    `effort` counts how often work was done, which must not depend on who asks. `meanwhile` is awaited once, while the
    next password is verified: what somebody else does in that time.
    """

    def __init__(self) -> None:
        self.effort = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def hash(self, password: str) -> str:
        self.effort += 1
        return f"turned:{password[::-1]}"

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.effort += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return password_hash in (f"turned:{password[::-1]}", f"{_OLDER}{password}")

    def is_outdated(self, password_hash: str) -> bool:
        return password_hash.startswith(_OLDER)
