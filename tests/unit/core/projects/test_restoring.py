from datetime import timedelta

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.kernel.paging import PageRequest, Sort
from core.projects import policy
from core.projects.errors import ProjectNotDeleted, ProjectNotFound
from core.projects.model import RESTORABLE
from core.projects.ports import ProjectFilter
from core.projects.read_models import DeletedProjectView
from core.tasks.errors import TaskNotFound
from tests.builders import NOW, a_project, an_actor
from tests.builders.office import Office

A_MOMENT = timedelta(microseconds=1)


async def deleted(office: Office, actor: Actor, **where: object) -> list[DeletedProjectView]:
    answer = await office.projects.list(
        actor, where=ProjectFilter(deleted=True, is_active=None, **where), sort=Sort(field="name"), page=PageRequest()
    )
    return answer.value.items


class TestTheModel:
    def test_what_was_deleted_comes_back_at_a_new_version(self) -> None:
        project = a_project(deleted_at=NOW - RESTORABLE, version=3)
        since, restored = project.restore(at=NOW)
        assert since == NOW - RESTORABLE
        assert (project.deleted_at, project.version, project.updated_at) == (None, 4, NOW)
        assert (restored.project_id, restored.version) == (project.id, 4)
        assert (restored.audience().project_id, restored.audience().named) == (project.id, ())
        with pytest.raises(ProjectNotDeleted):
            project.restore(at=NOW)


class TestThePolicy:
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("is_member", [True, False])
    @pytest.mark.parametrize("age", [None, timedelta(0), RESTORABLE - A_MOMENT, RESTORABLE, RESTORABLE * 2])
    def test_deleted_projects_exist_for_admins_and_for_thirty_days(
        self, role: Role, is_member: bool, age: timedelta | None
    ) -> None:
        actor, administers = an_actor(role), role is not Role.MEMBER
        project = a_project(deleted_at=None if age is None else NOW - age)
        found = policy.finds_to_restore(actor, project, is_member=is_member, at=NOW)
        assert found is ((administers or is_member) if age is None else (administers and age < RESTORABLE))


class TestRestoring:
    async def test_a_project_comes_back_with_the_tasks_that_went_with_it(self, office: Office) -> None:
        before = await office.task("deleted before")
        kept = await office.task("kept")
        await office.tasks.delete(office.adam, before.id)
        office.clock.advance(timedelta(seconds=1))
        await office.projects.delete(office.adam, "WEB")
        (listed,) = await deleted(office, office.olga)
        assert (listed.id, listed.version, listed.deleted_at) == (office.web.id, 2, office.clock.now())
        head = office.head
        view, seq = await office.projects.restore(office.olga, "web", expected=2)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.audience.project_id) == ("project_restored", seq, view.id)
        assert (view.version, view.key, await deleted(office, office.olga)) == (3, "WEB", [])
        assert (await office.projects.get(office.mia, "WEB")).value == view
        assert (await office.tasks.get(office.mia, kept.id)).value.version == kept.version
        with pytest.raises(TaskNotFound):
            await office.tasks.get(office.adam, before.id)

    async def test_only_admins_see_and_restore_what_was_deleted(self, office: Office) -> None:
        await office.projects.delete(office.adam, "WEB")
        for member in (office.mia, office.nora):
            with pytest.raises(Forbidden):
                await deleted(office, member)
            with pytest.raises(ProjectNotFound):
                await office.projects.restore(member, "WEB")

    async def test_whoever_was_made_an_admin_need_not_sign_in_again(self, office: Office) -> None:
        await office.projects.delete(office.adam, "WEB")
        await office.world.change_role(office.mia, Role.ADMIN)
        assert [view.key for view in await deleted(office, office.mia)] == ["WEB"]
        await office.world.change_role(office.adam, Role.MEMBER)
        with pytest.raises(Forbidden):
            await deleted(office, office.adam)

    async def test_after_thirty_days_there_is_nothing_to_restore(self, office: Office) -> None:
        await office.projects.delete(office.adam, "WEB")
        office.clock.advance(RESTORABLE - A_MOMENT)
        # Whoever signed in when it was deleted is signed out by now.
        late = await office.world.person(office.olga.company_id, role=Role.ADMIN)
        assert len(await deleted(office, late)) == 1
        office.clock.advance(A_MOMENT)
        assert await deleted(office, late) == []
        with pytest.raises(ProjectNotFound):
            await office.projects.restore(late, "WEB")

    async def test_what_was_deleted_is_filtered_as_what_was_not(self, office: Office) -> None:
        shop, _ = await office.projects.open(office.adam, name="Shop")
        for project in (office.web, shop):
            await office.projects.delete(office.adam, project.id)
        assert [view.name for view in await deleted(office, office.adam)] == ["Shop", "Website"]
        assert [view.name for view in await deleted(office, office.adam, query="sho")] == ["Shop"]
