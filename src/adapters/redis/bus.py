"""The bus of several processes, by Redis pub/sub: a loudspeaker, which keeps nothing.

Each company has a channel, which the processes subscribe to that have somebody listening to it; two more say whose
login sessions ended, and that some log goes on. What is told is published by a task of its own, several calls at once
where they come fast.
"""

import asyncio
import logging
import time
from typing import Any
from uuid import UUID, uuid4

import msgspec

from adapters.memory.bus import LocalBus
from adapters.redis.store import AWAY, Presence, RedisStore
from core.realtime.read_models import Moment

log = logging.getLogger("flowtrack.redis")

_PREFIX = "flowtrack:live:"
_ENDED = f"{_PREFIX}ended"
_STIRRED = f"{_PREFIX}stirred"
_AGAIN_AFTER = 0.5
# After so long without a word the line is tried, and after the longer one it is given up.
_SILENCE, _TOO_LONG = 1.0, 3.0
# What could not be told by then is not: everybody looks by themselves about every second.
_MOST_WAITING = 10_000
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class SharedBus(LocalBus):
    """Tells those who listen in this process at once, and the others by Redis, as long as it is there."""

    def __init__(self, store: RedisStore) -> None:
        super().__init__()
        self._redis = store.client
        self._name = uuid4().hex
        self._followed: set[UUID] = set()
        self._heads: dict[UUID, int] = {}
        self._others: list[tuple[str, dict[str, Any]]] = []
        self._something = asyncio.Event()
        self._presence = Presence("doors of other processes hear of changes about a second later")
        self._pubsub: Any = None
        self._subscribed: set[UUID] = set()

    def appended(self, company_id: UUID, seq: int) -> None:
        super().appended(company_id, seq)
        if len(self._heads) < _MOST_WAITING:
            self._heads[company_id] = max(seq, self._heads.get(company_id, 0))
            self._something.set()

    def ended(self, account_id: UUID) -> None:
        super().ended(account_id)
        self._call(_ENDED, {"account": account_id})

    def tell(self, moment: Moment) -> None:
        super().tell(moment)
        self._call(_channel(moment.company_id), {"moment": moment})

    def follow(self, company_id: UUID) -> None:
        self._followed.add(company_id)
        self._something.set()

    def leave(self, company_id: UUID) -> None:
        self._followed.discard(company_id)
        self._something.set()

    async def carry(self) -> None:
        # Both are told again, each time this is told, to let go: the client writes within `asyncio.wait_for`, which in
        # Python 3.11 loses a cancellation that comes with the answer. A TaskGroup tells them once.
        both = (self._again_and_again(each) for each in (self._speak, self._hear))
        await asyncio.gather(*both, return_exceptions=True)

    async def _again_and_again(self, work: Any) -> None:
        while True:
            try:
                await work()
            except AWAY as error:
                self._presence.gone(error)
            except Exception:
                log.exception("the bus failed; it is tried again")
            await asyncio.sleep(_AGAIN_AFTER)

    def _call(self, channel: str, said: dict[str, Any]) -> None:
        if len(self._others) < _MOST_WAITING:
            self._others.append((channel, said))
            self._something.set()

    async def _speak(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            heads, self._heads = self._heads, {}
            others, self._others = self._others, []
            if self._pubsub is not None:
                await self._subscribe(self._pubsub)
            calls = [(_channel(company_id), {"seq": seq}) for company_id, seq in heads.items()] + others
            if heads:
                calls.append((_STIRRED, {}))
            if not calls:
                continue
            async with self._redis.pipeline(transaction=False) as pipeline:
                for channel, said in calls:
                    pipeline.publish(channel, _encode({**said, "from": self._name}))
                await pipeline.execute()
            self._presence.here()

    async def _subscribe(self, pubsub: Any) -> None:
        new, old = self._followed - self._subscribed, self._subscribed - self._followed
        self._subscribed = set(self._followed)
        if new:
            await pubsub.subscribe(*map(_channel, new))
        if old:
            await pubsub.unsubscribe(*map(_channel, old))

    async def _hear(self) -> None:
        pubsub: Any = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            self._subscribed = set()
            await pubsub.subscribe(_ENDED, _STIRRED)
            await self._subscribe(pubsub)
            self._pubsub = pubsub
            # Who was followed meanwhile is subscribed to.
            self._something.set()
            # Whatever was said before, nobody here has heard.
            self._missed()
            heard_at = time.monotonic()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=_SILENCE)
                now = time.monotonic()
                if message is not None:
                    heard_at = now
                    self._presence.here()
                    self._take(message)
                elif now - heard_at > _TOO_LONG:
                    raise TimeoutError
                elif now - heard_at > _SILENCE:
                    await pubsub.ping()
        finally:
            self._pubsub = None
            await pubsub.aclose()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":
            return
        channel = message["channel"].decode()
        said = _decode(message["data"])
        if said["from"] == self._name:
            return
        if channel == _ENDED:
            super().ended(UUID(said["account"]))
        elif channel == _STIRRED:
            for ear in self._ears:
                ear.stirred()
        elif "seq" in said:
            super().appended(UUID(channel.removeprefix(_PREFIX)), said["seq"])
        else:
            super().tell(msgspec.convert(said["moment"], Moment))

    def _missed(self) -> None:
        for ear in self._ears:
            ear.missed()


def _channel(company_id: UUID) -> str:
    return f"{_PREFIX}{company_id}"
