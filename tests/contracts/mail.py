"""The contract of Mail: what becomes of a message.

The subclass provides the fixture `carrier`: `mail`, the port; `received()`, what arrived, as mail programs read it.
"""

from email.message import EmailMessage
from typing import Protocol

import pytest

from core.mail.model import Delivery, Message
from core.mail.ports import Mail

TEXT = "Ännchen, a line.\n\nhttps://flowtrack.example.com/reset-password#ftl_" + "x" * 90 + "\n\n.\n-- \nFlowTrack\n"


class Carrier(Protocol):
    @property
    def mail(self) -> Mail: ...

    def received(self) -> list[EmailMessage]: ...


def a_message(**fields: str) -> Message:
    given = {"id": "<1.password_reset@flowtrack.example.com>", "to": "bea@example.com", "subject": "Hello", **fields}
    return Message(text=given.pop("text", TEXT), **given)


class MailContract:
    async def test_a_message_arrives_as_it_was_written(self, carrier: Carrier) -> None:
        message = a_message(subject="Invitation to “Müller & Söhne” (FlowTrack)")
        assert await carrier.mail.send(message) is Delivery.SENT
        (found,) = carrier.received()
        assert found["To"] == message.to
        assert found["Subject"] == message.subject
        assert found["Message-ID"] == message.id
        assert found["Auto-Submitted"] == "auto-generated"
        assert found["From"].addresses[0].addr_spec
        assert found["Date"].datetime.tzinfo is not None
        assert found.get_content_type() == "text/plain"
        assert found.get_content().replace("\r\n", "\n") == message.text
        assert not found.is_multipart()

    async def test_a_repeat_can_be_told_from_another_message(self, carrier: Carrier) -> None:
        for id in ("<1.x@example.com>", "<1.x@example.com>", "<2.x@example.com>"):
            assert await carrier.mail.send(a_message(id=id)) is Delivery.SENT
        assert {found["Message-ID"] for found in carrier.received()} == {"<1.x@example.com>", "<2.x@example.com>"}

    @pytest.mark.parametrize("line", ["Hello\r\nBcc: eve@example.com", "Hello\nX: y", "a\x00b", "a\u2028b"])
    @pytest.mark.parametrize("header", ["id", "to", "subject"])
    def test_nothing_gets_into_the_headers(self, header: str, line: str) -> None:
        with pytest.raises(ValueError, match="control character"):
            a_message(**{header: line})

    async def test_one_that_cannot_be_written_is_refused_and_does_no_harm(self, carrier: Carrier) -> None:
        assert await carrier.mail.send(a_message(text="half a sign: \ud83d")) is Delivery.REFUSED
        assert await carrier.mail.send(a_message(id="<2.x@example.com>")) is Delivery.SENT
        assert [each["Message-ID"] for each in carrier.received()] == ["<2.x@example.com>"]

    async def test_what_looks_like_the_end_of_a_message_is_text(self, carrier: Carrier) -> None:
        text = "One\n.\nMAIL FROM:<eve@example.com>\nFrom here on\n..\n"
        assert await carrier.mail.send(a_message(text=text)) is Delivery.SENT
        (found,) = carrier.received()
        assert found.get_content().replace("\r\n", "\n") == text
