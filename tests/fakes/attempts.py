from uuid import UUID, uuid5

from core.kernel.limits import Limit
from tests.fakes.clock import SettableClock


class CountedAttempts:
    """Attempts by a clock that is told to go on."""

    def __init__(self, clock: SettableClock) -> None:
        self._clock = clock
        self._made: dict[tuple[str, str, str], list[float]] = {}

    async def begin(self, whose: str, place: str, limit: Limit) -> int:
        now, key = self._clock.now().timestamp(), (whose, place, limit.name)
        made = [at for at in self._made.get(key, []) if at > now - limit.seconds]
        if len(made) >= limit.most:
            return max(1, int(made[0] + limit.seconds - now))
        self._made[key] = [*made, now]
        return 0

    async def take_back(self, whose: str, place: str, limit: Limit) -> None:
        if made := self._made.get((whose, place, limit.name)):
            made.pop()

    async def forget(self, whose: str, place: str, limit: Limit) -> None:
        self._made.pop((whose, place, limit.name), None)

    async def forget_everywhere(self, whose: str) -> None:
        self._made = {key: made for key, made in self._made.items() if key[0] != whose}


class ReadableDeviceTokens:
    """`device.<account>.<number>.<bound>`: anybody could write one, so nobody but tests may."""

    def __init__(self) -> None:
        self._given = 0

    def issue(self, account_id: UUID, *, bound: bytes) -> str:
        self._given += 1
        return f"device.{account_id}.{self._given}.{bound.hex()}"

    def read(self, token: str, *, bound: bytes) -> tuple[UUID, UUID] | None:
        kind, account, number, given = (*token.split("."), "", "", "")[:4]
        if kind != "device" or not number or given != bound.hex():
            return None
        return UUID(account), uuid5(UUID(account), number)
