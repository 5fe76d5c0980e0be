from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.kernel import text
from core.kernel.errors import Fault, Invalid, ReferenceNotFound
from core.kernel.events import Change
from core.tasks.errors import BoardIncomplete, ColumnNotEmpty, TooManyColumns
from core.tasks.events import ColumnCreated, ColumnDeleted, ColumnsOrdered, ColumnUpdated, TaskMoved, TaskUpdated
from core.tasks.fields import Status

MOST_COLUMNS = 50
HIGHEST_LIMIT = 10_000


class Card(NamedTuple):
    """What a change of its column asks of a card."""

    id: UUID
    rank: str
    status: Status
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    category: Status = Status.TODO
    wip_limit: int | None = None
    position: int = 0

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "name" in self.given:
            object.__setattr__(self, "name", text.name(self.name))
        _check_limit(self.wip_limit)


@dataclass(slots=True, kw_only=True)
class BoardColumn:
    """A column as people arrange it. `task_count` counts its cards; its place does not change its version."""

    id: UUID
    project_id: UUID
    name: str
    category: Status
    position: int
    wip_limit: int | None
    created_at: datetime
    updated_at: datetime
    task_count: int = 0
    version: int = 1

    @property
    def over_limit(self) -> bool:
        """A limit warns, it never refuses."""
        return self.wip_limit is not None and self.task_count > self.wip_limit

    def change(self, changes: ColumnChanges, *, at: datetime) -> ColumnUpdated | None:
        """Changes fields, but for the place; None if nothing is different."""
        changed: dict[str, Change] = {}
        for name in sorted(changes.given - {"position"}):
            old, value = getattr(self, name), getattr(changes, name)
            if old != value:
                changed[name] = Change(old=old, new=value)
                setattr(self, name, value)
        if not changed:
            return None
        self.version += 1
        self.updated_at = at
        return ColumnUpdated(project_id=self.project_id, column_id=self.id, changes=changed, version=self.version)

    def cards_follow(self, cards: Sequence[Card]) -> Iterator[TaskUpdated]:
        """What its cards say when the column got another category."""
        for card in cards:
            yield TaskUpdated(
                task_id=card.id,
                project_id=self.project_id,
                changes={"status": Change(old=card.status, new=self.category)},
                version=card.version + 1,
            )

    def takes_over(self, cards: Sequence[Card], *, of: UUID, after_id: UUID | None, by: UUID) -> Iterator[TaskMoved]:
        """What the cards of another column say when they come to stand at the end of this one, in their order."""
        for card in cards:
            yield TaskMoved(
                task_id=card.id,
                project_id=self.project_id,
                old_status=card.status,
                new_status=self.category,
                old_column_id=of,
                new_column_id=self.id,
                after_id=after_id,
                moved_by=by,
                version=card.version + 1,
            )
            after_id = card.id


@dataclass(slots=True, kw_only=True)
class Arrangement:
    """All columns of a project's board, from left to right, one of each category at least."""

    project_id: UUID
    columns: list[BoardColumn]

    def find(self, column_id: UUID | None) -> BoardColumn | None:
        """The column with that id, if it is one of this board's."""
        return next((column for column in self.columns if column.id == column_id), None)

    def add(
        self,
        *,
        id: UUID,
        name: str,
        category: Status,
        wip_limit: int | None,
        position: int | None,
        after: UUID | None,
        by: UUID,
        at: datetime,
    ) -> tuple[BoardColumn, ColumnCreated]:
        """A new column: at a position, after another column, or at the end.

        Raises Invalid, ReferenceNotFound and TooManyColumns.
        """
        name = text.name(name)
        _check_limit(wip_limit)
        if position is not None and after is not None:
            raise Invalid(faults=(Fault("position and after exclude each other", pointer="/after"),))
        if after is not None:
            neighbour = self.find(after)
            if neighbour is None:
                raise ReferenceNotFound(pointer="/after")
            position = self.columns.index(neighbour) + 1
        if position is None:
            position = len(self.columns)
        self._check_position(position, most=len(self.columns))
        if len(self.columns) >= MOST_COLUMNS:
            raise TooManyColumns
        column = BoardColumn(
            id=id,
            project_id=self.project_id,
            name=name,
            category=category,
            position=position,
            wip_limit=wip_limit,
            created_at=at,
            updated_at=at,
        )
        self.columns.insert(position, column)
        return column, ColumnCreated(
            project_id=self.project_id,
            column_id=id,
            name=name,
            category=category,
            position=position,
            wip_limit=wip_limit,
            created_by=by,
            version=column.version,
        )

    def change(self, column: BoardColumn, changes: ColumnChanges, *, at: datetime) -> ColumnUpdated | None:
        """Changes a column's fields. Raises BoardIncomplete for the category of the last one of its kind."""
        if "category" in changes.given and changes.category is not column.category:
            self._ensure_another(column)
        return column.change(changes, at=at)

    def place(self, column: BoardColumn, position: int, *, by: UUID) -> ColumnsOrdered | None:
        """Puts a column at another position; None if it stands there. Raises Invalid."""
        self._check_position(position, most=len(self.columns) - 1)
        if self.columns.index(column) == position:
            return None
        self.columns.remove(column)
        self.columns.insert(position, column)
        return self._ordered(by)

    def order(self, column_ids: Sequence[UUID], *, by: UUID) -> ColumnsOrdered | None:
        """Puts all columns in order; None if they are so. Raises Invalid or ReferenceNotFound unless each is named
        once.
        """
        known = {column.id: column for column in self.columns}
        for place, column_id in enumerate(column_ids):
            if column_id not in known:
                raise ReferenceNotFound(pointer=f"/column_ids/{place}")
        faults = [
            Fault("named before", pointer=f"/column_ids/{place}")
            for place, column_id in enumerate(column_ids)
            if column_id in column_ids[:place]
        ]
        if not faults and len(column_ids) < len(known):
            faults.append(Fault("leaves out columns of the board", pointer="/column_ids"))
        if faults:
            raise Invalid(faults=tuple(faults))
        ordered = [known[column_id] for column_id in column_ids]
        if ordered == self.columns:
            return None
        self.columns = ordered
        return self._ordered(by)

    def remove(self, column: BoardColumn, *, move_to: UUID | None, by: UUID) -> ColumnDeleted:
        """Takes a column away, whose cards go to another one.

        Raises ReferenceNotFound and Invalid for where they cannot go, BoardIncomplete, and ColumnNotEmpty without a
        place for them.
        """
        if move_to is not None and self.find(move_to) is None:
            raise ReferenceNotFound(parameter="move_to")
        if move_to == column.id:
            raise Invalid(faults=(Fault("its cards cannot go where they are", parameter="move_to"),))
        self._ensure_another(column)
        if move_to is None and column.task_count:
            raise ColumnNotEmpty
        self.columns.remove(column)
        return ColumnDeleted(
            project_id=self.project_id,
            column_id=column.id,
            name=column.name,
            category=column.category,
            moved_to=move_to if column.task_count else None,
            deleted_by=by,
            version=column.version,
        )

    def heir_of(self, column: BoardColumn) -> BoardColumn:
        """The first other column of its category: where what was deleted from it comes back to."""
        return next(each for each in self.columns if each.category is column.category and each is not column)

    @property
    def first_to_do(self) -> BoardColumn:
        """The leftmost column of what is to be done."""
        return next(each for each in self.columns if each.category is Status.TODO)

    def renumber(self) -> list[BoardColumn]:
        """Counts the positions from 0, and answers the columns that have another one now."""
        shifted = []
        for position, column in enumerate(self.columns):
            if column.position != position:
                column.position = position
                shifted.append(column)
        return shifted

    def _ensure_another(self, column: BoardColumn) -> None:
        if not any(each.category is column.category and each is not column for each in self.columns):
            raise BoardIncomplete(
                f"The column is the last of the category {column.category}, and a board has one of each."
            )

    def _check_position(self, position: int, *, most: int) -> None:
        if not 0 <= position <= most:
            raise Invalid(faults=(Fault(f"must be from 0 to {most}", pointer="/position"),))

    def _ordered(self, by: UUID) -> ColumnsOrdered:
        ids = tuple(column.id for column in self.columns)
        return ColumnsOrdered(project_id=self.project_id, column_ids=ids, ordered_by=by)


def _check_limit(wip_limit: int | None) -> None:
    if wip_limit is not None and not 1 <= wip_limit <= HIGHEST_LIMIT:
        raise Invalid(faults=(Fault(f"must be from 1 to {HIGHEST_LIMIT}, or null", pointer="/wip_limit"),))
