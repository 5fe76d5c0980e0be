from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale
from core.projects.errors import ProjectArchived
from core.tasks.errors import AssigneeCannotSeeProject, BoardIncomplete, MoveContradicts, TaskNotFound
from core.tasks.changes import TaskChanges
from core.tasks.fields import Priority, Status
from tests.builders import an_id
from tests.builders.office import Office


def changing(**fields: object) -> TaskChanges:
    return TaskChanges(given=frozenset(fields), **fields)


class TestChangingATask:
    async def test_fields_change_at_a_new_version_in_one_fact(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        head = office.head
        office.clock.advance(timedelta(hours=1))
        changes = changing(title=" Paint ", priority=Priority.HIGH, deadline=date(2026, 5, 1), description=None)
        view, seq = await office.tasks.change(office.mia, task.id, changes)
        assert (view.title, view.priority, view.deadline, view.version) == ("Paint", "high", date(2026, 5, 1), 2)
        assert view.updated_at == office.clock.now()
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq) == ("task_updated", seq)
        assert set(fact.body["changes"]) == {"title", "priority", "deadline"}
        assert (await office.tasks.get(office.mia, task.id)).value == view

    async def test_nothing_different_is_no_change(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        before = office.world.snapshot()
        changes = changing(title="Draw", status=Status.TODO, column_id=task.column_id, assigned_to=None)
        view, seq = await office.tasks.change(office.mia, task.id, changes)
        assert (view, seq) == (task, office.head)
        assert office.world.tables == before

    async def test_a_new_status_moves_it_to_the_end_of_that_column_and_says_so_as_a_move(self, office: Office) -> None:
        last = await office.task("last", status=Status.DONE)
        task = await office.task(by=office.mia)
        head = office.head
        view, _ = await office.tasks.change(office.mia, task.id, changing(status=Status.DONE))
        assert (view.status, view.version, view.completed_at) == ("done", 2, office.clock.now())
        assert office.order(Status.DONE) == ["last", "Draw"]
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel) == ("task_moved", "kanban_updates")
        assert fact.body["after_id"] == str(last.id)

    async def test_fields_and_column_together_are_two_facts(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        head = office.head
        view, seq = await office.tasks.change(office.mia, task.id, changing(title="Paint", status=Status.DONE))
        assert [fact.event for fact in office.facts(after=head)] == ["task_updated", "task_moved"]
        assert seq == head + 2
        assert office.stored_task(task.id).version == view.version == office.facts(after=head)[-1].body["version"]

    async def test_a_status_that_it_has_in_another_column_is_no_move(self, office: Office) -> None:
        second = office.add_column(Status.TODO)
        task = await office.task(by=office.mia, column_id=second)
        view, _ = await office.tasks.change(office.mia, task.id, changing(status=Status.TODO))
        assert (view.column_id, view.version) == (second, 1)

    async def test_a_named_column_is_a_move_though_the_status_is_the_same(self, office: Office) -> None:
        second = office.add_column(Status.TODO)
        task = await office.task(by=office.mia)
        view, _ = await office.tasks.change(office.mia, task.id, changing(column_id=second))
        assert (view.column_id, view.status, view.version) == (second, "todo", 2)

    async def test_what_is_sent_back_as_it_was_contradicts_nothing(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        done, _ = await office.tasks.change(
            office.mia, task.id, changing(status=Status.DONE, column_id=office.column(Status.TODO))
        )
        assert (done.status, done.column_id) == ("done", office.column(Status.DONE))

    async def test_contradictions_are_refused(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        with pytest.raises(MoveContradicts):
            await office.tasks.change(
                office.mia, task.id, changing(status=Status.DONE, column_id=office.column(Status.IN_PROGRESS))
            )
        with pytest.raises(ReferenceNotFound):
            await office.tasks.change(office.mia, task.id, changing(column_id=an_id()))

    async def test_a_status_without_column_is_refused_with_all_that_came_with_it(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        office.drop_columns(Status.IN_PROGRESS)
        before = office.world.snapshot()
        with pytest.raises(BoardIncomplete):
            await office.tasks.change(office.mia, task.id, changing(title="Paint", status=Status.IN_PROGRESS))
        assert office.world.tables == before

    async def test_members_edit_what_is_theirs(self, office: Office) -> None:
        created = await office.task(by=office.mia)
        assigned = await office.task(assigned_to=office.mia.user_id)
        others = await office.task(assigned_to=office.max.user_id)
        for task in (created, assigned):
            await office.tasks.change(office.mia, task.id, changing(title="Mine"))
        with pytest.raises(Forbidden):
            await office.tasks.change(office.mia, others.id, changing(title="Mine"))

    async def test_members_edit_all_where_the_company_says_so(self, office: Office) -> None:
        others = await office.task(assigned_to=office.max.user_id)
        await office.world.let_members_edit_all(office.olga.company_id)
        await office.tasks.change(office.mia, others.id, changing(title="Ours"))
        with pytest.raises(TaskNotFound):
            await office.tasks.change(office.nora, others.id, changing(title="Ours"))

    async def test_anybody_who_sees_an_unassigned_task_takes_it_once(self, office: Office) -> None:
        task = await office.task()
        view, _ = await office.tasks.change(office.mia, task.id, changing(assigned_to=office.mia.user_id))
        assert (view.assigned_to, view.assigned_to_name) == (office.mia.user_id, "Mia")
        with pytest.raises(Forbidden):
            await office.tasks.change(office.max, task.id, changing(assigned_to=office.max.user_id))

    async def test_it_is_assigned_to_who_sees_the_project(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        assigned, _ = await office.tasks.change(office.mia, task.id, changing(assigned_to=office.max.user_id))
        assert assigned.assigned_to_name == "Max"
        with pytest.raises(ReferenceNotFound) as missing:
            await office.tasks.change(office.mia, task.id, changing(assigned_to=office.nora.user_id))
        assert missing.value.faults[0].pointer == "/assigned_to"
        with pytest.raises(AssigneeCannotSeeProject):
            await office.tasks.change(office.adam, task.id, changing(assigned_to=office.nora.user_id))
        freed, _ = await office.tasks.change(office.mia, task.id, changing(assigned_to=None))
        assert (freed.assigned_to, freed.assigned_to_name) == (None, None)

    async def test_an_assignee_who_is_inactive_by_now_may_stay(self, office: Office) -> None:
        task = await office.task(by=office.mia, assigned_to=office.max.user_id)
        await office.world.deactivate(office.max)
        changes = changing(title="Paint", assigned_to=office.max.user_id)
        view, _ = await office.tasks.change(office.mia, task.id, changes)
        assert (view.title, view.assigned_to_name) == ("Paint", "Max")

    async def test_the_version_that_the_caller_knows_must_be_the_present_one(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        await office.tasks.change(office.mia, task.id, changing(title="First"), expected=1)
        with pytest.raises(Stale) as stale:
            await office.tasks.change(office.mia, task.id, changing(title="Second"), expected=1)
        assert stale.value.current.startswith("2.")
        assert (await office.tasks.get(office.mia, task.id)).value.title == "First"

    async def test_read_only_fields_may_be_sent_back_but_not_changed(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        changes = replace(changing(title="Paint"), unchanged={"key": "WEB-1", "completed_at": None, "number": 1})
        assert (await office.tasks.change(office.mia, task.id, changes)).value.title == "Paint"
        with pytest.raises(FieldReadOnly) as refused:
            await office.tasks.change(office.mia, task.id, replace(changes, unchanged={"number": 2}))
        assert refused.value.faults[0].pointer == "/number"

    async def test_a_value_that_is_none_changes_nothing(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        before = office.world.snapshot()
        with pytest.raises(Invalid):
            await office.tasks.change(office.mia, task.id, changing(title=" ", priority=Priority.URGENT))
        assert office.world.tables == before


class TestOrderOfRefusals:
    """Not found, then may not, then stale, then the state of things: contract, section 2."""

    async def test_in_an_archived_project_who_may_not_edit_is_told_that(self, office: Office) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        await office.archive_web()
        with pytest.raises(Forbidden):
            await office.tasks.change(office.mia, task.id, changing(title="Mine"))
        with pytest.raises(Forbidden):
            await office.tasks.complete(office.mia, task.id)
        with pytest.raises(Forbidden):
            await office.tasks.delete(office.mia, task.id)

    async def test_in_an_archived_project_a_stale_version_is_told_first(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        await office.archive_web()
        with pytest.raises(Stale):
            await office.tasks.change(office.mia, task.id, changing(title="Mine"), expected=9)
        with pytest.raises(Stale):
            await office.tasks.complete(office.mia, task.id, expected=9)
        with pytest.raises(Stale):
            await office.tasks.delete(office.mia, task.id, expected=9)

    async def test_who_does_not_see_it_is_told_nothing_else(self, office: Office) -> None:
        task = await office.task()
        await office.archive_web()
        with pytest.raises(TaskNotFound):
            await office.tasks.change(office.nora, task.id, changing(title="Mine"), expected=9)

    async def test_who_may_is_told_that_it_is_archived(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        await office.archive_web()
        with pytest.raises(ProjectArchived):
            await office.tasks.change(office.mia, task.id, changing(title="Mine"), expected=1)
