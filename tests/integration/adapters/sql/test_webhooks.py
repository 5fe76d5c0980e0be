"""What is asked of webhooks across companies, and claims that meet what settles late."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.sql.relaying import SqlLogs
from core.kernel.actor import Actor
from core.webhooks.deliveries import LEASE, Choice, DeliveryState, Queue, chosen
from core.webhooks.model import Webhook
from tests.contracts.webhooks import add_webhook, catch_up, claim, happened, listed
from tests.integration.conftest import TestDatabase
from tests.integration.contracts.test_sql import SqlWorld, opened_world


@pytest.fixture
async def world(test_database: TestDatabase) -> AsyncIterator[SqlWorld]:
    async with opened_world(test_database) as opened:
        yield opened


@pytest.fixture
async def logs(database: Any) -> SqlLogs:
    return SqlLogs(database)


async def waits(logs: SqlLogs, owner: Actor) -> bool:
    return any(each[:2] == ("webhooks", owner.company_id) for each in await logs.backlogs())


async def save(world: SqlWorld, owner: Actor, webhook: Webhook, *, is_active: bool) -> None:
    async with world.webhook_unit_of_work(owner) as uow:
        loaded = await uow.webhooks.load(webhook.id)
        assert loaded is not None
        loaded.change({"is_active": is_active}, at=world.clock.now())
        uow.webhooks.save(loaded, from_now=is_active)
        await uow.commit()


async def test_nobody_waits_for_what_no_webhook_is_told_of(world: SqlWorld, logs: SqlLogs) -> None:
    owner = await world.company()
    webhook = await add_webhook(world, owner)
    await happened(world, owner, "a")
    await catch_up(world, owner.company_id)
    assert not await waits(logs, owner)
    await happened(world, owner, "b")
    assert await waits(logs, owner)
    await save(world, owner, webhook, is_active=False)
    assert not await waits(logs, owner)
    await happened(world, owner, "c")
    # It is told of what happens from then on, and nothing did yet.
    await save(world, owner, webhook, is_active=True)
    assert not await waits(logs, owner)
    await happened(world, owner, "d")
    assert await waits(logs, owner)


async def test_a_claim_takes_nothing_that_was_settled_since_it_looked(world: SqlWorld) -> None:
    owner = await world.company()
    webhook = await add_webhook(world, owner)
    await happened(world, owner, "a")
    await catch_up(world, owner.company_id)
    at = world.clock.now()
    (slow,) = await claim(world, owner, at=at)
    later = at + LEASE + timedelta(seconds=1)

    def choose(queue: Queue) -> list[Choice]:
        found = chosen(queue, most=10, at=later)
        assert [each.delivery.id for each in found] == [slow.delivery.id]
        # As another process does meanwhile.
        world._superuser.execute(
            "update webhook_deliveries set state = 'delivered', run_id = null, lease_until = null, finished_at = now()"
            " where company_id = %s and id = %s",
            (owner.company_id, slow.delivery.id),
        )
        return found

    assert await world.dispatches.claim(owner.company_id, run=world.ids.new(), at=later, choose=choose) == []
    assert [each.state for each in await listed(world, owner, webhook)] == [DeliveryState.DELIVERED]
