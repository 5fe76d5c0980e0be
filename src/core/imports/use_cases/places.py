"""Where rows mean their tasks to stand: on the board, and in a cycle."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.cycles.errors import CycleTakesNoTasks
from core.cycles.model import CycleStatus
from core.imports.fields import Field
from core.imports.ports import Beginning, ImportUnitOfWork, NamedCycle
from core.imports.values import Draft, RowFault, status_of
from core.kernel import rank
from core.tasks.errors import BoardIncomplete
from core.tasks.fields import Status
from core.tasks.model import Column, Place, Task
from core.tasks.use_cases.placing import ranks_at_end

_WITHOUT = "; the row was taken without"
_COMPLETED = CycleTakesNoTasks.title[0].lower() + CycleTakesNoTasks.title[1:]


class Refused(Exception):
    """Nothing comes of a row, since something is wrong with it."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def _words(draft: Draft) -> tuple[str, ...]:
    return draft.statuses if draft.column is None else (*draft.statuses, draft.column)


@dataclass(slots=True)
class Places:
    """Where cards go: the column that a row means, and the ranks below its last card."""

    begun: Beginning
    named: dict[str, Column]
    cycles: dict[str, list[NamedCycle]]
    """By their ids, and by their names in small letters, which several may have."""
    ranks: dict[UUID, list[str]] = field(default_factory=dict)
    last: dict[UUID, UUID | None] = field(default_factory=dict)

    @staticmethod
    async def of(uow: ImportUnitOfWork, begun: Beginning, drafts: Sequence[Draft], *, dry_run: bool) -> "Places":
        named: dict[str, Column] = {}
        for column in begun.board.columns:
            named.setdefault(begun.column_names[column.id].casefold(), column)
        cycles: dict[str, list[NamedCycle]] = {}
        for each in begun.cycles:
            for word in {str(each.id), each.name.casefold()}:
                cycles.setdefault(word, []).append(each)
        places = Places(begun, named, cycles)
        counts: Counter[UUID] = Counter()
        for draft in drafts:
            try:
                counts[places.column(draft).id] += 1
            except Refused:
                continue
        for column in begun.board.columns:
            if count := counts[column.id]:
                # What is not written needs no place that is its own.
                places.ranks[column.id] = (
                    list(rank.spread(count))
                    if dry_run
                    else await ranks_at_end(uow, column.id, last=column.last_rank, count=count)
                )
                places.last[column.id] = column.last_id
        return places

    def column(self, draft: Draft) -> Column:
        """The column that a row means: the one of that name, or the first of that status. Raises Refused."""
        column = self._meant(draft)
        return self._first_of(Status.DONE, draft) if draft.is_done and column.category is not Status.DONE else column

    def _meant(self, draft: Draft) -> Column:
        if draft.column is not None and draft.column.casefold() in self.named:
            return self._edited(draft, draft.column) or self.named[draft.column.casefold()]
        for word in _words(draft):
            column = self.named.get(word.casefold())
            if column is not None:
                return column
            status = status_of(word)
            if status is not None:
                return self._first_of(status, draft)
        if _words(draft):
            raise Refused(
                draft.fault(
                    Field.STATUS if draft.statuses else Field.COLUMN, "is no column of the board, and no status"
                )
            )
        return self._first_of(Status.TODO, draft)

    def _edited(self, draft: Draft, name: str) -> Column | None:
        """What the status of an exported row means, if it was edited and the name of the column was not. Where the task
        stands does not tell: a file that is sent again would undo what it did. Raises Refused.
        """
        was = next((each for each in self.begun.board.columns if each.id == draft.column_id), None)
        if was is None or self.begun.column_names[was.id].casefold() != name.casefold():
            return None
        for word in draft.statuses:
            column, status = self.named.get(word.casefold()), status_of(word)
            if status is was.category or (column is not None and column.category is was.category):
                return None
            if column is not None:
                return column
            if status is not None:
                return self._first_of(status, draft)
        return None

    def _first_of(self, status: Status, draft: Draft) -> Column:
        try:
            return self.begun.board.first_of(status)
        except BoardIncomplete:
            raise Refused(draft.fault(Field.STATUS, "the board has no column of that status")) from None

    def moves(self, task: Task, draft: Draft) -> Column | None:
        """Where the card of a task goes to, None if it stands there already, or nothing is said of it."""
        if not _words(draft) and not draft.is_done:
            return None
        column = self.column(draft)
        is_named = any(self.named.get(word.casefold()) == column for word in _words(draft))
        stays = column.id == task.column_id or (not is_named and column.category is task.status)
        return None if stays else column

    def take(self, column: Column, task_id: UUID) -> Place:
        """The next place of a column, which is that task's now."""
        place = Place(column=column, rank=self.ranks[column.id].pop(0), after_id=self.last[column.id])
        self.last[column.id] = task_id
        return place

    def cycle(self, draft: Draft, task: Task | None) -> UUID | RowFault | None:
        """The cycle that a row means, or why it is none that it could be put into; None if it means none."""
        for word in draft.cycles:
            found = self.cycles.get(word.casefold(), ())
            if task is not None and any(each.id == task.cycle_id for each in found):
                return task.cycle_id
            able = [each for each in found if each.status is not CycleStatus.COMPLETED]
            if len(able) == 1:
                return able[0].id
            if len(able) > 1:
                return draft.fault(Field.CYCLE, f"several cycles of the project have that name{_WITHOUT}")
            if found:
                return draft.fault(Field.CYCLE, f"{_COMPLETED}{_WITHOUT}")
        if draft.cycles:
            return draft.fault(Field.CYCLE, f"no cycle of the project has that name{_WITHOUT}")
        return None
