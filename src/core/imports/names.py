"""By what rows of a file are meant by other rows, each kind apart from the others: one's id may be another's title."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from uuid import UUID

from core.imports.values import Draft
from core.tasks.model import Task

TITLE: Final = "t"
"""What names begin with that are titles."""
SEVERAL: Final = 0
"""In place of the number of a row, where several have a name."""


class Stand(NamedTuple):
    """The row of a file that has a name, and the task that came of it; None if none did. A task that is not written is
    one all the same.
    """

    row: int
    task_id: UUID | None


def by_id(word: str) -> str:
    return f"i{word}"


def by_own_id(task_id: UUID) -> str:
    return by_id(str(task_id))


def by_external_id(word: str) -> str:
    return f"e{word}"


def by_title(title: str) -> str:
    return f"{TITLE}{title}"


def by_row(number: int) -> str:
    return f"r{number}"


def of_itself(draft: Draft) -> Iterator[str]:
    """The names by which one row of a file alone may be called."""
    if draft.id is not None:
        yield by_id(draft.id)
    if draft.called is not None:
        yield by_external_id(draft.called)


def of_task(task: Task) -> Iterator[str]:
    """The names by which rows may call a task that is there."""
    yield by_own_id(task.id)
    if task.external_id is not None:
        yield by_external_id(task.external_id)


def of_parents(draft: Draft) -> Iterator[str]:
    """The names by which its parent may be called in the file."""
    for word in draft.parents:
        yield by_id(word)
        yield by_external_id(word)
    if draft.parent_title is not None:
        yield by_title(draft.parent_title)


def noted(draft: Draft, task_id: UUID | None, *, titles: bool) -> Iterable[tuple[str, Stand]]:
    """What is to be known of a row by others, and by itself once it is put below another."""
    stand = Stand(draft.row, task_id)
    yield from ((name, stand) for name in of_itself(draft))
    if titles and draft.title is not None:
        yield by_title(draft.title), stand
    if draft.has_parent and task_id is not None:
        yield by_row(draft.row), stand
