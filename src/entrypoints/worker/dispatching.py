"""Sending webhooks, several at a time: how many, and until when."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress

from core.kernel.actor import System
from core.kernel.errors import Unavailable
from core.webhooks.ports import Claimed
from core.webhooks.use_cases.sending import DispatchUseCases
from entrypoints.ending import end
from entrypoints.telemetry import positions

log = logging.getLogger("flowtrack.webhooks")

MOST = 16
"""So many are under way in a process."""
GRACE = 1.5
"""Seconds that those under way have to arrive when the process stops."""
_LOOKS_AGAIN = 0.25  # seconds

_UnderWay = dict[asyncio.Task[None], Claimed]


async def dispatch(dispatches: DispatchUseCases, *, most: int = MOST, grace: float = GRACE) -> None:
    """Sends all that is to be sent now, and what becomes due meanwhile. Where it is stopped, what is under way has a
    moment to arrive, and the rest is given back, to be sent again by somebody else.
    """
    under_way: _UnderWay = {}

    def begin(claimed: Claimed) -> None:
        under_way[asyncio.create_task(_send(dispatches, claimed), name="webhook")] = claimed

    try:
        while True:
            counts = Counter(each.company_id for each in under_way.values())
            try:
                await dispatches.claim(System(), most=most - len(under_way), under_way=counts, begin=begin)
            except Exception:
                # Those that were taken before are none the worse for it.
                if under_way:
                    await asyncio.wait(under_way)
                raise
            if not under_way:
                return
            # A slow receiver does not keep what is queued meanwhile waiting.
            over, _ = await asyncio.wait(under_way, timeout=_LOOKS_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            for each in over:
                del under_way[each]
    finally:
        ending = asyncio.create_task(_end(dispatches, under_way, grace))
        while not ending.done():
            # Whoever stops us says so again and again.
            with suppress(asyncio.CancelledError):
                await asyncio.shield(ending)


async def _end(dispatches: DispatchUseCases, under_way: _UnderWay, grace: float) -> None:
    if under_way:
        await asyncio.wait(under_way, timeout=grace)
    left = {task: claimed for task, claimed in under_way.items() if not task.done()}
    if not left:
        return
    await end(left)
    try:
        await dispatches.give_back(System(), left.values())
    except Unavailable as away:
        log.warning("webhooks that were under way are sent again in a minute: %s", away.detail)
    except Exception:
        log.exception("webhooks that were under way could not be given back")


async def _send(dispatches: DispatchUseCases, claimed: Claimed) -> None:
    delivery = claimed.delivery
    told: dict[str, object] = {
        "company_id": str(claimed.company_id),
        "webhook_id": str(delivery.webhook_id),
        "delivery_id": str(delivery.id),
        "event_seq": positions((seq, seq) for seq in delivery.seqs),
        "attempt": delivery.attempts,
    }
    try:
        sent = await dispatches.send(System(), claimed)
        told |= {"outcome": sent.outcome, "status": sent.status, "milliseconds": sent.duration_ms}
        if sent.trace_id is not None:
            told["trace_id"] = sent.trace_id
        log.info("an attempt to send a webhook is over", extra=told)
    except Unavailable as away:
        log.warning("what came of a webhook is not kept, it is sent again: %s", away.detail, extra=told)
    except Exception:
        log.exception("a webhook could not be sent", extra=told)
