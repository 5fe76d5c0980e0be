from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import FieldReadOnly, Stale
from core.kernel.etags import ensure_current, ensure_unchanged, tag

NAMES = st.lists(st.text(st.characters(exclude_characters="\x1f"), max_size=8), max_size=3).map(tuple)


@dataclass
class Shown:
    version: int
    name: str = "Ann"

    @property
    def embedded(self) -> tuple[str, ...]:
        return (self.name,)


class TestTag:
    @given(st.integers(1, 2**31), NAMES)
    def test_it_begins_with_the_version_and_fits_a_header(self, version: int, embedded: tuple[str, ...]) -> None:
        found = tag(version, embedded)
        assert found.partition(".")[0] == str(version)
        assert found.isascii() and found.isprintable() and '"' not in found

    @given(NAMES, NAMES)
    def test_it_changes_with_the_embedded_names_alone(self, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        if len(one) == len(other):
            assert (tag(1, one) == tag(1, other)) == (one == other)


class TestExpectedVersion:
    def test_none_and_the_present_one_pass(self) -> None:
        ensure_current(None, Shown(version=3))
        ensure_current(3, Shown(version=3))

    @pytest.mark.parametrize("expected", [1, 2, 4])
    def test_any_other_is_stale_and_told_the_present_tag(self, expected: int) -> None:
        with pytest.raises(Stale) as stale:
            ensure_current(expected, Shown(version=3))
        assert stale.value.current == tag(3, ("Ann",))


class TestReadOnlyFields:
    def test_the_present_value_passes(self) -> None:
        ensure_unchanged({"name": "Ann", "version": 3}, Shown(version=3))

    def test_another_value_is_refused_by_name(self) -> None:
        with pytest.raises(FieldReadOnly) as refused:
            ensure_unchanged({"name": "Bob"}, Shown(version=3))
        assert [fault.pointer for fault in refused.value.faults] == ["/name"]
