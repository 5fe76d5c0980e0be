from dataclasses import replace
from datetime import date

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, Stale
from core.kernel.once import AlreadyAnswered, KeyReused
from core.kernel.paging import PageRequest, Sort
from core.projects.errors import ProjectArchived, ProjectKeyTaken, ProjectNotFound
from core.projects.model import ProjectChanges, ProjectStatus
from core.projects.ports import ProjectFilter
from core.tasks.fields import Status
from core.tasks.policy import Visible
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key


def changing(**fields: object) -> ProjectChanges:
    return ProjectChanges(given=frozenset(fields), **fields)


async def names(office: Office, actor: Actor, **where: object) -> list[str]:
    answer = await office.projects.list(
        actor, where=ProjectFilter(**where), sort=Sort(field="name"), page=PageRequest()
    )
    return [view.name for view in answer.value.items]


class TestOpeningAProject:
    async def test_it_has_three_columns_and_its_creator_as_first_member(self, office: Office) -> None:
        head = office.head
        view, seq = await office.projects.open(office.adam, name="Mobile App", deadline=date(2026, 5, 1))
        assert (view.key, view.name, view.status, view.is_active) == ("MA", "Mobile App", "pending", True)
        assert (view.created_by, view.creator_name, view.version) == (office.adam.user_id, "Adam", 1)
        columns = office.stored.columns_of(view.id)
        assert [(column.name, column.category) for column in columns] == [
            ("To do", Status.TODO),
            ("In progress", Status.IN_PROGRESS),
            ("Done", Status.DONE),
        ]
        assert (view.id, office.adam.user_id) in office.stored.members
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.actor_id) == ("project_created", seq, office.adam.user_id)
        assert fact.audience.project_id == view.id
        assert (await office.projects.get(office.olga, view.id)).value == view

    @pytest.mark.parametrize("key", ["shop", "Shop2"])
    async def test_a_key_may_be_given_in_any_case(self, office: Office, key: str) -> None:
        view, _ = await office.projects.open(office.adam, name="Anything", key=key)
        assert view.key == key.upper()
        assert (await office.projects.get(office.adam, key)).value == view

    async def test_a_name_whose_best_key_is_taken_gets_the_next(self, office: Office) -> None:
        keys = [(await office.projects.open(office.adam, name="Website")).value.key for _ in range(4)]
        assert keys == ["WEBS", "WEBSI", "WEB2", "WEB3"]

    async def test_hundreds_of_projects_may_have_names_that_suggest_the_same_key(self, office: Office) -> None:
        """Names of other scripts all suggest PRJ; a key that nobody asked for is no reason to refuse."""
        keys = {(await office.projects.open(office.adam, name=f"Проект {'и' * each}")).value.key for each in range(120)}
        assert len(keys) == 120

    async def test_the_key_of_a_deleted_project_is_not_given_again(self, office: Office) -> None:
        await office.projects.delete(office.adam, "WEB")
        assert (await office.projects.open(office.adam, name="Website")).value.key == "WEBS"
        with pytest.raises(ProjectKeyTaken):
            await office.projects.open(office.adam, name="Website", key="web")

    async def test_members_may_not(self, office: Office) -> None:
        with pytest.raises(Forbidden):
            await office.projects.open(office.mia, name="Mine")

    async def test_the_present_role_counts_not_the_tokens(self, office: Office) -> None:
        with pytest.raises(Forbidden):
            await office.projects.open(replace(office.mia, role=Role.OWNER), name="Mine")
        await office.world.change_role(office.mia, Role.ADMIN)
        await office.projects.open(office.mia, name="Mine")

    async def test_asked_twice_with_a_key_it_opens_one(self, office: Office) -> None:
        view, seq = await office.projects.open(office.adam, name="Once", once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.projects.open(office.adam, name="Once", once=a_key())
        assert (again.value.outcome.kind, again.value.outcome.id, again.value.outcome.version) == (
            "project",
            view.id,
            1,
        )
        assert again.value.seq == seq
        with pytest.raises(KeyReused):
            await office.projects.open(office.adam, name="Other", once=a_key(digest=b"other"))
        assert await names(office, office.adam) == ["Once", "Website"]


class TestFindingProjects:
    async def test_admins_list_all_and_members_theirs(self, office: Office) -> None:
        await office.projects.open(office.olga, name="Secret")
        assert await names(office, office.olga) == await names(office, office.adam) == ["Secret", "Website"]
        assert await names(office, office.mia) == ["Website"]
        assert await names(office, office.nora) == []

    async def test_the_archive_is_left_out_unless_asked_for(self, office: Office) -> None:
        await office.projects.open(office.olga, name="Shop")
        await office.archive_web()
        assert await names(office, office.adam) == ["Shop"]
        assert await names(office, office.adam, is_active=False) == ["Website"]
        assert await names(office, office.adam, is_active=None) == ["Shop", "Website"]

    async def test_a_role_taken_away_shows_less_at_once(self, office: Office) -> None:
        await office.projects.open(office.olga, name="Secret")
        await office.world.change_role(office.adam, Role.MEMBER)
        assert await names(office, office.adam) == ["Website"]

    async def test_outsiders_and_other_companies_find_none(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        for actor in (office.nora, stranger):
            for ref in (office.web.id, "WEB", "web"):
                with pytest.raises(ProjectNotFound):
                    await office.projects.get(actor, ref)
                with pytest.raises(ProjectNotFound):
                    await office.projects.progress(actor, ref)

    async def test_an_archived_project_is_readable(self, office: Office) -> None:
        await office.archive_web()
        assert not (await office.projects.get(office.mia, "web")).value.is_active

    async def test_progress_counts_the_tasks(self, office: Office) -> None:
        for status in (Status.TODO, Status.IN_PROGRESS, Status.DONE):
            await office.task(status=status)
        view, seq = await office.projects.progress(office.mia, "WEB")
        assert view == (3, 1, 1, 1, 33.3)
        assert seq == office.head


class TestChangingAProject:
    async def test_members_change_its_fields(self, office: Office) -> None:
        head = office.head
        view, seq = await office.projects.change(office.mia, "web", changing(name=" Shop ", deadline=date(2026, 5, 1)))
        assert (view.name, view.deadline, view.version) == ("Shop", date(2026, 5, 1), 2)
        assert view.creator_name == "Adam"
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq) == ("project_updated", seq)
        assert fact.body["changes"]["name"] == {"old": "Website", "new": "Shop"}
        assert (await office.projects.get(office.adam, "WEB")).value == view

    async def test_nothing_different_is_no_change(self, office: Office) -> None:
        before = office.world.snapshot()
        view, seq = await office.projects.change(office.mia, "WEB", changing(name="Website"))
        assert (view.version, seq) == (1, office.head)
        assert office.world.tables == before

    async def test_only_admins_move_it_to_the_archive_and_back(self, office: Office) -> None:
        with pytest.raises(Forbidden):
            await office.projects.change(office.mia, "WEB", changing(is_active=False))
        assert not (await office.projects.change(office.adam, "WEB", changing(is_active=False))).value.is_active
        with pytest.raises(ProjectArchived):
            await office.projects.change(office.adam, "WEB", changing(name="Shop"))
        view, _ = await office.projects.change(office.adam, "WEB", changing(is_active=True, name="Shop"))
        assert (view.is_active, view.name, view.version) == (True, "Shop", 3)

    async def test_a_member_may_send_the_project_back_as_it_was_read(self, office: Office) -> None:
        """PUT sends all fields: naming the archive without moving to or from it is no matter for admins."""
        view, _ = await office.projects.change(office.mia, "WEB", changing(name="Shop", is_active=True))
        assert view.name == "Shop"

    async def test_who_does_not_see_it_is_told_that_it_is_not_there(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        for actor in (office.nora, stranger):
            with pytest.raises(ProjectNotFound):
                await office.projects.change(actor, office.web.id, changing(name="Mine"))
            with pytest.raises(ProjectNotFound):
                await office.projects.delete(actor, office.web.id)

    async def test_the_version_that_the_caller_knows_must_be_the_present_one(self, office: Office) -> None:
        await office.projects.change(office.mia, "WEB", changing(name="Shop"), expected=1)
        with pytest.raises(Stale) as stale:
            await office.projects.change(office.mia, "WEB", changing(name="Late"), expected=1)
        assert stale.value.current.startswith("2.")
        with pytest.raises(Stale):
            await office.projects.delete(office.adam, "WEB", expected=1)

    async def test_read_only_fields_may_be_sent_back_but_not_changed(self, office: Office) -> None:
        unchanged = {"key": "WEB", "creator_name": "Adam", "created_at": office.web.created_at}
        changes = ProjectChanges(given=frozenset({"name"}), name="Shop", unchanged=unchanged)
        assert (await office.projects.change(office.mia, "WEB", changes)).value.name == "Shop"
        with pytest.raises(FieldReadOnly):
            await office.projects.change(office.mia, "WEB", replace(changes, unchanged={"created_by": an_id()}))

    async def test_may_not_comes_before_stale_and_stale_before_archived(self, office: Office) -> None:
        await office.archive_web()
        with pytest.raises(Forbidden):
            await office.projects.change(office.mia, "WEB", changing(is_active=True), expected=1)
        with pytest.raises(Stale):
            await office.projects.change(office.mia, "WEB", changing(name="Shop"), expected=1)
        with pytest.raises(ProjectArchived):
            await office.projects.change(office.mia, "WEB", changing(name="Shop"), expected=2)

    async def test_a_value_that_is_none_changes_nothing(self, office: Office) -> None:
        before = office.world.snapshot()
        with pytest.raises(Invalid):
            await office.projects.change(office.mia, "WEB", changing(status=ProjectStatus.COMPLETED, name=" "))
        assert office.world.tables == before


class TestDeletingAProject:
    async def test_it_and_its_tasks_are_out_of_sight_and_its_members_hear_of_it(self, office: Office) -> None:
        task = await office.task()
        head = office.head
        seq = await office.projects.delete(office.adam, "WEB", expected=1)
        with pytest.raises(ProjectNotFound):
            await office.projects.get(office.adam, office.web.id)
        assert (await office.world.task_reader.one(office.adam, task.id, visible=Visible())).value is None
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq) == ("project_deleted", seq)
        assert set(fact.audience.named) == {each.user_id for each in (office.adam, office.mia, office.max)}

    async def test_members_may_not(self, office: Office) -> None:
        with pytest.raises(Forbidden):
            await office.projects.delete(office.mia, "WEB")
