"""The contract of SearchReader.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

import pytest

from core.kernel.actor import Actor
from core.projects.model import Project
from core.projects.policy import Visible
from core.search.model import Kind, Question
from core.search.read_models import Found
from core.tasks.model import Task
from tests.contracts.comments import say, take_back
from tests.contracts.steps import add_task, delete_project, open_project, save_project, save_task
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()
ALL_KINDS = frozenset(Kind)


async def found(
    world: ContractWorld,
    actor: Actor,
    text: str,
    *,
    visible: Visible = EVERYTHING,
    kinds: frozenset[Kind] = ALL_KINDS,
    limit: int = 50,
) -> Found:
    return (await world.search_reader.search(actor, Question.of(text), visible=visible, kinds=kinds, limit=limit)).value


async def titles(world: ContractWorld, actor: Actor, text: str, **asked: object) -> list[str]:
    return [hit.title for hit in (await found(world, actor, text, **asked)).hits]  # type: ignore[arg-type]


async def describe(world: ContractWorld, actor: Actor, task: Task, text: str) -> None:
    task.description = text
    await save(world, actor, task)


async def save(world: ContractWorld, actor: Actor, task: Task) -> None:
    task.version += 1
    await save_task(world, actor, task, was=task.version - 1)


async def web(world: ContractWorld, *titles: str) -> tuple[Actor, Project, list[Task]]:
    """A company with one project and tasks in it."""
    owner = await world.company()
    project = await open_project(world, owner)
    return owner, project, [await add_task(world, owner, project, title) for title in titles]


class SearchContract:
    async def test_a_task_is_found_by_any_of_its_words_in_any_case(self, world: ContractWorld) -> None:
        owner, project, (task, _) = await web(world, "Draw the Front page", "Write")
        for text in ("front", "FRONT", "page draw", "draw-the front", "fr", "front pa"):
            (hit,) = (await found(world, owner, text)).hits
            assert hit[:5] == ("task", task.id, "WEB-1", "Draw the Front page", project.id), text
        assert (await found(world, owner, "front")).hits[0].snippet == "Draw the <mark>Front</mark> page"

    async def test_all_words_have_to_be_there_and_only_the_last_may_be_begun(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "Draw the front page")
        for text in ("front door", "fro page", "ront", "fronts"):
            assert await titles(world, owner, text) == [], text

    async def test_accents_make_no_difference(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "Größe im Café", "ΟΔΌΣ", "Ёлка и Йод")
        for text in ("grösser", "strasse"):
            assert await titles(world, owner, text) == []
        for text, title in (
            ("GRÖßE", "Größe im Café"),
            ("große", "Größe im Café"),
            ("grosse", "Größe im Café"),
            ("Grösse", "Größe im Café"),
            ("cafe", "Größe im Café"),
            ("Cafe\u0301", "Größe im Café"),
            ("οδος", "ΟΔΌΣ"),
            ("ЕЛКА йод", "Ёлка и Йод"),
        ):
            assert await titles(world, owner, text) == [title], text

    async def test_signs_of_what_is_written_without_spaces_are_words(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "東京の会議", "京都")
        assert await titles(world, owner, "会議") == ["東京の会議"]
        assert await titles(world, owner, "京") == ["京都", "東京の会議"]

    async def test_signs_that_are_no_letters_mean_nothing(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "Draw the front page", "100% done: C++ & C#")
        for text in ("!", "& | ( ) :* <->", "'", "\\", "%", "_", "🎉", '" OR 1'):
            assert await titles(world, owner, text) == [], text
        for text in (
            "draw & front",
            "!draw",
            "draw:*",
            "'draw'",
            'draw" "front',
            "(draw",
            "draw|front",
            "draw <-> front",
        ):
            assert await titles(world, owner, text) == ["Draw the front page"], text
        assert await titles(world, owner, "100% c++") == ["100% done: C++ & C#"]

    async def test_a_word_in_the_title_counts_more_and_then_the_newest_is_first(self, world: ContractWorld) -> None:
        owner, project, (described, old) = await web(world, "Write", "The front page")
        await describe(world, owner, described, "of the front page")
        await add_task(world, owner, project, "A front page")
        assert await titles(world, owner, "front") == ["A front page", "The front page", "Write"]
        assert await titles(world, owner, "front", limit=2) == ["A front page", "The front page"]

    async def test_a_snippet_shows_the_part_of_the_description_that_a_word_stands_in(
        self, world: ContractWorld
    ) -> None:
        owner, _, (task,) = await web(world, "Write")
        await describe(world, owner, task, f"{'before ' * 60}<b>Front</b> & back {'after ' * 60}")
        (hit,) = (await found(world, owner, "front")).hits
        assert "&lt;b&gt;<mark>Front</mark>&lt;/b&gt; &amp; back" in hit.snippet
        assert hit.snippet.startswith("…") and hit.snippet.endswith("…")
        assert len(hit.snippet) < 350

    @pytest.mark.parametrize(
        ("text", "asked", "part"),
        [
            # Letters in two signs do not move it from where it stands.
            ("e\u0301te\u0301 " * 300 + "front", "front", "<mark>front</mark>"),
            ("\u0434\u043e " * 400 + "Мосты", "мосты", "<mark>Мосты</mark>"),
            # Not where it stands within another, nor where it is only begun.
            ("afront " * 90 + "fronts " * 90 + "front page", "front page", "<mark>front</mark> <mark>page</mark>"),
            ("東" * 400 + "京front", "京", "<mark>京</mark>"),
            ("x" * 100 + " y", "x" * 80 + " y", "x</mark> <mark>y</mark>"),
        ],
    )
    async def test_a_snippet_shows_where_the_word_itself_stands(
        self, world: ContractWorld, text: str, asked: str, part: str
    ) -> None:
        owner, _, (task,) = await web(world, "Write")
        await describe(world, owner, task, text)
        (hit,) = (await found(world, owner, asked)).hits
        assert part in hit.snippet

    async def test_what_stands_far_down_is_found_and_its_title_shown(self, world: ContractWorld) -> None:
        owner, _, (task,) = await web(world, "Write")
        for before, shown in ((1_900, "<mark>дом</mark>"), (2_100, "Write")):
            await describe(world, owner, task, f"{'й' * before} дом {'ж' * 15_000}")
            (hit,) = (await found(world, owner, "дом")).hits
            assert shown in hit.snippet

    async def test_a_task_whose_key_is_asked_for_is_first_by_any_key_it_has_or_had(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "Draw", "As in web 1")
        for text in ("WEB-1", "web-1", " Web-1 "):
            assert await titles(world, owner, text, kinds=frozenset({Kind.TASK})) == ["Draw", "As in web 1"], text
        assert await titles(world, owner, "WEB-3", kinds=frozenset({Kind.TASK})) == []
        assert await titles(world, owner, "WEB-1", kinds=frozenset({Kind.PROJECT})) == []
        assert (await titles(world, owner, "WEB-2", limit=1)) == ["As in web 1"]

    async def test_a_project_is_found_by_its_key_name_and_description(self, world: ContractWorld) -> None:
        owner, project, _ = await web(world)
        for text in ("web", "WEBSITE", "all of"):
            (hit,) = (await found(world, owner, text)).hits
            assert hit[:5] == ("project", project.id, "WEB", "Website", project.id), text
        assert (await found(world, owner, "all")).hits[0].snippet == "<mark>All</mark> of it"
        project.name, project.description = "Shop", None
        await save_project(world, owner, project)
        assert await titles(world, owner, "website") == await titles(world, owner, "all") == []
        assert await titles(world, owner, "shop") == ["Shop"]

    async def test_only_the_kinds_that_are_asked_for_are_found(self, world: ContractWorld) -> None:
        owner, _, (task,) = await web(world, "Website")
        await say(world, owner, task, "The website")
        assert [hit.type for hit in (await found(world, owner, "website")).hits] == ["task", "project", "comment"]
        for kind in Kind:
            hits = (await found(world, owner, "website", kinds=frozenset({kind}))).hits
            assert [hit.type for hit in hits] == [str(kind)]

    async def test_a_comment_is_found_by_its_words_and_tells_of_its_task(self, world: ContractWorld) -> None:
        owner, project, (task,) = await web(world, "Draw")
        comment = await say(world, owner, task, f"{'before ' * 60}<b>Größe</b> & more {'after ' * 60}")
        for text in ("GROßE", "more größe", "grö"):
            (hit,) = (await found(world, owner, text)).hits
            assert hit[:5] == ("comment", comment.id, "WEB-1", "Draw", project.id), text
            assert "&lt;b&gt;<mark>Größe</mark>&lt;/b&gt; &amp;" in hit.snippet
        for kinds in (frozenset({Kind.TASK}), frozenset({Kind.PROJECT})):
            assert await titles(world, owner, "größe", kinds=kinds) == []
        # Words of its task are not its own, nor is the task's key.
        assert [hit.type for hit in (await found(world, owner, "draw")).hits] == ["task"]
        assert await titles(world, owner, "WEB-1", kinds=frozenset({Kind.COMMENT})) == []

    async def test_words_in_comments_count_least_and_then_the_newest_is_first(self, world: ContractWorld) -> None:
        owner, _, (titled, described, said) = await web(world, "Front", "Described", "Said")
        await describe(world, owner, described, "of the front page")
        comments = [await say(world, owner, said, text) for text in ("The front", "At the front")]
        ids = [hit.id for hit in (await found(world, owner, "front")).hits]
        assert ids == [titled.id, described.id, comments[1].id, comments[0].id]

    async def test_a_changed_comment_is_found_by_its_new_words_and_a_deleted_one_by_none(
        self, world: ContractWorld
    ) -> None:
        owner, _, (task,) = await web(world, "Draw")
        comment = await say(world, owner, task, "In ink")
        async with world.comment_unit_of_work(owner) as uow:
            loaded = await uow.comments.load(comment.id, for_user=owner.user_id)
            assert loaded is not None
            assert loaded.comment.change(body="In chalk", mentions=(), at=world.clock.now()) is not None
            uow.comments.save(loaded.comment, was=comment.version)
            await uow.commit()
        assert await titles(world, owner, "ink") == []
        assert await titles(world, owner, "chalk") == ["Draw"]
        answer = await say(world, owner, task, "With what chalk?", answering=comment)
        # It keeps its place as long as it is answered.
        await take_back(world, owner, comment)
        assert [hit.id for hit in (await found(world, owner, "chalk")).hits] == [answer.id]
        await take_back(world, owner, answer)
        assert await titles(world, owner, "chalk") == []

    async def test_what_was_said_about_what_is_deleted_is_not_found(self, world: ContractWorld) -> None:
        owner, project, (task, other) = await web(world, "Draw it", "Draw that")
        for each in (task, other):
            await say(world, owner, each, "With ink")
        assert await titles(world, owner, "ink") == ["Draw that", "Draw it"]
        task.deleted_at = world.clock.now()
        await save(world, owner, task)
        assert await titles(world, owner, "ink") == ["Draw that"]
        task.deleted_at = None
        await self._restore(world, owner, task)
        assert await titles(world, owner, "ink") == ["Draw that", "Draw it"]
        await delete_project(world, owner, project)
        assert await titles(world, owner, "ink") == []

    async def test_what_was_changed_is_found_by_its_new_words_alone(self, world: ContractWorld) -> None:
        owner, _, (task,) = await web(world, "Draw")
        await describe(world, owner, task, "with ink")
        assert await titles(world, owner, "ink") == ["Draw"]
        task.title, task.description = "Paint", None
        await save(world, owner, task)
        assert await titles(world, owner, "draw") == await titles(world, owner, "ink") == []
        assert await titles(world, owner, "paint") == ["Paint"]

    async def test_what_is_deleted_is_not_found_and_what_is_archived_is(self, world: ContractWorld) -> None:
        owner, project, (task, other) = await web(world, "Draw it", "Draw that")
        project.is_active = False
        await save_project(world, owner, project)
        assert await titles(world, owner, "draw") == ["Draw that", "Draw it"]
        task.deleted_at = world.clock.now()
        await save(world, owner, task)
        assert await titles(world, owner, "draw") == ["Draw that"]
        assert await titles(world, owner, "WEB-1") == []
        task.deleted_at = None
        await self._restore(world, owner, task)
        assert await titles(world, owner, "draw") == ["Draw that", "Draw it"]
        await delete_project(world, owner, project)
        for text in ("draw", "website", "WEB-1", "all"):
            assert await titles(world, owner, text) == [], text

    async def test_two_companies_of_the_same_words_find_their_own_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        for actor in (here, there):
            task = await add_task(world, actor, await open_project(world, actor), f"Draw for {actor.company_id}")
            await say(world, actor, task, "In ink")
        for actor in (here, there):
            assert await titles(world, actor, "draw") == [f"Draw for {actor.company_id}"]
            assert await titles(world, actor, "WEB-1") == [f"Draw for {actor.company_id}"]
            assert await titles(world, actor, "ink") == [f"Draw for {actor.company_id}"]
            assert len(await titles(world, actor, "website")) == 1

    async def test_members_find_what_is_in_their_projects(self, world: ContractWorld) -> None:
        owner, project, (task,) = await web(world, "Draw it")
        secret = await open_project(world, owner, key="SEC", name="Secret website")
        for each in (task, await add_task(world, owner, secret, "Draw that")):
            await say(world, owner, each, "In ink")
        ann = await world.person(owner.company_id)
        mine = Visible(member_id=ann.user_id)
        for text in ("draw", "website", "ink", "SEC-1", "WEB-1"):
            assert await titles(world, ann, text, visible=mine) == [], text
        await world.add_to_project(project.id, ann)
        assert await titles(world, ann, "draw", visible=mine) == ["Draw it"]
        assert await titles(world, ann, "website", visible=mine) == ["Website"]
        assert await titles(world, ann, "ink", visible=mine) == ["Draw it"]
        assert await titles(world, ann, "SEC-1", visible=mine) == []
        assert await titles(world, ann, "WEB-1", visible=mine) == ["Draw it"]

    async def test_the_sequence_is_that_of_the_same_snapshot(self, world: ContractWorld) -> None:
        owner, _, _ = await web(world, "Draw")
        question = Question.of("draw")
        answer = await world.search_reader.search(owner, question, visible=EVERYTHING, kinds=ALL_KINDS, limit=1)
        # Two of founding, one of the project, one of the task.
        assert answer.seq == 4
        assert not answer.value.is_partial

    async def test_very_long_words_and_texts_are_searched_by_their_beginnings(self, world: ContractWorld) -> None:
        owner, _, (task,) = await web(world, "x" * 500)
        assert await titles(world, owner, "x" * 200) == ["x" * 500]
        assert await titles(world, owner, "x" * 10) == ["x" * 500]
        await describe(world, owner, task, f"{'y' * 3_000} {'word ' * 3_000} end {'é ' * 40_000} beyond")
        assert await titles(world, owner, "end word") == ["x" * 500]
        assert await titles(world, owner, "beyond") == []

    @pytest.mark.parametrize("text", ["a b c d e f g h i j", "a " * 10])
    async def test_ten_words_may_be_asked_for(self, world: ContractWorld, text: str) -> None:
        owner, _, _ = await web(world, "j i h g f e d c b a")
        assert await titles(world, owner, text) == ["j i h g f e d c b a"]

    @staticmethod
    async def _restore(world: ContractWorld, actor: Actor, task: Task) -> None:
        async with world.task_unit_of_work(actor) as uow:
            task.version += 1
            uow.deleted_tasks.restore(task, was=task.version - 1)
            await uow.commit()
