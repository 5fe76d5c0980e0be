"""Mail by SMTP, with aiosmtplib."""

import asyncio
import logging
import ssl
from enum import StrEnum

import aiosmtplib
from aiosmtplib import errors

from adapters.mail.writing import written
from core.mail.model import Delivery, Message

log = logging.getLogger("flowtrack.mail")

# RFC 6409, RFC 8314, RFC 5321.
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Security(StrEnum):
    """How the connection is made private: from the second command on, from the first byte on, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class SmtpMail:
    """Hands each message to one server, over a connection of its own. Where privacy is asked for and not to be had,
    nothing is sent.
    """

    def __init__(
        self,
        *,
        host: str,
        sender: str,
        port: int | None = None,
        security: str = Security.STARTTLS,
        username: str | None = None,
        password: str | None = None,
        timeout: float = 20.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port or _PORTS[security]
        self._security = Security(security)
        self._username = username
        self._password = password
        self._sender = sender
        self._timeout = timeout
        self._tls = tls

    async def send(self, message: Message) -> Delivery:
        done = Delivery.AWAY
        try:
            # For the whole of it: a server that says a word now and then does not hold the others up.
            async with asyncio.timeout(self._timeout), self._connection() as connection:
                done = await self._handed_over(message, connection)
        except errors.SMTPRecipientsRefused as refused:
            return self._said(message, refused.recipients[0].code)
        except errors.SMTPDataError as refused:
            return self._said(message, refused.code)
        except (errors.SMTPException, OSError, TimeoutError, ValueError) as error:
            if done is not Delivery.AWAY:
                # It only did not say goodbye.
                return done
            if _is_about_the_address(error):
                return self._said(message, 553)
            # Its words may hold what we said, so only its kind is told.
            code = getattr(error, "code", None)
            log.warning("the mail server takes nothing", extra={"reason": type(error).__name__, "reply": code})
            return Delivery.AWAY
        return done

    async def _handed_over(self, message: Message, connection: aiosmtplib.SMTP) -> Delivery:
        try:
            await connection.send_message(written(message, sender=self._sender))
        except ValueError as error:
            # A header or a recipient of which no mail can be made (UnicodeError, too): nor can it the next time.
            log.warning("a message cannot be written", extra={"message_id": message.id, "reason": type(error).__name__})
            return Delivery.REFUSED
        return Delivery.SENT

    async def refusal(self) -> str | None:
        """What stands in the way of sending, by its kind, found out by connecting and signing in; None if nothing does.

        `SSLError` is a certificate that is not trusted, `SMTPException` a server without STARTTLS.
        """
        try:
            async with asyncio.timeout(self._timeout), self._connection() as connection:
                await connection.noop()
        except (errors.SMTPException, OSError, TimeoutError) as error:
            return "SSLError" if isinstance(error.__cause__, ssl.SSLError) else type(error).__name__
        return None

    def _connection(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            timeout=self._timeout,
            use_tls=self._security is Security.TLS,
            start_tls=self._security is Security.STARTTLS,
            tls_context=self._tls,
        )

    def _said(self, message: Message, code: int) -> Delivery:
        # Without the address: logs are kept longer, and read by more people, than it is needed.
        is_final = 500 <= code < 600
        log.warning(
            "a message was refused%s", " for good" if is_final else "", extra={"message_id": message.id, "reply": code}
        )
        return Delivery.REFUSED if is_final else Delivery.LATER


def _is_about_the_address(error: Exception) -> bool:
    """Whether the server cannot write the address: letters beyond ASCII, which need SMTPUTF8."""
    return isinstance(error, errors.SMTPNotSupported) and "SMTPUTF8" in error.message
