from dataclasses import replace
from datetime import date, datetime, timedelta, UTC

import pytest

from core.companies.model import CompanySettings
from core.kernel.errors import ChangedMeanwhile
from core.tasks.changes import TaskChanges
from core.tasks.columns import ColumnChanges
from core.tasks.fields import Priority, Status
from core.tasks.model import Task
from core.tasks.use_cases.placing import Destination
from tests.builders.office import Office

FRIDAY = date(2026, 3, 6)


def changing(**fields: object) -> TaskChanges:
    return TaskChanges(given=frozenset(fields), **fields)


def next_of(office: Office) -> Task:
    """The newest task of the company."""
    return max(office.stored.tasks.values(), key=lambda task: task.id)


def count(office: Office) -> int:
    return len(office.stored.tasks)


class TestRecurring:
    async def test_completing_makes_the_next_one_of_all_that_describes_it(self, office: Office) -> None:
        await office.label("design")
        parent = await office.task("parent")
        given = {
            "title": "Water the plants",
            "description": "All of them",
            "priority": Priority.HIGH,
            "labels": ("design",),
            "assigned_to": office.max.user_id,
            "parent_id": parent.id,
            "recurrence": "FREQ=WEEKLY;COUNT=3",
            "deadline": FRIDAY,
        }
        cycle = await office.active_cycle()
        task = await office.task(by=office.mia, external_id="JIRA-7", cycle_id=cycle.id, **given)
        await office.task("last")
        head = office.head
        view, seq = await office.tasks.complete(office.max, task.id)
        following = next_of(office)
        assert (view.status, view.version, view.recurrence) == ("done", 2, "FREQ=WEEKLY;COUNT=3")
        changed = {"recurrence": "FREQ=WEEKLY;COUNT=2", "deadline": FRIDAY + timedelta(days=7)}
        assert {name: getattr(following, name) for name in given} == {**given, **changed}
        assert (following.external_id, following.cycle_id, following.status) == (None, None, Status.TODO)
        assert (following.number, following.key, following.version) == (task.number + 2, f"WEB-{task.number + 2}", 1)
        assert following.created_by == office.mia.user_id
        assert office.order() == ["parent", "last", "Water the plants"]
        moved, created = office.facts(after=head)
        assert (moved.event, created.event, seq) == ("task_moved", "task_created", created.seq)
        assert created.actor_id == office.max.user_id
        assert created.body["task_id"] == str(following.id) and created.body["labels"] == ("design",)
        assert created.body["parent_id"] == str(parent.id)
        assert (following.id, next(iter(office.stored.labels))) in office.stored.task_labels
        assert (await office.tasks.get(office.mia, parent.id)).value.sub_tasks == {"total": 2, "done": 1}

    async def test_the_series_goes_on_until_its_rule_ends(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY;COUNT=3", deadline=FRIDAY)
        days = [task.deadline]
        while count(office) < 9:
            before = count(office)
            await office.tasks.complete(office.adam, next_of(office).id)
            if count(office) == before:
                break
            days.append(next_of(office).deadline)
        assert days == [FRIDAY, FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2)]
        assert next_of(office).recurred_at is None and next_of(office).status is Status.DONE

    @pytest.mark.parametrize("way", ["complete", "move", "column", "status", "beside", "transfer", "created"])
    async def test_whatever_way_it_is_done(self, office: Office, way: str) -> None:
        fields = {"recurrence": "FREQ=WEEKLY", "deadline": FRIDAY}
        neighbour = await office.task("neighbour", status=Status.DONE)
        other, _ = await office.projects.open(office.adam, name="App", key="APP")
        project_id, done = office.web.id, office.column(Status.DONE)
        if way == "created":
            await office.task(status=Status.DONE, **fields)
        else:
            task = await office.task(**fields)
        if way == "complete":
            await office.tasks.complete(office.adam, task.id, completed=True)
        elif way == "move":
            await office.tasks.move(office.adam, task.id, Destination(new_status=Status.DONE))
        elif way == "beside":
            await office.tasks.move(office.adam, task.id, Destination(before=neighbour.id))
        elif way == "column":
            await office.tasks.change(office.adam, task.id, changing(column_id=done))
        elif way == "status":
            await office.tasks.change(office.adam, task.id, changing(status=Status.DONE))
        elif way == "transfer":
            await office.tasks.change(office.adam, task.id, changing(project_id=other.id, status=Status.DONE))
            project_id = other.id
        following = next_of(office)
        assert (following.status, following.deadline) == (Status.TODO, FRIDAY + timedelta(days=7))
        assert following.project_id == project_id
        assert sum(each.recurrence is not None for each in office.stored.tasks.values()) == 2

    async def test_what_is_changed_at_the_same_time_counts(self, office: Office) -> None:
        await office.label("home")
        task = await office.task("Draw")
        changes = changing(
            title="Paint", recurrence="FREQ=MONTHLY;BYDAY=1MO", deadline=FRIDAY, labels=("Home",), status=Status.DONE
        )
        await office.tasks.change(office.adam, task.id, changes)
        following = next_of(office)
        assert (following.title, following.deadline, following.labels) == ("Paint", date(2026, 4, 6), ("home",))

    async def test_a_task_is_followed_once_however_often_it_is_done(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY")
        await office.tasks.complete(office.adam, task.id)
        assert count(office) == 2
        for completed in (False, True, False, True):
            await office.tasks.complete(office.adam, task.id, completed=completed)
        await office.tasks.delete(office.adam, next_of(office).id)
        await office.tasks.complete(office.adam, task.id, completed=False)
        await office.tasks.change(office.adam, task.id, changing(recurrence="FREQ=DAILY", status=Status.DONE))
        await office.tasks.delete(office.adam, task.id)
        await office.deleted_tasks.restore(office.adam, task.id)
        assert count(office) == 2

    async def test_another_rule_begins_its_series_anew(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY", deadline=FRIDAY)
        await office.tasks.complete(office.adam, task.id)
        await office.tasks.complete(office.adam, task.id, completed=False)
        await office.tasks.delete(office.adam, next_of(office).id)
        # With what else is changed, and done, in the same PATCH.
        await office.tasks.change(office.adam, task.id, changing(recurrence="FREQ=WEEKLY", status=Status.DONE))
        assert (count(office), next_of(office).deadline) == (3, FRIDAY + timedelta(days=7))
        assert office.stored_task(task.id).recurred_at is not None
        # Cleared, and set again to what it was.
        await office.tasks.complete(office.adam, task.id, completed=False)
        for rule in (None, "FREQ=WEEKLY"):
            assert not office.stored_task(task.id).may_recur
            await office.tasks.change(office.adam, task.id, changing(recurrence=rule))
        assert office.stored_task(task.id).may_recur
        await office.tasks.complete(office.adam, task.id)
        assert count(office) == 4

    async def test_what_is_done_already_or_not_done_at_all_is_not_followed(self, office: Office) -> None:
        done = await office.task(status=Status.DONE)
        await office.tasks.change(office.adam, done.id, changing(recurrence="FREQ=DAILY"))
        task = await office.task(recurrence="FREQ=DAILY")
        await office.tasks.move(office.adam, task.id, Destination(new_status=Status.IN_PROGRESS))
        await office.tasks.delete(office.adam, task.id)
        await office.deleted_tasks.restore(office.adam, task.id)
        assert count(office) == 2

    async def test_without_a_deadline_it_counts_from_the_companys_today(self, office: Office) -> None:
        office.clock.at = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
        for zone, day in [("UTC", date(2026, 3, 3)), ("Pacific/Kiritimati", date(2026, 3, 4))]:
            company = replace(office.stored.company, settings=CompanySettings(time_zone=zone))
            office.stored.company = company
            task = await office.task(recurrence="FREQ=DAILY")
            await office.tasks.complete(office.adam, task.id)
            assert next_of(office).deadline == day

    async def test_an_assignee_who_may_not_have_it_any_more_is_left_out(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY", assigned_to=office.max.user_id)
        await office.world.deactivate(office.max)
        await office.tasks.complete(office.adam, task.id)
        assert next_of(office).assigned_to is None

    async def test_a_series_whose_creator_is_gone_is_created_by_who_completes_it(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY")
        office.stored.tasks[task.id] = replace(office.stored_task(task.id), created_by=None)
        await office.tasks.complete(office.olga, task.id)
        assert next_of(office).created_by == office.olga.user_id

    async def test_sub_tasks_stay_with_the_one_that_they_are_of(self, office: Office) -> None:
        task = await office.task(recurrence="FREQ=DAILY")
        child = await office.task("child", parent_id=task.id)
        await office.tasks.complete(office.adam, task.id)
        assert office.stored_task(child.id).parent_id == task.id
        assert (await office.tasks.get(office.adam, next_of(office).id)).value.sub_tasks == {"total": 0, "done": 0}

    async def test_a_label_that_is_renamed_at_this_moment_makes_it_fail_as_a_whole(self, office: Office) -> None:
        label = await office.label("design")
        task = await office.task(recurrence="FREQ=DAILY", labels=("design",))
        del office.stored.labels[label.id]
        before = office.world.snapshot()
        with pytest.raises(ChangedMeanwhile):
            await office.tasks.complete(office.adam, task.id)
        assert office.world.tables == before

    async def test_the_cards_of_a_column_that_becomes_a_done_one_are_done(self, office: Office) -> None:
        column = office.column(Status.TODO)
        second = office.add_column(Status.TODO, "Later")
        for title in ("first", "second"):
            await office.task(title, recurrence="FREQ=DAILY;COUNT=2", deadline=FRIDAY)
        await office.task("once")
        head = office.head
        changes = ColumnChanges(given=frozenset({"category"}), category=Status.DONE)
        await office.board_columns.change(office.adam, column, changes)
        later = [card for card in office.stored.cards(second)]
        assert [(card.title, card.deadline, card.status) for card in later] == [
            (title, FRIDAY + timedelta(days=1), Status.TODO) for title in ("first", "second")
        ]
        assert [fact.event for fact in office.facts(after=head)] == [
            "column_updated", *["task_updated"] * 3, *["task_created"] * 2,
        ]  # fmt: skip
        assert [card.recurred_at is not None for card in office.stored.cards(column)] == [True, True, False]
        assert len({card.number for card in office.stored.tasks.values()}) == 5

    async def test_the_cards_of_a_column_that_goes_away_into_a_done_one_are_done(self, office: Office) -> None:
        column = office.add_column(Status.TODO, "Later")
        await office.task("first", recurrence="FREQ=DAILY", column_id=column)
        done = office.add_column(Status.DONE, "Archive")
        await office.task("before", recurrence="FREQ=DAILY", column_id=done)
        assert office.order() == ["before"]
        await office.board_columns.delete(office.adam, column, move_to=office.column(Status.DONE))
        assert office.order() == ["before", "first"]
        # From one done column to another one, nothing is done.
        await office.board_columns.delete(office.adam, done, move_to=office.column(Status.DONE))
        assert office.order() == ["before", "first"]
