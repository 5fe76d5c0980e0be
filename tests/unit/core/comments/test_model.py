import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.comments.errors import TooManyMentions
from core.comments.model import MOST_NAMES, names_in


class TestNames:
    @pytest.mark.parametrize(
        ("body", "names"),
        [
            ("@ann", ("ann",)),
            ("Ask @Ann, @ben and @ANN.", ("ann", "ben")),
            ("(@ann.smith) or @ben_o-k...", ("ann.smith", "ben_o-k")),
            ("ann@example.com is an address, @ann@ben half of one", ("ann",)),
            ("`@ann` in code is one too", ("ann",)),
            ("@ ann, @@ann, @-ann, \u00e4@ann and @\u00e4nn are none", ()),
            ("no@ne", ()),
            ("@" + "a" * 50, ("a" * 50,)),
            ("@" + "a" * 51, ()),
        ],
    )
    def test_what_mentions_whom(self, body: str, names: tuple[str, ...]) -> None:
        assert names_in(body) == names

    def test_fifty_names_may_be_mentioned_and_one_more_is_a_flood(self) -> None:
        fifty = " ".join(f"@user{number}" for number in range(MOST_NAMES))
        assert len(names_in(f"{fifty} {fifty}")) == MOST_NAMES
        with pytest.raises(TooManyMentions) as flood:
            names_in(f"{fifty} @more")
        assert [fault.pointer for fault in flood.value.faults] == ["/body"]

    @pytest.mark.parametrize("unit", ["@", "@a", "a@", "@.", "@a.", "@a-_", "@a@a ", ".-_", "@" + "a" * 60 + " "])
    def test_the_longest_text_of_anything_takes_no_time(self, unit: str) -> None:
        body = (unit * 100_000)[:100_000]
        began = time.perf_counter()
        try:
            names_in(body)
        except TooManyMentions:
            pass
        assert time.perf_counter() - began < 1

    @given(st.lists(st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?", fullmatch=True), max_size=20))
    def test_every_username_is_found(self, names: list[str]) -> None:
        assert names_in(" ".join(f"@{name}" for name in names)) == tuple(dict.fromkeys(names))
