"""What callers keep with a thing for programs of their own: a JSON object that the product stores and does not read."""

import json
import math
import re
from collections.abc import Mapping

from core.kernel.errors import Fault, Invalid

MOST_BYTES = 16_000
DEEPEST = 10

# What no column of the database, or no encoding, can hold.
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


def checked_metadata(given: Mapping[str, object], *, pointer: str = "/metadata") -> dict[str, object]:
    """The object, if it is at most 16 kB of JSON and 10 levels deep. Raises Invalid, naming `pointer`, otherwise, and
    for NUL, lone surrogates and numbers that JSON has no word for.
    """
    found = dict(given)
    reason = _wrong(found, levels=DEEPEST)
    # Measured without spaces, as the database and the answers hold it.
    if reason is None and len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) > MOST_BYTES:
        reason = f"is more than {MOST_BYTES:,} bytes of JSON"
    if reason is not None:
        raise Invalid(faults=(Fault(reason, pointer=pointer),))
    return found


def merged(present: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """The object after a merge patch (RFC 7396): objects are merged, null takes a member away, all else replaces."""
    result = dict(present)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON. Python alone would take 1, 1.0 and true for one value."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _wrong(value: object, *, levels: int) -> str | None:
    """Why a value cannot be kept; None if it can."""
    if isinstance(value, str):
        return "holds NUL or a lone surrogate" if _FORBIDDEN.search(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds a number that is not finite"
    if not isinstance(value, Mapping | list):
        return None
    if levels == 0:
        return f"is nested more than {DEEPEST} levels deep"
    parts = [*value, *value.values()] if isinstance(value, Mapping) else value
    return next((found for part in parts if (found := _wrong(part, levels=levels - 1)) is not None), None)
