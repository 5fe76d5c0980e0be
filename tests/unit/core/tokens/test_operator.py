"""What the operator does about tokens."""

import pytest

from core.auth.errors import TokenInvalid
from core.kernel.actor import System
from core.tokens.model import ApiTokenStatus, Scope
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


class TestTheOperator:
    async def test_makes_one_for_a_service_lists_and_revokes_it(self, office: Office) -> None:
        robot = await office.robot()
        head, told = office.head, len(office.world.tables.notes)
        made = await office.token_operator.create(
            System(), company="acme", username=robot.username, name="CI", scopes=(Scope.TASKS_READ,), expires_at=None
        )
        actor = await office.presented_tokens.recognise(made.secret)
        assert (actor.user_id, made.token.created_by, made.token.expires_at) == (robot.id, None, None)
        (line,) = await office.token_operator.tokens(System(), company="acme")
        assert (line.username, line.token) == (robot.username, made.token)
        assert made.secret not in str(line)
        for _ in range(2):
            revoked = await office.token_operator.revoke(System(), made.token.id)
            assert revoked.status is ApiTokenStatus.REVOKED
        with pytest.raises(TokenInvalid):
            await office.auth.me(actor)
        events = [(fact.event, fact.actor_id, fact.via) for fact in office.facts(after=head)]
        assert events == [("token_created", None, "system"), ("token_revoked", None, "system")]
        notes = [(str(each.note.type), each.via) for each in office.world.tables.notes[told:]]
        assert notes == [("token.created", "system"), ("token.revoked", "system")]

    async def test_revokes_those_of_people_too(self, office: Office) -> None:
        made = await office.api_token(of=office.olga)
        await office.token_operator.revoke(System(), made.token.id)
        assert office.stored.api_tokens[made.token.id].revoked_at == office.clock.now()
