"""Searching over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.search.model import EXCERPTED, LONGEST, MOST_FOUND, Kind
from core.search.use_cases import SearchUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import AlsoNamed, SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.fields import Several, Shown, Text

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Search"])


class HitShown(Shown):
    type: Kind
    id: UUID
    key: str = Field(description="Of a comment, that of its task.")
    title: str = Field(description="Of a comment, that of its task; of a project, its name.")
    project_id: UUID = Field(description="The project that it belongs to; of a project, itself.")
    snippet: str = Field(
        description=f"HTML, escaped: the part of the description or comment that a word stands in, if it is among the"
        f" first {EXCERPTED:,} characters, or else the title; the words are in `<mark>`."
    )


HIT_EXAMPLE = {
    "type": "task",
    "id": "01920000-0000-7000-8000-000000000012",
    "key": "WEB-1",
    "title": "Draw the front page",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "snippet": "Draw the <mark>front</mark> page",
}

_search = operation(SearchUseCases.search, id="search", summary="Search", shows=list[HitShown], example=[HIT_EXAMPLE])
_search["responses"][200]["headers"]["X-Partial"] = {
    "description": "`true` if so much fits that not all of it was put in order: the newest 1,000 are, at most.",
    "schema": {"type": "string", "enum": ["true", "false"]},
}


@router.get("/search", **_search)
async def search(
    request: Request,
    q: Annotated[
        Text,
        Query(min_length=1, max_length=LONGEST, description="Up to 10 words; the last may be only begun."),
        AlsoNamed(("query", "search")),
    ],
    types: Annotated[list[Kind], Several, Query(max_length=50)] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND, description="How much is found at most.")] = MOST_FOUND,
) -> Response:
    searching = container_of(request).search_use_cases()
    found, seq = await searching.search(caller(request), text=q, kinds=frozenset(types), limit=limit)
    headers = [*answers.read_headers(seq), (b"x-partial", b"true" if found.is_partial else b"false")]
    return answers.JsonResponse(answers.encoded_list(found.hits), headers=headers)
