"""Mail by a real SMTP server, and into files."""

import asyncio
import datetime
import logging
import ssl
import stat
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.mail.files import FileMail
from adapters.mail.smtp import SmtpMail
from core.mail.model import Delivery
from tests.contracts.mail import Carrier, MailContract, a_message

SENDER = "FlowTrack <flowtrack@example.com>"


class Handler:
    """Keeps what arrives; `says` is what it answers to one command instead."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.says: dict[str, str] = {}
        self.waits = 0.0

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        await asyncio.sleep(self.waits)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 OK")

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        if "DATA" not in self.says:
            self.envelopes.append(envelope)
        return self.says.get("DATA", "250 OK")

    def received(self) -> list[EmailMessage]:
        return [message_from_bytes(each.content, policy=policy.default) for each in self.envelopes]


class Twin:
    """A server of its own for a test, and mail that goes there."""

    def __init__(self, *, mail: dict[str, Any] | None = None, tls: ssl.SSLContext | None = None, **server: Any) -> None:
        self.handler = Handler()
        self._given = mail or {}
        self._tls = tls
        self._options = server

    async def __aenter__(self) -> "Twin":
        loop = asyncio.get_running_loop()
        made = lambda: SMTP(self.handler, hostname="mail.example.com", loop=loop, **self._options)
        self._server = await loop.create_server(made, "127.0.0.1", 0, ssl=self._tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        given = {"host": "127.0.0.1", "port": self.port, "sender": SENDER, "security": "none", "timeout": 2.0}
        self.mail = SmtpMail(**{**given, **self._given})
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def received(self) -> list[EmailMessage]:
        return self.handler.received()


@pytest.fixture
async def server() -> AsyncIterator[Twin]:
    async with Twin() as twin:
        yield twin


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.mail = FileMail(folder=path)

    def received(self) -> list[EmailMessage]:
        return [message_from_bytes(each.read_bytes(), policy=policy.default) for each in sorted(self.path.iterdir())]


class TestSmtp(MailContract):
    @pytest.fixture
    def carrier(self, server: Twin) -> Carrier:
        return server

    async def test_the_envelope_holds_the_bare_addresses(self, server: Twin) -> None:
        await server.mail.send(a_message())
        (envelope,) = server.handler.envelopes
        assert (envelope.mail_from, envelope.rcpt_tos) == ("flowtrack@example.com", ["bea@example.com"])

    @pytest.mark.parametrize("command", ["RCPT", "DATA"])
    @pytest.mark.parametrize(
        ("answer", "delivery"),
        [
            ("450 mailbox busy", Delivery.LATER),
            ("451 greylisted", Delivery.LATER),
            ("452 full", Delivery.LATER),
            ("550 nobody there", Delivery.REFUSED),
            ("554 no spam", Delivery.REFUSED),
        ],
    )
    async def test_what_a_server_says_of_a_message_counts(
        self, server: Twin, command: str, answer: str, delivery: Delivery, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.handler.says[command] = answer
        with caplog.at_level(logging.WARNING, logger="flowtrack.mail"):
            assert await server.mail.send(a_message()) is delivery
        (record,) = caplog.records
        assert record.reply == int(answer[:3])
        assert "bea@" not in str(vars(record))

    @pytest.mark.parametrize("answer", ["421 closing", "451 not now", "530 who are you", "550 not from you"])
    async def test_who_takes_nothing_from_us_is_away(self, server: Twin, answer: str) -> None:
        server.handler.says["MAIL"] = answer
        assert await server.mail.send(a_message()) is Delivery.AWAY

    @pytest.mark.parametrize("to", ["bea@[192.0.2.7", "\ud800@example.com", ""])
    async def test_who_has_no_address_to_write_to_is_refused(self, server: Twin, to: str) -> None:
        assert await server.mail.send(a_message(to=to)) is Delivery.REFUSED
        assert server.received() == []

    async def test_a_server_by_no_name_at_all_is_away(self) -> None:
        async with Twin(mail={"host": "a" * 64 + ".example.com"}) as twin:
            assert await twin.mail.send(a_message()) is Delivery.AWAY

    async def test_who_does_not_answer_is_away(self, server: Twin) -> None:
        await server.__aexit__()
        assert await server.mail.send(a_message()) is Delivery.AWAY

    @pytest.mark.alone
    async def test_who_is_slow_is_away_in_time(self) -> None:
        async with Twin(mail={"timeout": 0.2}) as twin:
            twin.handler.waits = 1.0
            began = asyncio.get_running_loop().time()
            assert await twin.mail.send(a_message()) is Delivery.AWAY
            assert asyncio.get_running_loop().time() - began < 0.9

    async def test_who_never_says_a_word_is_away_in_time(self) -> None:
        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
            port = silent.sockets[0].getsockname()[1]
            mail = SmtpMail(host="127.0.0.1", port=port, sender=SENDER, timeout=0.2)
            assert await mail.send(a_message()) is Delivery.AWAY

    async def test_letters_beyond_ascii_in_an_address_arrive_where_they_can(self) -> None:
        async with Twin(enable_SMTPUTF8=True) as twin:
            assert await twin.mail.send(a_message(to="jürgen@example.com")) is Delivery.SENT
            assert twin.handler.envelopes[0].rcpt_tos == ["jürgen@example.com"]

    async def test_and_are_refused_where_they_cannot(self, server: Twin) -> None:
        assert await server.mail.send(a_message(to="jürgen@example.com")) is Delivery.REFUSED

    async def test_nothing_stands_in_the_way(self, server: Twin) -> None:
        assert await server.mail.refusal() is None
        assert server.handler.envelopes == []


class Certificates:
    """A server's certificate, and what trusts it."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.load_cert_chain(file)
        self.client = ssl.create_default_context(cafile=file)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def authenticates(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"flowtrack", b"right")
    return AuthResult(success=is_right, handled=False)


class TestPrivacy:
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_a_message_travels_privately_and_signed_in(self, certificates: Certificates, security: str) -> None:
        async with self._twin(certificates, security, password="right") as twin:
            assert await twin.mail.send(a_message()) is Delivery.SENT
            assert await twin.mail.refusal() is None
            assert len(twin.received()) == 1

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_a_wrong_password_is_not_the_end(self, certificates: Certificates, security: str) -> None:
        async with self._twin(certificates, security, password="wrong") as twin:
            assert await twin.mail.send(a_message()) is Delivery.AWAY
            assert await twin.mail.refusal() == "SMTPAuthenticationError"
            assert twin.received() == []

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_nothing_is_sent_to_who_has_no_good_certificate(
        self, certificates: Certificates, security: str
    ) -> None:
        async with self._twin(certificates, security, password="right", tls=ssl.create_default_context()) as twin:
            assert await twin.mail.send(a_message()) is Delivery.AWAY
            assert twin.received() == []

    async def test_nothing_is_sent_in_clear_where_it_should_be_private(self) -> None:
        async with Twin(mail={"security": "starttls"}) as twin:
            assert await twin.mail.send(a_message()) is Delivery.AWAY
            assert twin.received() == []

    def _twin(self, certificates: Certificates, security: str, *, password: str, tls: Any = None) -> Twin:
        mail = {
            "security": security,
            "username": "flowtrack",
            "password": password,
            "tls": tls or certificates.client,
        }
        if security == "starttls":
            server = {"tls_context": certificates.server, "require_starttls": True, "auth_required": True}
            return Twin(mail=mail, authenticator=authenticates, **server)
        # That the connection is private from its first byte on, the server does not know.
        return Twin(mail=mail, tls=certificates.server, authenticator=authenticates, auth_require_tls=False)


class TestFiles(MailContract):
    @pytest.fixture
    async def carrier(self, tmp_path: Path) -> AsyncIterator[Folder]:
        yield Folder(tmp_path / "data" / "mail")

    async def test_they_are_for_their_owner_alone_and_whole(self, carrier: Folder) -> None:
        await carrier.mail.send(a_message())
        (found,) = carrier.path.iterdir()
        assert found.name == "1.password_reset.eml"
        assert stat.S_IMODE(found.stat().st_mode) == 0o600
        assert stat.S_IMODE(carrier.path.stat().st_mode) == 0o700

    async def test_a_link_can_be_read_and_copied_as_it_stands(self, carrier: Folder) -> None:
        await carrier.mail.send(a_message())
        assert "\nhttps://flowtrack.example.com/reset-password#ftl_" + "x" * 90 + "\n" in next(
            carrier.path.iterdir()
        ).read_text(encoding="utf-8")

    async def test_letters_beyond_ascii_in_an_address_are_written_as_they_are(self, carrier: Folder) -> None:
        await carrier.mail.send(a_message(to="jürgen@example.com"))
        assert "To: jürgen@example.com\n" in next(carrier.path.iterdir()).read_text(encoding="utf-8")

    async def test_an_id_leads_to_no_other_folder(self, carrier: Folder) -> None:
        await carrier.mail.send(a_message(id="<../../.x@example.com>"))
        assert [each.name for each in carrier.path.iterdir()] == ["_.._.x.eml"]

    async def test_a_folder_that_cannot_be_written_is_away(self, tmp_path: Path) -> None:
        (tmp_path / "mail").write_text("a file")
        assert await FileMail(folder=tmp_path / "mail").send(a_message()) is Delivery.AWAY
