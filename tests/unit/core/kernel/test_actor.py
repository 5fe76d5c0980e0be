from dataclasses import replace

import pytest

from core.kernel.actor import Actor, ActorChanged, NotByToken, Role, reading
from core.kernel.errors import NotFound, Unavailable, answers, refusals_of
from tests.builders import an_actor, an_id


class Asker:
    """Answers whoever has the present role; anybody else is told who they are."""

    def __init__(self, *roles: Role) -> None:
        self.roles = list(roles)

    @reading
    @answers(NotFound)
    async def ask(self, actor: Actor, question: str, *, loudly: bool = False) -> tuple[Role, str, bool]:
        """Says it back."""
        role = self.roles.pop(0)
        if role is not actor.role:
            raise ActorChanged(replace(actor, role=role))
        return actor.role, question, loudly


class TestReading:
    async def test_an_outdated_role_is_asked_for_once_more_as_who_the_caller_is_now(self) -> None:
        asker = Asker(Role.MEMBER, Role.MEMBER)
        found = await asker.ask(an_actor(Role.ADMIN), "where?", loudly=True)
        assert found == (Role.MEMBER, "where?", True)

    async def test_a_present_role_is_asked_once(self) -> None:
        asker = Asker(Role.ADMIN, Role.MEMBER)
        assert (await asker.ask(an_actor(Role.ADMIN), "where?"))[0] is Role.ADMIN
        assert asker.roles == [Role.MEMBER]

    async def test_a_role_that_changes_again_and_again_is_a_refusal_and_no_defect(self) -> None:
        with pytest.raises(Unavailable):
            await Asker(Role.MEMBER, Role.OWNER, Role.MEMBER).ask(an_actor(Role.ADMIN), "where?")

    def test_what_the_verb_says_of_itself_is_kept(self) -> None:
        assert refusals_of(Asker.ask) == (NotFound,)
        assert Asker.ask.__doc__ == "Says it back."


class TestActor:
    @pytest.mark.parametrize(("role", "administers"), [(Role.OWNER, True), (Role.ADMIN, True), (Role.MEMBER, False)])
    def test_owners_and_admins_administer(self, role: Role, administers: bool) -> None:
        assert an_actor(role).administers is administers

    def test_whoever_acts_by_a_token_is_signed_in_as_nobody(self) -> None:
        signed_in = an_actor()
        assert signed_in.signed_in == (signed_in.account_id, signed_in.session_id)
        assert signed_in.key_id == signed_in.session_id
        for account_id in (an_id(), None):
            program = an_actor(account_id=account_id, session_id=None, token_id=an_id())
            assert program.key_id == program.token_id
            with pytest.raises(NotByToken):
                _ = program.signed_in
