"""Some rows of a file become tasks: all at once, each by the rules that hold for a single one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.imports import names
from core.imports.fields import Field
from core.imports.model import TaskImport
from core.imports.names import Stand
from core.imports.ports import Beginning, ImportUnitOfWork
from core.imports.rows import Row
from core.imports.use_cases.places import Places, Refused
from core.imports.values import Draft, RowFault, is_blank, own_id, read
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
from core.tasks.errors import AssigneeCannotSeeProject
from core.tasks.fields import Priority, Status
from core.tasks.model import Task
from core.tasks.ports import Assignee
from core.tasks.use_cases.assigning import check_assignee
from core.tasks.use_cases.recurring import recur

# Of who there is and does not see the project, no more is said than of who is nobody.
_NOBODY = "nobody who sees the project has that address, username or name"
_LEFT_OUT = f"{_NOBODY}; the row was taken without"


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
    called = [name for draft in drafts for name in names.of_itself(draft)]
    seen = await uow.imports.seen(task_import.id, called) if called else {}
    drafts = _once_each(task_import, drafts, seen)
    words = {form for draft in drafts for word in draft.assignees for form in (word, word.lower(), word.casefold())}
    labels = {folded(name): name for draft in drafts for name in draft.labels or ()}
    begun = await uow.many_tasks.begin(
        task_import.project_id,
        for_user=uow.actor.user_id,
        labels=tuple(labels.values()),
        people=sorted(words),
        external_ids=[draft.called for draft in drafts if draft.called is not None],
        ids=list({found for draft in drafts for word in (draft.id, draft.called) if (found := own_id(word))}),
        cycles=sorted({form for draft in drafts for word in draft.cycles for form in (word, word.casefold())}),
    )
    if begun is None or not sees_project(uow.actor, is_member=begun.is_member):
        raise ProjectNotFound
    if not begun.project_is_active:
        raise ProjectArchived
    places = await Places.of(uow, begun, drafts, dry_run=task_import.dry_run)
    batch = _Batch(task_import, begun, places, uow.actor, ids, at)
    stand: dict[str, Stand] = {}
    for draft in drafts:
        try:
            task = batch.take(draft)
        except Refused as refused:
            task_import.skip([refused.fault])
            task = None
        is_known = task is not None and task.id in begun.by_id
        _note(stand, draft, task, is_known=is_known, titles=task_import.says_titles_of_parents)
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
        if not isinstance(found, Draft):
            task_import.skip(found)
        elif found.is_archived:
            task_import.leave()
        else:
            drafts.append(found)
    return drafts


def _once_each(task_import: TaskImport, drafts: Sequence[Draft], seen: Mapping[str, Stand]) -> list[Draft]:
    """The drafts without those whose task an earlier row of the file is about."""
    kept: list[Draft] = []
    rows = {name: stand.row for name, stand in seen.items()}
    for draft in drafts:
        before = next(((name, rows[name]) for name in names.of_itself(draft) if name in rows), None)
        if before is not None:
            field = Field.ID if draft.id is not None and before[0] == names.by_id(draft.id) else Field.EXTERNAL_ID
            task_import.skip([draft.fault(field, f"row {before[1]} of the file has the same")])
            continue
        rows |= dict.fromkeys(names.of_itself(draft), draft.row)
        kept.append(draft)
    return kept


def _note(stand: dict[str, Stand], draft: Draft, task: Task | None, *, is_known: bool, titles: bool) -> None:
    """What later rows are to know of one."""
    for name, found in names.noted(draft, task.id if task is not None else None, titles=titles):
        before = stand.setdefault(name, found)
        if before.row != found.row and titles and draft.title is not None and name == names.by_title(draft.title):
            stand[name] = Stand(names.SEVERAL, None)
    if task is not None and is_known:
        # However they call it: by its own id, or as it is called elsewhere.
        for name in names.of_task(task):
            stand.setdefault(name, Stand(draft.row, task.id))


class _Batch:
    """Drafts on their way to tasks."""

    def __init__(
        self, task_import: TaskImport, begun: Beginning, places: Places, actor: Actor, ids: Ids, at: datetime
    ) -> None:
        self._import, self._begun, self._places = task_import, begun, places
        self._actor, self._ids, self._at = actor, ids, at
        self._labels = {folded(label.name): label for label in begun.labels}
        self._unwritten = {folded(name) for name in task_import.new_labels} if task_import.dry_run else set()
        self._taken: set[UUID] = set()
        self.writing = _Writing()

    def take(self, draft: Draft) -> Task:
        """Makes or changes the task that a row is about. Raises Refused, and then nothing of it is kept."""
        task = self._meant(draft)
        assignee, cycle = self._assignee(draft), self._places.cycle(draft, task)
        cycle_id = cycle if isinstance(cycle, UUID) else None
        if task is None:
            task = self._create(draft, assignee, cycle_id)
        else:
            self._change(task, draft, assignee, cycle_id)
        self._taken.add(task.id)
        if draft.assignees and assignee is None:
            self._import.note(draft.fault(Field.ASSIGNED_TO, _LEFT_OUT))
        if isinstance(cycle, RowFault):
            self._import.note(cycle)
        return task

    def _meant(self, draft: Draft) -> Task | None:
        """The task that a row is about, if it is there: by its own id, by what it is called elsewhere, or because that
        is its own id, as where what was exported comes back. Raises Refused.
        """
        if draft.called is None:
            return None
        tasks, by_id = self._begun.tasks, self._begun.by_id
        own, other = own_id(draft.id), own_id(draft.called)
        task = by_id.get(own) if own is not None else None
        named = tasks.get(draft.called) or (by_id.get(other) if other is not None else None)
        if task is not None and draft.external_id not in (None, task.external_id, str(task.id)):
            if task.external_id is not None:
                raise Refused(draft.fault(Field.EXTERNAL_ID, "the task with that id has another one"))
            if named not in (None, task):
                raise Refused(draft.fault(Field.EXTERNAL_ID, "another task of the project has that"))
        task = task or named
        if task is not None and task.id in self._taken:
            raise Refused(draft.fault(draft.naming, "another row of the file is of that task"))
        return task

    def _create(self, draft: Draft, assignee: UUID | None, cycle_id: UUID | None) -> Task:
        if draft.title is None:
            raise Refused(draft.fault(Field.TITLE, "must not be empty"))
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
            cycle_id=cycle_id,
            labels=labels,
            external_id=draft.called,
            recurrence=draft.recurrence,
        )
        # What is done already does not come again: a file that has it has what followed it.
        self.writing.added.append(task)
        self.writing.on.extend((task, label.id) for label in labels)
        self.writing.facts.append(created)
        self._import.created += 1
        return task

    def _change(self, task: Task, draft: Draft, assignee: UUID | None, cycle_id: UUID | None) -> None:
        said: dict[str, Any] = {
            name: getattr(draft, name)
            for name in ("title", "description", "priority", "deadline", "recurrence")
            if getattr(draft, name) is not None
        }
        if assignee is not None:
            said["assigned_to"] = assignee
        if cycle_id is not None:
            said["cycle_id"] = cycle_id
        if task.external_id is None and draft.external_id is not None and own_id(draft.external_id) != task.id:
            said["external_id"] = draft.external_id
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
            raise Refused(draft.fault(draft.naming, "you may not edit the task that has it")) from None
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
            raise Refused(draft.fault(Field.ASSIGNED_TO, _NOBODY))
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
        """The labels of a row; those that are not there yet are made. Raises Refused, and then none is."""
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
                raise Refused(draft.fault(Field.LABELS, TooManyLabels.title)) from None
            except Invalid as error:
                raise Refused(draft.fault(Field.LABELS, error.faults[0].detail)) from None
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
