"""The contract of ActivityReader, over facts that units of work wrote.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from core.activity.model import TOLD
from core.activity.read_models import ActivityView
from core.kernel.actor import Actor
from core.kernel.events import Audience, Change
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project
from core.realtime.policy import audible_events
from core.tasks.events import TaskMoved, TaskUpdated
from core.tasks.fields import Priority, Status
from core.tasks.model import Task
from core.tasks.policy import visible_tasks
from core.tasks.ports import TaskRef
from tests.contracts.comments import say
from tests.contracts.steps import Noted, add_task, delete_project, note, open_project
from tests.contracts.world import ContractWorld

ALL = PageRequest(limit=200)
NEWEST_FIRST = Sort(field="seq", descending=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationCreated(Noted):
    event: ClassVar[str] = "notification_created"


def updated(task: Task, *, project: Project | None = None, left: tuple[Actor, ...] = ()) -> TaskUpdated:
    return TaskUpdated(
        task_id=task.id,
        project_id=project.id if project else task.project_id,
        version=2,
        changes={"priority": Change(old=Priority.LOW, new=Priority.HIGH)},
        left=tuple(actor.user_id for actor in left),
    )


async def told(
    world: ContractWorld, actor: Actor, *projects: Project, sort: Sort = NEWEST_FIRST, page: PageRequest = ALL
) -> list[ActivityView]:
    answer = await world.activity_reader.page(
        actor,
        audible=audible_events(actor),
        project_ids=tuple(project.id for project in projects),
        sort=sort,
        page=page,
    )
    return answer.value.items


async def told_of(
    world: ContractWorld, actor: Actor, ref: TaskRef, *, page: PageRequest = ALL
) -> list[ActivityView] | None:
    found, _ = await world.activity_reader.of_task(
        actor, ref, visible=visible_tasks(actor), audible=audible_events(actor), sort=NEWEST_FIRST, page=page
    )
    return found.items if found is not None else None


def deeds(views: list[ActivityView] | None) -> list[str]:
    return [f"{view.entity} {view.action}" for view in views or ()]


class ActivityContract:
    async def test_the_newest_comes_first_with_who_did_what_and_how_it_was(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        column = task.column_id
        moved = TaskMoved(
            task_id=task.id,
            project_id=project.id,
            old_status=Status.TODO,
            new_status=Status.DONE,
            old_column_id=column,
            new_column_id=column,
            after_id=None,
            moved_by=owner.user_id,
            version=3,
        )
        head = await note(world, owner, updated(task), moved)
        views = await told(world, owner)
        assert deeds(views) == [
            "task moved",
            "task updated",
            "task created",
            "project created",
            "user created",
            "company created",
        ]
        assert [int(view.seq) for view in views] == list(range(head, 0, -1))
        first, second, *_ = views
        assert first.changes == {"status": {"old": "todo", "new": "done"}}
        assert second.changes == {"priority": {"old": "low", "new": "high"}}
        assert (first.user_id, first.user_name) == (owner.user_id, "Owner of Acme")
        assert (first.entity_id, first.project_id) == (str(task.id), project.id)
        assert first.timestamp <= world.clock.now()

    async def test_of_long_texts_the_beginning_is_told(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        as_long_as_may_be = "é" * TOLD
        changes = {
            "description": Change(old="ü" * 100_000, new=None),
            "labels": Change(old=["home"] * 100, new=[]),
            "title": Change(old=as_long_as_may_be, new="Paint"),
        }
        await note(world, owner, replace(updated(task), changes=changes), replace(updated(task), changes={}))
        (nothing, first, *_) = await told(world, owner)
        assert first.changes == {
            "description": {"old": "ü" * TOLD, "new": None, "truncated": True},
            "labels": {"old": ["home"] * 100, "new": []},
            "title": {"old": as_long_as_may_be, "new": "Paint"},
        }
        assert nothing.changes == {}

    async def test_of_a_task_is_told_what_was_done_to_it_and_said_about_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, _ = await add_task(world, owner, project), await add_task(world, owner, project)
        await note(world, owner, updated(task))
        await say(world, owner, task)
        for ref in (task.id, "web-1"):
            found = await told_of(world, owner, ref)
            assert deeds(found) == ["comment created", "task updated", "task created"]
        assert await told_of(world, owner, "web-3") is None
        assert await told_of(world, await world.company("There"), task.id) is None
        await delete_project(world, owner, project)
        assert await told_of(world, owner, task.id) is None

    async def test_members_are_told_of_their_projects_and_of_what_names_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        ann = await world.person(owner.company_id, name="Ann")
        await world.add_to_project(web.id, ann)
        task, hidden = await add_task(world, owner, web), await add_task(world, owner, app)
        named, everyone = Audience(named=(ann.user_id,), admins=False), Audience(everyone=True)
        await note(world, owner, Noted(text="named", to=named), Noted(text="all", to=everyone), Noted(text="admins"))
        assert deeds(await told(world, ann)) == [" noted", " noted", "task created", "project created"]
        assert await told_of(world, ann, hidden.id) is None
        assert deeds(await told_of(world, ann, task.id)) == ["task created"]
        # What happened to it in a project that they do not see.
        await note(world, owner, updated(task, project=app), updated(task, project=app, left=(ann,)))
        assert deeds(await told_of(world, ann, task.id)) == ["task updated", "task created"]
        assert deeds(await told_of(world, owner, task.id)) == ["task updated", "task updated", "task created"]

    async def test_which_task_it_was_is_said_as_it_is_called_now_to_who_sees_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        ann = await world.person(owner.company_id, name="Ann")
        await world.add_to_project(web.id, ann)
        task, hidden = await add_task(world, owner, web, "Draw"), await add_task(world, owner, app, "Hide")
        await note(world, owner, updated(task), updated(hidden, left=(ann,)), Noted(text="no task"))

        async def said(actor: Actor) -> list[tuple[str, str | None, str | None]]:
            return [
                (view.action, view.task_key, view.task_title)
                for view in await told(world, actor)
                if view.entity == "task" or view.action == "noted"
            ]

        assert await said(owner) == [
            ("noted", None, None), ("updated", "APP-1", "Hide"), ("updated", "WEB-1", "Draw"),
            ("created", "APP-1", "Hide"), ("created", "WEB-1", "Draw"),
        ]  # fmt: skip
        assert await said(ann) == [("updated", None, None), ("updated", "WEB-1", "Draw"), ("created", "WEB-1", "Draw")]
        of_task = await told_of(world, ann, "web-1")
        assert of_task is not None and {(view.task_key, view.task_title) for view in of_task} == {("WEB-1", "Draw")}
        # Of what is gone there is what its events tell.
        await delete_project(world, owner, web)
        named = {(action, title) for action, _, title in await said(owner) if title != "Hide"}
        assert named == {("noted", None), ("updated", None), ("created", "Draw")}

    async def test_notifications_are_not_told(self, world: ContractWorld) -> None:
        owner = await world.company()
        await note(world, owner, NotificationCreated(text="you", to=Audience(named=(owner.user_id,))))
        assert deeds(await told(world, owner)) == ["user created", "company created"]

    async def test_it_is_asked_of_one_project_or_several(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app, other = [await open_project(world, owner, key=key) for key in ("WEB", "APP", "OTHER")]
        ann = await world.person(owner.company_id, name="Ann")
        await world.add_to_project(web.id, ann)
        await add_task(world, owner, web)
        for actor, projects, expected in (
            (owner, (web,), 2),
            (owner, (web, app), 3),
            (ann, (web, other), 2),
            (ann, (app,), 0),
        ):
            assert len(await told(world, actor, *projects)) == expected

    async def test_pages_follow_each_other(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        await note(world, owner, *(updated(task) for _ in range(4)))
        for ask in ("company", "project", "task"):
            for sort in (NEWEST_FIRST, Sort(field="seq")):
                everything = await self._ask(world, owner, ask, project, task, sort, ALL)
                numbers = [int(view.seq) for view in everything.items]
                assert numbers == sorted(numbers, reverse=sort.descending)
                found, position = [], None
                while True:
                    request = PageRequest(limit=2, position=position, include_total=True)
                    page = await self._ask(world, owner, ask, project, task, sort, request)
                    assert page.total == len(everything.items)
                    found += page.items
                    position = page.next_position
                    if position is None:
                        break
                assert found == everything.items
                skipped = await self._ask(world, owner, ask, project, task, sort, PageRequest(limit=2, skip=3))
                assert skipped.items == everything.items[3:5]

    @pytest.mark.parametrize("ask", ["company", "one project", "projects"])
    @pytest.mark.parametrize("who", ["member", "owner"])
    async def test_pages_of_several_projects_follow_each_other(self, world: ContractWorld, who: str, ask: str) -> None:
        owner = await world.company()
        web, app, other = [await open_project(world, owner, key=key) for key in ("WEB", "APP", "OTHER")]
        ann, bob = [await world.person(owner.company_id, name=name) for name in ("Ann", "Bob")]
        for project in (web, app):
            await world.add_to_project(project.id, ann)
        actor = owner if who == "owner" else ann
        for project in (web, other, app, web):
            task = await add_task(world, owner, project)
            left = updated(task, left=(ann, bob)), updated(task, left=(bob,))
            everyone = Noted(text="x", to=Audience(everyone=True)), Noted(text="y", to=Audience(named=(bob.user_id,)))
            await note(world, owner, *left, *everyone)
        named = {"company": (), "one project": (other,), "projects": (web, other, web)}[ask]
        for sort in (NEWEST_FIRST, Sort(field="seq")):
            everything = await told(world, actor, *named, sort=sort)
            expected = {
                ("member", "company"): 9 + 1 + 2 + 4,
                ("member", "one project"): 1,
                ("member", "projects"): 8,
                ("owner", "one project"): 4,
                ("owner", "projects"): 11,
            }.get((who, ask), len(everything))
            numbers = [int(view.seq) for view in everything]
            assert numbers == sorted(set(numbers), reverse=sort.descending)
            assert len(numbers) == expected
            found, position = [], None
            while position is not None or not found:
                page = PageRequest(limit=1 if ask == "one project" else 3, position=position, include_total=True)
                answer = await world.activity_reader.page(
                    actor,
                    audible=audible_events(actor),
                    project_ids=tuple(project.id for project in named),
                    sort=sort,
                    page=page,
                )
                assert answer.value.total == len(everything)
                found += answer.value.items
                position = answer.value.next_position
                if position is None:
                    break
            assert found == everything
            for skip in (2, 7):
                page = PageRequest(limit=3, skip=skip)
                assert await told(world, actor, *named, sort=sort, page=page) == everything[skip : skip + 3]

    async def _ask(
        self, world: ContractWorld, owner: Actor, ask: str, project: Project, task: Task, sort: Sort, page: PageRequest
    ) -> object:
        audible, reader = audible_events(owner), world.activity_reader
        if ask == "task":
            visible = visible_tasks(owner)
            answer = await reader.of_task(owner, task.id, visible=visible, audible=audible, sort=sort, page=page)
        else:
            projects = (project.id,) if ask == "project" else ()
            answer = await reader.page(owner, audible=audible, project_ids=projects, sort=sort, page=page)
        return answer.value
