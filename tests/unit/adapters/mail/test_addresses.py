"""What an e-mail address is, and which are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.addresses import ValidatedEmailAddresses
from core.users.errors import EmailInvalid

canonical = ValidatedEmailAddresses().canonical


class TestCanonicalForm:
    @pytest.mark.parametrize(
        ("given", "found"),
        [
            (" Ann@Example.COM ", "ann@example.com"),
            ("ann@BÜCHER.example.com", "ann@xn--bcher-kva.example.com"),
            ("ann@xn--bcher-kva.example.com", "ann@xn--bcher-kva.example.com"),
            ("ａｎｎ@example.com", "ann@example.com"),
            ("ann@ｅｘａｍｐｌｅ．com", "ann@example.com"),
            ("ann@example。com", "ann@example.com"),
            ("JÜRGEN@example.com", "jürgen@example.com"),
            ("ju\u0308rgen@example.com", "jürgen@example.com"),
            ("анна@пример.com", "анна@xn--e1afmkfd.com"),
            ("张伟@example.com", "张伟@example.com"),
            ("ann+flowtrack@example.com", "ann+flowtrack@example.com"),
        ],
    )
    def test_one_address_has_one_form(self, given: str, found: str) -> None:
        assert canonical(given) == found
        assert canonical(found) == found


class TestLookAlikes:
    @pytest.mark.parametrize(
        "address",
        [
            "\N{CYRILLIC SMALL LETTER A}nn@example.com",
            "ann@ex\N{CYRILLIC SMALL LETTER A}mple.com",
            "ann@sub.ex\N{GREEK SMALL LETTER ALPHA}mple.com",
            "p\N{GREEK SMALL LETTER RHO}ul@example.com",
            "ann\u200b@example.com",
            "ann\u202enna@example.com",
            "ann\u00ad@example.com",
            "a nn@example.com",
        ],
    )
    def test_letters_that_pass_for_others_are_refused(self, address: str) -> None:
        with pytest.raises(EmailInvalid):
            canonical(address)

    def test_scripts_that_are_written_together_are_not(self) -> None:
        assert canonical("張a@example.com") == "張a@example.com"


class TestWhatIsNone:
    @pytest.mark.parametrize(
        "address",
        ["", "ann", "ann@", "@example.com", "ann@localhost", "a@b@example.com", "ann@example.com\r\nBcc: eve@example.com",
         "Ann <ann@example.com>", '"ann"@example.com', "ann@[127.0.0.1]", "ann@example..com", "x" * 250 + "@example.com"],
    )  # fmt: skip
    def test_it_is_refused(self, address: str) -> None:
        with pytest.raises(EmailInvalid):
            canonical(address)

    @pytest.mark.parametrize("sign", ["＠", "，", "＜", "＞", "＂", "；", "：", "（", "\u3000", "\u00a0", "﹫"])
    def test_what_stands_for_a_sign_is_that_sign(self, sign: str) -> None:
        with pytest.raises(EmailInvalid):
            canonical(f"eve{sign}x.example,ann@example.com")
        with pytest.raises(EmailInvalid):
            canonical(f"eve{sign}ann@example.com")

    @given(st.text(max_size=12))
    def test_what_comes_out_is_one_address_and_stays_the_same(self, local: str) -> None:
        try:
            found = canonical(f"{local}@example.com")
        except EmailInvalid:
            return
        assert canonical(found) == found
        assert found.count("@") == 1
        assert not set(found) & set(' ,;:<>()"')
