"""The contract of CommentUnitOfWork and CommentReader.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace
from uuid import UUID

import pytest

from core.comments.model import Comment, Mention
from core.comments.read_models import CommentView
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest, Sort
from core.tasks.model import Task
from core.tasks.policy import Visible
from tests.contracts.steps import add_task, delete_project, open_project, save_task
from tests.contracts.world import ContractWorld

BY_AGE = Sort(field="created_at")


async def say(
    world: ContractWorld,
    actor: Actor,
    task: Task,
    body: str = "Which one?",
    *,
    answering: Comment | None = None,
    mentioning: tuple[Mention, ...] = (),
) -> Comment:
    async with world.comment_unit_of_work(actor) as uow:
        ground = await uow.comments.begin(task.id, for_user=actor.user_id, parent=answering.id if answering else None)
        assert ground is not None
        comment, created = Comment.create(
            id=world.ids.new(),
            task_id=ground.task_id,
            project_id=ground.project_id,
            parent_id=answering.id if answering else None,
            author_id=actor.user_id,
            body=body,
            mentions=mentioning,
            at=world.clock.now(),
        )
        uow.comments.add(comment)
        uow.record(created)
        await uow.commit()
    return comment


async def take_back(world: ContractWorld, actor: Actor, comment: Comment) -> None:
    """Deletes a comment as the use case does."""
    async with world.comment_unit_of_work(actor) as uow:
        loaded = await uow.comments.load(comment.id, for_user=actor.user_id)
        assert loaded is not None
        was = loaded.comment.version
        loaded.comment.delete(is_answered=loaded.is_answered, by=actor.user_id, at=world.clock.now())
        if loaded.is_answered:
            uow.comments.save(loaded.comment, was=was)
        else:
            uow.comments.remove(loaded.comment)
        if loaded.left_alone is not None:
            uow.comments.remove(loaded.left_alone)
        await uow.commit()


async def read(
    world: ContractWorld, actor: Actor, task: Task, *, visible: Visible = Visible(), sort: Sort = BY_AGE
) -> list[CommentView] | None:
    page, _ = await world.comment_reader.page(actor, task.id, visible=visible, sort=sort, page=PageRequest())
    return page.items if page is not None else None


async def bodies(world: ContractWorld, actor: Actor, task: Task, *, sort: Sort = BY_AGE) -> list[str]:
    return [comment.body for comment in await read(world, actor, task, sort=sort) or ()]


class CommentContract:
    async def test_a_comment_is_loaded_as_it_was_added_and_is_its_companys_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        task = await add_task(world, here, await open_project(world, here))
        mention = Mention(here.user_id, "Owner of Here")
        comment = await say(world, here, task, mentioning=(mention,))
        async with world.comment_unit_of_work(here) as uow:
            loaded = await uow.comments.load(comment.id, for_user=here.user_id)
        assert loaded is not None and loaded.comment == comment
        assert (loaded.author_name, loaded.is_member, loaded.project_is_active) == ("Owner of Here", True, True)
        assert (loaded.is_answered, loaded.left_alone) == (False, None)
        async with world.comment_unit_of_work(there) as uow:
            assert await uow.comments.load(comment.id, for_user=there.user_id) is None
            assert await uow.comments.begin(task.id, for_user=there.user_id, parent=None) is None
        view, _ = await world.comment_reader.one(here, comment.id, visible=Visible())
        assert view == CommentView.of(comment, author_name="Owner of Here")
        assert await read(world, here, task) == [view]
        assert (await world.comment_reader.one(there, comment.id, visible=Visible())).value is None
        assert await read(world, there, task) is None

    async def test_what_it_stands_on_is_known_by_id_and_by_key(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, other = await add_task(world, owner, project), await add_task(world, owner, project)
        ann = await world.person(owner.company_id, name="Ann")
        first, elsewhere = await say(world, owner, task), await say(world, owner, other)
        for ref in (task.id, "web-1"):
            async with world.comment_unit_of_work(ann) as uow:
                ground = await uow.comments.begin(ref, for_user=ann.user_id, parent=first.id)
                assert ground is not None
                assert (ground.task_id, ground.project_id) == (task.id, project.id)
                assert (ground.is_member, ground.author_name, ground.project_is_active) == (False, "Ann", True)
                assert ground.parent == first
        async with world.comment_unit_of_work(owner) as uow:
            ground = await uow.comments.begin(task.id, for_user=owner.user_id, parent=elsewhere.id)
            assert ground is not None and ground.parent is None
        async with world.comment_unit_of_work(owner) as uow:
            assert await uow.comments.begin("web-3", for_user=owner.user_id, parent=None) is None

    async def test_mentioned_are_the_active_who_see_the_project(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        ann = await world.person(owner.company_id, name="Ann")
        outsider = await world.person(owner.company_id, name="Outsider")
        admin = await world.person(owner.company_id, name="Admin", role=Role.ADMIN)
        gone = await world.person(owner.company_id, name="Gone", role=Role.ADMIN)
        for each in (ann, gone):
            await world.add_to_project(project.id, each)
        await world.deactivate(gone)
        names = [f"u{each.user_id}" for each in (owner, ann, outsider, admin, gone)]
        async with world.comment_unit_of_work(owner) as uow:
            found = await uow.comments.mentioned((*names, "nobody"), project_id=task.project_id)
        assert {mention.name for mention in found} == {"Owner of Acme", "Ann", "Admin"}
        assert {mention.id for mention in found} == {owner.user_id, ann.user_id, admin.user_id}

    async def test_a_changed_text_is_written_with_whom_it_mentions(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        task = await add_task(world, owner, await open_project(world, owner))
        mentions = (Mention(ann.user_id, "Ann"), Mention(owner.user_id, "Owner of Acme"))
        comment = await say(world, owner, task, mentioning=mentions)
        changed = replace(comment)
        changed.change(body="That one", mentions=mentions[1:], at=world.clock.now())
        for expected in (None, Conflict):
            async with world.comment_unit_of_work(owner) as uow:
                uow.comments.save(changed, was=1)
                if expected is None:
                    await uow.commit()
                    continue
                with pytest.raises(expected):
                    await uow.commit()
        (view,) = await read(world, owner, task) or ()
        assert (view.body, view.version, view.updated_at) == ("That one", 2, changed.updated_at)
        assert view.mentions == [{"id": owner.user_id, "name": "Owner of Acme"}]
        assert view.embedded == ("Owner of Acme", "Owner of Acme")

    async def test_what_was_answered_keeps_its_place_until_its_last_answer_goes(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        first = await say(world, owner, task, "first", mentioning=(Mention(owner.user_id, "Owner of Acme"),))
        answers = [await say(world, owner, task, body, answering=first) for body in ("one", "two")]
        await say(world, owner, task, "last")
        await take_back(world, owner, first)
        shown = await read(world, owner, task) or ()
        assert [(view.body, view.deleted, len(view.mentions)) for view in shown] == [
            ("", True, 0),
            ("one", False, 0),
            ("two", False, 0),
            ("last", False, 0),
        ]
        async with world.comment_unit_of_work(owner) as uow:
            loaded = await uow.comments.load(answers[0].id, for_user=owner.user_id)
            assert loaded is not None and loaded.left_alone is None
        await take_back(world, owner, answers[0])
        assert await bodies(world, owner, task) == ["", "two", "last"]
        async with world.comment_unit_of_work(owner) as uow:
            loaded = await uow.comments.load(answers[1].id, for_user=owner.user_id)
            assert loaded is not None and loaded.left_alone is not None
            assert (loaded.left_alone.id, loaded.left_alone.is_deleted) == (first.id, True)
        await take_back(world, owner, answers[1])
        assert await bodies(world, owner, task) == ["last"]

    async def test_lists_are_sorted_and_paged(self, world: ContractWorld) -> None:
        owner = await world.company()
        task = await add_task(world, owner, await open_project(world, owner))
        for body in "abcde":
            await say(world, owner, task, body)
        assert await bodies(world, owner, task) == list("abcde")
        assert await bodies(world, owner, task, sort=Sort(field="created_at", descending=True)) == list("edcba")
        found: list[str] = []
        position = None
        while True:
            request = PageRequest(limit=2, position=position, include_total=True)
            page, _ = await world.comment_reader.page(owner, task.id, visible=Visible(), sort=BY_AGE, page=request)
            assert page is not None and page.total == 5
            found += [comment.body for comment in page.items]
            position = page.next_position
            if position is None:
                break
        assert found == list("abcde")
        skipping = PageRequest(limit=2, skip=3)
        page, _ = await world.comment_reader.page(owner, "web-1", visible=Visible(), sort=BY_AGE, page=skipping)
        assert page is not None and [comment.body for comment in page.items] == ["d", "e"]

    async def test_comments_are_seen_by_whoever_sees_the_project(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        member = await world.person(owner.company_id, name="Ann")
        stranger = await world.person(owner.company_id, name="Ben")
        await world.add_to_project(project.id, member)
        task = await add_task(world, owner, project)
        comment = await say(world, owner, task)
        for actor, sees in ((member, True), (stranger, False)):
            visible = Visible(member_id=actor.user_id)
            one, _ = await world.comment_reader.one(actor, comment.id, visible=visible)
            assert (one is not None) == sees
            assert (await read(world, actor, task, visible=visible) is not None) == sees

    async def test_with_its_task_or_project_a_comment_is_out_of_sight(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        task, kept = await add_task(world, owner, project), await add_task(world, owner, other)
        comments = [await say(world, owner, each) for each in (task, kept)]
        deleted = replace(task)
        deleted.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, deleted, was=1)
        await delete_project(world, owner, other)
        for comment, gone in zip(comments, (task, kept), strict=True):
            assert await self._is_gone(world, owner, comment.id, gone)

    async def _is_gone(self, world: ContractWorld, owner: Actor, comment_id: UUID, task: Task) -> bool:
        async with world.comment_unit_of_work(owner) as uow:
            assert await uow.comments.load(comment_id, for_user=owner.user_id) is None
            assert await uow.comments.begin(task.id, for_user=owner.user_id, parent=None) is None
        one, _ = await world.comment_reader.one(owner, comment_id, visible=Visible())
        return one is None and await read(world, owner, task) is None
