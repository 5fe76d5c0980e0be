"""Sending webhooks: signatures, and what is told of what goes wrong. Nothing leaves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from standardwebhooks import Webhook as Verifier

from adapters.crypto.sealing import Sealer
from adapters.crypto.webhook_secrets import RandomWebhookSecrets
from adapters.http.egress import Egress, EgressRules
from adapters.http.webhooks import HttpSending, _excerpt, _retry_after
from core.webhooks.ports import Message
from tests.builders.receiver import Receiver, Reply, receiving

SEALER = Sealer(secrets=("a secret for tests that is long enough",))
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def sending(*addresses: str, loopback: bool = False, seconds: float = 5.0) -> HttpSending:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    egress = Egress(EgressRules(loopback_over_http=loopback), resolve=resolve, seconds=seconds, takes_packed=True)
    return HttpSending(egress=egress, sealer=SEALER, version="1")


def a_message(url: str, *secrets: str, payload: Any = None) -> Message:
    sealed = tuple(SEALER.seal(each.encode()) for each in secrets or (RandomWebhookSecrets().new(),))
    return Message(UUID(int=9), url, sealed, payload or {"type": "x", "timestamp": "y", "data": {"text": "ö"}})


def on_this_machine(receiver: Receiver) -> str:
    return receiver.url.replace("127.0.0.1", "hooks.example.com")


@pytest.mark.parametrize("inside", ["10.0.0.8", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"])
async def test_a_name_that_leads_inside_by_now_is_not_asked_and_nothing_is_told_of_where(inside: str) -> None:
    outcome = await sending(inside).send(a_message("https://rebound.example.com/"), at=NOW)
    assert (outcome.status, outcome.error) == (None, "the address leads where requests must not go")
    assert inside not in str(outcome)


async def test_a_message_is_signed_with_each_secret_at_the_time() -> None:
    first, second = RandomWebhookSecrets().new(), RandomWebhookSecrets().new()
    async with receiving() as receiver:
        at = datetime.now(UTC)
        message = a_message(on_this_machine(receiver), first, second)
        outcome = await sending("127.0.0.1", loopback=True).send(message, at=at)
        assert (outcome.status, outcome.error, outcome.arrived) == (204, None, True)
        (got,) = receiver.received
    assert got.headers["host"].startswith("hooks.example.com")
    assert got.headers["webhook-timestamp"] == str(int(at.timestamp()))
    for secret in (first, second):
        assert Verifier(secret).verify(got.body, got.headers)["data"] == {"text": "ö"}


async def test_a_secret_of_before_that_cannot_be_opened_stands_in_nobodys_way() -> None:
    secret = RandomWebhookSecrets().new()
    async with receiving() as receiver:
        message = a_message(on_this_machine(receiver), secret)
        message = message._replace(secrets=(*message.secrets, b"nonsense"))
        assert (await sending("127.0.0.1", loopback=True).send(message, at=datetime.now(UTC))).status == 204
        (got,) = receiver.received
    assert Verifier(secret).verify(got.body, got.headers)


async def test_a_receiver_that_drips_or_says_nothing_is_left_in_time() -> None:
    held = asyncio.Event()
    async with receiving() as receiver:
        receiver.reply = lambda _: Reply(wait=held)
        outcome = await sending("127.0.0.1", loopback=True, seconds=0.2).send(a_message(receiver.url), at=NOW)
        held.set()
    assert (outcome.status, outcome.error) == (None, "no answer in time")


async def test_an_answer_that_drips_counts_by_its_status() -> None:
    class Dripping(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"tak"
            await asyncio.sleep(3600)

    answer = httpx2.Response(200, stream=Dripping())
    async with asyncio.timeout(5):
        assert await _excerpt(answer, seconds=0.05) == "tak"


async def test_nobody_there_is_an_outcome() -> None:
    async with receiving() as receiver:
        url = receiver.url
    outcome = await sending("127.0.0.1", loopback=True).send(a_message(url), at=NOW)
    assert (outcome.status, outcome.error) == (None, "no connection")


async def test_a_secret_that_cannot_be_opened_is_an_outcome() -> None:
    message = a_message("https://hooks.example.com/")._replace(secrets=(b"nonsense",))
    assert (await sending("93.184.215.14").send(message, at=NOW)).error == "the secret to sign with cannot be opened"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None), ("30", 30), ("-1", None), ("soon", None), ("9" * 30, None), ("1.5", None),
        ("Fri, 20 Nov 2026 09:31:00 GMT", 60), ("Fri, 20 Nov 2020 09:31:00 GMT", 0), ("²", None),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_read_in_both_forms(given: str | None, seconds: int | None) -> None:
    assert _retry_after(given, NOW) == (timedelta(seconds=seconds) if seconds is not None else None)
