"""Webhooks as workers of an operator send them: processes of their own, kill -9 and all."""

import asyncio
import time

from tests.builders.receiver import Receiver, Reply, receiving
from tests.integration.api import Api
from tests.integration.entrypoints.worker.test_worker import PATIENCE, Workers, workers  # noqa: F401


async def until(receiver: Receiver, *, received: int = 0, taken: int = 0) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(receiver.received) < received or len(receiver.taken) < taken:
        assert time.monotonic() < deadline, (len(receiver.received), len(receiver.taken))
        await asyncio.sleep(0.02)


async def test_what_a_killed_worker_was_sending_is_sent_by_another_in_order(api: Api, workers: Workers) -> None:  # noqa: F811
    ann = await api.register()
    project = await ann.project()
    held = asyncio.Event()
    async with receiving() as receiver:
        receiver.reply = lambda _: Reply(wait=held)
        made = await ann.post("/webhooks", {"url": receiver.url, "types": ["task_created"]})
        assert made.status_code == 201, made.text
        first = workers.start()
        for n in range(5):
            await ann.task(project, title=f"T{n}")
        await until(receiver, received=1)
        first.kill()
        first.wait(timeout=60)
        receiver.reply = lambda _: Reply()
        held.set()
        # As a minute later.
        api.sql(
            "update webhook_deliveries set lease_until = now() where company_id = %s and lease_until is not null"
            " returning 1",
            (ann.company_id,),
        )
        workers.start()
        await until(receiver, received=6)
        heard = [each.payload["data"]["task_title"] for each in receiver.received]
        assert [heard[0], *dict.fromkeys(heard)] == ["T0", "T0", "T1", "T2", "T3", "T4"]
        assert receiver.received[0].id == receiver.received[1].id
    api.sql("update webhooks set is_active = false where company_id = %s returning 1", (ann.company_id,))
