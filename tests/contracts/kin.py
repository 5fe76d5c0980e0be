"""The contract of the unit of work of tasks, as far as tasks stand below others, and have ids elsewhere.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace

import pytest

from core.kernel.actor import Actor
from core.projects.policy import Visible as VisibleProjects
from core.tasks.errors import ExternalIdTaken
from core.tasks.fields import Lineage
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter
from core.tasks.read_models import TaskView
from tests.contracts.steps import add_task, delete_project, listed, open_project, save_task, titles
from tests.contracts.world import ContractWorld


async def shown(world: ContractWorld, actor: Actor, task: Task) -> TaskView:
    view, _ = await world.task_reader.one(actor, task.id, visible=Visible())
    assert view is not None
    return view


class KinContract:
    async def test_a_task_counts_the_tasks_right_below_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        parent = await add_task(world, owner, project, "parent")
        child = await add_task(world, owner, project, "child", parent_id=parent.id)
        await add_task(world, owner, project, "done", parent_id=parent.id, status=Status.DONE)
        await add_task(world, owner, project, "grandchild", parent_id=child.id)
        assert [view.sub_tasks for view in await listed(world, owner)] == [
            {"total": 2, "done": 1},
            {"total": 1, "done": 0},
            {"total": 0, "done": 0},
            {"total": 0, "done": 0},
        ]
        tag, _ = await world.task_reader.tag(owner, parent.id, visible=Visible())
        assert tag is not None and tag.embedded == (await shown(world, owner, parent)).embedded
        board, _ = await world.task_reader.board(owner, project.id, visible=VisibleProjects(), tasks_per_column=10)
        assert board is not None
        assert {card.title: card.sub_tasks["total"] for column in board.columns for card in column.tasks} == {
            "parent": 2,
            "child": 1,
            "grandchild": 0,
            "done": 0,
        }

    async def test_the_count_follows_whatever_becomes_of_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        parent, other = await add_task(world, owner, project, "parent"), await add_task(world, owner, project, "other")
        child = await add_task(world, owner, project, "child", parent_id=parent.id)
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(child.id, for_user=owner.user_id)
        assert loaded is not None
        done = loaded.board.first_of(Status.DONE)
        finished = replace(child, status=Status.DONE, column_id=done.id, completed_at=world.clock.now(), version=2)
        await save_task(world, owner, finished, was=1)
        assert (await shown(world, owner, parent)).sub_tasks == {"total": 1, "done": 1}
        moved = replace(finished, parent_id=other.id, version=3)
        await save_task(world, owner, moved, was=2)
        assert (await shown(world, owner, parent)).sub_tasks == {"total": 0, "done": 0}
        assert (await shown(world, owner, other)).sub_tasks == {"total": 1, "done": 1}
        await save_task(world, owner, replace(moved, deleted_at=world.clock.now(), version=4), was=3)
        assert (await shown(world, owner, other)).sub_tasks == {"total": 0, "done": 0}
        async with world.task_unit_of_work(owner) as uow:
            deleted = await uow.deleted_tasks.load(child.id, for_user=owner.user_id)
            assert deleted is not None
            assert deleted.parent == Lineage(above=0)
            uow.deleted_tasks.restore(replace(deleted.task, deleted_at=None, version=5), was=4)
            await uow.commit()
        assert (await shown(world, owner, other)).sub_tasks == {"total": 1, "done": 1}
        assert {(view.title, view.version) for view in await listed(world, owner)} == {
            ("parent", 1),
            ("other", 1),
            ("child", 5),
        }

    async def test_where_a_task_would_stand_is_known(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, elsewhere = await open_project(world, owner), await open_project(world, owner, key="APP")
        top = await add_task(world, owner, project, "top")
        middle = await add_task(world, owner, project, "middle", parent_id=top.id)
        low = await add_task(world, owner, project, "low", parent_id=middle.id)
        single, foreign = await add_task(world, owner, project), await add_task(world, owner, elsewhere)
        async with world.task_unit_of_work(owner) as uow:
            for (parent, task), lineage in [
                ((low, single), Lineage(above=2)),
                ((single, top), Lineage(above=0, below=2)),
                ((low, top), Lineage(above=2, below=2, is_within=True)),
                ((top, top), Lineage(above=0, below=2, is_within=True)),
                ((top, low), Lineage(above=0)),
                ((foreign, single), None),
            ]:
                assert await uow.tasks.lineage(parent.id, project_id=project.id, of=task.id) == lineage
        async with world.task_unit_of_work(owner) as uow:
            opening = await uow.tasks.begin(project.id, for_user=owner.user_id, assignee=None, parent=middle.id)
            assert opening is not None and opening.parent == Lineage(above=1)
        async with world.task_unit_of_work(owner) as uow:
            opening = await uow.tasks.begin(elsewhere.id, for_user=owner.user_id, assignee=None, parent=middle.id)
            assert opening is not None and opening.parent is None
        await delete_project(world, owner, elsewhere)

    async def test_sub_tasks_leave_a_parent_together(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        parent = await add_task(world, owner, project, "parent")
        children = [await add_task(world, owner, project, f"child {n}", parent_id=parent.id) for n in range(3)]
        await add_task(world, owner, project, "grandchild", parent_id=children[0].id)
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.load(parent.id, for_user=owner.user_id)
            left = await uow.tasks.leave_parent(parent.id, at=world.clock.now())
            assert left == [(child.id, project.id, 2) for child in children]
            await uow.commit()
        assert (await shown(world, owner, parent)).sub_tasks == {"total": 0, "done": 0}
        assert await titles(world, owner, where=TaskFilter(parent_id=(None,))) == [
            "parent",
            "child 0",
            "child 1",
            "child 2",
        ]

    async def test_tasks_are_found_by_their_parent(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        first, second = await add_task(world, owner, project, "first"), await add_task(world, owner, project, "second")
        await add_task(world, owner, project, "of first", parent_id=first.id)
        await add_task(world, owner, project, "of second", parent_id=second.id)
        assert await titles(world, owner, where=TaskFilter(parent_id=(first.id,))) == ["of first"]
        assert await titles(world, owner, where=TaskFilter(parent_id=(first.id, second.id))) == [
            "of first",
            "of second",
        ]
        assert await titles(world, owner, where=TaskFilter(parent_id=(None, second.id))) == [
            "first",
            "second",
            "of second",
        ]
        assert await titles(world, owner, where=TaskFilter(parent_id=(world.ids.new(),))) == []

    async def test_an_id_elsewhere_is_one_tasks_alone_in_its_project(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        task = await add_task(world, owner, project, external_id="JIRA-7")
        assert (await shown(world, owner, task)).external_id == "JIRA-7"
        await add_task(world, owner, other, external_id="JIRA-7")
        with pytest.raises(ExternalIdTaken):
            await add_task(world, owner, project, external_id="JIRA-7")
        second = await add_task(world, owner, project)
        with pytest.raises(ExternalIdTaken):
            await save_task(world, owner, replace(second, external_id="JIRA-7", version=2), was=1)
        await save_task(world, owner, replace(task, deleted_at=world.clock.now(), version=2), was=1)
        await save_task(world, owner, replace(second, external_id="JIRA-7", version=2), was=1)
        async with world.task_unit_of_work(owner) as uow:
            deleted = await uow.deleted_tasks.load(task.id, for_user=owner.user_id)
            assert deleted is not None and deleted.parent is None
            uow.deleted_tasks.restore(replace(deleted.task, deleted_at=None, version=3), was=2)
            with pytest.raises(ExternalIdTaken):
                await uow.commit()
