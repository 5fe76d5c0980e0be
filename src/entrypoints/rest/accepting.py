"""Which media types a caller accepts."""

import re
from functools import lru_cache

_WEIGHT_OF_NOTHING = re.compile(r"q\s*=\s*0(\.0*)?\Z")


@lru_cache(maxsize=128)
def accepted(accepts: bytes, answers: tuple[str, ...]) -> bool:
    """Whether one of the media types is among the ranges: of those that match, the most specific one says (RFC 9110,
    12.5.1).
    """
    said: dict[str, bool] = {}
    for each in accepts.decode("latin-1").lower().split(","):
        media_range, *parameters = (part.strip() for part in each.split(";"))
        said[media_range] = not any(_WEIGHT_OF_NOTHING.match(parameter) for parameter in parameters)
    ranges = [(kind, f"{kind.partition('/')[0]}/*", "*/*") for kind in answers]
    return said == {"": True} or any(next((said[each] for each in fits if each in said), False) for fits in ranges)
