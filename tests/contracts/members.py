"""The contract of MemberUnitOfWork, AssignmentUnitOfWork and MemberReader.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from datetime import timedelta
from uuid import UUID

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project
from core.projects.policy import Visible
from core.projects.ports import LoadedMembership
from core.projects.read_models import ColleagueView, MemberView
from core.tasks.fields import Status
from tests.contracts.steps import add_task, delete_project, listed, open_project, save_task
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()


class MemberContract:
    """Who belongs to a project."""

    async def test_a_project_is_loaded_with_a_user_of_its_company(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id, name="Ann"), await open_project(world, owner)
        for ref in (project.id, "WEB", "web"):
            loaded = await self._loaded(world, owner, ref, ann.user_id)
            assert (loaded.project, loaded.is_member) == (project, True)
            assert loaded.colleague is not None
            assert (loaded.colleague.user_id, loaded.colleague.name) == (ann.user_id, "Ann")
            assert (loaded.colleague.role, loaded.colleague.is_active) == (Role.MEMBER, True)
            assert loaded.colleague.added_at is None
        mine = await self._loaded(world, ann, "WEB", owner.user_id)
        assert not mine.is_member
        assert mine.colleague is not None
        assert (mine.colleague.role, mine.colleague.added_at) == (Role.OWNER, project.created_at)
        await world.deactivate(ann)
        found = await self._loaded(world, owner, "WEB", ann.user_id)
        assert found.colleague is not None
        assert not found.colleague.is_active

    async def test_nobody_is_loaded_who_is_not_of_the_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await open_project(world, here)
        foreign, gone = await open_project(world, there, key="FAR"), await open_project(world, here, key="OLD")
        await delete_project(world, here, gone)
        for user_id in (world.ids.new(), there.user_id):
            assert (await self._loaded(world, here, "WEB", user_id)).colleague is None
        async with world.member_unit_of_work(here) as uow:
            for ref in (world.ids.new(), foreign.id, "FAR", gone.id, "OLD"):
                assert await uow.members.load(ref, here.user_id, for_user=here.user_id) is None, ref

    async def test_who_is_added_belongs_to_it_until_removed(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        other, at = await open_project(world, owner, key="APP"), world.clock.now()
        async with world.member_unit_of_work(owner) as uow:
            uow.members.add(project.id, ann.user_id, at=at)
            await uow.commit()
        assert await self._since(world, owner, project, ann.user_id) == at
        assert await self._since(world, owner, other, ann.user_id) is None
        async with world.member_unit_of_work(owner) as uow:
            uow.members.remove(project.id, ann.user_id)
            await uow.commit()
        assert await self._since(world, owner, project, ann.user_id) is None

    async def test_nobody_becomes_a_member_twice_or_leaves_twice(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        with pytest.raises(Conflict):
            async with world.member_unit_of_work(owner) as uow:
                uow.members.remove(project.id, ann.user_id)
                await uow.commit()
        await world.add_to_project(project.id, ann)
        with pytest.raises(Conflict):
            async with world.member_unit_of_work(owner) as uow:
                uow.members.add(project.id, ann.user_id, at=world.clock.now())
                await uow.commit()

    async def test_open_tasks_of_one_person_in_one_project_are_released(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        for each in (project, other):
            for person in (ann, bob):
                await world.add_to_project(each.id, person)
        mine = [
            await add_task(world, owner, project, "open", status=status, assigned_to=ann.user_id)
            for status in (Status.TODO, Status.IN_PROGRESS)
        ]
        await add_task(world, owner, project, "done", status=Status.DONE, assigned_to=ann.user_id)
        await add_task(world, owner, project, "bob's", assigned_to=bob.user_id)
        await add_task(world, owner, project, "nobody's")
        await add_task(world, owner, other, "elsewhere", assigned_to=ann.user_id)
        gone = await add_task(world, owner, project, "gone", assigned_to=ann.user_id)
        gone.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, gone, was=1)
        at = world.clock.now() + timedelta(seconds=1)
        async with world.member_unit_of_work(owner) as uow:
            released = await uow.assignments.release(ann.user_id, project_id=project.id, at=at)
            await uow.commit()
        assert released == [(task.id, 2) for task in mine]
        found = {view.title: view for view in await listed(world, owner)}
        for view in await listed(world, owner):
            was_released = view.id in {task.id for task in mine}
            assert (view.assigned_to is None) is (was_released or view.title == "nobody's"), view.title
            assert (view.version, view.updated_at == at) == ((2, True) if was_released else (1, False)), view.title
        assert found["bob's"].assigned_to == bob.user_id
        assert found["elsewhere"].assigned_to == ann.user_id

    async def test_members_are_shown_with_addresses_or_without(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id, name="Ann"), await open_project(world, owner)
        await world.add_to_project(project.id, ann)
        await world.person(owner.company_id, name="Outsider")
        for addresses, kind in ((True, MemberView), (False, ColleagueView)):
            shown = await self._page(world, owner, addresses=addresses)
            assert [type(view) for view in shown] == [kind, kind]
            assert [view.name for view in shown] == ["Ann", "Owner of Acme"]
            assert [view.role for view in shown] == [Role.MEMBER, Role.OWNER]
            for view in shown:
                one = await world.member_reader.one(
                    owner, project.id, view.user_id, visible=EVERYTHING, addresses=addresses
                )
                assert one.value is not None
                assert one.value.member == view
        assert all(view.email for view in await self._page(world, owner, addresses=True))
        outsider = await world.member_reader.one(owner, "WEB", world.ids.new(), visible=EVERYTHING, addresses=True)
        assert outsider.value == (None,)

    async def test_of_a_project_that_is_not_visible_nothing_is_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann, project = await world.person(here.company_id), await open_project(world, here)
        foreign, gone = await open_project(world, there, key="FAR"), await open_project(world, here, key="OLD")
        await delete_project(world, here, gone)
        mine = Visible(member_id=ann.user_id)
        for actor, visible, ref in (
            (ann, mine, project.id),
            (ann, mine, "WEB"),
            *((here, EVERYTHING, ref) for ref in (world.ids.new(), foreign.id, "FAR", gone.id, "OLD", "NONE")),
        ):
            assert await self._page(world, actor, ref, visible=visible) is None, ref
            one = await world.member_reader.one(actor, ref, here.user_id, visible=visible, addresses=False)
            assert one.value is None, ref
        await world.add_to_project(project.id, ann)
        assert len(await self._page(world, ann, visible=mine)) == 2

    async def test_a_search_finds_names_usernames_and_addresses_that_are_shown(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        ann = await world.person(owner.company_id, name="Änne_1")
        await world.add_to_project(project.id, ann)
        (view,) = [each for each in await self._page(world, owner, addresses=True) if each.user_id == ann.user_id]
        for search in ("änne", "ÄNNE", "_1", view.username.upper()):
            assert [each.user_id for each in await self._page(world, owner, search=search)] == [ann.user_id], search
        assert await self._page(world, owner, search="%") == []
        address = view.email.upper()
        assert [each.user_id for each in await self._page(world, owner, search=address, addresses=True)] == [
            ann.user_id
        ]
        assert await self._page(world, owner, search="@example.com") == []
        assert await self._page(world, owner, search="nobody") == []

    @pytest.mark.parametrize("field", ["name", "added_at"])
    @pytest.mark.parametrize("sign", ["", "-"])
    async def test_pages_join_to_the_whole_list(self, world: ContractWorld, field: str, sign: str) -> None:
        owner = await world.company()
        project, sort = await open_project(world, owner), Sort(field=field, descending=bool(sign))
        for name in ("delta", "alpha", "delta", "bravo"):
            await world.add_to_project(project.id, await world.person(owner.company_id, name=name))
        whole = await self._page(world, owner, sort=sort)
        expected = sorted(whole, key=lambda view: (getattr(view, field), view.user_id), reverse=bool(sign))
        assert len(whole) == 5
        assert whole == expected
        position, joined = None, []
        while True:
            answer = await world.member_reader.page(
                owner,
                "WEB",
                visible=EVERYTHING,
                addresses=False,
                search=None,
                sort=sort,
                page=PageRequest(limit=2, position=position, include_total=True),
            )
            assert answer.value is not None
            assert answer.value.total == 5
            joined += answer.value.items
            position = answer.value.next_position
            if position is None:
                break
        assert joined == whole
        assert await self._page(world, owner, sort=sort, skip=3) == whole[3:]

    async def _loaded(self, world: ContractWorld, actor: Actor, ref: object, user_id: UUID) -> LoadedMembership:
        async with world.member_unit_of_work(actor) as uow:
            loaded = await uow.members.load(ref, user_id, for_user=actor.user_id)
        assert loaded is not None
        return loaded

    async def _since(self, world: ContractWorld, actor: Actor, project: Project, user_id: UUID) -> object:
        loaded = await self._loaded(world, actor, project.id, user_id)
        assert loaded.colleague is not None
        return loaded.colleague.added_at

    async def _page(
        self,
        world: ContractWorld,
        actor: Actor,
        ref: object = "WEB",
        *,
        visible: Visible = EVERYTHING,
        addresses: bool = False,
        search: str | None = None,
        sort: Sort = Sort(field="name"),
        **request: object,
    ) -> list[MemberView | ColleagueView] | None:
        answer = await world.member_reader.page(
            actor,
            ref,
            visible=visible,
            addresses=addresses,
            search=search,
            sort=sort,
            page=PageRequest(**request),
        )
        return answer.value.items if answer.value is not None else None
