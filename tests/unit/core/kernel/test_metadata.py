import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import Invalid
from core.kernel.metadata import DEEPEST, MOST_BYTES, checked_metadata, merged

PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
VALUES = st.recursive(PLAIN, lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=2), each))
OBJECTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=4)


def nested(levels: int) -> dict[str, object]:
    """An object of so many levels, lists and objects in turn."""
    value: object = "deep"
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return {"a": value}


def refusal(given: dict[str, object]) -> str:
    with pytest.raises(Invalid) as refused:
        checked_metadata(given, pointer="/there")
    (fault,) = refused.value.faults
    assert fault.pointer == "/there"
    return fault.detail


class TestMetadata:
    @pytest.mark.parametrize(
        "given_object",
        [
            {},
            {"": ""},
            {"a": None, "b": [1, 2.5, True, {"c": []}]},
            {"ключ": "значение 👍"},
            {"tab": "\t\r\n\x07"},
            {"large": 10**300, "small": 5e-324},
            nested(DEEPEST),
            {"a": "x" * (MOST_BYTES - len('{"a":""}'))},
            {"a": "é" * ((MOST_BYTES - len('{"a":""}')) // 2)},
        ],
    )
    def test_it_is_any_object(self, given_object: dict[str, object]) -> None:
        assert checked_metadata(given_object) == given_object

    @pytest.mark.parametrize(
        "value",
        ["\x00", "a\x00b", "\ud800", ["\udfff"], {"b": "\x00"}, {"\x00": 1}, {"a\ud83d": 1}, [[{"a": ["\x00"]}]]],
    )
    def test_what_cannot_be_stored_is_refused(self, value: object) -> None:
        assert refusal({"a": value}) == "holds NUL or a lone surrogate"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
    def test_what_is_no_number_of_json_is_refused(self, value: object) -> None:
        assert refusal({"a": value}) == "holds a number that is not finite"

    def test_it_has_a_largest_size_in_bytes(self) -> None:
        assert "bytes" in refusal({"a": "x" * (MOST_BYTES - len('{"a":""}') + 1)})
        assert "bytes" in refusal({"a": "é" * ((MOST_BYTES - len('{"a":""}')) // 2 + 1)})
        assert "bytes" in refusal({"x" * MOST_BYTES: 1})

    def test_it_has_a_depth(self) -> None:
        assert "levels" in refusal(nested(DEEPEST + 1))
        assert "levels" in refusal(nested(500))


class TestMergePatch:
    # The examples of RFC 7396, appendix A, whose target and patch are objects.
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [
            ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
            ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
            ('{"a":"b"}', '{"a":null}', "{}"),
            ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
            ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
            ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
            ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
            ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
            ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
            ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
        ],
    )
    def test_it_is_that_of_the_rfc(self, target: str, patch: str, result: str) -> None:
        assert merged(json.loads(target), json.loads(patch)) == json.loads(result)

    @given(OBJECTS, OBJECTS)
    def test_twice_is_as_good_as_once(self, target: dict[str, object], patch: dict[str, object]) -> None:
        before = json.dumps(target)
        once = merged(target, patch)
        assert merged(once, patch) == once
        assert json.dumps(target) == before
