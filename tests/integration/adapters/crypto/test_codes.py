"""Second factors as they are: pyotp under our sealing, codes to write down, and sealed tickets."""

import base64
import hmac
import logging
import re
from datetime import datetime
from hashlib import sha1, sha256
from math import log2
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pytest

from adapters.crypto.api_tokens import ChecksummedApiTokenTexts
from adapters.crypto.device_tokens import DerivedDeviceTokens
from adapters.crypto.link_tokens import DerivedLinkTokens, RandomInvitationTokens
from adapters.crypto.login_tickets import SealedLoginTickets
from adapters.crypto.recovery_codes import RandomRecoveryCodes
from adapters.crypto.refresh_tokens import DerivedRefreshTokens
from adapters.crypto.sealing import Sealer
from adapters.crypto.time_codes import TotpCodes
from core.auth.letters import Link, LinkPurpose
from core.auth.ports import LoginTickets, RecoveryCodes
from core.auth.read_models import Ticket
from tests.contracts.codes import AT, RecoveryCodeContract, TicketContract, TimeCodeContract

SEALER = Sealer(secrets=("s" * 40,))


def authenticator(secret: str, at: datetime) -> str:
    """RFC 6238 by hand: what somebody else's program shows."""
    counter = (int(at.timestamp()) // 30).to_bytes(8)
    mac = hmac.new(base64.b32decode(secret), counter, sha1).digest()
    offset = mac[-1] & 0xF
    return f"{(int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


class TestTotpCodes(TimeCodeContract):
    @pytest.fixture
    def world(self) -> SimpleNamespace:
        return SimpleNamespace(codes=TotpCodes(SEALER, issuer="FlowTrack here"), shown=authenticator)

    async def test_the_address_is_what_authenticators_read(self, world: SimpleNamespace) -> None:
        secret, uri = world.codes.enrolment(world.codes.new_secret(), account="ann+1@example.com")
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        assert unquote(parts.path) == "/FlowTrack here:ann+1@example.com"
        assert parse_qs(parts.query) == {"secret": [secret], "issuer": ["FlowTrack here"]}
        assert len(base64.b32decode(secret)) == 20

    async def test_the_secret_is_sealed_and_outlives_a_change_of_the_key(self, world: SimpleNamespace) -> None:
        sealed = world.codes.new_secret()
        opened, _ = world.codes.enrolment(sealed, account="a@b.example")
        assert opened.encode() not in sealed
        later = TotpCodes(Sealer(secrets=("n" * 40, "s" * 40)), issuer="x")
        assert later.step_of(sealed, authenticator(opened, AT), at=AT) is not None

    async def test_a_secret_that_cannot_be_opened_takes_no_code_and_says_so(
        self, world: SimpleNamespace, caplog: pytest.LogCaptureFixture
    ) -> None:
        sealed = world.codes.new_secret()
        opened, _ = world.codes.enrolment(sealed, account="a@b.example")
        with caplog.at_level(logging.ERROR, "flowtrack.codes"):
            assert TotpCodes(Sealer(secrets=("x" * 40,)), issuer="x").step_of(sealed, "123456", at=AT) is None
        assert "cannot be opened" in caplog.text and opened not in caplog.text

    async def test_a_code_may_be_typed_as_it_is_shown(self, world: SimpleNamespace) -> None:
        sealed = world.codes.new_secret()
        opened, _ = world.codes.enrolment(sealed, account="a@b.example")
        code = authenticator(opened, AT)
        assert world.codes.step_of(sealed, f" {code[:3]} {code[3:]} ", at=AT) is not None


class TestRandomRecoveryCodes(RecoveryCodeContract):
    @pytest.fixture
    def codes(self) -> RecoveryCodes:
        return RandomRecoveryCodes()

    async def test_they_are_to_be_read_and_hold_112_bits_at_least(self, codes: RecoveryCodes) -> None:
        for code in codes.new():
            assert re.fullmatch(r"(?:[0-9a-hjkmnp-tv-z]{4}-)+[0-9a-hjkmnp-tv-z]{4}", code), code
            assert len(code.replace("-", "")) * log2(32) >= 112

    async def test_those_that_were_shorter_go_on_being_good(self, codes: RecoveryCodes) -> None:
        digests = (sha256(b"k7mv2q9dxw4thr6p").digest(),)
        assert codes.place_of("K7MV-2q9d-xw4t-hr6p", digests) == 0

    async def test_what_looks_alike_is_taken_for_what_it_is(self, codes: RecoveryCodes) -> None:
        digests = (codes.digest("0011-0011-0011-0011"),)
        assert codes.place_of("OOIL oolI-0011 0o1i", digests) == 0

    async def test_nothing_of_them_is_in_their_digests(self, codes: RecoveryCodes) -> None:
        code = codes.new()[0]
        assert len(codes.digest(code)) == 32 and code.replace("-", "").encode() not in codes.digest(code)


class TestSealedLoginTickets(TicketContract):
    @pytest.fixture
    def tickets(self) -> LoginTickets:
        return SealedLoginTickets(SEALER)

    async def test_nobody_reads_or_writes_one_who_has_not_the_key(self, tickets: LoginTickets) -> None:
        ticket = Ticket(account_id=uuid4(), version=1, expires_at=AT, password_hash="hash")
        text = tickets.issue(ticket)
        assert "hash" not in text and str(ticket.account_id) not in text
        assert SealedLoginTickets(Sealer(secrets=("x" * 40,))).read(text) is None
        assert SealedLoginTickets(Sealer(secrets=("n" * 40, "s" * 40))).read(text) == ticket
        for place in range(4, len(text), 7):
            other = "A" if text[place] != "A" else "B"
            assert tickets.read(text[:place] + other + text[place + 1 :]) is None

    async def test_nothing_else_that_is_sealed_is_taken_for_one(self, tickets: LoginTickets) -> None:
        prefix = tickets.issue(Ticket(account_id=uuid4(), version=1, expires_at=AT))[:4]
        assert tickets.read(prefix + SEALER.seal(b"[]").decode()) is None

    async def test_it_begins_as_nothing_else_of_ours_does(self, tickets: LoginTickets) -> None:
        link = Link(purpose=LinkPurpose.PASSWORD_RESET, owner_id=uuid4(), request_id=uuid4())
        others = (
            DerivedLinkTokens(SEALER).derive(link),
            RandomInvitationTokens().new(),
            ChecksummedApiTokenTexts().new().text,
            DerivedDeviceTokens(SEALER).issue(uuid4(), bound=b""),
            DerivedRefreshTokens(SEALER).derive(session_id=uuid4(), nonce=b"n", generation=1),
            tickets.issue(Ticket(account_id=uuid4(), version=1, expires_at=AT)),
        )
        assert len({each[:4] for each in others}) == len(others)


class TestDeviceTokens:
    def test_each_names_its_account_and_a_device_of_its_own(self) -> None:
        tokens, account = DerivedDeviceTokens(SEALER), uuid4()
        made = [tokens.issue(account, bound=b"a hash") for _ in range(2)]
        found = [tokens.read(each, bound=b"a hash") for each in made]
        assert [each[0] for each in found if each] == [account] * 2 and found[0] != found[1]

    def test_it_is_none_where_it_was_bound_to_something_else_or_is_another_installations(self) -> None:
        token = DerivedDeviceTokens(SEALER).issue(uuid4(), bound=b"a hash")
        for bound in (b"", b"another", b"a hash "):
            assert DerivedDeviceTokens(SEALER).read(token, bound=bound) is None
        assert DerivedDeviceTokens(Sealer(secrets=("t" * 40,))).read(token, bound=b"a hash") is None
        assert b"a hash" not in base64.urlsafe_b64decode(token.removeprefix("ftd_") + "==")
