"""A message as RFC 5322 has it, by the standard library, which refuses what would be a header of its own."""

from email.message import EmailMessage
from email.utils import format_datetime, localtime

from core.mail.model import Message


def written(message: Message, *, sender: str) -> EmailMessage:
    """The message with its headers, from that sender. Readable as it stands: neither Base64 nor broken lines.

    Raises ValueError for what no mail can be made of; the library raises many things there.
    """
    try:
        return _written(message, sender)
    except Exception as error:
        raise ValueError("no mail can be made of the message") from error


def _written(message: Message, sender: str) -> EmailMessage:
    found = EmailMessage()
    found["From"] = sender
    found["To"] = message.to
    found["Subject"] = message.subject
    found["Date"] = format_datetime(localtime())
    found["Message-ID"] = message.id
    # So that nobody's absence is answered to us (RFC 3834).
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(message.text, cte="7bit" if message.text.isascii() else "8bit")
    return found
