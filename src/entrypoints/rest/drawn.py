"""Answers that are drawn: whether somebody prefers a drawing to JSON, and the drawing itself."""

import re
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from core.kernel.paging import Answer
from entrypoints.rest.answers import read_headers

SVG = "image/svg+xml"
_JSON = "application/json"
# No more than three digits after the point (RFC 9110, 12.4.2).
_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")
VARY = "Accept, Authorization, Accept-Encoding"


def wants_drawing(request: Request) -> bool:
    """Whether the request's Accept gives SVG a greater weight than JSON. A browser's picture does, without Accept or
    with `*/*` alone nobody does.
    """
    return _prefers_svg(",".join(request.headers.getlist("accept")))


@lru_cache(maxsize=128)
def _prefers_svg(accept: str) -> bool:
    weights: dict[str, float] = {}
    for each in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in each.split(";"))
        given = [float(found[1]) for parameter in parameters if (found := _WEIGHT.match(parameter))]
        weights[media_range] = given[0] if given else 1.0

    def weight(kind: str) -> float:
        ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        return next((weights[each] for each in ranges if each in weights), 0.0)

    # Of equal weights, what is named itself, and not by a range, is preferred.
    return (weight(SVG), SVG in weights) > (weight(_JSON), _JSON in weights)


def drawn(answer: Answer[str]) -> Response:
    """A drawing, which is no program: it is shown as it stands, and loads nothing."""
    headers = {name.decode(): value.decode() for name, value in read_headers(answer.seq)}
    return Response(answer.value, media_type=SVG, headers={**headers, "vary": VARY})
