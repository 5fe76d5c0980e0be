"""Sending webhooks over HTTP: signed as Standard Webhooks 1.0 has it, to an address that was looked at.

No redirect is followed, and of the answer no more is read than the log of deliveries shows. What went wrong is told in
words of our own: whoever named the address is not told what stands behind it.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import msgspec

from adapters.crypto.sealing import Sealer, Unsealable
from adapters.crypto.webhook_secrets import signature
from adapters.http.egress import AnswerTooLarge, Egress, EgressRefused
from core.webhooks.deliveries import Outcome
from core.webhooks.ports import Message

_TIMEOUT: Final = httpx2.Timeout(15.0, connect=5.0)
WHOLE: Final = 15.0
"""So many seconds may an exchange take, however slowly it drips."""
LARGEST: Final = 64 * 1024
_EXCERPT: Final = 1_000
_BODY_WITHIN: Final = 3.0  # seconds
_encode = msgspec.json.Encoder().encode


class HttpSending:
    """Sends each message by a connection of its own."""

    def __init__(
        self,
        *,
        egress: Egress,
        sealer: Sealer,
        version: str,
        trace: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`trace` answers the `traceparent` to send along, where traces are made."""
        self._egress = egress
        self._sealer = sealer
        self._agent = f"FlowTrack/{version}"
        self._trace = trace

    async def send(self, message: Message, *, at: datetime) -> Outcome:
        began = time.monotonic()
        status, response, error, retry_after = None, "", None, None
        try:
            status, response, retry_after = await self._exchanged(message, at)
        except TimeoutError:
            error = "no answer in time"
        except httpx2.TimeoutException:
            error = "no answer in time"
        except EgressRefused:
            error = "the address leads where requests must not go"
        except Unsealable:
            error = "the secret to sign with cannot be opened"
        except httpx2.ConnectError as failed:
            error = "the certificate was not accepted" if _is_of_tls(failed) else "no connection"
        except (httpx2.HTTPError, httpx2.InvalidURL, AnswerTooLarge, OSError, ValueError):
            error = "the exchange broke off"
        return Outcome(status, round((time.monotonic() - began) * 1000), response, error, retry_after)

    async def _exchanged(self, message: Message, at: datetime) -> tuple[int, str, timedelta | None]:
        body = _encode(message.payload)
        headers = self._headers(message, body, at)
        async with (
            self._egress.client() as client,
            client.stream(
                "POST", message.url, content=body, headers=headers, follow_redirects=False, timeout=_TIMEOUT
            ) as answer,
        ):
            excerpt = await _excerpt(answer)
            return answer.status_code, excerpt, _retry_after(answer.headers.get("retry-after"), at)

    def _headers(self, message: Message, body: bytes, at: datetime) -> dict[str, str]:
        timestamp, id = int(at.timestamp()), str(message.id)
        present, *before = message.secrets
        opened = [self._sealer.open(present)]
        for each in before:
            # After the key was lost a new secret is enough.
            with suppress(Unsealable):
                opened.append(self._sealer.open(each))
        signed = [signature(each.decode(), id=id, timestamp=timestamp, body=body) for each in opened]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            "Webhook-Id": id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": " ".join(signed),
        }
        trace = self._trace()
        return {**headers, "Traceparent": trace} if trace is not None else headers


async def _excerpt(answer: httpx2.Response, *, seconds: float = _BODY_WITHIN) -> str:
    """The beginning of an answer, as text that can be kept."""
    read = b""
    if answer.headers.get("content-encoding", "identity") != "identity":
        return ""
    try:
        async with asyncio.timeout(seconds):
            async for part in answer.aiter_raw():
                read += part
                if len(read) >= _EXCERPT * 4:
                    break
    except (httpx2.HTTPError, AnswerTooLarge, TimeoutError):
        # The status counts, whatever became of the rest.
        pass
    text = read.decode("utf-8", "replace")
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)[:_EXCERPT]


def _retry_after(given: str | None, at: datetime) -> timedelta | None:
    if given is None:
        return None
    if given.isascii() and given.isdigit() and len(given) < 10:
        return timedelta(seconds=int(given))
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(until - at, timedelta())


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
