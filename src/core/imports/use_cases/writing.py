"""Some rows of a file become tasks: all at once, each by the rules that hold for a single one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.imports.fields import Field
from core.imports.model import TaskImport
from core.imports.ports import Beginning, ImportUnitOfWork
from core.imports.rows import Row
from core.imports.values import Draft, RowFault, is_blank, read, status_of
from core.kernel import rank
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile, Forbidden, Invalid, ReferenceNotFound
from core.kernel.events import Fact
from core.kernel.ports import Ids
from core.labels.errors import TooManyLabels
from core.labels.model import Label, LabelName, folded, in_order
from core.projects.errors import ProjectArchived, ProjectNotFound
from core.projects.policy import sees_project
from core.tasks import policy
from core.tasks.changes import TaskChanges
from core.tasks.errors import AssigneeCannotSeeProject, BoardIncomplete
from core.tasks.fields import Priority, Status
from core.tasks.model import Column, Place, Task
from core.tasks.ports import Assignee
from core.tasks.use_cases.assigning import check_assignee
from core.tasks.use_cases.placing import ranks_at_end
from core.tasks.use_cases.recurring import recur

# Of who there is and does not see the project, no more is said than of who is nobody.
_NOBODY = "nobody who sees the project has that address, username or name"
_LEFT_OUT = f"{_NOBODY}; the row was taken without"


class _Refused(Exception):
    """Nothing comes of a row, since something is wrong with it."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


@dataclass(slots=True)
class _Writing:
    """What is written with the rows."""

    numbers: int = 0
    added: list[Task] = field(default_factory=list)
    saved: list[tuple[Task, int]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    on: list[tuple[Task, UUID]] = field(default_factory=list)
    off: list[tuple[Task, UUID]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    done: list[Task] = field(default_factory=list)


async def write(uow: ImportUnitOfWork, task_import: TaskImport, rows: Sequence[Row], *, ids: Ids, at: datetime) -> None:
    """Writes what rows say, and counts what came of each. Raises ProjectNotFound and ProjectArchived."""
    known = len(task_import.faults)
    drafts = _read(task_import, rows)
    external_ids = [draft.external_id for draft in drafts if draft.external_id is not None]
    seen = await uow.imports.seen(task_import.id, external_ids) if external_ids else {}
    drafts, stand = _once_each(task_import, drafts, seen)
    words = {form for draft in drafts for word in draft.assignees for form in (word, word.lower(), word.casefold())}
    names = {folded(name): name for draft in drafts for name in draft.labels or ()}
    begun = await uow.many_tasks.begin(
        task_import.project_id,
        for_user=uow.actor.user_id,
        labels=tuple(names.values()),
        people=sorted(words),
        external_ids=external_ids,
    )
    if begun is None or not sees_project(uow.actor, is_member=begun.is_member):
        raise ProjectNotFound
    if not begun.project_is_active:
        raise ProjectArchived
    places = await _Places.of(uow, begun, drafts, dry_run=task_import.dry_run)
    batch = _Batch(task_import, begun, places, uow.actor, ids, at)
    for draft in drafts:
        try:
            batch.take(draft)
        except _Refused as refused:
            task_import.skip([refused.fault])
    task_import.put_in_order(known)
    if stand:
        uow.imports.note_seen(task_import.id, stand)
    if not task_import.dry_run:
        _write(uow, task_import, begun, batch.writing)
        again = [task for task in batch.writing.done if task.may_recur]
        if again:
            # Their numbers and places are those after what was just written.
            await uow.many_tasks.settle()
            await recur(uow, *again, ids=ids, at=at)


def _write(uow: ImportUnitOfWork, task_import: TaskImport, begun: Beginning, writing: _Writing) -> None:
    many = uow.many_tasks
    if writing.labels:
        many.add_labels(writing.labels)
    if writing.added:
        many.take_numbers(task_import.project_id, last=begun.last_number + writing.numbers)
        many.add(writing.added)
    if writing.saved:
        many.save(writing.saved)
    if writing.on or writing.off:
        many.label(on=writing.on, off=writing.off)
    uow.record(*writing.facts)


def _read(task_import: TaskImport, rows: Sequence[Row]) -> list[Draft]:
    drafts = []
    for row in rows:
        if is_blank(row.cells):
            task_import.skip([])
            continue
        found = read(
            row.number,
            row.cells,
            task_import.columns,
            width=task_import.width,
            is_own=task_import.is_own,
            time_zone=task_import.time_zone,
        )
        if isinstance(found, Draft):
            drafts.append(found)
        else:
            task_import.skip(found)
    return drafts


def _once_each(
    task_import: TaskImport, drafts: Sequence[Draft], seen: dict[str, int]
) -> tuple[list[Draft], dict[str, int]]:
    """The drafts without those whose task an earlier row of the file is about, and where each stands."""
    kept: list[Draft] = []
    stand: dict[str, int] = {}
    for draft in drafts:
        if draft.external_id is not None:
            before = seen.get(draft.external_id) or stand.get(draft.external_id)
            if before is not None:
                task_import.skip([draft.fault(Field.EXTERNAL_ID, f"row {before} of the file has the same")])
                continue
            stand[draft.external_id] = draft.row
        kept.append(draft)
    return kept, stand


@dataclass(slots=True)
class _Places:
    """Where cards go: the column that a row means, and the ranks below its last card."""

    begun: Beginning
    named: dict[str, Column]
    ranks: dict[UUID, list[str]] = field(default_factory=dict)
    last: dict[UUID, UUID | None] = field(default_factory=dict)

    @staticmethod
    async def of(uow: ImportUnitOfWork, begun: Beginning, drafts: Sequence[Draft], *, dry_run: bool) -> "_Places":
        named: dict[str, Column] = {}
        for column in begun.board.columns:
            named.setdefault(begun.column_names[column.id].casefold(), column)
        places = _Places(begun, named)
        counts: Counter[UUID] = Counter()
        for draft in drafts:
            try:
                counts[places.column(draft).id] += 1
            except _Refused:
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
        """The column that a row means: the one of that name, or the first of that status. Raises _Refused."""
        column = self._meant(draft)
        return self._first_of(Status.DONE, draft) if draft.is_done and column.category is not Status.DONE else column

    def _meant(self, draft: Draft) -> Column:
        for word in draft.statuses:
            column = self.named.get(word.casefold())
            if column is not None:
                return column
            status = status_of(word)
            if status is not None:
                return self._first_of(status, draft)
        if draft.statuses:
            raise _Refused(draft.fault(Field.STATUS, "is no column of the board, and no status"))
        return self._first_of(Status.TODO, draft)

    def _first_of(self, status: Status, draft: Draft) -> Column:
        try:
            return self.begun.board.first_of(status)
        except BoardIncomplete:
            raise _Refused(draft.fault(Field.STATUS, "the board has no column of that status")) from None

    def moves(self, task: Task, draft: Draft) -> Column | None:
        """Where the card of a task goes to, None if it stands there already, or nothing is said of it."""
        if not draft.statuses and not draft.is_done:
            return None
        column = self.column(draft)
        is_named = any(self.named.get(word.casefold()) == column for word in draft.statuses)
        stays = column.id == task.column_id or (not is_named and column.category is task.status)
        return None if stays else column

    def take(self, column: Column, task_id: UUID) -> Place:
        """The next place of a column, which is that task's now."""
        place = Place(column=column, rank=self.ranks[column.id].pop(0), after_id=self.last[column.id])
        self.last[column.id] = task_id
        return place


class _Batch:
    """Drafts on their way to tasks."""

    def __init__(
        self, task_import: TaskImport, begun: Beginning, places: _Places, actor: Actor, ids: Ids, at: datetime
    ) -> None:
        self._import, self._begun, self._places = task_import, begun, places
        self._actor, self._ids, self._at = actor, ids, at
        self._labels = {folded(label.name): label for label in begun.labels}
        self._unwritten = {folded(name) for name in task_import.new_labels} if task_import.dry_run else set()
        self.writing = _Writing()

    def take(self, draft: Draft) -> None:
        """Makes or changes the task that a row is about. Raises _Refused, and then nothing of it is kept."""
        task = self._begun.tasks.get(draft.external_id) if draft.external_id is not None else None
        assignee = self._assignee(draft)
        if task is None:
            self._create(draft, assignee)
        else:
            self._change(task, draft, assignee)
        if draft.parent is not None and draft.external_id is None:
            self._import.note(draft.fault(Field.PARENT, "only what has an external_id is put below another task"))
        if draft.assignees and assignee is None:
            self._import.note(draft.fault(Field.ASSIGNED_TO, _LEFT_OUT))

    def _create(self, draft: Draft, assignee: UUID | None) -> None:
        if draft.title is None:
            raise _Refused(draft.fault(Field.TITLE, "must not be empty"))
        column = self._places.column(draft)
        labels = self._borne(draft)
        self.writing.numbers += 1
        task_id = self._ids.new()
        task, created = Task.create(
            id=task_id,
            project_id=self._import.project_id,
            project_key=self._begun.project_key,
            number=self._begun.last_number + self.writing.numbers,
            title=draft.title,
            description=draft.description,
            priority=draft.priority or Priority.MEDIUM,
            place=self._places.take(column, task_id),
            deadline=draft.deadline,
            assigned_to=assignee,
            created_by=self._actor.user_id,
            at=self._at,
            labels=labels,
            external_id=draft.external_id,
            recurrence=draft.recurrence,
        )
        # What is done already does not come again: a file that has it has what followed it.
        self.writing.added.append(task)
        self.writing.on.extend((task, label.id) for label in labels)
        self.writing.facts.append(created)
        self._import.created += 1

    def _change(self, task: Task, draft: Draft, assignee: UUID | None) -> None:
        said: dict[str, Any] = {
            name: getattr(draft, name)
            for name in ("title", "description", "priority", "deadline", "recurrence")
            if getattr(draft, name) is not None
        }
        if assignee is not None:
            said["assigned_to"] = assignee
        if draft.labels is not None:
            said["labels"] = in_order(self._named(name) for name in draft.labels)
        column = self._places.moves(task, draft)
        changes = TaskChanges(given=frozenset(said), **said)
        changes = changes.narrowed(task.differing(changes))
        if not changes.given and column is None:
            self._import.unchanged += 1
            return
        try:
            if column is None:
                policy.authorise_change(self._actor, task, changes)
            else:
                policy.authorise_edit(self._actor, task)
        except Forbidden:
            raise _Refused(draft.fault(Field.EXTERNAL_ID, "you may not edit the task that has it")) from None
        before, was = task.labels, task.version
        if "labels" in changes.given:
            borne = self._borne(draft)
            on, off = set(task.labels), {label.name for label in borne}
            self.writing.on.extend((task, label.id) for label in borne if label.name not in on)
            for name in before:
                if folded(name) not in self._labels:
                    raise ChangedMeanwhile
                if name not in off:
                    self.writing.off.append((task, self._labels[folded(name)].id))
        updated = task.change(changes, at=self._at)
        moved = None
        if column is not None:
            moved = task.move(self._places.take(column, task.id), by=self._actor.user_id, at=self._at)
        self.writing.facts.extend(fact for fact in (updated, moved) if fact is not None)
        self.writing.saved.append((task, was))
        if moved is not None and task.status is Status.DONE and moved.old_status != Status.DONE:
            self.writing.done.append(task)
        self._import.updated += 1

    def _assignee(self, draft: Draft) -> UUID | None:
        for word in draft.assignees:
            found = self._begun.people.get(word.casefold())
            if found is not None and self._may_have_it(found):
                return found.id
            # A name says who it is where one alone has it.
            able = [each for each in self._begun.namesakes.get(word.casefold(), ()) if self._may_have_it(each)]
            if len(able) == 1:
                return able[0].id
        if draft.needs_assignee:
            raise _Refused(draft.fault(Field.ASSIGNED_TO, _NOBODY))
        return None

    def _may_have_it(self, assignee: Assignee) -> bool:
        try:
            check_assignee(self._actor, assignee.id, assignee)
        except (ReferenceNotFound, AssigneeCannotSeeProject):
            return False
        return True

    def _named(self, name: str) -> str:
        """A label's name as it is written already."""
        known = self._labels.get(folded(name))
        return known.name if known is not None else name

    def _borne(self, draft: Draft) -> tuple[LabelName, ...]:
        """The labels of a row; those that are not there yet are made. Raises _Refused, and then none is."""
        wanted = {folded(name): name for name in draft.labels or ()}
        made: dict[str, Label] = {}
        facts: list[Fact] = []
        count = self._begun.label_count + len(self._import.new_labels if self._import.dry_run else self.writing.labels)
        for key, name in wanted.items():
            if key in self._labels:
                continue
            try:
                label, created = Label.create(
                    id=self._ids.new(),
                    name=name,
                    color=None,
                    count=0 if key in self._unwritten else count + sum(each not in self._unwritten for each in made),
                    by=self._actor.user_id,
                    at=self._at,
                )
            except TooManyLabels:
                raise _Refused(draft.fault(Field.LABELS, TooManyLabels.title)) from None
            except Invalid as error:
                raise _Refused(draft.fault(Field.LABELS, error.faults[0].detail)) from None
            made[key] = label
            if key not in self._unwritten:
                facts.append(created)
        self.writing.facts.extend(facts)
        for key, label in made.items():
            self._labels[key] = LabelName(label.id, label.name)
            self.writing.labels.append(label)
            if key not in self._unwritten:
                self._import.new_labels.append(label.name)
        return tuple(self._labels[key] for key in wanted)
