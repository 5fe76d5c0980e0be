from dataclasses import replace
from datetime import timedelta

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.kernel.once import AlreadyAnswered
from core.kernel.paging import PageRequest, Sort
from core.projects import policy
from core.projects.errors import ColleagueInactive, MemberNotFound, ProjectArchived, ProjectNotFound
from core.projects.model import Colleague
from core.projects.read_models import ColleagueView, MemberView
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from tests.builders import NOW, a_project, an_actor, an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key


def a_colleague(**fields: object) -> Colleague:
    colleague = Colleague(
        user_id=an_id(),
        name="Nora",
        username="nora",
        email="nora@example.com",
        role=Role.MEMBER,
        is_active=True,
        added_at=None,
    )
    return replace(colleague, **fields)


async def members(office: Office, actor: Actor, search: str | None = None) -> list[MemberView | ColleagueView]:
    answer = await office.members.list(actor, "WEB", search=search, sort=Sort(field="name"), page=PageRequest())
    return answer.value.items


class TestAdmission:
    def test_a_new_member_is_told_of_by_name(self) -> None:
        project, nora = a_project(), a_colleague()
        added = project.admit(nora, at=NOW)
        assert added is not None
        assert (added.project_id, added.user_id, added.user_name) == (project.id, nora.user_id, "Nora")
        assert (added.audience().project_id, added.audience().named) == (project.id, (nora.user_id,))
        assert (nora.added_at, project.version) == (NOW, 1)

    @pytest.mark.parametrize("fields", [{}, {"is_active": False}])
    def test_whoever_is_a_member_stays_one_in_any_state(self, fields: dict[str, object]) -> None:
        project, member = a_project(is_active=False), a_colleague(added_at=NOW, **fields)
        assert project.admit(member, at=NOW) is None

    def test_neither_an_archived_project_nor_a_deactivated_user_allows_it(self) -> None:
        with pytest.raises(ProjectArchived):
            a_project(is_active=False).admit(a_colleague(), at=NOW)
        with pytest.raises(ColleagueInactive):
            a_project().admit(a_colleague(is_active=False), at=NOW)

    def test_a_member_may_be_taken_from_an_archived_project_and_nobody_else(self) -> None:
        member = a_colleague(added_at=NOW)
        removed = a_project(is_active=False).dismiss(member)
        assert (removed.user_id, member.added_at) == (member.user_id, None)
        with pytest.raises(MemberNotFound):
            a_project().dismiss(member)


class TestPolicy:
    @pytest.mark.parametrize("role", Role)
    def test_owners_and_admins_say_who_belongs_to_a_project_and_see_addresses(self, role: Role) -> None:
        actor, administers = an_actor(role), role is not Role.MEMBER
        assert policy.sees_addresses(actor) is administers
        assert policy.sees_every_project(role) is administers
        if administers:
            policy.authorise_members(actor)
        else:
            with pytest.raises(Forbidden):
                policy.authorise_members(actor)


class TestMembers:
    async def test_members_see_names_and_admins_addresses_too(self, office: Office) -> None:
        seen = await members(office, office.mia)
        assert [view.name for view in seen] == ["Adam", "Max", "Mia"]
        assert all(type(view) is ColleagueView for view in seen)
        shown = await members(office, office.olga)
        assert all(type(view) is MemberView and view.email for view in shown)
        assert [view[:-1] for view in shown] == [tuple(view) for view in seen]

    async def test_only_admins_find_by_address(self, office: Office) -> None:
        address = office.stored.people[office.max.user_id].user.email
        assert [view.name for view in await members(office, office.olga, address.upper())] == ["Max"]
        assert await members(office, office.mia, address) == []
        assert [view.name for view in await members(office, office.mia, "mA")] == ["Max"]

    async def test_a_new_member_sees_the_project_at_once_and_hears_of_it(self, office: Office) -> None:
        head = office.head
        (member, seq), is_new = await office.members.add(office.adam, "web", office.nora.user_id)
        assert (member.user_id, member.name, member.role, is_new) == (office.nora.user_id, "Nora", Role.MEMBER, True)
        assert member.added_at == office.clock.now()
        assert (await office.projects.get(office.nora, "WEB")).value.id == office.web.id
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.actor_id) == ("project_member_added", seq, office.adam.user_id)
        assert fact.body["user_id"] == str(office.nora.user_id)

    async def test_adding_a_member_again_changes_nothing(self, office: Office) -> None:
        head = office.head
        (member, seq), is_new = await office.members.add(office.adam, "WEB", office.mia.user_id)
        assert (member.user_id, is_new, seq, office.head) == (office.mia.user_id, False, head, head)

    async def test_a_key_knows_whether_somebody_was_added_by_it(self, office: Office) -> None:
        for user, kind in ((office.nora, "project_member"), (office.mia, "project_member_found")):
            once = a_key(path=f"/{user.user_id}")
            await office.members.add(office.adam, "WEB", user.user_id, once=once)
            with pytest.raises(AlreadyAnswered) as before:
                await office.members.add(office.adam, "WEB", user.user_id, once=once)
            assert (before.value.outcome.kind, before.value.outcome.id) == (kind, user.user_id)

    async def test_which_users_there_are_is_not_told_to_members(self, office: Office) -> None:
        for user_id in (office.nora.user_id, an_id()):
            with pytest.raises(Forbidden):
                await office.members.add(office.mia, "WEB", user_id)


class TestRemoving:
    async def test_a_removed_member_sees_nothing_and_their_open_tasks_are_unassigned(self, office: Office) -> None:
        mine = [await office.task(f"t{n}", assigned_to=office.max.user_id) for n in range(3)]
        done = await office.task("done", assigned_to=office.max.user_id, status=Status.DONE)
        mias = await office.task("mia's", assigned_to=office.mia.user_id)
        head, at = office.head, office.clock.advance(timedelta(minutes=5))
        seq = await office.members.remove(office.adam, "WEB", office.max.user_id)
        removed, *updated = office.facts(after=head)
        assert (removed.event, removed.audience.named) == ("project_member_removed", (office.max.user_id,))
        assert [(fact.event, fact.body["task_id"], fact.body["version"]) for fact in updated] == [
            ("task_updated", str(task.id), 2) for task in mine
        ]
        assert updated[0].body["changes"] == {"assigned_to": {"old": str(office.max.user_id), "new": None}}
        assert seq == office.head == head + 4
        for task in mine:
            stored = office.stored_task(task.id)
            assert (stored.assigned_to, stored.version, stored.updated_at) == (None, 2, at)
        assert office.stored_task(done.id).assigned_to == office.max.user_id
        assert office.stored_task(mias.id).assigned_to == office.mia.user_id
        with pytest.raises(ProjectNotFound):
            await office.projects.get(office.max, "WEB")

    async def test_tasks_elsewhere_stay_assigned(self, office: Office) -> None:
        app, _ = await office.projects.open(office.adam, name="App")
        await office.members.add(office.adam, app.id, office.max.user_id)
        there = await office.task(project_id=app.id, assigned_to=office.max.user_id)
        await office.members.remove(office.adam, "WEB", office.max.user_id)
        assert office.stored_task(there.id).assigned_to == office.max.user_id

    @pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
    async def test_whoever_still_sees_the_project_keeps_their_tasks(self, office: Office, role: Role) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        await office.world.change_role(office.max, role)
        head = office.head
        await office.members.remove(office.adam, "WEB", office.max.user_id)
        assert office.stored_task(task.id).assigned_to == office.max.user_id
        assert [fact.event for fact in office.facts(after=head)] == ["project_member_removed"]

    async def test_the_assignee_may_be_another_one_afterwards(self, office: Office) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        await office.members.remove(office.adam, "WEB", office.max.user_id)
        changes = TaskChanges(given=frozenset({"assigned_to"}), assigned_to=office.mia.user_id)
        assert (await office.tasks.change(office.mia, task.id, changes, expected=2)).value.version == 3
