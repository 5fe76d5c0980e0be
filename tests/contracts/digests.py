"""The contract of DigestPosts.

The subclass provides the fixture `world`; see `tests.contracts.world`. Nobody else may mail from its store.
"""

from datetime import date, timedelta

from core.kernel.actor import Actor
from core.mail.read_models import DigestLine, DigestPost
from core.notifications.model import ByMail, Kind, PreferenceChanges
from core.projects.model import Project
from tests.contracts.notifications import FIRST, give, inbox, look, read_log
from tests.contracts.steps import add_task, open_project
from tests.contracts.world import ContractWorld

MINUTE = timedelta(minutes=1)


async def want(world: ContractWorld, actor: Actor, kind: Kind, mail: ByMail = ByMail.DAILY) -> None:
    await inbox(world).change_preferences(actor, PreferenceChanges(of={kind: {"mail": mail}}))


async def claim(world: ContractWorld, owner: Actor, day: date, *, later: int = 0, most: int = 9) -> list[DigestPost]:
    at = world.clock.now() + later * MINUTE
    return await world.digest_posts.claim(owner.company_id, day=day, at=at, until=at + 3 * MINUTE, most=most)


class DigestContract:
    async def test_what_was_not_read_is_mailed_once(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        await give(world, owner, await add_task(world, owner, project, "before"), ann)
        await read_log(world, owner)
        await want(world, ann, Kind.ASSIGNED)
        assert await self._morning(world, owner) is None
        # It begins on the next morning, with what comes from now on.
        assert await claim(world, owner, FIRST) == []
        for title in ("read", "one", "two"):
            for actor in (ann, ben):
                await give(world, owner, await add_task(world, owner, project, title), actor)
        await read_log(world, owner)
        views = await look(world, ann)
        await inbox(world).read(ann, next(view.id for view in views if view.task_title == "read"))
        assert await claim(world, owner, FIRST) == []
        (post,) = await claim(world, owner, self._day(1))
        assert (post.company_name, post.user_id, post.more) == ("Acme", ann.user_id, 0)
        shown = {view.task_title: view for view in views}
        assert post.lines == tuple(
            DigestLine(Kind.ASSIGNED, "Owner of Acme", "Website", shown[title].task_key, title, 1, None)
            for title in ("two", "one")
        )
        assert post.to is not None
        await world.digest_posts.settle(post, again_at=None)
        assert await claim(world, owner, self._day(1)) == []
        assert await self._morning(world, owner) == self._day(1)
        (post,) = await claim(world, owner, self._day(2))
        assert post.lines == ()
        await world.digest_posts.settle(post, again_at=None)

    async def test_it_goes_to_confirmed_addresses_of_active_users(self, world: ContractWorld) -> None:
        owner, project, ann, ben = await self._stage(world)
        cai = await world.person(owner.company_id, name="Cai")
        await world.add_to_project(project.id, cai)
        await world.confirm_address(ben)
        for actor in (ann, ben, cai):
            await want(world, actor, Kind.ASSIGNED)
        await claim(world, owner, FIRST)
        for actor in (ann, ben, cai):
            await give(world, owner, await add_task(world, owner, project), actor)
        await read_log(world, owner)
        await world.deactivate(ben)
        posts = await claim(world, owner, self._day(1))
        assert {post.user_id: post.to is not None for post in posts} == {
            ann.user_id: True,
            ben.user_id: False,
            cai.user_id: False,
        }

    async def test_of_what_one_may_see_and_wants_to_be_mailed(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        gone = await open_project(world, owner, key="APP", name="App")
        await world.add_to_project(gone.id, ann)
        await want(world, ann, Kind.MENTIONED)
        await claim(world, owner, FIRST)
        await give(world, owner, await add_task(world, owner, gone), ann)
        await read_log(world, owner)
        (post,) = await claim(world, owner, self._day(1))
        assert post.lines == ()
        await world.digest_posts.settle(post, again_at=None)
        await want(world, ann, Kind.ASSIGNED)
        await give(world, owner, await add_task(world, owner, gone), ann)
        await give(world, owner, await add_task(world, owner, project, "seen"), ann)
        await read_log(world, owner)
        async with world.member_unit_of_work(owner) as uow:
            uow.members.remove(gone.id, ann.user_id)
            await uow.commit()
        (post,) = await claim(world, owner, self._day(2))
        assert [line.task_title for line in post.lines] == ["seen"]

    async def test_what_somebody_is_at_is_nobody_elses_until_they_are_late(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await want(world, ann, Kind.ASSIGNED)
        await claim(world, owner, FIRST)
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        (held,) = await claim(world, owner, self._day(1))
        assert await claim(world, owner, self._day(1), later=1) == []
        (taken_over,) = await claim(world, owner, self._day(1), later=9)
        assert taken_over.lines == held.lines
        await world.digest_posts.settle(held, again_at=None)
        assert await self._morning(world, owner) == FIRST
        # Left to another time, it is not yet sent.
        await world.digest_posts.settle(taken_over, again_at=world.clock.now() + 20 * MINUTE)
        assert await claim(world, owner, self._day(1), later=19) == []
        (again,) = await claim(world, owner, self._day(1), later=21)
        await world.digest_posts.settle(again, again_at=None)
        assert await claim(world, owner, self._day(1), later=99) == []

    async def test_a_long_list_is_cut(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await want(world, ann, Kind.ASSIGNED)
        await claim(world, owner, FIRST)
        for number in range(23):
            await give(world, owner, await add_task(world, owner, project, str(number)), ann)
        await read_log(world, owner)
        (post,) = await claim(world, owner, self._day(1))
        assert ([line.task_title for line in post.lines], post.more) == ([str(each) for each in range(22, 2, -1)], 3)

    async def test_who_wants_it_again_gets_what_comes_from_then_on(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await want(world, ann, Kind.ASSIGNED)
        await claim(world, owner, FIRST)
        await want(world, ann, Kind.ASSIGNED, ByMail.OFF)
        assert owner.company_id not in {each.company_id for each in await world.digest_posts.mornings()}
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        await want(world, ann, Kind.ASSIGNED)
        assert await claim(world, owner, self._day(5)) == []
        (post,) = await claim(world, owner, self._day(6))
        assert post.lines == ()

    async def test_who_wants_none_any_more_is_not_counted_as_mailed(self, world: ContractWorld) -> None:
        owner, project, ann, _ = await self._stage(world)
        await want(world, ann, Kind.ASSIGNED)
        await claim(world, owner, FIRST)
        (post,) = await claim(world, owner, self._day(1))
        await want(world, ann, Kind.ASSIGNED, ByMail.OFF)
        await world.digest_posts.settle(post, again_at=None)
        await give(world, owner, await add_task(world, owner, project), ann)
        await read_log(world, owner)
        await want(world, ann, Kind.ASSIGNED)
        assert await claim(world, owner, self._day(2)) == []
        # The lease of the mail that was not to be sent has run out.
        (post,) = await claim(world, owner, self._day(3), later=9)
        assert post.lines == ()

    def _day(self, number: int) -> date:
        return FIRST + timedelta(days=number)

    async def _morning(self, world: ContractWorld, owner: Actor) -> date | None:
        (found,) = [each for each in await world.digest_posts.mornings() if each.company_id == owner.company_id]
        assert found.zone == "UTC"
        return found.mailed_on

    async def _stage(self, world: ContractWorld) -> tuple[Actor, Project, Actor, Actor]:
        owner = await world.company("Acme")
        project = await open_project(world, owner)
        ann = await world.person(owner.company_id, name="Ann")
        ben = await world.person(owner.company_id, name="Ben")
        for actor in (ann, ben):
            await world.add_to_project(project.id, actor)
        await world.confirm_address(ann)
        return owner, project, ann, ben
