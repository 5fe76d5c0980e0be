import pytest

from core.kernel.actor import Actor, Role
from core.kernel.paging import PageRequest, Sort
from core.projects.errors import ProjectNotFound
from core.tasks.errors import TaskNotFound
from core.tasks.fields import Status
from core.tasks.ports import TaskFilter
from tests.builders import an_id
from tests.builders.office import Office


async def titles(office: Office, actor: Actor, *, limit: int = 50, **where: object) -> list[str]:
    answer = await office.tasks.list(
        actor, where=TaskFilter(**where), sort=Sort(field="number"), page=PageRequest(limit=limit)
    )
    return [view.title for view in answer.value.items]


class TestListingTasks:
    async def test_without_container_members_get_theirs_and_admins_all(self, office: Office) -> None:
        await office.task("Mia's", assigned_to=office.mia.user_id)
        await office.task("Max's", assigned_to=office.max.user_id)
        await office.task("Nobody's", by=office.mia)
        assert await titles(office, office.mia) == ["Mia's"]
        assert await titles(office, office.adam) == await titles(office, office.olga) == ["Mia's", "Max's", "Nobody's"]
        assert await titles(office, office.nora) == []

    async def test_in_a_container_that_they_see_members_get_all(self, office: Office) -> None:
        await office.task("Mia's", assigned_to=office.mia.user_id)
        await office.task("Max's", assigned_to=office.max.user_id)
        assert await titles(office, office.mia, project_id=(office.web.id,)) == ["Mia's", "Max's"]
        assert await titles(office, office.mia, column_id=(office.column(Status.TODO),)) == ["Mia's", "Max's"]
        assert await titles(office, office.nora, project_id=(office.web.id,)) == []

    async def test_a_container_out_of_sight_is_empty(self, office: Office) -> None:
        await office.task()
        stranger = await office.world.company("Elsewhere")
        assert await titles(office, stranger, project_id=(office.web.id,)) == []
        assert await titles(office, office.mia, project_id=(an_id(),)) == []

    async def test_status_and_the_rest_are_no_container(self, office: Office) -> None:
        await office.task("Max's", assigned_to=office.max.user_id)
        assert await titles(office, office.mia, status=(Status.TODO,), created_by=(office.adam.user_id,)) == []
        assert await titles(office, office.mia, assigned_to=(office.max.user_id,)) == []

    async def test_a_role_given_or_taken_holds_at_once(self, office: Office) -> None:
        await office.task("Nobody's")
        await office.world.change_role(office.adam, Role.MEMBER)
        await office.world.change_role(office.nora, Role.ADMIN)
        assert await titles(office, office.adam) == []
        assert await titles(office, office.nora) == ["Nobody's"]

    async def test_the_answer_says_where_the_log_stands(self, office: Office) -> None:
        await office.task()
        answer = await office.tasks.list(office.mia, where=TaskFilter(), sort=Sort(field="number"), page=PageRequest())
        assert answer.seq == office.head


class TestGettingATask:
    async def test_it_is_got_by_id_and_by_key_in_any_case(self, office: Office) -> None:
        task = await office.task()
        for ref in (task.id, "WEB-1", "web-1"):
            assert (await office.tasks.get(office.adam, ref)).value == task

    async def test_out_of_sight_it_is_not_found_and_neither_is_its_tag(self, office: Office) -> None:
        task = await office.task()
        stranger = await office.world.company("Elsewhere")
        for actor in (office.nora, stranger):
            for ref in (task.id, "WEB-1"):
                with pytest.raises(TaskNotFound):
                    await office.tasks.get(actor, ref)
                with pytest.raises(TaskNotFound):
                    await office.tasks.tag(actor, ref)

    async def test_its_tag_holds_what_its_view_does(self, office: Office) -> None:
        task = await office.task(assigned_to=office.mia.user_id)
        tag, seq = await office.tasks.tag(office.mia, task.id)
        assert (tag.version, tag.embedded, seq) == (task.version, task.embedded, office.head)
        assert tag.embedded == ("WEB-1", "Mia", "0/0", "watching")


class TestGettingABoard:
    async def test_it_shows_columns_with_their_first_cards_and_counts_all(self, office: Office) -> None:
        for title in "abc":
            await office.task(title)
        for ref in (office.web.id, "web"):
            board, seq = await office.boards.get(office.mia, ref, tasks_per_column=2)
            assert [column.name for column in board.columns] == ["To do", "In progress", "Done"]
            assert [column.task_count for column in board.columns] == [3, 0, 0]
            assert [card.title for card in board.columns[0].tasks] == ["a", "b"]
            assert seq == office.head

    async def test_out_of_sight_it_is_its_project_that_is_not_found(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        for actor in (office.nora, stranger):
            with pytest.raises(ProjectNotFound):
                await office.boards.get(actor, office.web.id, tasks_per_column=2)

    async def test_a_board_over_its_limit_says_so(self, office: Office) -> None:
        column = office.columns(Status.TODO)[0]
        office.stored.columns[column.id] = type(column)(
            id=column.id, project_id=column.project_id, name="To do", category=Status.TODO, position=0, wip_limit=1
        )
        over = []
        for _ in range(2):
            await office.task()
            board, _ = await office.boards.get(office.mia, "WEB", tasks_per_column=2)
            over.append(board.columns[0].over_limit)
        assert over == [False, True]
