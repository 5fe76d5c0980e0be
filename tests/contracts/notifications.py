"""The contract of NotifiedLogs, DeadlineDays, NotificationReader and InboxUnitOfWork, with the use cases of them.

The subclass provides the fixture `world`; see `tests.contracts.world`. Others may read the logs in its store meanwhile:
what comes of it is the same, whoever reads.
"""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from core.comments.events import CommentUpdated
from core.comments.model import Comment, Mention
from core.kernel.actor import Actor, Role
from core.kernel.errors import ChangedMeanwhile, Invalid, Stale
from core.kernel.events import Change
from core.kernel.paging import PageRequest, Sort
from core.notifications.errors import NotificationNotFound
from core.notifications.events import NotificationCreated
from core.notifications.model import (
    Batch,
    ByMail,
    DueTask,
    Kind,
    Notification,
    PreferenceChanges,
    tell,
    tell_of_deadlines,
)
from core.notifications.policy import Visible, visible_notifications
from core.notifications.read_models import EXCERPT, NotificationView
from core.notifications.use_cases.inbox import InboxUseCases
from core.projects.events import ProjectMemberAdded, ProjectUpdated
from core.projects.model import Project
from core.realtime.policy import audible_events
from core.tasks.events import TaskUpdated
from core.tasks.fields import Status
from core.tasks.model import Task
from tests.contracts.comments import say, take_back
from tests.contracts.people import add_user
from tests.contracts.steps import add_task, delete_project, open_project, save_project, save_task
from tests.contracts.watching import unwatch, watch
from tests.contracts.world import ContractWorld

NEWEST = Sort(field="seq", descending=True)
FIRST = date(2031, 3, 3)


def inbox(world: ContractWorld) -> InboxUseCases:
    return InboxUseCases(unit_of_work=world.inbox_unit_of_work, reader=world.notification_reader, clock=world.clock)


def tick(world: ContractWorld) -> None:
    """What is done next is done at another instant."""
    advance = getattr(world.clock, "advance", None)
    if advance is not None:
        advance(timedelta(microseconds=1))


async def read_log(world: ContractWorld, owner: Actor, *, most: int = 100) -> None:
    """Tells of all that happened in a company."""

    def told(batch: Batch) -> list[Notification]:
        return tell(batch, new_id=world.ids.new, at=world.clock.now())

    for _ in range(500):
        while await world.notified_logs.advance(owner.company_id, most=most, told=told):
            pass
        if owner.company_id not in await world.notified_logs.behind():
            return
        # Somebody else is at it.
        await asyncio.sleep(0.01)
    raise AssertionError("the log was not read")


async def look(world: ContractWorld, actor: Actor, *, unread: bool | None = None) -> list[NotificationView]:
    page, _ = await world.notification_reader.page(
        actor, visible=visible_notifications(actor), unread=unread, sort=NEWEST, page=PageRequest()
    )
    return page.items


async def kinds(world: ContractWorld, actor: Actor) -> list[str]:
    """Of what they are told, oldest first."""
    return [str(view.kind) for view in reversed(await look(world, actor))]


async def note(world: ContractWorld, actor: Actor, *facts: Any) -> None:
    tick(world)
    async with world.task_unit_of_work(actor) as uow:
        uow.record(*facts)
        await uow.commit()


async def give(world: ContractWorld, by: Actor, task: Task, to: Actor | None) -> Task:
    """Assigns a task, and says so."""
    tick(world)
    given = replace(task, assigned_to=to.user_id if to else None, version=task.version + 1)
    await save_task(world, by, given, was=task.version)
    change = Change(old=task.assigned_to, new=given.assigned_to)
    await note(world, by, _updated(given, assigned_to=change))
    return given


def _updated(task: Task, **changes: Change) -> TaskUpdated:
    return TaskUpdated(task_id=task.id, project_id=task.project_id, version=task.version, changes=changes)


async def add_member(world: ContractWorld, by: Actor, project: Project, actor: Actor) -> None:
    if actor != by:
        await world.add_to_project(project.id, actor)
    await note(
        world,
        by,
        ProjectMemberAdded(
            project_id=project.id,
            project_key=project.key,
            project_name=project.name,
            user_id=actor.user_id,
            user_name="Somebody",
            version=1,
        ),
    )


class NotificationContract:
    async def test_whom_a_task_is_given_to_is_told_once(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await give(world, owner, await add_task(world, owner, project, "Paint"), ann)
        await read_log(world, owner)
        await read_log(world, owner)
        (view,) = await look(world, ann)
        assert (view.kind, view.event, view.actor_id) == (Kind.ASSIGNED, "task_updated", owner.user_id)
        assert (view.task_id, view.task_title, view.task_key) == (task.id, "Paint", f"{project.key}-{task.number}")
        assert (view.project_id, view.project_name, view.task_count) == (project.id, project.name, 1)
        assert (view.read_at, view.deadline, view.comment_id) == (None, None, None)
        assert view.actor_name is not None and view.seq is not None and int(view.position) > int(view.seq)
        assert await look(world, ben) == await look(world, owner) == []

    async def test_its_recipient_alone_hears_of_it(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        (view,) = await look(world, ann)
        for actor, heard in ((ann, 1), (ben, 0), (owner, 0)):
            stretch, _ = await world.event_reader.after(
                actor, audible=audible_events(actor), position=0, types=(NotificationCreated.event,), limit=9
            )
            assert len(stretch.events) == heard
            for event in stretch.events:
                assert (str(event.seq), event.via, event.actor_id) == (view.position, "system", None)
                assert event.body == {
                    "notification_id": str(view.id),
                    "user_id": str(ann.user_id),
                    "kind": "assigned",
                    "cause": view.seq,
                    "caused_by": str(owner.user_id),
                    "task_id": str(view.task_id),
                    "project_id": None,
                    "task_count": 1,
                }

    async def test_tasks_that_one_transaction_gave_are_told_at_once(self, world: ContractWorld) -> None:
        owner, web, ann, ben = await self._stage(world)
        app = await open_project(world, owner, key="APP", name="App")
        await world.add_to_project(app.id, ann)
        tasks = [await add_task(world, owner, web, title) for title in ("1", "2", "3")]
        other = await add_task(world, owner, app, "4")
        to_ann, to_ben = Change(old=None, new=ann.user_id), Change(old=None, new=ben.user_id)
        await note(world, owner, *(_updated(task, assigned_to=to_ann) for task in tasks))
        await note(
            world,
            owner,
            _updated(other, assigned_to=to_ann),
            _updated(tasks[0], assigned_to=to_ann),
            _updated(tasks[1], assigned_to=to_ben),
        )
        await note(world, owner, _updated(tasks[0], assigned_to=to_ann))
        # A part of two holds no transaction wholly, and is made larger.
        await read_log(world, owner, most=2)
        told = [(view.task_count, view.project_id, view.task_title) for view in await look(world, ann)]
        assert told == [(1, web.id, "1"), (2, None, None), (3, web.id, None)]
        assert [(view.task_count, view.task_title) for view in await look(world, ben)] == [(1, "2")]

    async def test_who_watches_is_told_of_comments_and_a_mention_says_more(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project)
        await watch(world, task, ann, ben)
        tick(world)
        first = await say(world, ann, task, "x" * 500, mentioning=(Mention(ben.user_id, "Ben"),))
        await read_log(world, owner)
        assert await kinds(world, ben) == ["mentioned"]
        assert await kinds(world, owner) == ["commented"]
        assert await look(world, ann) == []
        (view,) = await look(world, ben)
        assert (view.comment_id, view.comment_excerpt) == (first.id, "x" * EXCERPT)
        await unwatch(world, task, ben)
        tick(world)
        await say(world, ann, task, "more")
        await read_log(world, owner)
        assert await kinds(world, ben) == ["mentioned"]
        assert await kinds(world, owner) == ["commented", "commented"]
        await take_back(world, ann, first)
        assert [view.comment_excerpt for view in await look(world, ben)] == [None]

    async def test_whom_a_changed_comment_mentions_anew_is_told(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        task = await add_task(world, owner, project)
        comment = await say(world, owner, task)
        changes = {"mentions": Change(old=(ann.user_id,), new=(ann.user_id, ben.user_id))}
        await note(world, owner, self._changed(comment, changes))
        await note(world, owner, self._changed(comment, {}))
        await read_log(world, owner)
        assert await kinds(world, ben) == ["mentioned"]
        assert await look(world, ann) == []

    async def test_who_was_added_to_a_project_is_told(self, world: ContractWorld) -> None:
        owner, _, ann, _ = await self._stage(world)
        app = await open_project(world, owner, key="APP", name="App")
        await add_member(world, owner, app, ann)
        await add_member(world, owner, app, owner)
        await read_log(world, owner)
        assert await look(world, owner) == []
        (view,) = await look(world, ann)
        assert (view.kind, view.project_id, view.project_name) == (Kind.ADDED_TO_PROJECT, app.id, "App")
        assert (view.task_id, view.task_key) == (None, None)

    async def test_nobody_is_told_of_what_they_may_not_see(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        gone = await world.person(owner.company_id, name="Gone")
        outsider = await world.person(owner.company_id, name="Out")
        admin = await world.person(owner.company_id, name="Admin", role=Role.ADMIN)
        await world.add_to_project(project.id, gone)
        await world.deactivate(gone)
        task = await add_task(world, owner, project)
        for actor in (gone, outsider, admin):
            await note(world, owner, _updated(task, assigned_to=Change(old=None, new=actor.user_id)))
        deleted = await add_task(world, owner, project)
        await give(world, owner, deleted, ann)
        deleted = replace(deleted, version=2)
        deleted.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, deleted, was=2)
        await read_log(world, owner)
        assert await kinds(world, admin) == ["assigned"]
        assert await look(world, outsider) == await look(world, ann) == []
        # Nor when they may later: it was not for them.
        await world.add_to_project(project.id, outsider)
        assert await look(world, outsider) == []

    async def test_programs_have_no_inbox(self, world: ContractWorld) -> None:
        owner, project, _, _ = await self._stage(world)
        robot = await add_user(world, owner, None, name="Robot")
        await world.add_to_project(project.id, replace(owner, user_id=robot.id))
        await world.deadline_days.begin(owner.company_id, day=FIRST)
        day = FIRST + timedelta(days=1)
        await add_task(world, owner, project, assigned_to=robot.id, deadline=day)
        await read_log(world, owner)
        assert await self._tell(world, owner, day) == 0
        page, _ = await world.notification_reader.page(
            owner, visible=Visible(user_id=robot.id), unread=None, sort=NEWEST, page=PageRequest()
        )
        assert page.items == []

    async def test_a_log_is_behind_as_long_as_it_holds_what_may_concern_somebody(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await read_log(world, owner)
        await add_task(world, owner, project)
        assert owner.company_id not in await world.notified_logs.behind()
        await add_task(world, owner, project, assigned_to=ann.user_id)
        await add_task(world, owner, project)
        assert owner.company_id in await world.notified_logs.behind()
        await read_log(world, owner)
        assert await kinds(world, ann) == ["assigned"]

    async def test_what_one_may_not_see_any_more_is_hidden(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        app = await open_project(world, owner, key="APP", name="App")
        await add_member(world, owner, app, ann)
        await give(world, owner, await add_task(world, owner, app), ann)
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        assert await kinds(world, ann) == ["added_to_project", "assigned", "assigned"]
        async with world.member_unit_of_work(owner) as uow:
            uow.members.remove(app.id, ann.user_id)
            await uow.commit()
        assert [view.project_id for view in await look(world, ann)] == [project.id]
        await world.add_to_project(app.id, ann)
        assert len(await look(world, ann)) == 3
        await delete_project(world, owner, app)
        assert [view.project_id for view in await look(world, ann)] == [project.id]

    async def test_pages_follow_each_other_and_the_read_are_told_apart(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        for number in range(5):
            await give(world, owner, await add_task(world, owner, project, str(number)), ann)
        await read_log(world, owner)
        views = await look(world, ann)
        assert [view.task_title for view in views] == ["4", "3", "2", "1", "0"]
        await inbox(world).read(ann, views[1].id)
        await inbox(world).read(ann, views[1].id)
        visible = visible_notifications(ann)
        for unread, expected in ((None, views), (True, views[:1] + views[2:]), (False, views[1:2])):
            for sort in (NEWEST, Sort(field="seq")):
                ids = [view.id for view in expected]
                found, position = [], None
                while True:
                    page, seq = await world.notification_reader.page(
                        ann,
                        visible=visible,
                        unread=unread,
                        sort=sort,
                        page=PageRequest(limit=2, position=position, include_total=True),
                    )
                    assert page.total == len(ids)
                    found += [view.id for view in page.items]
                    if page.next_position is None:
                        break
                    position = page.next_position
                assert found == (ids if sort.descending else ids[::-1])
        page, _ = await world.notification_reader.page(
            ann, visible=visible, unread=None, sort=NEWEST, page=PageRequest(limit=2, skip=3)
        )
        assert [view.id for view in page.items] == [view.id for view in views[3:]]

    async def test_all_up_to_a_position_are_read_and_what_came_since_is_not(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        for actor in (ann, ben):
            await give(world, owner, await add_task(world, owner, project, "before"), actor)
        await read_log(world, owner)
        _, seq = await inbox(world).list(ann, unread=None, sort=NEWEST, page=PageRequest())
        await give(world, owner, await add_task(world, owner, project, "after"), ann)
        await read_log(world, owner)
        await inbox(world).read_all(ann, up_to=seq)
        assert [view.task_title for view in await look(world, ann, unread=True)] == ["after"]
        assert len(await look(world, ben, unread=True)) == 1
        await inbox(world).read_all(ann, up_to=None)
        assert await look(world, ann, unread=True) == []

    async def test_nobody_reads_for_somebody_else(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        (view,) = await look(world, ann)
        stranger = await world.company("Elsewhere")
        for actor in (ben, owner, stranger):
            with pytest.raises(NotificationNotFound):
                await inbox(world).read(actor, view.id)
            await inbox(world).read_all(actor, up_to=None)
        assert await look(world, ann, unread=True) == [view]

    async def test_preferences_are_kept_and_heeded(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        first, _ = await inbox(world).preferences(ann)
        assert first.version == 1 and first.assigned == (True, "off")
        for number, fields in enumerate(({"inbox": False}, {"inbox": True, "mail": ByMail.DAILY}, {"inbox": True})):
            await inbox(world).change_preferences(ann, PreferenceChanges(of={Kind.ASSIGNED: fields}))
            view, _ = await inbox(world).preferences(ann)
            assert view.version == (2, 3, 3)[number]
            await give(world, owner, await add_task(world, owner, project, str(number)), ann)
            await read_log(world, owner)
        assert (view.assigned, view.commented) == ((True, "daily"), (True, "off"))
        assert [each.task_title for each in await look(world, ann)] == ["2", "1"]
        with pytest.raises(Invalid) as invalid:
            await inbox(world).change_preferences(ann, PreferenceChanges(of={Kind.ASSIGNED: {"inbox": False}}))
        assert [fault.pointer for fault in invalid.value.faults] == ["/assigned/mail"]
        with pytest.raises(Stale):
            await inbox(world).change_preferences(ann, PreferenceChanges(), expected=1)
        others, _ = await inbox(world).preferences(ben)
        assert (others.version, others.assigned) == (1, (True, "off"))

    async def test_deadlines_are_told_the_day_before_and_on_the_day_once_each(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await world.deadline_days.begin(owner.company_id, day=FIRST)
        await world.deadline_days.begin(owner.company_id, day=FIRST + timedelta(days=9))
        task = await self._due(world, owner, project, ann, FIRST + timedelta(days=2))
        told = [await self._tell(world, owner, FIRST + timedelta(days=day)) for day in range(4)]
        assert told == [0, 1, 1, 0]
        assert await self._tell(world, owner, FIRST + timedelta(days=2)) == 0
        views = await look(world, ann)
        assert {(view.kind, view.seq, view.event, view.deadline, view.task_id) for view in views} == {
            (Kind.DEADLINE_NEAR, None, None, FIRST + timedelta(days=2), task.id)
        }
        # Another deadline is told anew.
        later = replace(task, deadline=FIRST + timedelta(days=5), version=2)
        await save_task(world, owner, later, was=1)
        assert [await self._tell(world, owner, FIRST + timedelta(days=day)) for day in (4, 5, 6)] == [1, 1, 0]
        assert await self._calendar(world, owner) == FIRST + timedelta(days=6)

    async def test_deadlines_are_told_to_who_can_do_something_about_them(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        archived = await open_project(world, owner, key="OLD", name="Old")
        gone = await world.person(owner.company_id, name="Gone")
        for each, actor in ((archived, ann), (project, gone)):
            await world.add_to_project(each.id, actor)
        await world.deadline_days.begin(owner.company_id, day=FIRST)
        day = FIRST + timedelta(days=1)
        await self._due(world, owner, project, ann, day, status=Status.DONE)
        await self._due(world, owner, project, None, day)
        await self._due(world, owner, archived, ann, day)
        await self._due(world, owner, project, gone, day)
        await self._due(world, owner, project, ben, day)
        outsider = await world.person(owner.company_id, name="Out")
        await self._due(world, owner, project, outsider, day)
        await inbox(world).change_preferences(ben, PreferenceChanges(of={Kind.DEADLINE_NEAR: {"inbox": False}}))
        await world.deactivate(gone)
        archived.is_active = False
        await save_project(world, owner, archived)
        assert await self._tell(world, owner, day) == 0
        assert await look(world, ann) == await look(world, ben) == []

    async def test_a_morning_is_told_part_by_part(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await world.deadline_days.begin(owner.company_id, day=FIRST)
        for _ in range(5):
            await self._due(world, owner, project, ann, FIRST + timedelta(days=1))
        assert await self._tell(world, owner, FIRST + timedelta(days=1), most=2) == 5
        assert len({view.task_id for view in await look(world, ann)}) == 5

    async def _tell(self, world: ContractWorld, owner: Actor, day: date, *, most: int = 100) -> int:
        count = 0

        def told(tasks: list[DueTask]) -> list[Notification]:
            nonlocal count
            found = tell_of_deadlines(tasks, day=day, new_id=world.ids.new, at=world.clock.now())
            count += len(found)
            return found

        while await world.deadline_days.advance(owner.company_id, day=day, most=most, told=told):
            pass
        return count

    async def _calendar(self, world: ContractWorld, owner: Actor) -> date | None:
        (found,) = [each for each in await world.deadline_days.calendars() if each.company_id == owner.company_id]
        assert found.zone == "UTC"
        return found.told_on

    async def _due(
        self, world: ContractWorld, owner: Actor, project: Project, to: Actor | None, deadline: date, **fields: Any
    ) -> Task:
        assigned_to = to.user_id if to is not None else None
        return await add_task(world, owner, project, assigned_to=assigned_to, deadline=deadline, **fields)

    def _changed(self, comment: Comment, changes: dict[str, Change]) -> CommentUpdated:
        return CommentUpdated(
            comment_id=comment.id,
            task_id=comment.task_id,
            project_id=comment.project_id,
            version=2,
            body_changed=True,
            changes=changes,
        )

    async def _stage(self, world: ContractWorld) -> tuple[Actor, Project, Actor, Actor]:
        """Everything that Ann and Ben are told is told by others. The log of before is read."""
        owner = await world.company()
        project = await open_project(world, owner)
        ann = await world.person(owner.company_id, name="Ann")
        ben = await world.person(owner.company_id, name="Ben")
        for actor in (ann, ben):
            await world.add_to_project(project.id, actor)
        return owner, project, ann, ben
