import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel import text
from core.kernel.errors import Invalid

ANY = st.text(st.characters(codec=None), max_size=40)
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]


def pointers(refused: pytest.ExceptionInfo[Invalid]) -> list[str | None]:
    return [fault.pointer for fault in refused.value.faults]


class TestCleaned:
    @given(ANY)
    def test_what_comes_out_is_clean_or_nothing_does(self, given_text: str) -> None:
        try:
            found = text.cleaned(given_text, pointer="/x", most=30, least=1)
        except Invalid:
            return
        assert 1 <= len(found) <= 30
        assert found == found.strip()
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in found if letter not in "\t\n")
        found.encode("utf-8")

    @given(ANY)
    def test_cleaning_twice_is_cleaning_once(self, given_text: str) -> None:
        try:
            found = text.cleaned(given_text, pointer="/x", most=100)
        except Invalid:
            return
        assert text.cleaned(found, pointer="/x", most=100) == found

    @pytest.mark.parametrize("letter", CONTROLS + SURROGATES, ids=ascii)
    def test_control_characters_and_lone_surrogates_are_refused(self, letter: str) -> None:
        with pytest.raises(Invalid) as refused:
            text.cleaned(f"be{letter}fore", pointer="/here", most=100)
        assert pointers(refused) == ["/here"]

    def test_they_are_refused_at_the_ends_too(self) -> None:
        """But for a carriage return, which belongs to a line's end."""
        passed = []
        for letter in [*CONTROLS, *SURROGATES]:
            for given_text in (f"{letter}x", f"x{letter}"):
                try:
                    text.cleaned(given_text, pointer="/here", most=100)
                except Invalid:
                    continue
                passed.append(letter)
        assert sorted(set(passed) - {"\r"}) == []

    def test_tabs_newlines_and_every_script_stay(self) -> None:
        written = "a\tb\nc Grüße, Привет, 你好, 👩‍👩‍👧, e\u0301"
        assert text.cleaned(f"  {written}\n", pointer="/x", most=100) == written

    def test_carriage_returns_before_newlines_are_dropped(self) -> None:
        assert text.cleaned("a\r\nb", pointer="/x", most=3) == "a\nb"

    def test_the_bounds_are_of_what_is_left_after_trimming(self) -> None:
        assert text.cleaned("  abc  ", pointer="/x", most=3, least=3) == "abc"
        for given_text in ("abcd", "ab", "  "):
            with pytest.raises(Invalid):
                text.cleaned(given_text, pointer="/x", most=3, least=3)


class TestFields:
    @pytest.mark.parametrize(("check", "most", "pointer"), [(text.name, 200, "/name"), (text.title, 500, "/title")])
    def test_names_and_titles_are_one_line_of_bounded_length(self, check: object, most: int, pointer: str) -> None:
        assert check("x" * most) == "x" * most
        assert check(" x ") == "x"
        for wrong in ("", "   ", "x" * (most + 1), "a\nb", "a\tb", "a\r\nb", "a\u2028b", "a\u2029b"):
            with pytest.raises(Invalid) as refused:
                check(wrong)
            assert pointers(refused) == [pointer]

    def test_descriptions_are_long_and_may_be_empty(self) -> None:
        assert text.description(" ") == ""
        assert text.description("# Head\n\n\tcode") == "# Head\n\n\tcode"
        assert len(text.description("x" * 100_000)) == 100_000
        with pytest.raises(Invalid) as refused:
            text.description("x" * 100_001)
        assert pointers(refused) == ["/description"]

    def test_another_pointer_may_be_named(self) -> None:
        with pytest.raises(Invalid) as refused:
            text.name("", pointer="/company_name")
        assert pointers(refused) == ["/company_name"]
