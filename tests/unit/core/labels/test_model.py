import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import Invalid
from core.labels.model import checked_color, checked_name, folded, in_order


class TestNames:
    @pytest.mark.parametrize("name", ["", "  ", "one, two", "one\ntwo", "one\ttwo", "x" * 51, "a\x00b"])
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid) as refused:
            checked_name(name)
        assert [fault.pointer for fault in refused.value.faults] == ["/name"]

    def test_a_name_is_trimmed(self) -> None:
        assert checked_name("  good first issue ") == "good first issue"

    @given(st.text(max_size=60))
    def test_folding_again_changes_nothing_and_case_makes_no_difference(self, name: str) -> None:
        assert folded(folded(name)) == folded(name)
        assert folded(unicodedata.normalize("NFD", name)) == folded(name)

    @pytest.mark.parametrize(("one", "other"), [("Straße", "STRASSE"), ("Été", "E\u0301TE\u0301"), ("API", "api")])
    def test_names_that_read_alike_fold_alike(self, one: str, other: str) -> None:
        assert folded(one) == folded(other)

    def test_they_stand_in_order_whatever_their_case(self) -> None:
        assert in_order(["web", "API", "Über", "mobile"]) == ("API", "mobile", "web", "Über")


class TestColors:
    def test_one_is_kept_in_small_letters(self) -> None:
        assert checked_color("#1F77B4") == "#1f77b4"
        assert checked_color(None) is None

    @pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "1f77b4", "#1f77bg", "#1f77b4\n"])
    def test_what_is_no_color_is_refused(self, color: str) -> None:
        with pytest.raises(Invalid) as refused:
            checked_color(color)
        assert [fault.pointer for fault in refused.value.faults] == ["/color"]
