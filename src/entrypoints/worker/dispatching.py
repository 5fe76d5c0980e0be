"""Sending webhooks, several at a time: how many, and until when."""

import asyncio
import logging

from core.kernel.actor import System
from core.kernel.errors import Unavailable
from core.webhooks.ports import Claimed
from core.webhooks.use_cases.sending import DispatchUseCases
from entrypoints.ending import end
from entrypoints.telemetry import positions

log = logging.getLogger("flowtrack.webhooks")

MOST = 16
"""So many are under way in a process."""
_LOOKS_AGAIN = 0.25  # seconds


async def dispatch(dispatches: DispatchUseCases, *, most: int = MOST) -> None:
    """Sends all that is to be sent now, and what becomes due meanwhile. Where it is stopped, what is under way is left
    to be sent again.
    """
    under_way: set[asyncio.Task[None]] = set()
    try:
        while True:
            for claimed in await dispatches.claim(System(), most=most - len(under_way)):
                under_way.add(asyncio.create_task(_send(dispatches, claimed), name="webhook"))
            if not under_way:
                return
            # A slow receiver does not keep what is queued meanwhile waiting.
            _, under_way = await asyncio.wait(under_way, timeout=_LOOKS_AGAIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(list(under_way))


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
