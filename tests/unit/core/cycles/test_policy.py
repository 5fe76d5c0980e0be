from uuid import UUID

import pytest
from hypothesis import given

from core.cycles import policy
from core.cycles.policy import Visible
from core.kernel.actor import Role
from core.kernel.errors import Forbidden
from tests.builders import an_actor
from tests.builders.chance import CompanyOfChance, companies


def shown(company: CompanyOfChance, visible: Visible) -> set[UUID]:
    """What an adapter makes of the value."""
    return {
        cycle.id
        for cycle in company.cycles
        if visible.member_id is None or (cycle.project_id, visible.member_id) in company.members
    }


class TestVisibleCycles:
    @given(companies(cycles=True))
    def test_the_value_and_the_rule_agree_on_every_cycle(self, company: CompanyOfChance) -> None:
        for actor in company.actors:
            listed = shown(company, policy.visible_cycles(actor))
            for cycle in company.cycles:
                sees = policy.sees_cycle(actor, is_member=company.belongs(actor, cycle.project_id))
                assert sees == (cycle.id in listed)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("is_member", [True, False])
    def test_members_see_those_of_their_projects_and_admins_all(self, role: Role, is_member: bool) -> None:
        assert policy.sees_cycle(an_actor(role), is_member=is_member) is (role is not Role.MEMBER or is_member)


class TestDeleting:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
    def test_owners_and_admins_may(self, role: Role) -> None:
        policy.authorise_delete(an_actor(role))

    def test_members_may_not(self) -> None:
        with pytest.raises(Forbidden):
            policy.authorise_delete(an_actor(Role.MEMBER))
