import pytest
from hypothesis import given

from core.kernel.actor import Role
from core.kernel.events import Audience
from core.realtime.policy import Audible, audible_events, hears_of
from tests.builders import an_actor, an_id
from tests.builders.chance import CompanyOfChance, companies


def heard(company: CompanyOfChance, audience: Audience, audible: Audible) -> bool:
    """What an adapter makes of the value."""
    if audible.user_id in audience.named:
        return True
    if audible.everything:
        return audience.admins
    return (audience.project_id, audible.user_id) in company.members


class TestAudibleEvents:
    @given(companies(audiences=True))
    def test_the_value_and_the_rule_agree_on_every_event(self, company: CompanyOfChance) -> None:
        for actor in company.actors:
            for audience in company.audiences:
                is_member = company.belongs(actor, audience.project_id)
                assert hears_of(actor, audience, is_member=is_member) == heard(company, audience, audible_events(actor))

    @pytest.mark.parametrize("role", Role)
    def test_whoever_is_named_hears_of_it(self, role: Role) -> None:
        actor = an_actor(role)
        assert hears_of(actor, Audience(named=(an_id(), actor.user_id), admins=False), is_member=False)

    @pytest.mark.parametrize("role", Role)
    def test_what_names_others_alone_is_for_them_alone(self, role: Role) -> None:
        assert not hears_of(an_actor(role), Audience(named=(an_id(),), admins=False), is_member=True)

    @pytest.mark.parametrize(
        ("role", "is_member", "hears"),
        [
            (Role.OWNER, False, True),
            (Role.ADMIN, False, True),
            (Role.MEMBER, True, True),
            (Role.MEMBER, False, False),
        ],
    )
    def test_a_project_is_heard_of_by_its_members_and_admins(self, role: Role, is_member: bool, hears: bool) -> None:
        assert hears_of(an_actor(role), Audience(project_id=an_id()), is_member=is_member) is hears

    def test_what_no_project_opens_is_not_for_members(self) -> None:
        assert not hears_of(an_actor(Role.MEMBER), Audience(), is_member=True)
