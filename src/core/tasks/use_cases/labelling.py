"""Which labels a task is to bear: names that people gave, and the labels that there are."""

from dataclasses import replace

from core.kernel.errors import ReferenceNotFound
from core.labels.model import LabelName, folded, in_order
from core.tasks.changes import TaskChanges
from core.tasks.ports import LoadedTask


def named(names: tuple[str, ...], found: tuple[LabelName, ...]) -> tuple[LabelName, ...]:
    """The labels of those names, each once. Raises ReferenceNotFound for a name that none has."""
    if not names:
        return ()
    by_name = {folded(label.name): label for label in found}
    for place, name in enumerate(names):
        if folded(name) not in by_name:
            raise ReferenceNotFound(pointer=f"/labels/{place}")
    return tuple(dict.fromkeys(by_name[folded(name)] for name in names))


def with_labels(changes: TaskChanges, loaded: LoadedTask) -> TaskChanges:
    """The changes, with the names of the labels as these have them."""
    if "labels" not in changes.given:
        return changes
    return replace(changes, labels=in_order(label.name for label in named(changes.labels, loaded.labels)))
