"""The tasks of a batch in memory: the verbs find there what a database would tell them, and leave what they do."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile
from core.kernel.events import Fact
from core.labels.model import LabelName, folded
from core.tasks.batches import Changed, Gathered, Kin, Outcome, Standing
from core.tasks.errors import ExternalIdTaken
from core.tasks.fields import Lineage, Status
from core.tasks.model import Board, Task
from core.tasks.ports import Assignee, Left, LoadedTask, Opening, Orphan, TaskRef
from core.tasks.use_cases.family import Family
from core.tasks.use_cases.journal import Journal
from core.tasks.use_cases.recurring_batch import BatchRecurrences
from core.tasks.use_cases.standing_cards import StandingCards

Cards = Callable[[UUID], Awaitable[list[Standing]]]


class Workspace:
    """A desk for the verbs, and the repository on it. What was done since an `attempt` began can be taken back.

    `cards` answers all cards of a column as they stood before the batch: it is asked once for a column whose ranks are
    to be spread.
    """

    def __init__(self, gathered: Gathered, *, actor: Actor, cards: Cards) -> None:
        self._actor = actor
        self._all_cards = cards
        self.facts: list[Fact] = []
        self._so_far = 0
        self._journal = Journal()
        self._gathered = gathered
        self._before = {task.id: task for task in gathered.tasks}
        self._projects = {project.id: project for project in gathered.projects}
        self._last_numbers = {project.id: project.last_number for project in gathered.projects}
        self._tasks = dict(self._before)
        self._made: dict[UUID, None] = {}
        self._changed: dict[UUID, None] = {}
        self._people = {person.id: person for person in gathered.people}
        self._cycles = {cycle.id: cycle for cycle in gathered.cycles}
        self._labels = {folded(label.name): label for label in gathered.labels}
        self._marks: dict[tuple[UUID, UUID], bool] = {}
        self._borne = {(task, label.id) for task, borne in gathered.borne.items() for label in borne}
        self._external_ids = dict(gathered.external_ids)
        self._numbered: dict[tuple[UUID, int], UUID] = {}
        self._kept_keys: dict[tuple[UUID, int], UUID] = {}
        self._kept_written, self._numbers_written = 0, {**self._last_numbers}
        kin = {each.id: each for each in gathered.kin}
        kin |= {task.id: Kin(task.id, task.project_id, task.parent_id) for task in gathered.tasks}
        self._family = Family(kin, self._journal)
        self._cards = StandingCards(gathered.cards, self._journal)
        self._whole: set[UUID] = set()
        self._spread: dict[UUID, str] = {}
        self._watched: dict[UUID, None] = dict.fromkeys(gathered.watched)
        self._given: dict[tuple[UUID, UUID], None] = {}
        self.time_zone = gathered.time_zone
        self.recurrences = BatchRecurrences(self)

    # The desk

    @property
    def actor(self) -> Actor:
        return self._actor

    @property
    def tasks(self) -> "Workspace":
        return self

    def record(self, *facts: Fact) -> None:
        self.facts.extend(facts)

    def attempt(self) -> None:
        """Begins an attempt: what was done so far stays."""
        self._journal.begin()
        self._so_far = len(self.facts)

    def take_back(self) -> None:
        """Undoes what was done since the last attempt began."""
        self._journal.take_back()
        del self.facts[self._so_far :]

    def outcome(self) -> Outcome:
        """What the attempts came to since this was asked last; it is taken to be written then."""
        below, borne = self._gathered.below, self._borne
        changed = [self._tasks[each] for each in self._changed if each in self._before and each not in below]
        unranked = {*self._made, *self._changed} - below
        outcome = Outcome(
            added=tuple(self._tasks[each] for each in self._made),
            changed=tuple(Changed(task, self._before[task.id].version) for task in changed),
            orphaned=tuple(
                Changed(self._tasks[each], self._before[each].version) for each in self._changed if each in below
            ),
            freed=tuple(task.id for task in changed if self._frees_external_id(task)),
            ranks=tuple((card, rank) for card, rank in self._spread.items() if card not in unranked),
            labels_on=tuple(pair for pair, is_on in self._marks.items() if is_on and pair not in borne),
            labels_off=tuple(pair for pair, is_on in self._marks.items() if not is_on and pair in borne),
            kept_keys=tuple((*numbered, id) for numbered, id in [*self._kept_keys.items()][self._kept_written :]),
            last_numbers=dict(self._last_numbers.items() - self._numbers_written.items()),
            watching=tuple(sorted(pair for pair in self._given if self._had_in_between(*pair))),
        )
        self._take_as_written(outcome)
        return outcome

    def _take_as_written(self, outcome: Outcome) -> None:
        self._journal.begin()
        written = (*outcome.added, *(task for task, _ in (*outcome.changed, *outcome.orphaned)))
        self._before |= {task.id: task for task in written}
        self._borne = (self._borne | {*outcome.labels_on}) - {*outcome.labels_off}
        for done in (self._made, self._changed, self._spread, self._marks, self._given):
            done.clear()
        self._kept_written, self._numbers_written = len(self._kept_keys), {**self._last_numbers}

    # The repository

    async def begin(
        self,
        project_id: UUID,
        *,
        for_user: UUID,
        assignee: UUID | None,
        cycle: UUID | None = None,
        parent: UUID | None = None,
        labels: tuple[str, ...] = (),
        into: Status | UUID | None = None,  # noqa: ARG002  (all columns are here)
    ) -> Opening | None:
        project = self._projects.get(project_id)
        if project is None:
            return None
        key, number = self.take_numbers(project_id, count=1)
        return Opening(
            project_key=key,
            project_is_active=project.is_active,
            is_member=self._belongs(for_user, project_id),
            number=number,
            board=self._cards.board(project),
            assignee=self.assignee_in(assignee, project_id),
            cycle=self._cycle(cycle, project_id),
            parent=self._family.lineage(parent, project_id, None),
            labels=self._labels_named(labels),
        )

    async def load(
        self,
        ref: TaskRef,
        *,
        for_user: UUID,
        also: UUID | None = None,
        beside: UUID | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> LoadedTask | None:
        task = self._named(ref)
        if task is None:
            return None
        project = self._projects[task.project_id]
        person = self._people.get(task.assigned_to) if task.assigned_to is not None else None
        return LoadedTask(
            task=replace(task),
            project_is_active=project.is_active,
            is_member=self._belongs(for_user, project.id),
            assigned_to_name=person.name if person is not None else None,
            watching=task.id in self._watched,
            board=self._cards.board(project),
            also_is_locked=also in self._projects,
            neighbour=self._cards.neighbour(beside, moved=task.id) if beside is not None else None,
            labels=(*self._labels_named(labels), *self.labels_of(task)) if labels is not None else (),
        )

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None:  # noqa: ARG002
        return self.assignee_in(user_id, project_id)

    async def cycle(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        return self._cycle(cycle_id, project_id)

    async def lineage(self, parent_id: UUID, *, project_id: UUID, of: UUID) -> Lineage | None:
        return self._family.lineage(parent_id, project_id, of)

    async def leave_parent(self, parent_id: UUID, *, at: datetime) -> list[Orphan]:
        leaving = sorted((self._tasks[each] for each in self._family.children(parent_id)), key=lambda task: task.number)
        orphans = [replace(task, parent_id=None, version=task.version + 1, updated_at=at) for task in leaving]
        for orphan in orphans:
            self._keep(orphan)
        return [Orphan(task.id, task.project_id, task.version) for task in orphans]

    async def leave_cycle(self, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> list[Left]:
        raise NotImplementedError("no operation of a batch ends a cycle")

    async def order(self, column_id: UUID) -> list[UUID]:
        if column_id not in self._whole:
            self._whole.add(column_id)
            for card in await self._all_cards(column_id):
                # What is known already may have moved since, or gone. Sub-tasks that were gathered only to leave their
                # parent have no place yet.
                known = self._tasks.get(card.id)
                if card.id not in self._cards and (known is None or known.deleted_at is None):
                    self._cards.learn(card)
        return self._cards.in_order(column_id)

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        for card_id, rank in ranks:
            self._cards.put(card_id, (self._cards.column_of(card_id), rank))
            self._journal.set(self._spread, card_id, rank)
            if card_id in self._tasks:
                self._journal.set(self._tasks, card_id, replace(self._tasks[card_id], rank=rank))

    def add(self, task: Task) -> None:
        self._journal.set(self._made, task.id, None)
        self._journal.set(self._numbered, (task.project_id, task.number), task.id)
        self._keep(task, is_new=True)

    def save(self, task: Task, *, was: int) -> None:
        if self._tasks[task.id].version != was:
            raise ChangedMeanwhile
        self._keep(task)

    def label(self, task_id: UUID, *, on: tuple[LabelName, ...], off: tuple[LabelName, ...]) -> None:
        for label in on:
            self._journal.set(self._marks, (task_id, label.id), True)
        for label in off:
            self._journal.set(self._marks, (task_id, label.id), False)

    def transfer(self, task: Task, *, was: int, from_project: UUID, from_number: int) -> None:
        self.save(task, was=was)
        self._journal.set(self._kept_keys, (from_project, from_number), task.id)
        self._journal.set(self._numbered, (task.project_id, task.number), task.id)

    async def project_members(self, project_id: UUID) -> tuple[UUID, ...]:
        return tuple(sorted(user for project, user in self._gathered.members if project == project_id))

    # What comes again is made from

    def take_numbers(self, project_id: UUID, *, count: int) -> tuple[str, int]:
        last = self._last_numbers[project_id]
        self._journal.set(self._last_numbers, project_id, last + count)
        return self._projects[project_id].key, last + 1

    def board_of(self, project_id: UUID) -> Board:
        return self._cards.board(self._projects[project_id])

    def keep_recurred(self, task: Task) -> None:
        self._journal.set(self._tasks, task.id, replace(self._tasks[task.id], recurred_at=task.recurred_at))

    def renew_recurred(self, task: Task) -> None:
        self._journal.set(self._tasks, task.id, replace(self._tasks[task.id], recurred_at=None))

    # What is known

    def _named(self, ref: TaskRef) -> Task | None:
        found: UUID | None
        if isinstance(ref, UUID):
            found = ref
        elif ref in self._gathered.keys:
            found = self._gathered.keys[ref]
        else:
            # It may have got that key just now.
            key, _, number = ref.rpartition("-")
            project_id = self._gathered.project_keys.get(key)
            numbered = (project_id, int(number)) if project_id is not None else None
            found = (self._numbered.get(numbered) or self._kept_keys.get(numbered)) if numbered is not None else None
        task = self._tasks.get(found) if found is not None else None
        return task if task is not None and task.deleted_at is None else None

    def _belongs(self, user_id: UUID, project_id: UUID) -> bool:
        return (project_id, user_id) in self._gathered.members

    def assignee_in(self, user_id: UUID | None, project_id: UUID) -> Assignee | None:
        person = self._people.get(user_id) if user_id is not None else None
        if person is None:
            return None
        return Assignee(
            id=person.id,
            name=person.name,
            is_active=person.is_active,
            sees_project=person.sees_every_project or self._belongs(person.id, project_id),
            known_to_caller=person.known_to_caller,
        )

    def _cycle(self, cycle_id: UUID | None, project_id: UUID) -> CycleStatus | None:
        cycle = self._cycles.get(cycle_id) if cycle_id is not None else None
        return cycle.status if cycle is not None and cycle.project_id == project_id else None

    def _labels_named(self, names: tuple[str, ...]) -> tuple[LabelName, ...]:
        wanted = dict.fromkeys(folded(name) for name in names)
        return tuple(self._labels[name] for name in wanted if name in self._labels)

    def labels_of(self, task: Task) -> tuple[LabelName, ...]:
        """The labels of a task: those that it had, and those that it may have got since."""
        # What comes again within the batch bears the labels of what it follows.
        known = {label.name: label for each in self._gathered.borne.values() for label in each}
        known |= {label.name: label for label in self._labels.values()}
        return tuple(known[name] for name in task.labels)

    def _frees_external_id(self, task: Task) -> bool:
        before = self._before[task.id]
        had, has = (
            (each.project_id, each.external_id) if each.deleted_at is None else (None, None) for each in (before, task)
        )
        return before.external_id is not None and had != has

    def _had_in_between(self, task_id: UUID, user_id: UUID) -> bool:
        # Of whoever has it now, and had not before, the task itself tells.
        first = self._before.get(task_id)
        return user_id != self._tasks[task_id].assigned_to or (first is not None and first.assigned_to == user_id)

    # What is done

    def _keep(self, task: Task, *, is_new: bool = False) -> None:
        """Keeps a task as it is now, and all that goes by it. The count of its own sub-tasks is kept already."""
        before = self._tasks.get(task.id) if not is_new else None
        if before is not None:
            total, finished = before.sub_tasks_total, before.sub_tasks_done
            task = replace(task, sub_tasks_total=total, sub_tasks_done=finished)
        lives = task.deleted_at is None
        self._claim_external_id(task, before)
        self._journal.set(self._tasks, task.id, task)
        if not is_new:
            self._journal.set(self._changed, task.id, None)
        if task.assigned_to not in (None, before.assigned_to if before is not None else None):
            self._journal.set(self._given, (task.id, task.assigned_to), None)
        if self._actor.user_id in (task.created_by if before is None else None, task.assigned_to):
            self._journal.set(self._watched, task.id, None)
        self._family.put(Kin(task.id, task.project_id, task.parent_id), lives=lives)
        for each, sign in ((before, -1), (task, 1)):
            if each is not None and each.parent_id is not None and each.deleted_at is None:
                self._count(each.parent_id, sign, sign if each.status is Status.DONE else 0)
        moved = before is None or (before.column_id, before.rank) != (task.column_id, task.rank)
        if moved or not lives:
            self._cards.put(task.id, (task.column_id, task.rank) if lives else None)

    def _claim_external_id(self, task: Task, before: Task | None) -> None:
        """Raises ExternalIdTaken."""
        if before is not None and before.external_id is not None:
            had = (before.project_id, before.external_id)
            if self._external_ids.get(had) == task.id:
                self._journal.unset(self._external_ids, had)
        if task.external_id is None or task.deleted_at is not None:
            return
        has = (task.project_id, task.external_id)
        if self._external_ids.get(has, task.id) != task.id:
            raise ExternalIdTaken
        self._journal.set(self._external_ids, has, task.id)

    def _count(self, parent_id: UUID, total: int, done: int) -> None:
        parent = self._tasks.get(parent_id)
        if parent is not None:
            total, done = parent.sub_tasks_total + total, parent.sub_tasks_done + done
            counted = replace(parent, sub_tasks_total=total, sub_tasks_done=done)
            self._journal.set(self._tasks, parent_id, counted)
