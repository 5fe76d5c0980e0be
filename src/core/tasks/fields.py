"""Fields of a task with rules of their own: status, priority, the task it stands below, labels, its id elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.kernel import text
from core.kernel.errors import Fault, Invalid
from core.labels.model import checked_name, folded
from core.tasks.errors import ParentTooDeep, ParentWithin

DEEPEST = 5
"""So many tasks may stand above a sub-task, one above the other."""
MOST_LABELS = 50
EXTERNAL_ID_LENGTH = 200


class Status(StrEnum):
    """The category of a column, and so the status of the tasks in it."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a task would stand below a parent: `above` counts the tasks above the parent, `below` the levels of
    sub-tasks of the task itself; `is_within`: the parent is the task, or one of those below it.
    """

    above: int
    below: int = 0
    is_within: bool = False

    def ensure_fits(self) -> None:
        """Raises ParentWithin and ParentTooDeep."""
        if self.is_within:
            raise ParentWithin
        if not self.fits:
            raise ParentTooDeep

    @property
    def fits(self) -> bool:
        """Whether the lowest sub-task stands no deeper than it may."""
        return not self.is_within and self.above + 1 + self.below <= DEEPEST


def checked_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Names of labels, in the places that they were given. Raises Invalid, and says which of them is none."""
    if not names:
        return ()
    checked = tuple(checked_name(name, pointer=f"/labels/{place}") for place, name in enumerate(names))
    if len({folded(name) for name in checked}) > MOST_LABELS:
        raise Invalid(faults=(Fault(f"has more than {MOST_LABELS} labels", pointer="/labels"),))
    return checked


def checked_external_id(external_id: str) -> str:
    """The id that a task has elsewhere: up to 200 characters on one line. Raises Invalid."""
    external_id = text.cleaned(external_id, pointer="/external_id", most=EXTERNAL_ID_LENGTH, least=1)
    if "\n" in external_id or "\t" in external_id:
        raise Invalid(faults=(Fault("must be on one line", pointer="/external_id"),))
    return external_id
