from typing import NamedTuple
from uuid import UUID


class Hit(NamedTuple):
    """Something that was found. `snippet` is HTML: escaped, with the words that were looked for in `<mark>`."""

    type: str
    id: UUID
    key: str
    title: str
    project_id: UUID
    snippet: str


class Found(NamedTuple):
    """What was found, what fits best first. `is_partial`: so much fits that not all of it was put into that order."""

    hits: list[Hit]
    is_partial: bool
