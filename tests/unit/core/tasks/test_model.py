from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import Invalid
from core.kernel.events import Change
from core.tasks.errors import BoardIncomplete
from core.tasks.changes import TaskChanges
from core.tasks.fields import Priority, Status
from core.tasks.model import Board, Task, end_of
from tests.builders import NOW, a_board, a_column, a_place, a_task, an_id

LATER = NOW + timedelta(hours=1)


def created(**fields: object) -> tuple[Task, object]:
    usual = {
        "title": "Draw",
        "description": None,
        "priority": Priority.MEDIUM,
        "place": a_place(),
        "deadline": None,
        "assigned_to": None,
    }
    return Task.create(
        id=an_id(),
        project_id=an_id(),
        project_key="WEB",
        number=12,
        created_by=an_id(),
        at=NOW,
        **{**usual, **fields},
    )


class TestTask:
    def test_it_begins_at_its_first_version_where_it_was_put_and_says_so(self) -> None:
        place = a_place(a_column(Status.IN_PROGRESS))
        task, fact = created(title=" Draw ", description=" In *blue* ", place=place)
        assert (task.key, task.number, task.version, task.title) == ("WEB-12", 12, 1, "Draw")
        assert task.description == "In *blue*"
        assert (task.column_id, task.rank, task.status) == (place.column.id, place.rank, Status.IN_PROGRESS)
        assert (task.completed_at, task.previous_column_id) == (None, None)
        assert (fact.task_id, fact.task_key, fact.task_title) == (task.id, "WEB-12", "Draw")
        assert (fact.project_id, fact.column_id, fact.version) == (task.project_id, task.column_id, 1)
        assert fact.audience().project_id == task.project_id

    def test_one_that_begins_done_is_completed(self) -> None:
        task, _ = created(place=a_place(a_column(Status.DONE)))
        assert (task.status, task.completed_at) == (Status.DONE, NOW)

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [({"title": " "}, "/title"), ({"title": "x" * 501}, "/title"), ({"description": "\ud800"}, "/description")],
    )
    def test_fields_that_are_none_are_refused(self, fields: dict[str, str], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            created(**fields)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


class TestChangingFields:
    def test_it_raises_the_version_once_and_answers_what_is_really_different(self) -> None:
        task = a_task(title="Draw", priority=Priority.LOW)
        changes = TaskChanges(
            given=frozenset({"title", "priority", "deadline", "description"}),
            title=" Draw ",
            priority=Priority.URGENT,
            deadline=date(2026, 5, 1),
        )
        updated = task.change(changes, at=LATER)
        assert updated is not None
        assert updated.changes == {
            "priority": Change(old="low", new="urgent"),
            "deadline": Change(old=None, new=date(2026, 5, 1)),
        }
        assert (task.version, updated.version, task.updated_at) == (2, 2, LATER)

    def test_to_what_they_are_already_is_no_change(self) -> None:
        task = a_task()
        before = replace(task)
        given_fields = frozenset({"title", "description", "priority", "deadline", "assigned_to"})
        assert task.change(TaskChanges(given=given_fields, title=task.title), at=LATER) is None
        assert task == before

    def test_the_place_is_none_of_them(self) -> None:
        task = a_task()
        changes = TaskChanges(given=frozenset({"status", "column_id"}), status=Status.DONE, column_id=an_id())
        assert task.change(changes, at=LATER) is None
        assert changes.fields == frozenset()

    def test_what_is_not_given_stays_and_none_clears(self) -> None:
        task = a_task(description="Goes", deadline=date(2026, 5, 1), assigned_to=an_id())
        task.change(TaskChanges(given=frozenset({"description", "assigned_to"})), at=LATER)
        assert (task.description, task.assigned_to, task.deadline) == (None, None, date(2026, 5, 1))

    def test_changes_to_a_value_that_is_none_cannot_be_made(self) -> None:
        with pytest.raises(Invalid):
            TaskChanges(given=frozenset({"priority", "title"}), title="", priority=Priority.URGENT)

    @given(st.sets(st.sampled_from(["title", "description", "priority", "deadline", "assigned_to"])), st.booleans())
    def test_the_fact_holds_exactly_the_fields_that_differ_afterwards(self, fields: set[str], same: bool) -> None:
        task = a_task(title="Old", description="Old", deadline=date(2026, 1, 1), assigned_to=an_id())
        before = replace(task)
        new = {} if same else {"title": "New", "priority": Priority.HIGH, "assigned_to": an_id()}
        values = {name: getattr(task, name) for name in ("title", "description", "priority", "deadline", "assigned_to")}
        updated = task.change(TaskChanges(given=frozenset(fields), **{**values, **new}), at=LATER)
        differing = {name for name in values if getattr(task, name) != getattr(before, name)}
        assert (set(updated.changes) if updated else set()) == differing == fields & set(new)
        assert task.version == before.version + (1 if differing else 0)


class TestMoving:
    def test_another_place_in_its_column_does_not_change_its_version(self) -> None:
        column = a_column()
        task, above = a_task(column), an_id()
        moved = task.move(a_place(column, rank="zzzzzzzz", after_id=above), by=an_id(), at=LATER)
        assert (task.version, task.updated_at, task.rank) == (1, NOW, "zzzzzzzz")
        assert (moved.old_column_id, moved.new_column_id, moved.after_id) == (column.id, column.id, above)
        assert moved.version == 1

    def test_another_column_does(self) -> None:
        task, column, mover = a_task(), a_column(Status.IN_PROGRESS), an_id()
        moved = task.move(a_place(column), by=mover, at=LATER)
        assert (task.version, task.updated_at, task.column_id) == (2, LATER, column.id)
        assert task.status is Status.IN_PROGRESS
        assert (moved.old_status, moved.new_status, moved.moved_by) == ("todo", "in_progress", mover)

    def test_entering_done_completes_it_and_remembers_where_it_came_from(self) -> None:
        task = a_task(a_column(Status.IN_PROGRESS))
        came_from = task.column_id
        task.move(a_place(a_column(Status.DONE)), by=an_id(), at=LATER)
        assert (task.completed_at, task.previous_column_id) == (LATER, came_from)

    def test_leaving_done_undoes_that(self) -> None:
        task = a_task(a_column(Status.DONE), previous_column_id=an_id())
        task.move(a_place(a_column(Status.TODO)), by=an_id(), at=LATER)
        assert (task.completed_at, task.previous_column_id) == (None, None)

    def test_from_one_done_column_to_another_it_stays_completed_as_it_was(self) -> None:
        came_from = an_id()
        task = a_task(a_column(Status.DONE), previous_column_id=came_from)
        task.move(a_place(a_column(Status.DONE)), by=an_id(), at=LATER)
        assert (task.completed_at, task.previous_column_id, task.version) == (NOW, came_from, 2)

    @given(st.lists(st.integers(0, 4), max_size=12))
    def test_it_is_completed_exactly_while_it_is_done(self, way: list[int]) -> None:
        board = a_board(Status.TODO, Status.TODO, Status.IN_PROGRESS, Status.DONE, Status.DONE)
        task = a_task(board.columns[0])
        for step, place in enumerate(way):
            task.move(a_place(board.columns[place]), by=an_id(), at=NOW + timedelta(minutes=step))
            assert task.status is board.columns[place].category
            assert (task.completed_at is not None) == (task.status is Status.DONE)
            assert task.previous_column_id is None or task.status is Status.DONE


class TestCompleting:
    def test_what_is_so_already_needs_no_column(self) -> None:
        assert a_task(a_column(Status.DONE)).column_for(a_board(), completed=True) is None
        assert a_task(a_column(Status.TODO)).column_for(a_board(), completed=False) is None

    def test_it_goes_to_the_first_done_column(self) -> None:
        board = a_board(Status.TODO, Status.DONE, Status.DONE)
        assert a_task(board.columns[0]).column_for(board, completed=True) == board.columns[1]

    def test_undoing_returns_to_where_it_came_from(self) -> None:
        board = a_board(Status.TODO, Status.IN_PROGRESS, Status.IN_PROGRESS, Status.DONE)
        task = a_task(board.columns[2])
        task.move(a_place(board.columns[3]), by=an_id(), at=LATER)
        assert task.column_for(board, completed=False) == board.columns[2]

    @pytest.mark.parametrize("previous", ["gone", "done by now", "never known"])
    def test_undoing_goes_to_the_first_column_to_do_where_that_is_no_more(self, previous: str) -> None:
        board = a_board(Status.TODO, Status.DONE, Status.DONE)
        previous_column_id = {"gone": an_id(), "done by now": board.columns[2].id, "never known": None}[previous]
        task = a_task(board.columns[1], previous_column_id=previous_column_id)
        assert task.column_for(board, completed=False) == board.columns[0]


class TestDeleting:
    def test_it_is_out_of_sight_at_a_new_version(self) -> None:
        task, deleter = a_task(), an_id()
        deleted = task.delete(by=deleter, at=LATER)
        assert (task.deleted_at, task.updated_at, task.version) == (LATER, LATER, 2)
        assert (deleted.task_id, deleted.task_key, deleted.deleted_by) == (task.id, task.key, deleter)


class TestBoard:
    def test_the_leftmost_column_of_a_category_is_meant(self) -> None:
        board = a_board(Status.DONE, Status.TODO, Status.TODO)
        assert board.first_of(Status.TODO) == board.columns[1]

    def test_a_category_without_column_is_refused(self) -> None:
        with pytest.raises(BoardIncomplete):
            a_board(Status.TODO, Status.DONE).first_of(Status.IN_PROGRESS)

    def test_a_column_of_another_board_is_none_of_its(self) -> None:
        board = a_board()
        assert board.column(board.columns[1].id) == board.columns[1]
        assert board.column(an_id()) is None
        assert board.column(None) is None
        assert Board(columns=()).column(an_id()) is None


class TestEndOfColumn:
    def test_it_is_below_the_last_card(self) -> None:
        last = a_task()
        place = end_of(a_column(last=last))
        assert place.rank > last.rank
        assert place.after_id == last.id

    def test_of_an_empty_one_it_is_the_top(self) -> None:
        assert end_of(a_column()).after_id is None
