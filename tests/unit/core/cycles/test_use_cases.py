from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from core.cycles.errors import CycleActive, CycleNotActive, CycleNotFound, CycleTakesNoTasks
from core.cycles.model import CycleChanges, CycleStatus
from core.cycles.ports import CycleFilter
from core.cycles.use_cases import NewCycle
from core.kernel.actor import Actor, Role
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound
from core.kernel.once import AlreadyAnswered
from core.kernel.paging import PageRequest, Sort
from core.projects.errors import ProjectArchived
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from core.tasks.ports import TaskFilter
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key


def changing(**fields: object) -> CycleChanges:
    return CycleChanges(given=frozenset(fields), **fields)


async def names(office: Office, actor: Actor, **where: object) -> list[str]:
    answer = await office.cycles.list(actor, where=CycleFilter(**where), sort=Sort(field="number"), page=PageRequest())
    return [view.name for view in answer.value.items]


class TestCreatingACycle:
    async def test_whoever_sees_the_project_may_and_everybody_there_hears_of_it(self, office: Office) -> None:
        head = office.head
        given = NewCycle(
            project_id=office.web.id,
            name=" Autumn ",
            description="In *blue*",
            metadata={"goal": "launch"},
            starts_on=date(2026, 5, 1),
            ends_on=date(2026, 5, 14),
        )
        view, seq = await office.cycles.create(office.mia, given)
        assert (view.name, view.number, view.s3_prefix, view.status) == ("Autumn", 1, "web/1", "planned")
        assert (view.created_by, view.version, view.metadata) == (office.mia.user_id, 1, {"goal": "launch"})
        assert (await office.cycles.get(office.max, view.id)).value == view
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel, fact.seq) == ("cycle_created", "project_updates", seq)
        assert fact.audience.project_id == office.web.id

    async def test_a_project_out_of_sight_is_as_good_as_none(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        for actor, project_id in ((office.nora, office.web.id), (stranger, office.web.id), (office.adam, an_id())):
            with pytest.raises(ReferenceNotFound) as missing:
                await office.cycles.create(actor, NewCycle(project_id=project_id, name="x"))
            assert missing.value.faults[0].pointer == "/project_id"
        assert office.stored.last_cycle_numbers == {}

    async def test_asked_twice_with_a_key_it_creates_one(self, office: Office) -> None:
        given = NewCycle(project_id=office.web.id, name="Once")
        view, seq = await office.cycles.create(office.mia, given, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.cycles.create(office.mia, given, once=a_key())
        assert (again.value.outcome.kind, again.value.outcome.id, again.value.seq) == ("cycle", view.id, seq)
        assert len(office.stored.cycles) == 1

    @pytest.mark.parametrize("fields", [{"name": ""}, {"s3_prefix": "a/"}, {"metadata": {"a": "\x00"}}])
    async def test_bad_values_do_not_construct(self, fields: dict[str, object]) -> None:
        with pytest.raises(Invalid):
            NewCycle(**{"project_id": an_id(), "name": "x", **fields})


class TestFindingCycles:
    async def test_members_find_those_of_their_projects_and_admins_all(self, office: Office) -> None:
        shop, _ = await office.projects.open(office.adam, name="Shop", key="SHOP")
        await office.cycle("Web")
        hidden, _ = await office.cycles.create(office.adam, NewCycle(project_id=shop.id, name="Shop"))
        assert await names(office, office.olga) == ["Web", "Shop"]
        assert await names(office, office.mia) == ["Web"]
        assert await names(office, office.nora) == []
        assert await names(office, office.mia, project_id=(shop.id,)) == []
        for actor in (office.mia, await office.world.company("Elsewhere")):
            with pytest.raises(CycleNotFound):
                await office.cycles.get(actor, hidden.id)

    async def test_the_present_role_counts_not_the_tokens(self, office: Office) -> None:
        await office.cycle("Web")
        assert await names(office, replace(office.nora, role=Role.OWNER)) == []
        await office.world.change_role(office.nora, Role.ADMIN)
        assert await names(office, office.nora) == ["Web"]

    async def test_a_deleted_project_takes_its_cycles_along(self, office: Office) -> None:
        cycle = await office.cycle()
        await office.projects.delete(office.adam, "WEB")
        assert await names(office, office.olga) == []
        for call in (
            office.cycles.get(office.olga, cycle.id),
            office.cycles.change(office.olga, cycle.id, changing(name="x")),
            office.cycles.start(office.olga, cycle.id),
            office.cycles.complete(office.olga, cycle.id),
            office.cycles.delete(office.olga, cycle.id),
        ):
            with pytest.raises(CycleNotFound):
                await call


class TestChangingACycle:
    @pytest.mark.parametrize("stage", ["planned", "active", "completed"])
    async def test_members_change_it_at_any_stage(self, office: Office, stage: str) -> None:
        make = {"planned": office.cycle, "active": office.active_cycle, "completed": office.completed_cycle}[stage]
        cycle = await make("Autumn")
        head = office.head
        view, _ = await office.cycles.change(office.mia, cycle.id, changing(name="Winter", metadata={"a": 1}))
        assert (view.name, view.status, view.version) == ("Winter", stage, cycle.version + 1)
        (fact,) = office.facts(after=head)
        assert fact.event == "cycle_updated"
        assert fact.body["changes"] == {
            "name": {"old": "Autumn", "new": "Winter"},
            "metadata": {"old": {}, "new": {"a": 1}},
        }

    async def test_what_changes_nothing_tells_nobody(self, office: Office) -> None:
        cycle, head = await office.cycle("Autumn"), office.head
        view, seq = await office.cycles.change(office.mia, cycle.id, changing(name=" Autumn "))
        assert (view, seq) == (cycle, head)

    async def test_the_status_may_be_sent_back_but_not_changed(self, office: Office) -> None:
        cycle = await office.cycle()
        same = replace(changing(name="Winter"), unchanged={"status": "planned", "number": 1})
        assert (await office.cycles.change(office.mia, cycle.id, same)).value.name == "Winter"
        for status in ("active", "completed"):
            with pytest.raises(FieldReadOnly) as refused:
                await office.cycles.change(office.olga, cycle.id, replace(changing(), unchanged={"status": status}))
            assert refused.value.faults[0].pointer == "/status"


class TestStartingACycle:
    async def test_members_start_it_and_the_next_one_only_after_it(self, office: Office) -> None:
        first, second = await office.cycle("One"), await office.cycle("Two")
        head = office.head
        view, _ = await office.cycles.start(office.mia, first.id)
        assert (view.status, view.started_at, view.version) == ("active", office.clock.now(), 2)
        assert [fact.event for fact in office.facts(after=head)] == ["cycle_started"]
        await office.cycles.complete(office.mia, first.id)
        assert (await office.cycles.start(office.max, second.id)).value.status == "active"

    async def test_each_project_has_an_active_one_of_its_own(self, office: Office) -> None:
        shop, _ = await office.projects.open(office.adam, name="Shop", key="SHOP")
        other, _ = await office.cycles.create(office.adam, NewCycle(project_id=shop.id, name="Shop"))
        await office.active_cycle()
        assert (await office.cycles.start(office.adam, other.id)).value.status == "active"

    async def test_asked_twice_with_a_key_it_starts_once(self, office: Office) -> None:
        cycle = await office.cycle()
        await office.cycles.start(office.mia, cycle.id, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.cycles.start(office.mia, cycle.id, once=a_key())
        assert (again.value.outcome.id, again.value.outcome.version) == (cycle.id, 2)


class TestCompletingACycle:
    @pytest.mark.parametrize("carried", [False, True])
    async def test_what_is_unfinished_goes_on_and_what_is_done_stays(self, office: Office, carried: bool) -> None:
        cycle, target = await office.active_cycle(), await office.cycle("Next")
        done = await office.task("done", cycle_id=cycle.id, status=Status.DONE)
        open_ = [
            await office.task(status, cycle_id=cycle.id, status=status, assigned_to=office.max.user_id)
            for status in (Status.IN_PROGRESS, Status.TODO)
        ]
        elsewhere = await office.task("elsewhere", cycle_id=target.id)
        to, head = target.id if carried else None, office.head
        office.clock.advance(timedelta(hours=1))
        view, seq = await office.cycles.complete(office.mia, cycle.id, carry_over_to=to)
        assert (view.status, view.completed_at, view.version) == ("completed", office.clock.now(), 3)
        *moved, completed = office.facts(after=head)
        assert [(fact.event, fact.body["task_id"], fact.body["version"]) for fact in moved] == [
            ("task_updated", str(task.id), 2) for task in open_
        ]
        change = {"cycle_id": {"old": str(cycle.id), "new": str(to) if to else None}}
        assert all(fact.body["changes"] == change for fact in moved)
        assert (completed.event, completed.seq) == ("cycle_completed", seq)
        assert (completed.body["carried_over"], completed.body["carry_over_to"]) == (2, str(to) if to else None)
        for task in open_:
            stored = office.stored_task(task.id)
            assert (stored.cycle_id, stored.version, stored.updated_at) == (to, 2, office.clock.now())
        assert office.stored_task(done.id).cycle_id == cycle.id
        assert office.stored_task(done.id).version == 1
        assert office.stored_task(elsewhere.id).version == 1

    async def test_tasks_that_others_may_edit_alone_go_along(self, office: Office) -> None:
        cycle = await office.active_cycle()
        task = await office.task(cycle_id=cycle.id)
        with pytest.raises(Forbidden):
            await office.tasks.change(office.mia, task.id, TaskChanges(given=frozenset({"cycle_id"}), cycle_id=None))
        await office.cycles.complete(office.mia, cycle.id)
        assert office.stored_task(task.id).cycle_id is None

    async def test_nothing_goes_into_what_is_over_or_elsewhere(self, office: Office) -> None:
        shop, _ = await office.projects.open(office.adam, name="Shop", key="SHOP")
        other, _ = await office.cycles.create(office.adam, NewCycle(project_id=shop.id, name="Shop"))
        past, cycle = await office.completed_cycle(), await office.active_cycle()
        task = await office.task(cycle_id=cycle.id)
        for to, refusal in (
            (an_id(), ReferenceNotFound),
            (other.id, ReferenceNotFound),
            (past.id, CycleTakesNoTasks),
            (cycle.id, CycleTakesNoTasks),
        ):
            with pytest.raises(refusal) as refused:
                await office.cycles.complete(office.adam, cycle.id, carry_over_to=to)
            assert refused.value.faults[0].pointer == "/carry_over_to"
        assert office.stored.cycles[cycle.id].status is CycleStatus.ACTIVE
        assert office.stored_task(task.id).cycle_id == cycle.id

    async def test_the_state_is_told_before_the_reference(self, office: Office) -> None:
        cycle = await office.cycle()
        with pytest.raises(CycleNotActive):
            await office.cycles.complete(office.adam, cycle.id, carry_over_to=an_id())


class TestDeletingACycle:
    @pytest.mark.parametrize("stage", ["planned", "completed"])
    async def test_all_its_tasks_go_to_no_cycle(self, office: Office, stage: str) -> None:
        cycle = await (office.cycle() if stage == "planned" else office.active_cycle())
        tasks = [await office.task(cycle_id=cycle.id, status=status) for status in (Status.DONE, Status.TODO)]
        if stage == "completed":
            await office.cycles.complete(office.adam, cycle.id)
        staying = [task for task in tasks if office.stored_task(task.id).cycle_id == cycle.id]
        head = office.head
        seq = await office.cycles.delete(office.adam, cycle.id)
        *moved, deleted = office.facts(after=head)
        assert [fact.body["task_id"] for fact in moved] == [str(task.id) for task in staying]
        assert len(staying) == (2 if stage == "planned" else 1)
        assert (deleted.event, deleted.seq) == ("cycle_deleted", seq)
        assert {office.stored_task(task.id).cycle_id for task in tasks} == {None}
        with pytest.raises(CycleNotFound):
            await office.cycles.get(office.adam, cycle.id)

    async def test_its_number_is_not_given_again(self, office: Office) -> None:
        await office.cycles.delete(office.adam, (await office.cycle()).id)
        assert (await office.cycle()).number == 2

    async def test_members_may_not_and_nobody_may_while_it_is_active(self, office: Office) -> None:
        cycle = await office.active_cycle()
        with pytest.raises(Forbidden):
            await office.cycles.delete(office.mia, cycle.id)
        with pytest.raises(CycleActive):
            await office.cycles.delete(office.olga, cycle.id)


class TestTheCycleOfATask:
    async def test_it_is_given_with_the_task_changed_and_cleared(self, office: Office) -> None:
        planned, active = await office.cycle("Next"), await office.active_cycle()
        task = await office.task(by=office.mia, cycle_id=planned.id)
        assert task.cycle_id == planned.id
        head = office.head
        for cycle_id in (active.id, None):
            view = await self._put(office, office.mia, task.id, cycle_id)
            assert view.cycle_id == cycle_id
        facts = office.facts(after=head)
        assert [(fact.event, fact.body["version"]) for fact in facts] == [("task_updated", 2), ("task_updated", 3)]
        assert [fact.body["changes"]["cycle_id"] for fact in facts] == [
            {"old": str(planned.id), "new": str(active.id)},
            {"old": str(active.id), "new": None},
        ]

    async def test_it_is_one_of_its_own_project_that_is_not_over(self, office: Office) -> None:
        shop, _ = await office.projects.open(office.adam, name="Shop", key="SHOP")
        other, _ = await office.cycles.create(office.adam, NewCycle(project_id=shop.id, name="Shop"))
        past, task = await office.completed_cycle(), await office.task()
        for cycle_id, refusal in (
            (other.id, ReferenceNotFound),
            (an_id(), ReferenceNotFound),
            (past.id, CycleTakesNoTasks),
        ):
            for call in (office.task(cycle_id=cycle_id), self._put(office, office.adam, task.id, cycle_id)):
                with pytest.raises(refusal) as refused:
                    await call
                assert refused.value.faults[0].pointer == "/cycle_id"

    async def test_a_task_may_stay_in_a_cycle_that_is_over(self, office: Office) -> None:
        cycle = await office.active_cycle()
        task = await office.task(cycle_id=cycle.id, status=Status.DONE)
        await office.cycles.complete(office.adam, cycle.id)
        changes = TaskChanges(given=frozenset({"title", "cycle_id"}), title="Paint", cycle_id=cycle.id)
        view, _ = await office.tasks.change(office.adam, task.id, changes)
        assert (view.title, view.cycle_id) == ("Paint", cycle.id)
        assert (await self._put(office, office.adam, task.id, None)).cycle_id is None

    async def test_a_list_of_a_cycle_shows_members_all_in_it_and_one_of_none_their_own(self, office: Office) -> None:
        cycle = await office.cycle()
        await office.task("in it", cycle_id=cycle.id)
        await office.task("nobody's")
        await office.task("mia's", assigned_to=office.mia.user_id)
        assert await self._titles(office, office.mia, cycle.id) == ["in it"]
        assert await self._titles(office, office.mia, None) == ["mia's"]
        assert await self._titles(office, office.mia, None, project_id=(office.web.id,)) == ["nobody's", "mia's"]
        assert await self._titles(office, office.adam, None) == ["nobody's", "mia's"]
        assert await self._titles(office, office.nora, cycle.id) == []

    async def test_an_archived_project_keeps_its_tasks_where_they_are(self, office: Office) -> None:
        cycle, task = await office.cycle(), await office.task()
        await office.archive_web()
        with pytest.raises(ProjectArchived):
            await self._put(office, office.adam, task.id, cycle.id)

    async def _put(self, office: Office, actor: Actor, task_id: UUID, cycle_id: UUID | None) -> object:
        changes = TaskChanges(given=frozenset({"cycle_id"}), cycle_id=cycle_id)
        return (await office.tasks.change(actor, task_id, changes)).value

    async def _titles(self, office: Office, actor: Actor, cycle_id: UUID | None, **where: object) -> list[str]:
        answer = await office.tasks.list(
            actor,
            where=TaskFilter(cycle_id=(cycle_id,), **where),
            sort=Sort(field="number"),
            page=PageRequest(),
        )
        return [view.title for view in answer.value.items]
