"""The contract of TaskUnitOfWork and TaskReader.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it this contract uses `company`, `person`,
`joins`, `add_to_project`, `change_role`, `deactivate`, the task and project units of work, the task reader, the clock
and the ids.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project
from core.projects.policy import Visible as VisibleProjects
from core.tasks.changes import TaskChanges
from core.tasks.fields import Priority, Status
from core.tasks.model import Task
from core.tasks.policy import Visible
from core.tasks.ports import LoadedTask, Neighbour, TaskFilter
from core.tasks.read_models import TaskTag, TaskView
from tests.contracts.steps import (
    add_task,
    delete_project,
    listed,
    open_project,
    save_project,
    save_task,
    titles,
)
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()


class TaskStoreContract:
    """Of the repository: what use cases load and save."""

    async def test_numbers_rise_and_none_is_given_twice(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        numbers = [(await add_task(world, owner, project)).number for _ in range(3)]
        assert numbers == [1, 2, 3]
        assert (await add_task(world, owner, other)).key == "APP-1"

    async def test_a_new_task_is_prepared_with_its_board(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        last = [await add_task(world, owner, project) for _ in range(2)][-1]
        async with world.task_unit_of_work(owner) as uow:
            opening = await uow.tasks.begin(project.id, for_user=owner.user_id, assignee=None)
        assert opening is not None
        assert (opening.project_key, opening.project_is_active, opening.is_member) == ("WEB", True, True)
        assert opening.assignee is None
        assert [column.category for column in opening.board.columns] == list(Status)
        assert [column.last_id for column in opening.board.columns] == [last.id, None, None]
        assert [column.last_rank for column in opening.board.columns] == [last.rank, None, None]

    async def test_whoever_does_not_belong_to_the_project_is_known_not_to(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, ann = await open_project(world, owner), await world.person(owner.company_id)
        async with world.task_unit_of_work(ann) as uow:
            opening = await uow.tasks.begin(project.id, for_user=ann.user_id, assignee=None)
            assert opening is not None and not opening.is_member
        await world.add_to_project(project.id, ann)
        async with world.task_unit_of_work(ann) as uow:
            opening = await uow.tasks.begin(project.id, for_user=ann.user_id, assignee=None)
            assert opening is not None and opening.is_member

    async def test_an_archived_project_says_so(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        project.is_active = False
        await save_project(world, owner, project)
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
            assert loaded is not None and not loaded.project_is_active
            opening = await uow.tasks.begin(project.id, for_user=owner.user_id, assignee=None)
            assert opening is not None and not opening.project_is_active

    async def test_no_task_begins_in_what_is_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        foreign = await open_project(world, there)
        deleted = await open_project(world, here, key="OLD")
        await delete_project(world, here, deleted)
        async with world.task_unit_of_work(here) as uow:
            for project_id in (world.ids.new(), foreign.id, deleted.id):
                assert await uow.tasks.begin(project_id, for_user=here.user_id, assignee=None) is None

    async def test_a_task_is_loaded_as_it_was_added(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, ann = await open_project(world, owner), await world.person(owner.company_id, name="Ann Miller")
        task = await add_task(
            world,
            owner,
            project,
            "Draw",
            status=Status.DONE,
            priority=Priority.URGENT,
            deadline=date(2028, 2, 29),
            assigned_to=ann.user_id,
        )
        for ref in (task.id, "WEB-1", "web-1"):
            loaded = await self._loaded(world, owner, ref)
            assert loaded.task == task
            assert loaded.assigned_to_name == "Ann Miller"
            assert (loaded.project_is_active, loaded.is_member) == (True, True)
            assert [column.last_id for column in loaded.board.columns] == [None, None, task.id]

    async def test_nothing_is_loaded_that_is_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        project, foreign_project = await open_project(world, here), await open_project(world, there)
        await add_task(world, there, foreign_project)
        foreign = await add_task(world, there, foreign_project)
        gone, of_gone = await add_task(world, here, project), await open_project(world, here, key="OLD")
        orphan = await add_task(world, here, of_gone)
        await self._delete(world, here, gone)
        await delete_project(world, here, of_gone)
        async with world.task_unit_of_work(here) as uow:
            for ref in (world.ids.new(), foreign.id, "WEB-2", gone.id, "WEB-1", orphan.id, "OLD-1", "NONE-1"):
                assert await uow.tasks.load(ref, for_user=here.user_id) is None, ref

    async def test_a_change_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        loaded = await self._loaded(world, owner, task.id)
        changes = TaskChanges(
            given=frozenset({"title", "description", "priority", "deadline", "assigned_to"}),
            title="Paint",
            description="In *blue*",
            priority=Priority.LOW,
            deadline=date(2026, 3, 3),
            assigned_to=owner.user_id,
        )
        loaded.task.change(changes, at=world.clock.now() + timedelta(seconds=1))
        await save_task(world, owner, loaded.task, was=1)
        assert (await self._loaded(world, owner, task.id)).task == loaded.task

    async def test_what_was_loaded_is_nobody_elses_until_it_is_saved(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        (await self._loaded(world, owner, task.id)).task.title = "Changed here alone"
        assert (await self._loaded(world, owner, task.id)).task.title == task.title

    async def test_a_stale_change_is_refused_and_nothing_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, new = await add_task(world, owner, project), await add_task(world, owner, project)
        stale = (await self._loaded(world, owner, task.id)).task
        stale.title, stale.version = "Stale", 3
        new.title, new.version = "Never", 2
        with pytest.raises(Conflict):
            async with world.task_unit_of_work(owner) as uow:
                uow.tasks.save(new, was=1)
                uow.tasks.save(stale, was=2)
                await uow.commit()
        assert await titles(world, owner) == ["Draw", "Draw"]

    async def test_a_deleted_task_cannot_be_changed(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        await self._delete(world, owner, task)
        with pytest.raises(Conflict):
            await save_task(world, owner, task, was=task.version)

    async def test_an_assignee_is_known_by_what_the_rules_ask(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        ann, bob, cem, dan = [
            await world.person(owner.company_id, name=name, role=role)
            for name, role in (
                ("Ann", Role.MEMBER),
                ("Bob", Role.MEMBER),
                ("Cem", Role.ADMIN),
                ("Dan", Role.MEMBER),
            )
        ]
        await world.add_to_project(project.id, ann)
        await world.add_to_project(other.id, ann)
        await world.add_to_project(other.id, bob)
        await world.add_to_project(project.id, dan)
        await world.deactivate(dan)
        found = {}
        async with world.task_unit_of_work(owner) as uow:
            for person in (ann, bob, cem, dan):
                assignee = await uow.tasks.assignee(person.user_id, project_id=project.id, for_user=ann.user_id)
                assert assignee is not None and assignee.id == person.user_id
                found[assignee.name] = (assignee.is_active, assignee.sees_project, assignee.known_to_caller)
            begun = await uow.tasks.begin(project.id, for_user=ann.user_id, assignee=bob.user_id)
        assert found == {
            "Ann": (True, True, True),
            "Bob": (True, False, True),
            "Cem": (True, True, False),
            "Dan": (False, True, True),
        }
        assert begun is not None and begun.assignee is not None
        assert (begun.assignee.name, begun.assignee.sees_project) == ("Bob", False)

    async def test_nobody_of_another_company_can_be_assigned(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        project = await open_project(world, here)
        async with world.task_unit_of_work(here) as uow:
            for user_id in (there.user_id, world.ids.new()):
                assert await uow.tasks.assignee(user_id, project_id=project.id, for_user=here.user_id) is None
                begun = await uow.tasks.begin(project.id, for_user=here.user_id, assignee=user_id)
                assert begun is not None and begun.assignee is None

    async def test_a_neighbour_is_told_without_the_card_that_moves(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two, three = [await add_task(world, owner, project, title) for title in ("1", "2", "3")]
        alone = await add_task(world, owner, project, "alone", status=Status.DONE)
        async with world.task_unit_of_work(owner) as uow:

            async def beside(task: Task, *, moved: Task) -> Neighbour | None:
                by_id, by_key = [
                    await uow.tasks.load(ref, for_user=owner.user_id, beside=task.id) for ref in (moved.id, moved.key)
                ]
                assert by_id is not None and by_key is not None and by_id.neighbour == by_key.neighbour
                return by_id.neighbour

            assert await beside(two, moved=alone) == Neighbour(two.column_id, two.rank, one.id, one.rank, three.rank)
            assert await beside(two, moved=one) == Neighbour(two.column_id, two.rank, None, None, three.rank)
            assert await beside(two, moved=three) == Neighbour(two.column_id, two.rank, one.id, one.rank, None)
            assert await beside(alone, moved=one) == Neighbour(alone.column_id, alone.rank, None, None, None)

    async def test_a_neighbour_stands_in_the_same_project(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        project, other = await open_project(world, here), await open_project(world, here, key="APP")
        moved, elsewhere = await add_task(world, here, project), await add_task(world, here, other)
        foreign = await add_task(world, there, await open_project(world, there))
        gone = await add_task(world, here, project)
        await self._delete(world, here, gone)
        async with world.task_unit_of_work(here) as uow:
            for named in (elsewhere.id, foreign.id, gone.id, world.ids.new()):
                loaded = await uow.tasks.load(moved.id, for_user=here.user_id, beside=named)
                assert loaded is not None and loaded.neighbour is None

    async def test_new_ranks_are_seen_at_once_and_kept_with_the_commit(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two, three = [await add_task(world, owner, project, title) for title in ("1", "2", "3")]
        turned = [(one.id, "30000000"), (two.id, "20000000"), (three.id, "10000000")]
        async with world.task_unit_of_work(owner) as uow:
            assert await uow.tasks.order(one.column_id) == [one.id, two.id, three.id]
            await uow.tasks.respread(turned)
            assert await uow.tasks.order(one.column_id) == [three.id, two.id, one.id]
        assert await titles(world, owner, sort="position") == ["1", "2", "3"]
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.respread(turned)
            await uow.commit()
        assert await titles(world, owner, sort="position") == ["3", "2", "1"]
        assert [view.version for view in await listed(world, owner)] == [1, 1, 1]

    async def test_ranks_are_compared_byte_by_byte(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        cards = [await add_task(world, owner, project, title) for title in ("z", "a", "Z", "0")]
        ranks = ["zzzzzzzz", "aaaaaaaa", "ZZZZZZZZ", "00000001V"]
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.respread([(card.id, rank) for card, rank in zip(cards, ranks, strict=True)])
            await uow.commit()
        assert await titles(world, owner, sort="position") == ["0", "Z", "a", "z"]

    async def _loaded(self, world: ContractWorld, actor: Actor, ref: object) -> LoadedTask:
        async with world.task_unit_of_work(actor) as uow:
            loaded = await uow.tasks.load(ref, for_user=actor.user_id)
        assert loaded is not None
        return loaded

    async def _delete(self, world: ContractWorld, actor: Actor, task: Task) -> None:
        was = task.version
        task.delete(by=actor.user_id, at=world.clock.now())
        await save_task(world, actor, task, was=was)


class TaskReaderContract:
    """Of the reader: what screens show."""

    async def test_a_task_is_shown_by_id_and_by_key_in_any_case(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner), assigned_to=owner.user_id)
        shown = [
            (await world.task_reader.one(owner, ref, visible=EVERYTHING)).value for ref in (task.id, "WEB-1", "wEb-1")
        ]
        assert shown == [TaskView.of(task, assigned_to_name=shown[0].assigned_to_name, watching=True)] * 3
        assert shown[0].assigned_to_name

    async def test_its_tag_is_that_of_what_is_shown(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann Miller")
        task = await add_task(world, owner, await open_project(world, owner), assigned_to=ann.user_id)
        tag = (await world.task_reader.tag(owner, task.id, visible=EVERYTHING)).value
        assert tag is not None and tag[:3] == (1, "WEB-1", "Ann Miller")
        assert tag == (await world.task_reader.tag(owner, "web-1", visible=EVERYTHING)).value

    async def test_what_is_out_of_sight_is_not_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        project, theirs = await open_project(world, here), await open_project(world, there, key="FAR")
        task, foreign = await add_task(world, here, project), await add_task(world, there, theirs)
        mine = Visible(member_id=ann.user_id)
        for ref in (world.ids.new(), foreign.id, "FAR-1", "WEB-2", "NONE-1"):
            assert (await world.task_reader.one(here, ref, visible=EVERYTHING)).value is None
            assert (await world.task_reader.tag(here, ref, visible=EVERYTHING)).value is None
        for ref in (task.id, "WEB-1"):
            assert (await world.task_reader.one(ann, ref, visible=mine)).value is None
            assert (await world.task_reader.tag(ann, ref, visible=mine)).value is None
        await world.add_to_project(project.id, ann)
        assert (await world.task_reader.one(ann, task.id, visible=mine)).value is not None

    async def test_a_deleted_task_is_nowhere(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, _ = await add_task(world, owner, project), await add_task(world, owner, project, "Stays")
        task.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, task, was=1)
        assert (await world.task_reader.one(owner, task.id, visible=EVERYTHING)).value is None
        assert await titles(world, owner) == ["Stays"]
        board = (await self._board(world, owner, project)).columns
        assert [column.task_count for column in board] == [1, 0, 0]
        assert [card.title for card in board[0].tasks] == ["Stays"]

    async def test_the_tasks_of_a_deleted_project_are_nowhere(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        await delete_project(world, owner, project)
        assert (await world.task_reader.one(owner, task.id, visible=EVERYTHING)).value is None
        assert (await world.task_reader.one(owner, "WEB-1", visible=EVERYTHING)).value is None
        assert await titles(world, owner) == []

    async def test_a_list_holds_one_companys_tasks(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await add_task(world, here, await open_project(world, here), "Here")
        theirs = await open_project(world, there)
        await add_task(world, there, theirs, "There")
        assert await titles(world, here) == ["Here"]
        assert await titles(world, here, where=TaskFilter(project_id=(theirs.id,))) == []

    async def test_visibility_limits_a_list(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        await world.add_to_project(project.id, ann)
        await add_task(world, owner, project, "Theirs to do", assigned_to=ann.user_id)
        await add_task(world, owner, project, "Nobody's")
        await add_task(world, owner, other, "Elsewhere", assigned_to=ann.user_id)
        by_title = {"sort": "created_at"}
        assert len(await titles(world, owner, **by_title)) == 3
        assert await titles(world, ann, visible=Visible(member_id=ann.user_id), **by_title) == [
            "Theirs to do",
            "Nobody's",
        ]
        assigned = Visible(member_id=ann.user_id, assigned_to=ann.user_id)
        assert await titles(world, ann, visible=assigned, **by_title) == ["Theirs to do"]

    async def test_filters_keep_what_fits_all_of_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        a = await add_task(world, owner, web, "a", priority=Priority.LOW, assigned_to=ann.user_id)
        b = await add_task(world, owner, web, "b", status=Status.DONE, deadline=date(2026, 5, 1), external_id="X-1")
        await add_task(world, ann, web, "c", priority=Priority.HIGH, deadline=date(2026, 5, 2), external_id="X-10")
        d = await add_task(
            world, ann, app, "d", status=Status.IN_PROGRESS, assigned_to=owner.user_id, external_id="X-1"
        )
        assert len({each.column_id for each in (a, b, d)}) == 3
        for where, expected in (
            (TaskFilter(), "abcd"),
            (TaskFilter(project_id=(web.id,)), "abc"),
            (TaskFilter(project_id=(web.id, app.id)), "abcd"),
            (TaskFilter(project_id=(world.ids.new(),)), ""),
            (TaskFilter(column_id=(a.column_id,)), "ac"),
            (TaskFilter(column_id=(b.column_id, d.column_id)), "bd"),
            (TaskFilter(status=(Status.TODO,)), "ac"),
            (TaskFilter(status=(Status.DONE, Status.IN_PROGRESS)), "bd"),
            (TaskFilter(priority=(Priority.LOW,)), "a"),
            (TaskFilter(priority=(Priority.LOW, Priority.HIGH)), "ac"),
            (TaskFilter(assigned_to=(ann.user_id,)), "a"),
            (TaskFilter(assigned_to=(None,)), "bc"),
            (TaskFilter(assigned_to=(None, owner.user_id)), "bcd"),
            (TaskFilter(assigned_to=(None, owner.user_id, ann.user_id)), "abcd"),
            (TaskFilter(created_by=(ann.user_id,)), "cd"),
            (TaskFilter(created_by=(ann.user_id, owner.user_id)), "abcd"),
            (TaskFilter(deadline_before=date(2026, 5, 2)), "b"),
            (TaskFilter(deadline_after=date(2026, 5, 1)), "c"),
            (TaskFilter(deadline_after=date(2026, 5, 2)), ""),
            (TaskFilter(updated_after=d.updated_at), ""),
            (TaskFilter(external_id="X-1"), "bd"),
            (TaskFilter(external_id="x-1"), ""),
            (TaskFilter(external_id="X-1", project_id=(web.id,)), "b"),
            (TaskFilter(external_id="X-1", project_id=(web.id, app.id), status=(Status.DONE,)), "b"),
            (TaskFilter(updated_after=a.updated_at - timedelta(seconds=1)), "abcd"),
            (TaskFilter(project_id=(web.id,), status=(Status.TODO,), assigned_to=(None,)), "c"),
        ):
            assert "".join(sorted(await titles(world, owner, where=where))) == expected, where

    @pytest.mark.parametrize("field", ["created_at", "updated_at", "deadline", "priority", "number", "position"])
    @pytest.mark.parametrize("sign", ["", "-"])
    async def test_pages_of_any_sort_join_to_the_whole_list(self, world: ContractWorld, field: str, sign: str) -> None:
        owner = await world.company()
        await self._a_mixed_lot(world, owner)
        whole = await listed(world, owner, sort=sign + field)
        assert len(whole) == 9
        assert [view.id for view in whole] == [view.id for view in _ordered(whole, field, descending=bool(sign))]
        sort, position, joined = Sort(field=field, descending=bool(sign)), None, []
        while True:
            request = PageRequest(limit=2, position=position)
            page, _ = await world.task_reader.page(
                owner, visible=EVERYTHING, where=TaskFilter(), sort=sort, page=request
            )
            joined += page.items
            position = page.next_position
            if position is None:
                break
            assert len(page.items) == 2
        assert joined == whole

    async def test_a_page_that_holds_the_last_item_names_no_next_one(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for _ in range(3):
            await add_task(world, owner, project)
        assert (await self._page(world, owner, limit=3)).next_position is None
        assert (await self._page(world, owner, limit=2)).next_position is not None
        assert (await self._page(world, owner, limit=4)).next_position is None

    async def test_a_page_holds_no_more_than_so_much_text_and_a_task(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        lengths = [3, 0, 4, 90, 1, 1, 30, 30]
        for length in lengths:
            task = await add_task(world, owner, project)
            await save_task(world, owner, replace(task, description="\u00e9" * length or None, version=2), was=1)
        for sort in ("number", "-number", "position", "deadline"):
            sizes, position, found = [], None, []
            while True:
                page = await self._page(world, owner, sort=sort, limit=4, most_text=14, position=position)
                sizes.append(len(page.items))
                found += [task.number for task in page.items]
                position = page.next_position
                if position is None:
                    break
            assert sorted(found) == list(range(1, 9))
            assert sizes == ([1, 1, 3, 3] if sort == "-number" else [4, 3, 1])
        assert (await self._page(world, owner, limit=4, most_text=14, skip=9)).items == []

    async def test_items_are_left_out_and_counted_on_request(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for title in "abcde":
            await add_task(world, owner, project, title)
        page = await self._page(world, owner, limit=2, skip=1, include_total=True)
        assert ([view.title for view in page.items], page.total) == (["b", "c"], 5)
        following = await self._page(world, owner, limit=2, position=page.next_position, include_total=True)
        assert ([view.title for view in following.items], following.total) == (["d", "e"], 5)
        assert (await self._page(world, owner, skip=9)).items == []
        assert (await self._page(world, owner)).total is None

    async def test_a_board_shows_its_columns_and_cards_in_order(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for title in "abc":
            await add_task(world, owner, project, title)
        await add_task(world, owner, project, "d", status=Status.DONE)
        for ref in (project.id, "WEB", "web"):
            board = (await world.task_reader.board(owner, ref, visible=VisibleProjects(), tasks_per_column=2)).value
            assert board is not None and board.project_id == project.id
            assert [(column.name, column.category, column.position) for column in board.columns] == [
                ("To do", "todo", 0),
                ("In progress", "in_progress", 1),
                ("Done", "done", 2),
            ]
            assert [column.task_count for column in board.columns] == [3, 0, 1]
            assert [[card.title for card in column.tasks] for column in board.columns] == [["a", "b"], [], ["d"]]
            assert not any(column.over_limit for column in board.columns)
        shown = board.columns[2].tasks[0]
        assert shown == (await world.task_reader.one(owner, shown.id, visible=EVERYTHING)).value

    async def test_a_board_out_of_sight_is_not_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        project, foreign = await open_project(world, here), await open_project(world, there, key="FAR")
        mine = VisibleProjects(member_id=ann.user_id)
        for ref in (foreign.id, "FAR", world.ids.new()):
            assert (
                await world.task_reader.board(here, ref, visible=VisibleProjects(), tasks_per_column=1)
            ).value is None
        assert (await world.task_reader.board(ann, project.id, visible=mine, tasks_per_column=1)).value is None
        await world.add_to_project(project.id, ann)
        assert (await world.task_reader.board(ann, project.id, visible=mine, tasks_per_column=1)).value is not None

    async def _board(self, world: ContractWorld, actor: Actor, project: Project) -> object:
        board = (
            await world.task_reader.board(actor, project.id, visible=VisibleProjects(), tasks_per_column=100)
        ).value
        assert board is not None
        return board

    async def _page(self, world: ContractWorld, actor: Actor, *, sort: str = "number", **request: object) -> object:
        return (
            await world.task_reader.page(
                actor,
                visible=EVERYTHING,
                where=TaskFilter(),
                sort=Sort(field=sort.lstrip("-"), descending=sort.startswith("-")),
                page=PageRequest(**request),
            )
        ).value

    async def _a_mixed_lot(self, world: ContractWorld, owner: Actor) -> None:
        """Nine tasks with equal and missing values, in two projects and several columns."""
        projects = [await open_project(world, owner), await open_project(world, owner, key="APP")]
        deadlines = [date(2026, 5, 1), None, date(2026, 5, 1), date(2026, 4, 1), None, None]
        for place in range(9):
            await add_task(
                world,
                owner,
                projects[place % 2],
                f"{place}",
                status=list(Status)[place % 3],
                priority=list(Priority)[place % 4],
                deadline=deadlines[place % 6],
            )


class TaskContract(TaskStoreContract, TaskReaderContract):
    """Of TaskUnitOfWork and TaskReader together."""


def _ordered(views: list[TaskView], field: str, *, descending: bool) -> list[TaskView]:
    if field == "position":  # the rank is not shown
        return views
    value = {"priority": lambda view: list(Priority).index(Priority(view.priority))}.get(
        field, lambda view: getattr(view, field)
    )
    valued = [view for view in views if value(view) is not None]
    valued.sort(key=lambda view: (value(view), view.id), reverse=descending)
    return valued + sorted((v for v in views if value(v) is None), key=lambda view: view.id, reverse=descending)
