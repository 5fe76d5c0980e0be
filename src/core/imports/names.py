"""By what rows of a file are meant by other rows, each kind apart from the others: one's id may be another's title."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from uuid import UUID

from core.imports.values import Draft, in_our_form
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


def forms(word: str) -> Iterator[str]:
    """A word as it is written, as which an `external_id` is kept, and as an `id` would be."""
    yield word
    if (ours := in_our_form(word)) != word:
        yield ours


def of_parent(word: str) -> Iterator[str]:
    """The names by which a row may be meant by a word, the likelier ones first."""
    yield by_id(in_our_form(word))
    yield from map(by_external_id, forms(word))


def of_parents(draft: Draft) -> Iterator[str]:
    """The names by which its parent may be called in the file."""
    for word in draft.parents:
        yield from of_parent(word)
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
