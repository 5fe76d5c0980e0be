"""Which task of a batch stands below which."""

from collections import defaultdict
from uuid import UUID

from core.tasks.batches import Kin
from core.tasks.fields import Lineage
from core.tasks.use_cases.journal import Journal


class Family:
    """The tasks that are named, those above and those below them, as far as the rules ask. The journal can undo."""

    def __init__(self, kin: dict[UUID, Kin], journal: Journal) -> None:
        self._kin = kin
        self._journal = journal
        self._children: defaultdict[UUID, set[UUID]] = defaultdict(set)
        for each in kin.values():
            if each.parent_id is not None:
                self._children[each.parent_id].add(each.id)

    def children(self, parent_id: UUID) -> set[UUID]:
        return self._children[parent_id]

    def lineage(self, parent_id: UUID | None, project_id: UUID, of: UUID | None) -> Lineage | None:
        """What the rules ask about a task as the parent of `of`; None if it is not there, or in another project."""
        parent = self._kin.get(parent_id) if parent_id is not None else None
        if parent is None or parent.project_id != project_id:
            return None
        line = [parent]
        while line[-1].parent_id is not None:
            line.append(self._kin[line[-1].parent_id])
        level, below = {of} - {None}, 0
        while level := {child for each in level if each is not None for child in self._children.get(each, ())}:
            below += 1
        return Lineage(above=len(line) - 1, below=below, is_within=any(each.id == of for each in line))

    def put(self, kin: Kin, *, lives: bool) -> None:
        """Puts a task below its parent; one that lives no more is below none."""
        before = self._kin.get(kin.id)
        if before is not None and before.parent_id is not None:
            self._move_child(kin.id, out_of=before.parent_id)
        if not lives:
            self._journal.unset(self._kin, kin.id)
            return
        self._journal.set(self._kin, kin.id, kin)
        if kin.parent_id is not None:
            self._move_child(kin.id, into=kin.parent_id)

    def _move_child(self, child: UUID, *, into: UUID | None = None, out_of: UUID | None = None) -> None:
        if into is not None:
            self._children[into].add(child)
            self._journal.undone_by(lambda: self._children[into].discard(child))
        if out_of is not None:
            self._children[out_of].discard(child)
            self._journal.undone_by(lambda: self._children[out_of].add(child))
