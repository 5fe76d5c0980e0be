"""What second factors are made of: codes by the time, codes to write down, and the tickets between the two steps."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from core.auth.ports import LoginTickets, RecoveryCodes, TimeCodes
from core.auth.read_models import Ticket

AT = datetime(2026, 3, 2, 9, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)


class CodedWorld(Protocol):
    """Codes by the time, and what an authenticator shows that was given the secret, as text, at some time."""

    codes: TimeCodes
    shown: Callable[[str, datetime], str]


class TimeCodeContract:
    async def test_the_code_of_an_authenticator_is_known_by_its_step(self, world: CodedWorld) -> None:
        secret = world.codes.new_secret()
        opened, _ = world.codes.enrolment(secret, account="ann@example.com")
        step = int(AT.timestamp()) // 30
        assert world.codes.step_of(secret, world.shown(opened, AT), at=AT) == step

    @pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
    async def test_one_step_either_side_is_good_and_no_more(self, world: CodedWorld, steps: int, is_good: bool) -> None:
        secret = world.codes.new_secret()
        opened, _ = world.codes.enrolment(secret, account="ann@example.com")
        found = world.codes.step_of(secret, world.shown(opened, AT + steps * STEP), at=AT)
        assert found == (int(AT.timestamp()) // 30 + steps if is_good else None)

    async def test_each_secret_has_codes_of_its_own(self, world: CodedWorld) -> None:
        one, another = world.codes.new_secret(), world.codes.new_secret()
        (shown, _), (other, _) = (world.codes.enrolment(each, account="a@b.example") for each in (one, another))
        assert shown != other
        assert world.codes.step_of(another, world.shown(shown, AT), at=AT) is None

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800", "-12345", "recovery-1"])
    async def test_what_is_no_code_is_of_no_step(self, world: CodedWorld, code: str) -> None:
        assert world.codes.step_of(world.codes.new_secret(), code, at=AT) is None

    async def test_the_address_names_the_account_and_holds_the_secret(self, world: CodedWorld) -> None:
        opened, uri = world.codes.enrolment(world.codes.new_secret(), account="ann@example.com")
        assert uri.startswith("otpauth://totp/")
        assert "example.com" in uri and f"secret={opened}" in uri and "issuer=" in uri


class RecoveryCodeContract:
    @pytest.fixture
    def codes(self) -> RecoveryCodes:
        raise NotImplementedError

    async def test_there_are_ten_and_no_two_alike(self, codes: RecoveryCodes) -> None:
        first, second = codes.new(), codes.new()
        assert len(first) == len(second) == 10
        assert len({*first, *second}) == 20

    async def test_each_is_found_in_its_place_however_it_is_written(self, codes: RecoveryCodes) -> None:
        made = codes.new()
        digests = tuple(map(codes.digest, made))
        assert [codes.place_of(each, digests) for each in made] == list(range(10))
        assert codes.place_of(f"  {made[3].upper()} ", digests) == 3

    async def test_what_was_used_or_never_was_is_in_no_place(self, codes: RecoveryCodes) -> None:
        made = codes.new()
        digests = (*map(codes.digest, made[:5]), b"", *map(codes.digest, made[6:]))
        for code in (made[5], *codes.new(), "", "123456", "\ud800"):
            assert codes.place_of(code, digests) is None
        assert codes.place_of(made[0], ()) is None


class TicketContract:
    @pytest.fixture
    def tickets(self) -> LoginTickets:
        raise NotImplementedError

    async def test_a_ticket_is_read_as_it_was_issued(self, tickets: LoginTickets) -> None:
        least = Ticket(account_id=uuid4(), version=3, expires_at=AT)
        most = replace(
            least,
            company_id=uuid4(),
            company="ärger" * 20,
            password_hash="$argon2id$v=19$m=65536,t=3,p=4$" + "h" * 66,
            is_new=True,
        )
        assert [tickets.read(tickets.issue(each)) for each in (least, most)] == [least, most]

    @pytest.mark.parametrize("text", ["", "nonsense", "ftl_", "ftl_nonsense", "ftl_" + "A" * 5000, "ftl_é"])
    async def test_what_is_no_ticket_is_nothing(self, tickets: LoginTickets, text: str) -> None:
        assert tickets.read(text) is None
