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
        self._heights: dict[UUID, int] = {}
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
        below = self._height(of) if of is not None else 0
        return Lineage(above=len(line) - 1, below=below, is_within=any(each.id == of for each in line))

    def put(self, kin: Kin, *, lives: bool) -> None:
        """Puts a task below its parent; one that lives no more is below none."""
        before = self._kin.get(kin.id)
        had, has = before.parent_id if before is not None else None, kin.parent_id if lives else None
        if had is not None and had != has:
            self._move_child(kin.id, out_of=had)
            self._forget_heights(had)
        if not lives:
            self._journal.unset(self._kin, kin.id)
            return
        self._journal.set(self._kin, kin.id, kin)
        if has is not None and had != has:
            self._move_child(kin.id, into=has)
            self._forget_heights(has)

    def _height(self, task_id: UUID) -> int:
        """How deep the tasks below one go: remembered, as there may be any number of them."""
        if task_id not in self._heights:
            below = (self._height(each) for each in self._children.get(task_id, ()))
            self._heights[task_id] = max(below, default=-1) + 1
        return self._heights[task_id]

    def _forget_heights(self, task_id: UUID | None) -> None:
        """Those of a task and of all above it, where something was put below it, or left it."""
        while task_id is not None:
            self._heights.pop(task_id, None)
            kin = self._kin.get(task_id)
            task_id = kin.parent_id if kin is not None else None
        self._journal.undone_by(self._heights.clear)

    def _move_child(self, child: UUID, *, into: UUID | None = None, out_of: UUID | None = None) -> None:
        if into is not None:
            self._children[into].add(child)
            self._journal.undone_by(lambda: self._children[into].discard(child))
        if out_of is not None:
            self._children[out_of].discard(child)
            self._journal.undone_by(lambda: self._children[out_of].add(child))
