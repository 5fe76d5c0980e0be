from collections.abc import Sequence
from uuid import UUID

import pytest

from core.kernel.errors import Invalid, ReferenceNotFound
from core.kernel.rank import LONGEST
from core.tasks.columns import ColumnChanges
from core.tasks.errors import BoardIncomplete, ColumnNotEmpty
from core.tasks.fields import Status
from core.tasks.use_cases.columns import NewColumn
from tests.builders import an_id
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


def changes(**fields: object) -> ColumnChanges:
    return ColumnChanges(given=frozenset(fields), **fields)


def names(office: Office) -> list[str]:
    return [column.name for column in office.stored.columns_of(office.web.id)]


def positions(office: Office) -> list[int]:
    return [column.position for column in office.stored.columns_of(office.web.id)]


async def add(office: Office, name: str = "Review", **fields: object) -> UUID:
    given = NewColumn(**{"name": name, "category": Status.IN_PROGRESS, **fields})
    return (await office.board_columns.add(office.mia, "WEB", given)).value.id


class TestAdding:
    async def test_a_new_column_stands_at_the_end(self, office: Office) -> None:
        head = office.head
        column_id = await add(office, wip_limit=3)
        view = (await office.board_columns.get(office.mia, column_id)).value
        assert (view.name, view.category, view.position, view.wip_limit) == ("Review", "in_progress", 3, 3)
        assert (view.task_count, view.over_limit, view.version) == (0, False, 1)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel) == ("column_created", "kanban_updates")
        assert fact.audience.project_id == office.web.id
        assert fact.body == {
            "project_id": str(office.web.id),
            "column_id": str(column_id),
            "name": "Review",
            "category": "in_progress",
            "position": 3,
            "wip_limit": 3,
            "created_by": str(office.mia.user_id),
            "version": 1,
        }

    async def test_it_stands_where_it_is_wanted_and_the_others_make_room(self, office: Office) -> None:
        await add(office, "first", position=0)
        await add(office, "second", after=office.stored.columns_of(office.web.id)[0].id)
        await add(office, "last", position=5)
        assert names(office) == ["first", "second", "To do", "In progress", "Done", "last"]
        assert positions(office) == [0, 1, 2, 3, 4, 5]

    async def test_a_place_and_a_neighbour_exclude_each_other(self, office: Office) -> None:
        with pytest.raises(Invalid) as refused:
            await add(office, position=0, after=office.column(Status.TODO))
        assert [fault.pointer for fault in refused.value.faults] == ["/after"]

    async def test_a_column_of_another_board_is_no_neighbour(self, office: Office) -> None:
        other, _ = await office.projects.open(office.adam, name="Shop")
        foreign = office.stored.columns_of(other.id)[0].id
        with pytest.raises(ReferenceNotFound) as missing:
            await add(office, after=foreign)
        assert missing.value.faults[0].pointer == "/after"


class TestChanging:
    async def test_fields_change_and_say_so(self, office: Office) -> None:
        column, head = office.column(Status.TODO), office.head
        view = (
            await office.board_columns.change(office.mia, column, changes(name=" Ideas ", wip_limit=2), expected=1)
        ).value
        assert (view.name, view.wip_limit, view.version) == ("Ideas", 2, 2)
        (fact,) = office.facts(after=head)
        assert fact.event == "column_updated"
        assert fact.body["changes"] == {
            "name": {"old": "To do", "new": "Ideas"},
            "wip_limit": {"old": None, "new": 2},
        }

    async def test_what_is_so_already_changes_nothing(self, office: Office) -> None:
        before = office.world.snapshot()
        same = changes(name="To do", category=Status.TODO, wip_limit=None, position=0)
        assert (await office.board_columns.change(office.mia, office.column(Status.TODO), same)).value.version == 1
        assert office.world.tables == before

    async def test_a_place_is_no_new_version_but_another_tag(self, office: Office) -> None:
        column, head = office.column(Status.TODO), office.head
        before = (await office.board_columns.get(office.mia, column)).value
        view = (await office.board_columns.change(office.mia, column, changes(position=2))).value
        assert (view.position, view.version) == (2, 1)
        assert view.embedded != before.embedded
        assert (names(office), positions(office)) == (["In progress", "Done", "To do"], [0, 1, 2])
        (fact,) = office.facts(after=head)
        assert fact.event == "columns_ordered"
        assert list(fact.body["column_ids"]) == [str(each.id) for each in office.stored.columns_of(office.web.id)]

    async def test_its_tasks_get_the_status_of_a_new_category(self, office: Office) -> None:
        office.add_column(Status.TODO)
        one, two = await office.task("1"), await office.task("2")
        gone, other = await office.task("gone"), await office.task("other", status=Status.IN_PROGRESS)
        await office.tasks.delete(office.adam, gone.id)
        column, head = office.column(Status.TODO), office.head
        await office.board_columns.change(office.mia, column, changes(category=Status.DONE))
        first, *rest = office.facts(after=head)
        assert (first.event, first.body["changes"]) == ("column_updated", {"category": {"old": "todo", "new": "done"}})
        assert [(fact.event, fact.body["task_id"], fact.body["version"]) for fact in rest] == [
            ("task_updated", str(task.id), 2) for task in (one, two)
        ]
        assert all(fact.body["changes"] == {"status": {"old": "todo", "new": "done"}} for fact in rest)
        for task in (one, two):
            view = (await office.tasks.get(office.mia, task.id)).value
            assert (view.status, view.column_id, view.version) == ("done", column, 2)
            assert view.completed_at == office.clock.now()
        assert (await office.tasks.get(office.mia, other.id)).value.version == 1
        await office.board_columns.change(office.mia, column, changes(category=Status.TODO))
        view = (await office.tasks.get(office.mia, one.id)).value
        assert (view.status, view.completed_at, view.version) == ("todo", None, 3)

    async def test_the_last_of_a_category_keeps_it(self, office: Office) -> None:
        before = office.world.snapshot()
        with pytest.raises(BoardIncomplete):
            await office.board_columns.change(
                office.mia, office.column(Status.DONE), changes(name="x", category=Status.TODO)
            )
        assert office.world.tables == before

    async def test_a_limit_warns_and_never_refuses(self, office: Office) -> None:
        column = office.column(Status.TODO)
        await office.board_columns.change(office.mia, column, changes(wip_limit=1))
        for over in (False, True):
            await office.task()
            assert (await office.board_columns.get(office.mia, column)).value.over_limit == over


class TestOrdering:
    async def test_all_are_put_in_order_at_once(self, office: Office) -> None:
        ids = [column.id for column in office.stored.columns_of(office.web.id)]
        head = office.head
        views = (await office.board_columns.order(office.mia, "WEB", ids[::-1])).value
        assert [view.id for view in views] == ids[::-1]
        assert [view.position for view in views] == [0, 1, 2]
        assert names(office) == ["Done", "In progress", "To do"]
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.body["ordered_by"]) == ("columns_ordered", str(office.mia.user_id))
        again = (await office.board_columns.order(office.mia, "WEB", ids[::-1])).value
        assert again == views
        assert office.head == head + 1

    @pytest.mark.parametrize(
        ("picked", "pointers"),
        [([0, 1], ["/column_ids"]), ([0, 1, 1], ["/column_ids/2"]), ([0, 1, 2, 0], ["/column_ids/3"])],
    )
    async def test_each_is_named_once(self, office: Office, picked: Sequence[int], pointers: list[str]) -> None:
        ids = [column.id for column in office.stored.columns_of(office.web.id)]
        with pytest.raises(Invalid) as refused:
            await office.board_columns.order(office.mia, "WEB", [ids[each] for each in picked])
        assert [fault.pointer for fault in refused.value.faults] == pointers

    async def test_one_of_another_board_is_not_found(self, office: Office) -> None:
        ids = [column.id for column in office.stored.columns_of(office.web.id)]
        with pytest.raises(ReferenceNotFound) as missing:
            await office.board_columns.order(office.mia, "WEB", [*ids[:2], an_id()])
        assert missing.value.faults[0].pointer == "/column_ids/2"


class TestDeleting:
    async def test_an_empty_column_goes_and_the_others_close_up(self, office: Office) -> None:
        column = await add(office, position=1)
        head = office.head
        await office.board_columns.delete(office.mia, column, expected=1)
        assert (names(office), positions(office)) == (["To do", "In progress", "Done"], [0, 1, 2])
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.body["moved_to"], fact.body["name"]) == ("column_deleted", None, "Review")

    async def test_a_column_with_cards_stays_unless_they_have_somewhere_to_go(self, office: Office) -> None:
        column = await add(office)
        await office.task(column_id=column)
        before = office.world.snapshot()
        with pytest.raises(ColumnNotEmpty):
            await office.board_columns.delete(office.mia, column)
        assert office.world.tables == before

    async def test_its_cards_go_to_the_end_of_another_in_their_order(self, office: Office) -> None:
        column = await add(office)
        done = await office.task("z", status=Status.DONE)
        one, two = [await office.task(title, column_id=column) for title in "ab"]
        head = office.head
        await office.board_columns.delete(office.mia, column, move_to=office.column(Status.DONE))
        assert office.order(Status.DONE) == ["z", "a", "b"]
        *moves, last = office.facts(after=head)
        assert (last.event, last.body["moved_to"]) == ("column_deleted", str(office.column(Status.DONE)))
        assert [(fact.event, fact.body["task_id"], fact.body["after_id"]) for fact in moves] == [
            ("task_moved", str(one.id), str(done.id)),
            ("task_moved", str(two.id), str(one.id)),
        ]
        for fact in moves:
            assert (fact.body["old_status"], fact.body["new_status"]) == ("in_progress", "done")
            assert (fact.body["old_column_id"], fact.body["version"]) == (str(column), 2)
        view = (await office.tasks.get(office.mia, one.id)).value
        assert (view.status, view.version, view.completed_at) == ("done", 2, office.clock.now())

    async def test_undoing_a_completion_copes_without_the_column_it_came_from(self, office: Office) -> None:
        column = await add(office)
        task = await office.task(column_id=column, by=office.mia)
        await office.tasks.complete(office.mia, task.id, completed=True)
        await office.board_columns.delete(office.mia, column)
        view = (await office.tasks.complete(office.mia, task.id, completed=False)).value
        assert (view.status, view.column_id) == ("todo", office.column(Status.TODO))

    async def test_the_end_of_a_column_is_spread_where_it_has_no_room(self, office: Office) -> None:
        column = await add(office)
        last = await office.task("z", status=Status.DONE)
        tasks = office.stored.tasks
        stored = tasks[last.id]
        stored.rank = "z" * LONGEST
        for title in "ab":
            await office.task(title, column_id=column)
        await office.board_columns.delete(office.mia, column, move_to=office.column(Status.DONE))
        assert office.order(Status.DONE) == ["z", "a", "b"]
        assert all(len(task.rank) <= LONGEST for task in office.stored.tasks.values())

    async def test_the_last_of_a_category_stays(self, office: Office) -> None:
        for category in Status:
            with pytest.raises(BoardIncomplete):
                await office.board_columns.delete(office.mia, office.column(category))

    async def test_a_limit_of_its_new_column_refuses_nothing(self, office: Office) -> None:
        column = await add(office)
        done = office.column(Status.DONE)
        await office.board_columns.change(office.mia, done, changes(wip_limit=1))
        for _ in range(2):
            await office.task(column_id=column)
        await office.board_columns.delete(office.mia, column, move_to=done)
        assert (await office.board_columns.get(office.mia, done)).value.over_limit
