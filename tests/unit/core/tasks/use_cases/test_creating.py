from datetime import date, timedelta

import pytest

from core.kernel.actor import Role
from core.kernel.errors import Invalid, ReferenceNotFound
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made
from core.projects.errors import ProjectArchived
from core.tasks.errors import AssigneeCannotSeeProject, BoardIncomplete, MoveContradicts
from core.tasks.fields import Priority, Status
from core.tasks.changes import NewTask
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key


class TestCreatingATask:
    async def test_whoever_sees_the_project_may_and_everybody_there_hears_of_it(self, office: Office) -> None:
        head = office.head
        given = NewTask(
            project_id=office.web.id,
            title=" Draw ",
            description="In *blue*",
            priority=Priority.HIGH,
            deadline=date(2026, 5, 1),
            assigned_to=office.max.user_id,
        )
        view, seq = await office.tasks.create(office.mia, given)
        assert (view.key, view.number, view.title, view.version) == ("WEB-1", 1, "Draw", 1)
        assert (view.assigned_to_name, view.created_by) == ("Max", office.mia.user_id)
        assert (await office.tasks.get(office.max, "web-1")).value == view
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.actor_id) == ("task_created", seq, office.mia.user_id)
        assert fact.audience.project_id == office.web.id
        assert fact.body["task_title"] == "Draw"

    async def test_new_cards_go_to_the_end_of_the_first_column_to_do(self, office: Office) -> None:
        office.add_column(Status.TODO, position=-1)
        views = [await office.task(title) for title in "abc"]
        assert {view.column_id for view in views} == {office.columns(Status.TODO)[0].id}
        assert office.order() == ["a", "b", "c"]

    async def test_a_status_means_the_first_column_of_that_category(self, office: Office) -> None:
        office.add_column(Status.DONE)
        view = await office.task(status=Status.DONE)
        assert view.column_id == office.columns(Status.DONE)[0].id
        assert view.completed_at == office.clock.now()

    async def test_a_column_may_be_named_alone_or_with_its_status(self, office: Office) -> None:
        other = office.add_column(Status.DONE)
        assert (await office.task(column_id=other)).status == "done"
        assert (await office.task(column_id=other, status=Status.DONE)).column_id == other

    async def test_a_column_of_another_status_or_another_board_is_refused(self, office: Office) -> None:
        with pytest.raises(MoveContradicts) as contradicts:
            await office.task(column_id=office.column(Status.DONE), status=Status.TODO)
        assert contradicts.value.faults[0].pointer == "/column_id"
        with pytest.raises(ReferenceNotFound) as missing:
            await office.task(column_id=an_id())
        assert missing.value.faults[0].pointer == "/column_id"

    async def test_a_project_out_of_sight_is_as_good_as_none(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        for actor, project_id in (
            (office.nora, office.web.id),
            (stranger, office.web.id),
            (office.adam, an_id()),
        ):
            with pytest.raises(ReferenceNotFound) as missing:
                await office.tasks.create(actor, NewTask(project_id=project_id, title="Draw"))
            assert missing.value.faults[0].pointer == "/project_id"

    @pytest.mark.parametrize("who", ["nobody", "stranger", "unknown to a member"])
    async def test_an_assignee_out_of_sight_is_as_good_as_none(self, office: Office, who: str) -> None:
        stranger = await office.world.company("Elsewhere")
        user_id = {"nobody": an_id(), "stranger": stranger.user_id, "unknown to a member": office.nora.user_id}[who]
        with pytest.raises(ReferenceNotFound) as missing:
            await office.task(by=office.mia, assigned_to=user_id)
        assert missing.value.faults[0].pointer == "/assigned_to"

    async def test_an_assignee_must_be_active_and_see_the_project(self, office: Office) -> None:
        await office.world.deactivate(office.max)
        for assignee in (office.nora, office.max):
            with pytest.raises(AssigneeCannotSeeProject):
                await office.task(by=office.adam, assigned_to=assignee.user_id)

    async def test_admins_see_every_project_so_they_may_be_assigned(self, office: Office) -> None:
        assert (await office.task(by=office.adam, assigned_to=office.olga.user_id)).assigned_to == office.olga.user_id

    async def test_an_archived_project_takes_none(self, office: Office) -> None:
        await office.archive_web()
        with pytest.raises(ProjectArchived):
            await office.task()

    async def test_a_board_without_column_to_do_takes_none(self, office: Office) -> None:
        office.drop_columns(Status.TODO)
        with pytest.raises(BoardIncomplete):
            await office.task()

    @pytest.mark.parametrize("fields", [{"title": " "}, {"title": "x" * 501}, {"description": "x" * 100_001}])
    async def test_what_is_no_task_takes_no_number(self, office: Office, fields: dict[str, str]) -> None:
        before = office.world.snapshot()
        with pytest.raises(Invalid):
            await office.task(**fields)
        assert office.world.tables == before

    async def test_a_column_without_room_at_its_end_is_spread_first(self, office: Office) -> None:
        first, last = await office.task("a"), await office.task("b")
        for view, rank in ((first, "z" * 31 + "y"), (last, "z" * 32)):
            office.stored_task(view.id).rank = rank
        await office.task("c")
        assert office.order() == ["a", "b", "c"]
        assert all(len(card.rank) == 8 for card in office.stored.tasks.values())


class TestCreatingATaskOnce:
    async def test_asked_twice_it_is_made_once(self, office: Office) -> None:
        given = NewTask(project_id=office.web.id, title="Once")
        view, seq = await office.tasks.create(office.mia, given, once=a_key())
        before = office.world.snapshot()
        with pytest.raises(AlreadyAnswered) as again:
            await office.tasks.create(office.mia, given, once=a_key())
        assert again.value.outcome == Made(kind="task", id=view.id, version=1)
        assert again.value.seq == seq
        assert office.world.tables == before

    async def test_a_key_is_not_for_another_task(self, office: Office) -> None:
        await office.tasks.create(office.mia, NewTask(project_id=office.web.id, title="Once"), once=a_key())
        with pytest.raises(KeyReused):
            other = NewTask(project_id=office.web.id, title="Other")
            await office.tasks.create(office.mia, other, once=a_key(digest=b"other"))

    async def test_a_key_may_be_used_again_after_a_day(self, office: Office) -> None:
        given = NewTask(project_id=office.web.id, title="Once")
        await office.tasks.create(office.mia, given, once=a_key())
        office.clock.advance(timedelta(hours=24))
        await office.tasks.create(office.mia, given, once=a_key())
        assert office.order() == ["Once", "Once"]

    async def test_a_refused_request_leaves_its_key_free(self, office: Office) -> None:
        with pytest.raises(Invalid):
            await office.tasks.create(office.mia, NewTask(project_id=office.web.id, title=" "), once=a_key())
        await office.tasks.create(office.mia, NewTask(project_id=office.web.id, title="Now"), once=a_key())

    async def test_a_request_that_is_being_carried_out_is_not_repeated(self, office: Office) -> None:
        async with office.world.task_unit_of_work(office.mia, once=a_key()):
            with pytest.raises(InFlight):
                await office.tasks.create(office.mia, NewTask(project_id=office.web.id, title="Once"), once=a_key())

    async def test_completing_is_done_once_too(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        done, _ = await office.tasks.complete(office.mia, task.id, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.tasks.complete(office.mia, task.id, once=a_key())
        assert again.value.outcome == Made(kind="task", id=task.id, version=done.version)
        assert (await office.tasks.get(office.mia, task.id)).value.status == "done"

    async def test_the_present_role_counts_not_the_tokens(self, office: Office) -> None:
        await office.world.change_role(office.adam, Role.MEMBER)
        with pytest.raises(AssigneeCannotSeeProject):
            await office.tasks.create(
                office.olga, NewTask(project_id=office.web.id, title="x", assigned_to=office.nora.user_id)
            )
        with pytest.raises(ReferenceNotFound):
            await office.tasks.create(
                office.adam, NewTask(project_id=office.web.id, title="x", assigned_to=office.nora.user_id)
            )
