import pytest

from core.kernel.actor import Actor, Role
from core.search.model import Kind
from tests.builders.office import Office


async def found(office: Office, actor: Actor, text: str, *kinds: Kind) -> list[str]:
    answer = await office.searching.search(actor, text=text, kinds=frozenset(kinds), limit=50)
    return [hit.title for hit in answer.value.hits]


class TestSearching:
    async def test_everybody_finds_what_they_see(self, office: Office) -> None:
        await office.task(title="Draw the page")
        secret, _ = await office.projects.open(office.olga, name="Secret page")
        for actor in (office.olga, office.adam):
            assert await found(office, actor, "page") == ["Secret page", "Draw the page"]
        assert await found(office, office.mia, "page") == ["Draw the page"]
        assert await found(office, office.nora, "page") == []
        assert await found(office, office.olga, secret.key) == ["Secret page"]

    async def test_a_role_taken_away_finds_no_more_than_is_left(self, office: Office) -> None:
        await office.projects.open(office.olga, name="Secret page")
        assert await found(office, office.adam, "secret") == ["Secret page"]
        await office.world.change_role(office.adam, Role.MEMBER)
        assert await found(office, office.adam, "secret") == []

    @pytest.mark.parametrize("kind", Kind)
    async def test_of_the_kinds_that_are_named(self, office: Office, kind: Kind) -> None:
        task = await office.task(title="Website")
        await office.comment("About the website", on=task.id)
        await office.projects.open(office.olga, name="Website again")
        answer = await office.searching.search(office.olga, text="website", kinds=frozenset({kind}), limit=50)
        assert {hit.type for hit in answer.value.hits} == {str(kind)}
        assert answer.seq == office.head
