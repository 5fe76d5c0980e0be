"""The keys of access tokens over time: the first, its successors, and how a running process hears of them."""

import asyncio
import json
import logging
import time
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from adapters.crypto.access_tokens import JwtAccessTokens, SigningKey
from adapters.crypto.sealing import Sealer, Unsealable
from core.auth.model import ACCESS_LIFE
from core.kernel.ports import Clock

log = logging.getLogger("flowtrack.keys")

# Other processes look for a new key once a minute, and sign with the retired one until then.
RETIRED_FOR = ACCESS_LIFE + timedelta(minutes=15)
# Whoever sends tokens of keys that never were makes us look no more often than this.
_PAUSE = 5.0


class StoredKey(NamedTuple):
    """A key as it is stored; of a retired one the private half is gone."""

    kid: str
    public_jwk: str
    sealed_private_jwk: bytes
    retired_at: datetime | None


class SigningKeyStore(Protocol):
    """Where all processes find the keys."""

    async def all(self) -> list[StoredKey]:
        """The newest first."""
        ...

    async def add_first(self, key: StoredKey, *, at: datetime) -> None:
        """Adds a key unless there is one."""
        ...

    async def replace(self, key: StoredKey, *, at: datetime) -> None:
        """Adds a key, and retires those that signed until now."""
        ...


class KeyRing:
    """Gives the signer of access tokens the keys that are stored."""

    def __init__(self, *, store: SigningKeyStore, sealer: Sealer, tokens: JwtAccessTokens, clock: Clock) -> None:
        self._store = store
        self._sealer = sealer
        self._tokens = tokens
        self._clock = clock
        self._looked = 0.0
        self._looking = asyncio.Lock()

    async def load(self) -> None:
        """Reads the keys; the first process makes the first one. Raises Unsealable."""
        self._looked = time.monotonic()
        stored = await self._store.all()
        if not any(key.retired_at is None for key in stored):
            await self._store.add_first(self._made(), at=self._clock.now())
            stored = await self._store.all()
        now = self._clock.now()
        signing = [key for key in stored if key.retired_at is None]
        retired = [key for key in stored if key.retired_at is not None and now < key.retired_at + RETIRED_FOR]
        self._tokens.use(
            [SigningKey.read(self._sealer.open(key.sealed_private_jwk)) for key in signing]
            + [SigningKey.read_public(key.public_jwk) for key in retired]
        )

    async def learns_of(self, token: str) -> bool:
        """Looks for the key that a token names, if it is not among ours; whether it is now."""
        if not self._tokens.lacks_key_of(token):
            return False
        async with self._looking:
            if self._tokens.lacks_key_of(token) and time.monotonic() - self._looked >= _PAUSE:
                await self.refresh()
        return not self._tokens.lacks_key_of(token)

    async def refresh(self) -> None:
        """Reads the keys again, and goes on with those of before where a new one cannot be opened."""
        try:
            await self.load()
        except Unsealable:
            log.exception("the stored signing keys cannot be opened; those of before are used on")

    async def rotate(self) -> None:
        """Makes a new key, which signs from now on. Tokens that are out go on being accepted until they expire."""
        await self._store.replace(self._made(), at=self._clock.now())

    def _made(self) -> StoredKey:
        key = SigningKey.generate()
        return StoredKey(key.kid, json.dumps(key.public_jwk()), self._sealer.seal(key.private_jwk()), None)
