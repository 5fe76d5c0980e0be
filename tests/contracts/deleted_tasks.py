"""The contract of DeletedTasks, of tasks that go to another project, and of the lists that find either.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from datetime import timedelta

import pytest

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.policy import Visible
from core.tasks.ports import LoadedDeletedTask, TaskFilter
from tests.contracts.steps import add_task, delete_project, listed, open_project, save_project, save_task, titles
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()
LONG_AGO = timedelta(days=30)


class DeletedTaskContract:
    """Of what restores tasks."""

    async def test_a_deleted_task_is_loaded_as_it_was(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, ann = await open_project(world, owner), await world.person(owner.company_id)
        task = await add_task(world, owner, project, assigned_to=ann.user_id, status=Status.DONE)
        await self._delete(world, owner, task)
        for ref in (task.id, "WEB-1", "web-1"):
            loaded = await self._loaded(world, owner, ref)
            assert loaded.task == task and task.deleted_at is not None
            assert (loaded.project_is_active, loaded.is_member, loaded.rank_is_taken) == (True, True, False)
            assert [column.category for column in loaded.board.columns] == list(Status)
            assert loaded.assignee is not None
            assert (loaded.assignee.id, loaded.assignee.is_active) == (ann.user_id, True)
            assert not loaded.assignee.sees_project
        await world.add_to_project(project.id, ann)
        assignee = (await self._loaded(world, owner, task.id)).assignee
        assert assignee is not None and assignee.sees_project

    async def test_a_task_that_was_not_deleted_is_loaded_as_such(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        loaded = await self._loaded(world, owner, task.id)
        assert (loaded.task, loaded.task.deleted_at, loaded.assignee) == (task, None, None)

    async def test_nothing_is_loaded_of_a_deleted_project_or_another_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        foreign = await add_task(world, there, await open_project(world, there, key="FAR"))
        await self._delete(world, there, foreign)
        project = await open_project(world, here)
        orphan = await add_task(world, here, project)
        await delete_project(world, here, project)
        async with world.task_unit_of_work(here) as uow:
            for ref in (foreign.id, "FAR-1", orphan.id, "WEB-1", world.ids.new(), "NONE-1", "WEB-9"):
                assert await uow.deleted_tasks.load(ref, for_user=here.user_id) is None, ref

    async def test_a_restored_task_is_there_again(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        await self._delete(world, owner, task)
        await self._restore(world, owner, task)
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
        assert loaded is not None and loaded.task == task
        assert (task.deleted_at, task.version) == (None, 3)

    async def test_a_stale_restore_is_refused(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        await self._delete(world, owner, task)
        await self._restore(world, owner, task)
        with pytest.raises(Conflict):
            async with world.task_unit_of_work(owner) as uow:
                uow.deleted_tasks.restore(task, was=2)
                await uow.commit()

    async def test_it_is_told_whether_another_card_has_its_place(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, other = await add_task(world, owner, project), await add_task(world, owner, project)
        await self._delete(world, owner, task)
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.respread([(other.id, task.rank)])
            await uow.commit()
        assert (await self._loaded(world, owner, task.id)).rank_is_taken

    async def test_a_list_of_deleted_tasks_has_those_alone(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, gone = await open_project(world, owner), await open_project(world, owner, key="OLD")
        await add_task(world, owner, project, "stays")
        deleted = {title: await add_task(world, owner, project, title) for title in "abc"}
        orphan = await add_task(world, owner, gone, "orphan")
        for task in (*deleted.values(), orphan):
            await self._delete(world, owner, task)
        await delete_project(world, owner, gone)
        for field in ("created_at", "updated_at", "deadline", "priority", "number", "position"):
            found = await self._deleted(world, owner, sort=field)
            assert [view.title for view, _ in found] == ["a", "b", "c"], field
            assert [at for _, at in found] == [task.deleted_at for task in deleted.values()]
        assert [view.title for view in await listed(world, owner)] == ["stays"]

    async def test_a_list_of_deleted_tasks_is_filtered_and_paged_as_any(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        for number in range(5):
            task = await add_task(world, owner, project if number < 4 else other, f"{number}")
            await self._delete(world, owner, task)
        where = TaskFilter(project_id=(project.id,))
        first = await self._page(world, owner, where=where, page=PageRequest(limit=3, include_total=True))
        assert ([each.task.title for each in first.items], first.total) == (["0", "1", "2"], 4)
        rest = await self._page(world, owner, where=where, page=PageRequest(limit=3, position=first.next_position))
        assert ([each.task.title for each in rest.items], rest.next_position) == (["3"], None)
        found = await self._deleted(world, owner, where=TaskFilter(query="pp-1"))
        assert [view.title for view, _ in found] == ["4"]

    async def test_what_was_deleted_long_ago_is_no_longer_listed(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        await self._delete(world, owner, task)
        assert task.deleted_at is not None
        sort, page = Sort(field="number"), PageRequest()
        for after, count in ((task.deleted_at, 0), (task.deleted_at - timedelta(microseconds=1), 1)):
            answer = await world.task_reader.deleted_page(
                owner, visible=EVERYTHING, where=TaskFilter(), after=after, sort=sort, page=page
            )
            assert len(answer.value.items) == count

    async def _deleted(
        self, world: ContractWorld, actor: Actor, *, sort: str = "number", where: TaskFilter = TaskFilter()
    ) -> list[object]:
        return (await self._page(world, actor, sort=sort, where=where)).items

    async def _page(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        sort: str = "number",
        where: TaskFilter = TaskFilter(),
        page: PageRequest = PageRequest(),
    ) -> object:
        after = world.clock.now() - LONG_AGO
        answer = await world.task_reader.deleted_page(
            actor, visible=EVERYTHING, where=where, after=after, sort=Sort(field=sort), page=page
        )
        return answer.value

    async def _loaded(self, world: ContractWorld, actor: Actor, ref: object) -> LoadedDeletedTask:
        async with world.task_unit_of_work(actor) as uow:
            loaded = await uow.deleted_tasks.load(ref, for_user=actor.user_id)
        assert loaded is not None
        return loaded

    async def _restore(self, world: ContractWorld, actor: Actor, task: Task) -> None:
        was = task.version
        task.restore(
            place=None,
            assigned_to=task.assigned_to,
            cycle_is_over=False,
            below=None,
            by=actor.user_id,
            at=world.clock.now(),
        )
        async with world.task_unit_of_work(actor) as uow:
            uow.deleted_tasks.restore(task, was=was)
            await uow.commit()

    async def _delete(self, world: ContractWorld, actor: Actor, task: Task) -> None:
        was = task.version
        task.delete(by=actor.user_id, at=world.clock.now())
        await save_task(world, actor, task, was=was)


class TransferContract:
    """Of tasks that go to another project, and of the words that find tasks."""

    async def test_a_task_is_found_by_every_key_that_it_had(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        task = await add_task(world, owner, web)
        await add_task(world, owner, app)
        keys = [task.key]
        for target in (app, web, app):
            await self._transfer(world, owner, task, to=target)
            keys.append(task.key)
        assert keys == ["WEB-1", "APP-2", "WEB-2", "APP-3"]
        for ref in (*keys, "web-1"):
            view = (await world.task_reader.one(owner, ref, visible=EVERYTHING)).value
            assert view is not None and (view.id, view.key, view.project_id) == (task.id, "APP-3", app.id)
            tag = (await world.task_reader.tag(owner, ref, visible=EVERYTHING)).value
            assert tag is not None and tag.key == "APP-3"
            async with world.task_unit_of_work(owner) as uow:
                loaded = await uow.tasks.load(ref, for_user=owner.user_id)
            assert loaded is not None and loaded.task == task

    async def test_an_old_key_goes_on_after_the_key_of_its_project_changed(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        task = await add_task(world, owner, web)
        await self._transfer(world, owner, task, to=app)
        for project, key in ((web, "SITE"), (app, "PHONE")):
            async with world.project_unit_of_work(owner) as uow:
                project.key = key
                uow.projects.add_key(project)
                await uow.commit()
            await save_project(world, owner, project)
        for ref in ("WEB-1", "SITE-1", "APP-1", "PHONE-1"):
            view = (await world.task_reader.one(owner, ref, visible=EVERYTHING)).value
            assert view is not None and view.id == task.id, ref

    async def test_a_deleted_task_is_found_by_no_key_until_it_is_restored(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        task = await add_task(world, owner, web)
        await self._transfer(world, owner, task, to=app)
        was = task.version
        task.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, task, was=was)
        for ref in ("WEB-1", "APP-1"):
            assert (await world.task_reader.one(owner, ref, visible=EVERYTHING)).value is None
            async with world.task_unit_of_work(owner) as uow:
                loaded = await uow.deleted_tasks.load(ref, for_user=owner.user_id)
            assert loaded is not None and loaded.task.id == task.id

    async def test_two_projects_are_locked_for_a_transfer_and_any_other_will_do(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        task = await add_task(world, owner, web)
        for also in (app.id, web.id, world.ids.new(), None):
            async with world.task_unit_of_work(owner) as uow:
                loaded = await uow.tasks.load(task.id, for_user=owner.user_id, also=also)
            assert loaded is not None and loaded.task == task

    async def test_the_members_of_a_project_are_known(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, ann = await open_project(world, owner), await world.person(owner.company_id)
        await world.add_to_project(web.id, ann)
        async with world.task_unit_of_work(owner) as uow:
            found = await uow.tasks.project_members(web.id)
            assert await uow.tasks.project_members(world.ids.new()) == ()
        assert set(found) == {owner.user_id, ann.user_id} and list(found) == sorted(found)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("draw", ["Draw the HOUSE", "redraw_100%"]),
            ("THE h", ["Draw the HOUSE"]),
            ("_100%", ["redraw_100%"]),
            ("%", ["redraw_100%"]),
            ("_", ["redraw_100%"]),
            ("web-", ["Draw the HOUSE", "redraw_100%", "Über'\\"]),
            ("WEB-2", ["redraw_100%"]),
            ("eb-3", ["Über'\\"]),
            ("über'", ["Über'\\"]),
            ("\\", ["Über'\\"]),
            ("nothing", []),
            ("eb", ["Draw the HOUSE", "redraw_100%", "Über'\\"]),
            ("2", ["redraw_100%"]),
            ("0", ["redraw_100%"]),
            ("-3", ["Über'\\"]),
            ("-", ["Draw the HOUSE", "redraw_100%", "Über'\\"]),
            ("b-", ["Draw the HOUSE", "redraw_100%", "Über'\\"]),
            ("we-1", []),
            ("web1", []),
            ("b-2-", []),
            ("b-x", []),
            ("web 1", []),
        ],
    )
    async def test_words_are_found_in_title_and_key_in_any_case_and_as_they_are(
        self, world: ContractWorld, query: str, found: list[str]
    ) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for title in ("Draw the HOUSE", "redraw_100%", "Über'\\"):
            await add_task(world, owner, project, title)
        assert await titles(world, owner, where=TaskFilter(query=query)) == found

    async def _transfer(self, world: ContractWorld, actor: Actor, task: Task, *, to: Project) -> None:
        async with world.task_unit_of_work(actor) as uow:
            loaded = await uow.tasks.load(task.id, for_user=actor.user_id, also=to.id)
            opening = await uow.tasks.begin(to.id, for_user=actor.user_id, assignee=None)
            assert loaded is not None and opening is not None
            was, from_project, from_number = task.version, task.project_id, task.number
            column = opening.board.first_of(task.status)
            task.column_id, task.project_id, task.number = column.id, to.id, opening.number
            task.key, task.version = f"{opening.project_key}-{opening.number}", was + 1
            uow.tasks.transfer(task, was=was, from_project=from_project, from_number=from_number)
            await uow.commit()
