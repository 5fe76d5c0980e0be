"""The contract of ProjectUnitOfWork and ProjectReader.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it this contract uses `company`, `person`,
`add_to_project`, the project and task units of work, the project reader, the clock and the ids.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import Page, PageRequest, Sort
from core.projects.model import ProjectChanges, ProjectStatus
from core.projects.policy import Visible
from core.projects.ports import LoadedProject, ProjectFilter
from core.projects.read_models import ProgressView, ProjectView
from core.tasks.fields import Status
from tests.contracts.steps import add_task, delete_project, open_project, save_project, save_task, titles
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()
BOTH = ProjectFilter(is_active=None)


class ProjectStoreContract:
    """Of the repository: what use cases load and save."""

    async def test_a_project_is_loaded_as_it_was_added(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for ref in (project.id, "WEB", "web"):
            loaded = await self._loaded(world, owner, ref)
            assert loaded.project == project
            assert loaded.is_member
            assert loaded.creator_name

    async def test_nothing_is_loaded_that_is_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        foreign, gone = await open_project(world, there, key="FAR"), await open_project(world, here, key="OLD")
        await delete_project(world, here, gone)
        async with world.project_unit_of_work(here) as uow:
            for ref in (world.ids.new(), foreign.id, "FAR", gone.id, "OLD", "NONE"):
                assert await uow.projects.load(ref, for_user=here.user_id) is None, ref

    async def test_whoever_does_not_belong_to_it_is_known_not_to(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        assert not (await self._loaded(world, ann, project.id)).is_member
        await world.add_to_project(project.id, ann)
        assert (await self._loaded(world, ann, project.id)).is_member

    async def test_its_members_are_told_its_creator_first_of_all(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        async with world.project_unit_of_work(owner) as uow:
            assert await uow.projects.members(project.id) == (owner.user_id,)
        await world.add_to_project(project.id, ann)
        async with world.project_unit_of_work(owner) as uow:
            assert set(await uow.projects.members(project.id)) == {owner.user_id, ann.user_id}

    async def test_a_key_is_free_that_no_project_has_or_had(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await open_project(world, here, key="WEB")
        await open_project(world, there, key="APP")
        await delete_project(world, here, await open_project(world, here, key="OLD"))
        async with world.project_unit_of_work(here) as uow:
            assert await uow.projects.free_key(["WEB", "OLD", "APP", "NEW"]) == "APP"
            assert await uow.projects.free_key(["OLD", "WEB"]) is None
            assert await uow.projects.free_key([]) is None

    async def test_a_taken_key_is_refused(self, world: ContractWorld) -> None:
        owner = await world.company()
        await open_project(world, owner, key="WEB")
        with pytest.raises(Conflict):
            await open_project(world, owner, key="WEB", name="Again")
        assert [view.name for view in (await self._all(world, owner))] == ["Website"]

    async def test_users_are_called_by_their_names(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann Miller")
        async with world.project_unit_of_work(owner) as uow:
            assert await uow.projects.user_name(ann.user_id) == "Ann Miller"

    async def test_a_deleted_project_is_loaded_on_purpose_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann, gone = await world.person(here.company_id), await open_project(world, here, key="OLD")
        standing, foreign = await open_project(world, here), await open_project(world, there, key="FAR")
        await world.add_to_project(gone.id, ann)
        for project, owner in ((gone, here), (foreign, there)):
            await delete_project(world, owner, project)
        async with world.project_unit_of_work(ann) as uow:
            for ref in (gone.id, "OLD", "old"):
                loaded = await uow.projects.load_deleted(ref, for_user=ann.user_id)
                assert loaded is not None
                assert (loaded.project, loaded.is_member) == (gone, True)
            found = await uow.projects.load_deleted(standing.id, for_user=ann.user_id)
            assert found is not None
            assert (found.project, found.is_member) == (standing, False)
            for ref in (world.ids.new(), foreign.id, "FAR", "NONE"):
                assert await uow.projects.load_deleted(ref, for_user=ann.user_id) is None, ref

    async def test_what_is_restored_comes_with_the_tasks_that_went_with_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        before = await add_task(world, owner, project, "before")
        for title in ("kept", "kept too"):
            await add_task(world, owner, project, title)
        there = await add_task(world, owner, other, "elsewhere")
        at = world.clock.now()
        for task, since in ((before, at - timedelta(seconds=1)), (there, at)):
            task.delete(by=owner.user_id, at=since)
            await save_task(world, owner, task, was=1)
        async with world.project_unit_of_work(owner) as uow:
            project.delete(members=(), at=at)
            uow.projects.delete(project)
            await uow.commit()
        assert await titles(world, owner) == []
        async with world.project_unit_of_work(owner) as uow:
            since, _ = project.restore(at=at + timedelta(seconds=1))
            uow.projects.restore(project, deleted_at=since)
            await uow.commit()
        assert (await self._loaded(world, owner, "WEB")).project == project
        assert await titles(world, owner) == ["kept", "kept too"]

    async def test_a_project_that_was_restored_meanwhile_is_not_restored_again(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        at = world.clock.now()
        project.delete(members=(), at=at)
        stale = replace(project, version=project.version + 1)
        with pytest.raises(Conflict):
            async with world.project_unit_of_work(owner) as uow:
                since, _ = stale.restore(at=at)
                uow.projects.restore(stale, deleted_at=since)
                await uow.commit()
        assert (await self._loaded(world, owner, "WEB")).project.version == 1

    async def test_a_change_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = (await self._loaded(world, owner, (await open_project(world, owner)).id)).project
        changes = ProjectChanges(
            given=frozenset({"name", "description", "deadline", "status", "is_active"}),
            name="Shop",
            description=None,
            deadline=None,
            status=ProjectStatus.COMPLETED,
            is_active=False,
        )
        project.change(changes, at=world.clock.now() + timedelta(seconds=1))
        async with world.project_unit_of_work(owner) as uow:
            uow.projects.save(project)
            await uow.commit()
        assert (await self._loaded(world, owner, project.id)).project == project

    async def test_a_stale_change_is_refused_and_nothing_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP", name="App")
        other.name, other.version = "Never", 2
        project.name, project.version = "Stale", 3
        with pytest.raises(Conflict):
            async with world.project_unit_of_work(owner) as uow:
                uow.projects.save(other)
                uow.projects.save(project)
                await uow.commit()
        assert [view.name for view in await self._all(world, owner)] == ["App", "Website"]

    async def _loaded(self, world: ContractWorld, actor: Actor, ref: object) -> LoadedProject:
        async with world.project_unit_of_work(actor) as uow:
            loaded = await uow.projects.load(ref, for_user=actor.user_id)
        assert loaded is not None
        return loaded

    async def _all(self, world: ContractWorld, actor: Actor) -> list[ProjectView]:
        answer = await world.project_reader.page(
            actor, visible=EVERYTHING, where=BOTH, sort=Sort(field="name"), page=PageRequest()
        )
        return answer.value.items


class ProjectReaderContract:
    """Of the reader: what screens show."""

    async def test_a_project_is_shown_by_id_and_by_key_in_any_case(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        shown = [
            (await world.project_reader.one(owner, ref, visible=EVERYTHING)).value for ref in (project.id, "WEB", "wEb")
        ]
        assert shown == [ProjectView.of(project, creator_name=shown[0].creator_name)] * 3
        assert shown[0].creator_name

    async def test_what_is_out_of_sight_is_not_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        project, foreign = await open_project(world, here), await open_project(world, there, key="FAR")
        gone = await open_project(world, here, key="OLD")
        await delete_project(world, here, gone)
        mine = Visible(member_id=ann.user_id)
        for ref in (world.ids.new(), foreign.id, "FAR", gone.id, "OLD", "NONE"):
            assert (await world.project_reader.one(here, ref, visible=EVERYTHING)).value is None, ref
            assert (await world.project_reader.progress(here, ref, visible=EVERYTHING)).value is None, ref
        for ref in (project.id, "WEB"):
            assert (await world.project_reader.one(ann, ref, visible=mine)).value is None
            assert (await world.project_reader.progress(ann, ref, visible=mine)).value is None
        await world.add_to_project(project.id, ann)
        assert (await world.project_reader.one(ann, project.id, visible=mine)).value is not None
        assert (await world.project_reader.progress(ann, project.id, visible=mine)).value is not None

    async def test_a_list_holds_what_is_visible_of_one_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        web = await open_project(world, here, name="Web")
        await open_project(world, here, key="APP", name="App")
        await open_project(world, there, name="Far")
        await delete_project(world, here, await open_project(world, here, key="OLD", name="Old"))
        await world.add_to_project(web.id, ann)
        assert await self._names(world, here) == ["App", "Web"]
        assert await self._names(world, ann, visible=Visible(member_id=ann.user_id)) == ["Web"]

    async def test_filters_keep_what_fits_all_of_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        await open_project(world, owner, key="AA", name="a")
        await open_project(world, owner, key="BB", name="b", status=ProjectStatus.IN_PROGRESS)
        archived = await open_project(world, owner, key="CC", name="c", status=ProjectStatus.COMPLETED)
        archived.is_active = False
        await save_project(world, owner, archived)
        for where, expected in (
            (ProjectFilter(), ["a", "b"]),
            (ProjectFilter(is_active=False), ["c"]),
            (ProjectFilter(is_active=None), ["a", "b", "c"]),
            (ProjectFilter(status=(ProjectStatus.PENDING,)), ["a"]),
            (ProjectFilter(status=(ProjectStatus.PENDING, ProjectStatus.COMPLETED)), ["a"]),
            (ProjectFilter(status=(ProjectStatus.PENDING, ProjectStatus.COMPLETED), is_active=None), ["a", "c"]),
        ):
            assert await self._names(world, owner, where=where) == expected, where

    async def test_a_query_is_looked_for_in_names_keys_and_descriptions(self, world: ContractWorld) -> None:
        owner = await world.company()
        await open_project(world, owner, key="AA", name="Über_100%")
        await open_project(world, owner, key="BB", name="b\\c")
        bare = await open_project(world, owner, key="XY", name="c")
        bare.description = None
        await save_project(world, owner, bare)
        for query, expected in (
            ("über", ["Über_100%"]),
            ("ÜBER_1", ["Über_100%"]),
            ("0%", ["Über_100%"]),
            ("%", ["Über_100%"]),
            ("_", ["Über_100%"]),
            ("\\", ["b\\c"]),
            ("xy", ["c"]),
            ("all OF", ["b\\c", "Über_100%"]),
            ("nowhere", []),
        ):
            assert sorted(await self._names(world, owner, where=ProjectFilter(query=query))) == expected, query

    async def test_what_was_deleted_is_listed_with_when(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann, first = await world.person(here.company_id), world.clock.now()
        projects = [await open_project(world, here, key=f"K{name.upper()}", name=name) for name in "abc"]
        far = await open_project(world, there)
        await open_project(world, here, key="HERE", name="standing")
        for place, project in enumerate(projects):
            project.delete(members=(), at=first + timedelta(seconds=place))
            async with world.project_unit_of_work(here) as uow:
                uow.projects.delete(project)
                await uow.commit()
        await delete_project(world, there, far)
        await world.add_to_project(projects[1].id, ann)

        async def listed(actor: Actor, **question: object) -> list[tuple[str, object]]:
            asked = {"visible": EVERYTHING, "where": BOTH, "since": first - timedelta(days=1), **question}
            page = asked.pop("page", PageRequest(include_total=True))
            answer = await world.project_reader.deleted(actor, sort=Sort(field="name"), page=page, **asked)
            assert page.limit < 50 or answer.value.total == len(answer.value.items)
            return [(view.name, view.deleted_at) for view in answer.value.items]

        everything = [(project.name, project.deleted_at) for project in projects]
        assert await listed(here) == everything
        assert await listed(here, since=first) == everything[1:]
        assert await listed(here, where=ProjectFilter(is_active=None, query="C")) == everything[2:]
        assert await listed(ann, visible=Visible(member_id=ann.user_id)) == [everything[1]]
        assert await listed(here, page=PageRequest(limit=1, skip=1)) == [everything[1]]

    @pytest.mark.parametrize("field", ["name", "created_at", "updated_at"])
    @pytest.mark.parametrize("sign", ["", "-"])
    async def test_pages_of_any_sort_join_to_the_whole_list(self, world: ContractWorld, field: str, sign: str) -> None:
        owner = await world.company()
        for place, name in enumerate(["delta", "alpha", "delta", "bravo", "delta"]):
            await open_project(world, owner, key=f"K{place}", name=name)
        sort, position, joined = Sort(field=field, descending=bool(sign)), None, []
        whole = (await self._page(world, owner, sort=sort)).items
        expected = sorted(whole, key=lambda view: (getattr(view, field), view.id), reverse=bool(sign))
        assert len(whole) == 5
        assert whole == expected
        while True:
            page = await self._page(world, owner, sort=sort, limit=2, position=position)
            joined += page.items
            position = page.next_position
            if position is None:
                break
        assert joined == whole

    async def test_items_are_left_out_and_counted_on_request(self, world: ContractWorld) -> None:
        owner = await world.company()
        for name in "abcd":
            await open_project(world, owner, key=f"K{name.upper()}", name=name)
        page = await self._page(world, owner, sort=Sort(field="name"), limit=2, skip=1, include_total=True)
        assert ([view.name for view in page.items], page.total) == (["b", "c"], 4)
        page = await self._page(world, owner, sort=Sort(field="name"), position=page.next_position)
        assert ([view.name for view in page.items], page.total) == (["d"], None)

    async def test_progress_counts_what_was_not_deleted(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP")
        empty = (await world.project_reader.progress(owner, "WEB", visible=EVERYTHING)).value
        assert empty == ProgressView(0, 0, 0, 0, 0.0)
        for status in (Status.TODO, Status.TODO, Status.IN_PROGRESS, Status.DONE, Status.DONE, Status.DONE):
            task = await add_task(world, owner, project, status=status)
        await add_task(world, owner, other)
        task.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, task, was=1)
        found = (await world.project_reader.progress(owner, project.id, visible=EVERYTHING)).value
        assert found == ProgressView(5, 2, 1, 2, 40.0)

    async def _names(self, world: ContractWorld, actor: Actor, **question: object) -> list[str]:
        return [view.name for view in (await self._page(world, actor, sort=Sort(field="name"), **question)).items]

    async def _page(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        sort: Sort,
        visible: Visible = EVERYTHING,
        where: ProjectFilter = ProjectFilter(),
        **request: object,
    ) -> Page[ProjectView]:
        answer = await world.project_reader.page(
            actor, visible=visible, where=where, sort=sort, page=PageRequest(**request)
        )
        return answer.value


class ProjectContract(ProjectStoreContract, ProjectReaderContract):
    """Of ProjectUnitOfWork and ProjectReader together."""
