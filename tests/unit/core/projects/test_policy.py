from uuid import UUID

import pytest
from hypothesis import given

from core.kernel.actor import Role
from core.kernel.errors import Forbidden
from core.projects import policy
from core.projects.policy import Visible
from tests.builders import an_actor
from tests.builders.chance import CompanyOfChance, companies

ADMINISTERS = {Role.OWNER: True, Role.ADMIN: True, Role.MEMBER: False}


def shown(company: CompanyOfChance, visible: Visible) -> set[UUID]:
    """What an adapter makes of the value."""
    return {
        project_id
        for project_id in company.projects
        if visible.member_id is None or (project_id, visible.member_id) in company.members
    }


class TestVisibleProjects:
    @given(companies())
    def test_the_value_and_the_rule_agree_on_every_project(self, company: CompanyOfChance) -> None:
        for actor in company.actors:
            listed = shown(company, policy.visible_projects(actor))
            for project_id in company.projects:
                sees = policy.sees_project(actor, is_member=company.belongs(actor, project_id))
                assert sees == (project_id in listed)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("is_member", [True, False])
    def test_members_see_what_they_belong_to_and_admins_everything(self, role: Role, is_member: bool) -> None:
        assert policy.sees_project(an_actor(role), is_member=is_member) is (ADMINISTERS[role] or is_member)


class TestVerbs:
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("verb", [policy.authorise_open, policy.authorise_delete])
    def test_owners_and_admins_open_and_delete(self, role: Role, verb: object) -> None:
        _expect(allowed=ADMINISTERS[role], verb=lambda: verb(an_actor(role)))

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize(
        ("fields", "members_too"),
        [
            ({"name", "description", "deadline", "status"}, True),
            (set(), True),
            ({"is_active"}, False),
            ({"name", "is_active"}, False),
        ],
    )
    def test_members_change_fields_and_admins_the_archive_too(
        self, role: Role, fields: set[str], members_too: bool
    ) -> None:
        allowed = ADMINISTERS[role] or members_too
        _expect(allowed=allowed, verb=lambda: policy.authorise_change(an_actor(role), fields=frozenset(fields)))


def _expect(*, allowed: bool, verb: object) -> None:
    if allowed:
        verb()
    else:
        with pytest.raises(Forbidden):
            verb()
