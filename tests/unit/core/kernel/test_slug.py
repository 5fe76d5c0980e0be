import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.slug import plain_words


class TestPlainWords:
    @given(st.text(max_size=60))
    def test_they_are_plain(self, text: str) -> None:
        assert all(word.isascii() and word.isalnum() for word in plain_words(text))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Ann Miller", ["Ann", "Miller"]),
            ("Crème aus Kraków", ["Creme", "aus", "Krakow"]),
            ("R&D / 2nd floor", ["R", "D", "2nd", "floor"]),
            ("Ｗｉｄｅ", ["Wide"]),
            ("Привет, мир", []),
            ("", []),
        ],
    )
    def test_accents_are_folded_and_other_scripts_left_out(self, text: str, words: list[str]) -> None:
        assert plain_words(text) == words
