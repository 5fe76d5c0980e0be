"""Webhooks under way: several at a time, and what becomes of them when something fails or the process stops."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from core.kernel.actor import Actor, System
from core.kernel.errors import DatabaseAway
from core.webhooks.deliveries import DeliveryState, Outcome
from core.webhooks.ports import Claimed, Message
from core.webhooks.use_cases.sending import Attempts, DispatchUseCases
from entrypoints.tracing import NoTracing
from entrypoints.worker.dispatching import dispatch
from tests.contracts.webhooks import add_webhook, catch_up, happened
from tests.fakes.webhooks import RememberedDeliveries
from tests.fakes.world import World

BOUND = 5.0


class Doors:
    """The dispatches of the world, but that some fail."""

    def __init__(self, world: World) -> None:
        self._inner = world.dispatches
        self.fails: Callable[[UUID], bool] = lambda _: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def claim(self, company_id: UUID, **more: Any) -> list[Claimed]:
        if self.fails(company_id):
            raise DatabaseAway
        return await self._inner.claim(company_id, **more)


class Receivers:
    """Answer once they are let."""

    def __init__(self) -> None:
        self.asked: list[Message] = []
        self.let = asyncio.Event()

    async def send(self, message: Message, *, at: Any) -> Outcome:
        self.asked.append(message)
        await self.let.wait()
        return Outcome(204, 5)


class Post:
    def __init__(self) -> None:
        self.world, self.receivers, self.observed = World(), Receivers(), RememberedDeliveries()
        self.doors: Any = Doors(self.world)
        both: dict[str, Any] = {"dispatches": self.doors, "observer": self.observed, "clock": self.world.clock}
        attempts = Attempts(sending=self.receivers, tracing=NoTracing(), jitter=lambda: 0.0, **both)
        self.dispatches = DispatchUseCases(attempts=attempts, ids=self.world.ids, **both)

    async def company(self, *, webhooks: int) -> Actor:
        """A company where each of so many webhooks has something to be told of."""
        owner = await self.world.company()
        for _ in range(webhooks):
            await add_webhook(self.world, owner)
        await happened(self.world, owner, "a")
        await catch_up(self.world, owner.company_id)
        return owner

    async def asked(self, count: int) -> None:
        async with asyncio.timeout(BOUND):
            while len(self.receivers.asked) < count:
                await asyncio.sleep(0.001)

    def states(self, owner: Actor) -> list[DeliveryState]:
        return [each.state for each in self.world.store.tables.companies[owner.company_id].deliveries.values()]

    def under_way(self, owner: Actor) -> int:
        deliveries = self.world.store.tables.companies[owner.company_id].deliveries.values()
        return sum(each.is_under_way(at=self.world.clock.now()) for each in deliveries)


@pytest.fixture
def post() -> Post:
    return Post()


async def test_what_was_taken_arrives_though_the_next_company_fails(post: Post) -> None:
    fine, broken = await post.company(webhooks=1), await post.company(webhooks=1)
    post.doors.fails = lambda company_id: company_id == broken.company_id
    post.receivers.let.set()
    with pytest.raises(DatabaseAway):
        await dispatch(post.dispatches)
    assert post.states(fine) == [DeliveryState.DELIVERED] and post.states(broken) == [DeliveryState.PENDING]


async def test_what_is_under_way_arrives_though_the_next_look_fails(post: Post) -> None:
    owner = await post.company(webhooks=1)
    sending = asyncio.create_task(dispatch(post.dispatches))
    await post.asked(1)
    later, looked = await post.company(webhooks=1), asyncio.Event()

    def fails(company_id: UUID) -> bool:
        looked.set()
        return True

    post.doors.fails = fails
    async with asyncio.timeout(BOUND):
        await looked.wait()
        post.receivers.let.set()
        with pytest.raises(DatabaseAway):
            await sending
    assert post.states(owner) == [DeliveryState.DELIVERED] and post.states(later) == [DeliveryState.PENDING]


async def test_what_arrives_in_the_grace_is_kept_when_the_process_stops(post: Post) -> None:
    owner = await post.company(webhooks=2)
    sending = asyncio.create_task(dispatch(post.dispatches, grace=BOUND))
    await post.asked(2)
    sending.cancel()
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.sleep(0)
    post.receivers.let.set()
    async with asyncio.timeout(BOUND):
        await asyncio.wait([sending])
    assert sending.cancelled() and post.states(owner) == [DeliveryState.DELIVERED] * 2


async def test_what_does_not_is_given_back_at_once(post: Post) -> None:
    owner = await post.company(webhooks=2)
    sending = asyncio.create_task(dispatch(post.dispatches, grace=0.0))
    await post.asked(2)
    assert post.under_way(owner) == 2
    sending.cancel()
    async with asyncio.timeout(BOUND):
        await asyncio.wait([sending])
    assert post.states(owner) == [DeliveryState.PENDING] * 2 and post.under_way(owner) == 0


async def test_a_company_has_a_quarter_while_others_wait_and_a_quarter_is_left_while_none_does(post: Post) -> None:
    large = await post.company(webhooks=20)
    begun: list[UUID] = []

    async def claim(**under_way: int) -> None:
        counts = Counter({large.company_id: under_way.get("large", 0)})
        most = 16 - counts.total()
        begun.clear()
        await post.dispatches.claim(
            System(), most=most, under_way=counts, begin=lambda each: begun.append(each.company_id)
        )

    await claim()
    assert begun == [large.company_id] * 12
    small = await post.company(webhooks=2)
    await claim(large=12)
    assert begun == [small.company_id] * 2
    others = [await post.company(webhooks=1) for _ in range(2)]
    await claim()
    assert Counter(begun) == {large.company_id: 4, **{each.company_id: 1 for each in others}}
