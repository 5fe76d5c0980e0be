"""A batch does what its operations do one by one: the same tasks, places, numbers and events, the same refusals.

Two companies are set up alike; in one, operations made by chance are carried out at once, in the other one by one.
"""

from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from hypothesis import strategies as st

from core.cycles.use_cases import CycleUseCases, NewCycle
from core.kernel.actor import Actor
from core.kernel.errors import Fault, Invalid, Refusal
from core.kernel.paging import PageRequest, Sort
from core.labels.use_cases import LabelUseCases
from core.projects.model import ProjectChanges
from core.projects.use_cases.projects import ProjectUseCases
from core.realtime.policy import audible_events
from core.tasks.batches import Needs
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.fields import Priority, Status
from core.tasks.listeners import leave_cycle
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter
from core.tasks.use_cases.bulk import BulkUseCases, OperationResult
from core.tasks.use_cases.bulk_operations import (
    BatchRef,
    ChangeTask,
    CreateTask,
    DeleteTask,
    MoveTask,
    Operation,
)
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.tasks import TaskUseCases
from tests.contracts.world import ContractWorld

# Between the first two there is no rank any more, and none below the last.
CLOSE, CLOSER, LAST = "5" * 32, "5" * 31 + "6", "z" * 32

Told = tuple[str, Any]


def called(name: str) -> UUID:
    """What stands in the plan of operations for what is called so in every company."""
    return uuid5(NAMESPACE_OID, name)


NOBODY = called("nobody")


class Firm:
    """A company with work in three projects, of which one is in the archive."""

    def __init__(self, world: ContractWorld) -> None:
        self.world = world
        both: dict[str, Any] = {"clock": world.clock, "ids": world.ids}
        self.tasks = TaskUseCases(unit_of_work=world.task_unit_of_work, reader=world.task_reader, **both)
        self.bulk = BulkUseCases(unit_of_work=world.batch_unit_of_work, reader=world.task_reader, part=2, **both)
        self.labels = LabelUseCases(unit_of_work=world.label_unit_of_work, reader=world.label_reader, **both)
        self.projects = ProjectUseCases(unit_of_work=world.project_unit_of_work, reader=world.project_reader, **both)
        self.cycles = CycleUseCases(
            unit_of_work=world.cycle_unit_of_work, reader=world.cycle_reader, leave_cycle=leave_cycle, **both
        )
        self.people: dict[str, Actor] = {}
        self.ids: dict[UUID, UUID] = {}

    @staticmethod
    async def set_up(world: ContractWorld) -> "Firm":
        firm = Firm(world)
        olga = firm.people["olga"] = await world.company()
        for name in ("mia", "max", "nora"):
            firm.people[name] = await world.person(olga.company_id, name=name)
        for name, person in firm.people.items():
            firm._knows(name, person.user_id)
        for key, members in (("WEB", ("mia", "max")), ("OPS", ("mia", "nora")), ("OLD", ())):
            project = (await firm.projects.open(olga, name=key, key=key)).value
            firm._knows(key, project.id)
            for name in members:
                await world.add_to_project(project.id, firm.people[name])
            for place, column in enumerate(await firm._columns(project.id)):
                firm._knows(f"{key} column {place}", column)
        for name in ("design", 'Mobile "\\{x}'):
            await firm.labels.create(olga, name=name)
        for name, key in (("now", "WEB"), ("past", "WEB"), ("elsewhere", "OPS")):
            cycle = (await firm.cycles.create(olga, NewCycle(project_id=firm.id(key), name=name))).value
            firm._knows(name, cycle.id)
        await firm.cycles.start(olga, firm.id("past"))
        await firm.cycles.complete(olga, firm.id("past"))
        for number in range(1, 6):
            await firm._task("olga", f"level {number}", parent_id=firm.ids.get(called(f"WEB-{number - 1}")))
        mia, max_, nora = (firm.people[name].user_id for name in ("mia", "max", "nora"))
        await firm._task("mia", "WEB-6", assigned_to=mia, labels=("design",), external_id="x")
        await firm._task("max", "WEB-7", assigned_to=max_, status=Status.DONE)
        await firm._task("olga", "WEB-8", cycle_id=firm.id("now"))
        await firm._task("mia", "WEB-9", parent_id=firm.id("WEB-1"), description="words")
        await firm._task("mia", "WEB-10", parent_id=firm.id("WEB-1"))
        await firm._task("olga", "OPS-1", "OPS", assigned_to=nora, external_id="x")
        await firm._task("mia", "OPS-2", "OPS", external_id="y", labels=('mobile "\\{x}',))
        await firm._task("olga", "OLD-1", "OLD")
        await firm._task("olga", "gone")
        await firm.tasks.delete(olga, "WEB-11")
        await firm.projects.change(olga, "OLD", ProjectChanges(given=frozenset({"is_active"}), is_active=False))
        async with world.task_unit_of_work(olga) as uow:
            await uow.tasks.respread([(firm.id("WEB-6"), CLOSE), (firm.id("WEB-8"), CLOSER), (firm.id("WEB-7"), LAST)])
            await uow.commit()
        return firm

    def id(self, name: str) -> UUID:
        return self.ids[called(name)]

    def placed(self, planned: Any) -> Any:
        """The same, of this company's."""
        if isinstance(planned, UUID):
            return self.ids.get(planned, planned)
        if is_dataclass(planned):
            return type(planned)(**{each.name: self.placed(getattr(planned, each.name)) for each in fields(planned)})
        return planned

    async def at_once(self, who: str, operations: list[Operation]) -> list[Told]:
        actor = self.people[who]
        placed = [self.placed(each) for each in operations]
        results, seq = await self.bulk.carry_out(actor, placed, atomic=False, outline=lambda _: b"")
        assert seq == (await self._events(0))[-1].seq
        return await self._plain([_told(each) for each in results])

    async def one_by_one(self, who: str, operations: list[Operation]) -> list[Told]:
        actor = self.people[who]
        made: dict[str, UUID] = {}
        found: list[Told] = []
        for operation in operations:
            try:
                found.append(("done", await self._alone(actor, self.placed(operation), made)))
            except Refusal as refused:
                found.append((refused.code, refused.faults))
        return await self._plain(found)

    async def stored(self, after: int) -> Any:
        """All that came of it: tasks and where they stand, what was deleted, and the events after a position."""
        olga, page = self.people["olga"], PageRequest(limit=200)
        asked: dict[str, Any] = {"visible": Visible(), "where": TaskFilter(), "page": page}
        tasks = (await self.world.task_reader.page(olga, sort=Sort(field="created_at"), **asked)).value.items
        long_ago = self.world.clock.now() - timedelta(days=1)
        gone = await self.world.task_reader.deleted_page(olga, after=long_ago, sort=Sort(field="number"), **asked)
        order = (await self.world.task_reader.page(olga, sort=Sort(field="position"), **asked)).value.items
        events = await self._events(after)
        told = [(each.seq - after, each.event, each.actor_id, each.project_id, each.body) for each in events]
        labelled = []
        for name in ("design", 'mobile "\\{x}'):
            where = TaskFilter(label=(name,))
            bearing = await self.world.task_reader.page(
                olga, visible=Visible(), where=where, sort=Sort(field="number"), page=page
            )
            labelled.append(sorted(task.key for task in bearing.value.items))
        watched = {}
        for name, person in self.people.items():
            seen = await self.world.task_reader.page(person, sort=Sort(field="created_at"), **asked)
            watched[name] = sorted(task.key for task in seen.value.items if task.watching)
        return await self._plain(
            (
                watched,
                sorted(tasks, key=lambda task: task.key),
                [task for task, _ in gone.value.items],
                [
                    (task.column_id, task.key)
                    for task in sorted(order, key=lambda task: str(self._name(task.column_id)))
                ],
                told,
                labelled,
            )
        )

    # Private parts

    def _knows(self, name: str, id: UUID) -> None:
        self.ids[called(name)] = id

    def _name(self, id: UUID) -> UUID:
        return next((name for name, known in self.ids.items() if known == id), id)

    async def _task(self, who: str, title: str, project: str = "WEB", **given: Any) -> None:
        new = NewTask(project_id=self.id(project), title=title, **given)
        task = (await self.tasks.create(self.people[who], new)).value
        self._knows(task.key, task.id)

    async def _columns(self, project_id: UUID) -> list[UUID]:
        olga = self.people["olga"]
        async with self.world.task_unit_of_work(olga) as uow:
            found = await uow.columns.of_project(project_id, for_user=olga.user_id)
        assert found is not None
        return [column.id for column in found.arrangement.columns]

    async def _events(self, after: int) -> list[Any]:
        audible = audible_events(self.people["olga"])
        found: list[Any] = []
        while True:
            stretch = await self.world.event_reader.after(
                self.people["olga"], audible=audible, position=after, types=(), limit=200
            )
            found.extend(stretch.value.events)
            if not stretch.value.events:
                return found
            after = found[-1].seq

    async def head(self) -> int:
        return (await self._events(0))[-1].seq

    async def _alone(self, actor: Actor, operation: Operation, made: dict[str, UUID]) -> Any:
        task = getattr(operation, "task", None)
        if isinstance(task, BatchRef):
            task = task.among(made, pointer="/id")
        match operation:
            case CreateTask(given=new, ref=ref, below=below):
                if ref in made:
                    raise Invalid(faults=(Fault("names another task of the batch", pointer="/ref"),))
                if below is not None:
                    new = replace(new, parent_id=below.among(made, pointer="/parent_id"))
                view = (await self.tasks.create(actor, new)).value
                if ref is not None:
                    made[ref] = view.id
                return view
            case ChangeTask(changes=changes, below=below, expected=expected):
                if below is not None:
                    changes = replace(changes, parent_id=below.among(made, pointer="/parent_id"))
                return (await self.tasks.change(actor, task, changes, expected=expected)).value
            case MoveTask(to=to, before=before, after=after, expected=expected):
                if before is not None:
                    to = replace(to, before=before.among(made, pointer="/before"))
                if after is not None:
                    to = replace(to, after=after.among(made, pointer="/after"))
                return (await self.tasks.move(actor, task, to, expected=expected)).value
            case DeleteTask(expected=expected):
                await self.tasks.delete(actor, task, expected=expected)
        return None

    async def _plain(self, value: Any) -> Any:
        """What can be compared with another company: by names instead of ids, and without instants."""
        names = {id: name for name, id in self.ids.items()}
        for event in await self._events(0):
            if event.event == "task_created":
                names[UUID(event.body["task_id"])] = called(event.body["task_key"])

        def plain(each: Any) -> Any:
            if isinstance(each, datetime):
                return "then"
            if isinstance(each, UUID):
                return names.get(each, each)
            if isinstance(each, str) and len(each) == 36 and each.count("-") == 4:
                return names.get(UUID(each), each)
            if isinstance(each, dict):
                return {name: plain(part) for name, part in each.items()}
            if isinstance(each, list | tuple):
                return [plain(part) for part in each]
            return each

        return plain(value)


async def agree_at_once(world: ContractWorld, who: str, operations: list[Operation]) -> None:
    """The same operations, at once in one company and one by one in the other, come to the same."""
    one, other = await Firm.set_up(world), await Firm.set_up(world)
    before, before_other = await one.head(), await other.head()
    assert await one.at_once(who, operations) == await other.one_by_one(who, operations)
    assert await one.stored(before) == await other.stored(before_other)


async def gather_little_of_what_is_below(world: ContractWorld) -> None:
    """Of the sub-tasks of what is deleted, however many, come no texts."""
    firm = await Firm.set_up(world)
    first, last = firm.id("WEB-1"), firm.id("WEB-9")
    async with world.batch_unit_of_work(firm.people["olga"]) as uow:
        for targets, below, text in (({first}, True, None), ({first, last}, False, "words")):
            needs = Needs(targets={*targets}, leaving={first})
            gathered = await uow.batches.gather(needs, for_user=firm.people["olga"].user_id)
            assert (last in gathered.below, first in gathered.below) == (below, False)
            assert [task.description for task in gathered.tasks if task.id == last] == [text]


def _told(result: OperationResult) -> Told:
    if result.refused is not None:
        return (result.refused.code, result.refused.faults)
    return ("done", result.task)


def _any_of(*strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of them, and one that is given twice more often: `st.one_of` would forget that."""
    return st.integers(0, len(strategies) - 1).flatmap(lambda place: strategies[place])


def _one(*names: str | None) -> st.SearchStrategy[Any]:
    return st.sampled_from([called(name) if name is not None else None for name in names])


_KEYS = [*(f"WEB-{number}" for number in range(1, 12)), "OPS-1", "OPS-2", "OLD-1"]
_refs = st.sampled_from([BatchRef("a"), BatchRef("a"), BatchRef("b")])
_known = _one(*_KEYS, *_KEYS, "nobody")
_target = _any_of(
    *[_known] * 6, st.sampled_from(["WEB-6", "WEB-7", "OPS-1", "OPS-3", "WEB-12", "WEB-13", "NONE-1"]), _refs
)
_columns = _one(*(f"{key} column {place}" for key in ("WEB", "OPS") for place in range(3)))
_statuses = st.sampled_from(list(Status))
_rarely = st.sampled_from([None, None, None, None, 1, 2])
_fields: dict[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from(["Draw", "Paint"]),
    "description": st.sampled_from([None, "words"]),
    "priority": st.sampled_from(list(Priority)),
    "assigned_to": _one(None, "mia", "mia", "max", "nora", "nobody"),
    "cycle_id": _one(None, "now", "now", "past", "elsewhere", "nobody"),
    "parent_id": _one(None, "WEB-1", "WEB-4", "WEB-8") | _known,
    "labels": st.lists(
        st.sampled_from(["design", 'MOBILE "\\{x}', 'mobile "\\{X}', "Design", "nowhere"]), max_size=2
    ).map(tuple),
    "external_id": st.sampled_from([None, "x", "y", "z"]),
    "recurrence": st.sampled_from([None, "FREQ=DAILY", "FREQ=WEEKLY;COUNT=2"]),
    "status": _statuses,
    "column_id": _columns,
    "project_id": _one("WEB", "OPS", "WEB", "OPS", "OLD", "nobody"),
}
_create = st.builds(
    CreateTask,
    given=st.fixed_dictionaries(
        {"project_id": _fields["project_id"], "title": _fields["title"]},
        optional={
            name: _fields[name]
            for name in (
                "assigned_to",
                "cycle_id",
                "parent_id",
                "labels",
                "external_id",
                "status",
                "column_id",
                "recurrence",
            )
        },
    ).map(lambda given: NewTask(**given)),
    ref=st.none() | _refs.map(lambda ref: ref.name),
    below=st.sampled_from([None, None, None, None, BatchRef("a")]),
)
_change = st.builds(
    ChangeTask,
    task=_target,
    changes=st.fixed_dictionaries({}, optional=_fields)
    .filter(lambda given: 0 < len(given) < 4)
    .map(lambda given: TaskChanges(given=frozenset(given), **given)),
    below=st.none(),
    expected=_rarely,
)
_adopt = st.builds(ChangeTask, task=_target, changes=st.just(TaskChanges(given=frozenset({"parent_id"}))), below=_refs)
_move = st.builds(
    MoveTask,
    task=_target,
    to=_any_of(
        *[st.builds(Destination, before=_known)] * 3,
        *[st.builds(Destination, after=_known)] * 3,
        st.builds(Destination, new_status=_statuses),
        st.builds(Destination, column_id=_columns),
        st.builds(Destination, new_status=_statuses, after=_known),
    ),
    expected=_rarely,
)
_join = st.builds(MoveTask, task=_target, to=st.just(Destination()), before=_refs)
_delete = st.builds(DeleteTask, task=_target, expected=_rarely)
BATCHES = st.lists(
    _any_of(*[_create] * 6, *[_change] * 6, *[_move] * 6, *[_delete] * 2, _adopt, _join), min_size=8, max_size=14
)
CALLERS = st.sampled_from(["olga", "olga", "mia"])


def _done_again(**given: Any) -> CreateTask:
    new = NewTask(project_id=called("WEB"), title="Water", recurrence="FREQ=DAILY", status=Status.DONE, **given)
    return CreateTask(given=new, ref="a")


def _ruled(task: UUID | BatchRef, rule: str) -> ChangeTask:
    changes = TaskChanges(given=frozenset({"recurrence"}), recurrence=rule)
    return ChangeTask(task=task, changes=changes)


def _given_to(task: UUID | BatchRef, *names: str | None) -> list[Operation]:
    users = [called(name) if name is not None else None for name in names]
    return [
        ChangeTask(task=task, changes=TaskChanges(given=frozenset({"assigned_to"}), assigned_to=each)) for each in users
    ]


CASES: dict[str, list[Operation]] = {
    "whoever had one in between watches it": [
        *_given_to(called("WEB-1"), "mia", "max", None),
        *_given_to(called("WEB-6"), "max", "mia"),
        *_given_to(called("WEB-7"), "mia", "max", "mia"),
    ],
    "whoever had a new one in between watches it": [
        CreateTask(given=NewTask(project_id=called("WEB"), title="Draw", assigned_to=called("mia")), ref="a"),
        *_given_to(BatchRef("a"), "max", None),
    ],
    "one that came again is deleted": [_done_again(), DeleteTask(task=BatchRef("a"))],
    "one that is done now and came again is deleted": [
        _ruled(called("WEB-6"), "FREQ=DAILY"),
        MoveTask(task=called("WEB-6"), to=Destination(new_status=Status.DONE)),
        DeleteTask(task=called("WEB-6")),
    ],
    "one that came again gets another rule and is deleted": [
        _done_again(),
        _ruled(BatchRef("a"), "FREQ=WEEKLY"),
        DeleteTask(task=BatchRef("a")),
    ],
    "what comes again within the batch comes again in turn": [
        _ruled(called("WEB-6"), "FREQ=DAILY"),
        MoveTask(task=called("WEB-6"), to=Destination(new_status=Status.DONE)),
        MoveTask(task="WEB-12", to=Destination(new_status=Status.DONE)),
        ChangeTask(task="WEB-13", changes=TaskChanges(given=frozenset({"labels"}), labels=())),
    ],
    "ranks are spread where sub-tasks of a deleted task stand": [
        DeleteTask(task=called("WEB-1")),
        MoveTask(task=called("WEB-3"), to=Destination(after=called("WEB-6"))),
    ],
}
"""Batches that chance finds too seldom."""
