"""The contract of WatcherUnitOfWork, and of tasks as those see them who watch them.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project
from core.projects.policy import Visible as VisibleProjects
from core.tasks.model import Task
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter
from tests.contracts.steps import add_task, delete_project, open_project, save_task
from tests.contracts.world import ContractWorld


async def watch(world: ContractWorld, task: Task, *actors: Actor) -> None:
    async with world.watcher_unit_of_work(actors[0]) as uow:
        uow.watchers.watch(task.id, {actor.user_id for actor in actors})
        await uow.commit()


async def unwatch(world: ContractWorld, task: Task, actor: Actor) -> None:
    async with world.watcher_unit_of_work(actor) as uow:
        uow.watchers.unwatch(task.id, actor.user_id)
        await uow.commit()


async def assign(world: ContractWorld, by: Actor, task: Task, to: Actor | None) -> Task:
    assigned = replace(task, assigned_to=to.user_id if to else None, version=task.version + 1)
    await save_task(world, by, assigned, was=task.version)
    return assigned


async def watches(world: ContractWorld, actor: Actor, task: Task) -> bool:
    """Whether they watch it, as every way to read it says."""
    one, _ = await world.task_reader.one(actor, task.id, visible=Visible())
    assert one is not None
    tag, _ = await world.task_reader.tag(actor, task.id, visible=Visible())
    assert tag is not None and tag.embedded == one.embedded
    where = TaskFilter(project_id=(task.project_id,))
    page, _ = await world.task_reader.page(
        actor, visible=Visible(), where=where, sort=Sort(field="number"), page=PageRequest()
    )
    board, _ = await world.task_reader.board(actor, task.project_id, visible=VisibleProjects(), tasks_per_column=9)
    assert board is not None
    cards = [card for column in board.columns for card in column.tasks]
    async with world.task_unit_of_work(actor) as uow:
        loaded = await uow.tasks.load(task.id, for_user=actor.user_id)
        assert loaded is not None
    said = {view.watching for view in (*page.items, *cards) if view.id == task.id} | {loaded.watching}
    assert said == {one.watching}
    return one.watching


class WatchingContract:
    async def test_who_created_a_task_or_has_it_watches_it_and_nobody_else(self, world: ContractWorld) -> None:
        owner, _, ann, ben = await self._stage(world)
        task = await add_task(world, owner, _, assigned_to=ann.user_id)
        assert [await watches(world, actor, task) for actor in (owner, ann, ben)] == [True, True, False]

    async def test_watching_and_leaving_it_off_may_be_said_again(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project)
        for _ in range(2):
            await watch(world, task, ann, ben)
            assert [await watches(world, actor, task) for actor in (owner, ann, ben)] == [True, True, True]
        for _ in range(2):
            for actor in (owner, ann):
                await unwatch(world, task, actor)
            assert [await watches(world, actor, task) for actor in (owner, ann, ben)] == [False, False, True]
        await watch(world, task, owner)
        assert await watches(world, owner, task)

    async def test_who_loses_a_task_goes_on_watching_and_who_gets_it_begins(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project, assigned_to=ann.user_id)
        await unwatch(world, task, ben)
        task = await assign(world, owner, task, ben)
        assert [await watches(world, actor, task) for actor in (ann, ben)] == [True, True]
        await unwatch(world, task, ben)
        task = await assign(world, owner, task, None)
        assert [await watches(world, actor, task) for actor in (ann, ben)] == [True, False]
        await assign(world, owner, task, ben)
        assert await watches(world, ben, task)

    async def test_a_task_is_found_by_id_and_by_key_in_its_company_alone(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project)
        stranger = await world.company("There")
        for ref in (task.id, "web-1"):
            for actor, is_member in ((ann, True), (ben, False)):
                async with world.watcher_unit_of_work(actor) as uow:
                    assert await uow.watchers.find(ref, for_user=actor.user_id) == (task.id, is_member)
            assert not await self._finds(world, stranger, ref)
        await delete_project(world, owner, project)
        assert not await self._finds(world, owner, task.id)

    async def test_a_deleted_task_is_restored_as_it_was_watched(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project, assigned_to=ann.user_id)
        await watch(world, task, ben)
        deleted = replace(task)
        deleted.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, deleted, was=1)
        for actor, watching in ((owner, True), (ben, True), (ann, True)):
            async with world.task_unit_of_work(actor) as uow:
                loaded = await uow.deleted_tasks.load(task.id, for_user=actor.user_id)
                assert loaded is not None and loaded.watching == watching
            page, _ = await world.task_reader.deleted_page(
                actor,
                visible=Visible(),
                where=TaskFilter(),
                after=world.clock.now() - timedelta(days=1),
                sort=Sort(field="number"),
                page=PageRequest(),
            )
            assert [found.task.watching for found in page.items] == [watching]
        restored = replace(deleted, deleted_at=None, assigned_to=None, version=3)
        async with world.task_unit_of_work(owner) as uow:
            uow.deleted_tasks.restore(restored, was=2)
            await uow.commit()
        assert await watches(world, ann, task)

    async def _stage(self, world: ContractWorld) -> tuple[Actor, Project, Actor, Actor]:
        owner = await world.company()
        project = await open_project(world, owner)
        ann = await world.person(owner.company_id, name="Ann")
        ben = await world.person(owner.company_id, name="Ben")
        await world.add_to_project(project.id, ann)
        return owner, project, ann, ben

    async def _finds(self, world: ContractWorld, actor: Actor, ref: UUID | str) -> bool:
        async with world.watcher_unit_of_work(actor) as uow:
            return await uow.watchers.find(ref, for_user=actor.user_id) is not None
