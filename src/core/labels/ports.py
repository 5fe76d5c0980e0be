from typing import Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.labels.model import Label
from core.labels.read_models import LabelView


class Labels(Protocol):
    """The labels of the company that the unit of work was opened for."""

    async def count(self) -> int: ...

    async def load(self, label_id: UUID) -> Label | None:
        """A label to change, locked until the transaction ends."""
        ...

    def add(self, label: Label) -> None:
        """Adds a label. The commit raises LabelNameTaken if another one's name folds alike."""
        ...

    def save(self, label: Label, *, renamed: bool) -> None:
        """Writes a changed label, whose version has risen by one; if renamed, its name into the tasks that bear it too.

        The commit raises LabelNameTaken.
        """
        ...

    def delete(self, label: Label) -> None:
        """Deletes a label, and takes it off all tasks."""
        ...


class LabelUnitOfWork(UnitOfWork, Protocol):
    @property
    def labels(self) -> Labels: ...


class OpenLabelUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> LabelUnitOfWork: ...


class LabelReader(Protocol):
    """What screens show of labels. Each call is one round trip, and one snapshot."""

    async def page(self, actor: Actor, *, search: str | None, sort: Sort, page: PageRequest) -> Answer[Page[LabelView]]:
        """The company's labels; with `search` those whose name holds it, in any case."""
        ...

    async def one(self, actor: Actor, label_id: UUID) -> Answer[LabelView | None]: ...
