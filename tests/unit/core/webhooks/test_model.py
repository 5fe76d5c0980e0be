"""Webhooks: what is chosen, their secrets, and when they rest or are switched off."""

from datetime import UTC, datetime, timedelta

import pytest

from core.kernel.events import Change
from core.webhooks.errors import SecretBeingReplaced
from core.webhooks.model import DisabledReason, Webhook, WebhookFields, WebhookState, checked
from tests.builders import an_id

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
URL = "https://hooks.example.com/"


def a_webhook(**fields: object) -> Webhook:
    chosen = WebhookFields(url=URL, **fields)
    return Webhook.create(id=an_id(), chosen=chosen, secret=b"first", count=0, by=an_id(), at=NOW)[0]


def failed(webhook: Webhook, times: int, *, at: datetime = NOW) -> None:
    for _ in range(times):
        assert webhook.fail(at=at) is None


def test_ten_failures_in_a_row_and_it_rests_ever_longer() -> None:
    webhook = a_webhook()
    failed(webhook, 9)
    assert (webhook.state, webhook.open_until) == (WebhookState.ACTIVE, None)
    failed(webhook, 1)
    assert (webhook.state, webhook.open_until) == (WebhookState.FAILING, NOW + timedelta(minutes=1))
    failed(webhook, 1)
    assert webhook.open_until == NOW + timedelta(minutes=2)
    failed(webhook, 50)
    assert webhook.open_until == NOW + timedelta(hours=1)
    webhook.succeed()
    assert (webhook.state, webhook.open_until, webhook.failing_since) == (WebhookState.ACTIVE, None, None)


def test_three_days_of_nothing_but_failures_switch_it_off_and_one_success_does_not() -> None:
    webhook = a_webhook()
    failed(webhook, 20)
    failed(webhook, 1, at=NOW + timedelta(days=2))
    webhook.succeed()
    failed(webhook, 12, at=NOW + timedelta(days=3))
    disabled = webhook.fail(at=NOW + timedelta(days=6))
    assert disabled is not None and disabled.reason == "failing" and disabled.version == webhook.version == 2
    assert (webhook.state, webhook.disabled_reason) == (WebhookState.DISABLED, DisabledReason.FAILING)
    assert webhook.fail(at=NOW + timedelta(days=7)) is None
    assert webhook.change({"is_active": True}, at=NOW) is not None
    assert (webhook.state, webhook.failures, webhook.disabled_at) == (WebhookState.ACTIVE, 0, None)


def test_two_failures_days_apart_tell_nothing() -> None:
    webhook = a_webhook()
    failed(webhook, 1)
    failed(webhook, 8, at=NOW + timedelta(days=30))
    assert webhook.state is WebhookState.ACTIVE
    disabled = webhook.fail(at=NOW + timedelta(days=30))
    assert disabled is not None and disabled.reason == "failing"


def test_gone_switches_it_off_at_once() -> None:
    disabled = a_webhook().fail(at=NOW, is_gone=True)
    assert disabled is not None and disabled.reason == "gone"
    assert disabled.notes()[0].details["reason"] == "gone"


def test_a_replaced_secret_signs_for_a_day() -> None:
    webhook = a_webhook()
    told = webhook.rotate(b"second", at=NOW)
    assert webhook.secrets(at=NOW) == (b"second", b"first")
    assert webhook.secrets(at=NOW + timedelta(hours=24)) == (b"second",)
    assert "first" not in str(told.body()) + repr(webhook) and "second" not in str(told.body()) + repr(webhook)


def test_a_secret_that_is_being_replaced_signs_for_its_whole_day() -> None:
    webhook = a_webhook()
    webhook.rotate(b"second", at=NOW)
    with pytest.raises(SecretBeingReplaced, match="2026-11-21T09:30:00Z"):
        webhook.rotate(b"third", at=NOW + timedelta(hours=23, minutes=59))
    assert webhook.secrets(at=NOW) == (b"second", b"first") and webhook.version == 2
    webhook.rotate(b"third", at=NOW + timedelta(hours=24))
    assert webhook.secrets(at=NOW + timedelta(hours=25)) == (b"third", b"second")


def test_a_secret_that_was_told_to_somebody_is_replaced_at_the_cost_of_the_older_one() -> None:
    webhook = a_webhook()
    webhook.rotate(b"second", at=NOW)
    later = NOW + timedelta(hours=1)
    webhook.rotate(b"third", at=later, ends_previous=True)
    assert webhook.secrets(at=later) == webhook.secrets(at=NOW + timedelta(hours=24)) == (b"third", b"second")
    assert webhook.secrets(at=later + timedelta(hours=24)) == (b"third",)
    # Where one alone signs there is none to end.
    webhook.rotate(b"fourth", at=later + timedelta(hours=24), ends_previous=True)
    assert webhook.secrets(at=later + timedelta(hours=25)) == (b"fourth", b"third")


def test_what_is_told_of_an_address_ends_with_its_host() -> None:
    webhook = a_webhook()
    told = webhook.change({"url": "https://other.example.com:8443/T0/hush?key=hush"}, at=NOW)
    assert told is not None
    assert told.changes["url"] == Change(old="https://hooks.example.com", new="https://other.example.com:8443")
    assert told.notes()[0].details["url"] == "https://other.example.com:8443"
    gone = webhook.fail(at=NOW, is_gone=True)
    assert gone is not None and "hush" not in str((told, gone, webhook.delete()))


def test_what_is_the_same_is_no_change() -> None:
    webhook = a_webhook(types=("a_b",))
    given = checked({"url": URL, "types": ["a_b", "a_b"], "description": " "}, to_this_machine=False)
    assert webhook.change(given, at=NOW) is None and webhook.version == 1
