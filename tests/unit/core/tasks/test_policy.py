from uuid import UUID

import pytest
from hypothesis import given

from core.kernel.actor import Role
from core.kernel.errors import Forbidden
from core.tasks import policy
from core.tasks.changes import TaskChanges
from core.tasks.policy import Visible
from tests.builders import a_task, an_actor, an_id
from tests.builders.chance import CompanyOfChance, companies


def shown(company: CompanyOfChance, visible: Visible) -> set[UUID]:
    """What an adapter makes of the value."""
    return {
        task.id
        for task in company.tasks
        if (visible.member_id is None or (task.project_id, visible.member_id) in company.members)
        and (visible.assigned_to is None or task.assigned_to == visible.assigned_to)
    }


class TestVisibleTasks:
    @given(companies(tasks=True))
    def test_the_values_and_the_rules_agree_on_every_task(self, company: CompanyOfChance) -> None:
        for actor in company.actors:
            seen = shown(company, policy.visible_tasks(actor))
            for task in company.tasks:
                is_member = company.belongs(actor, task.project_id)
                assert policy.sees_task(actor, is_member=is_member) == (task.id in seen)
            for names_container in (True, False):
                listed = shown(company, policy.listed_tasks(actor, names_container=names_container))
                assert listed == seen if names_container else listed <= seen
                for task in company.tasks:
                    is_member = company.belongs(actor, task.project_id)
                    lists = policy.lists_task(actor, task, is_member=is_member, names_container=names_container)
                    assert lists == (task.id in listed)


class TestEditing:
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("edits_all", [True, False])
    @pytest.mark.parametrize("relation", ["assigned", "created", "neither", "nobody's"])
    def test_members_edit_their_own_unless_the_company_lets_them_edit_all(
        self, role: Role, edits_all: bool, relation: str
    ) -> None:
        actor = an_actor(role, edits_all=edits_all)
        task = a_task(
            assigned_to={"assigned": actor.user_id, "nobody's": None}.get(relation, an_id()),
            created_by={"created": actor.user_id, "nobody's": None}.get(relation, an_id()),
        )
        allowed = role is not Role.MEMBER or edits_all or relation in ("assigned", "created")
        assert policy.edits_task(actor, task) is allowed
        if allowed:
            policy.authorise_edit(actor, task)
        else:
            with pytest.raises(Forbidden):
                policy.authorise_edit(actor, task)

    def test_a_creator_who_is_gone_is_not_everybody(self) -> None:
        assert not policy.edits_task(an_actor(), a_task(created_by=None, assigned_to=None))


class TestTaking:
    @pytest.mark.parametrize("role", Role)
    def test_anybody_who_sees_an_unassigned_task_may_take_it(self, role: Role) -> None:
        actor = an_actor(role)
        changes = TaskChanges(given=frozenset({"assigned_to"}), assigned_to=actor.user_id)
        policy.authorise_change(actor, a_task(assigned_to=None), changes)

    @pytest.mark.parametrize("case", ["for another", "from another", "with another field", "given back"])
    def test_nothing_else_is_taking(self, case: str) -> None:
        actor, given, wanted, task = an_actor(), {"assigned_to"}, None, a_task(assigned_to=None)
        if case == "for another":
            wanted = an_id()
        elif case == "from another":
            task.assigned_to, wanted = an_id(), actor.user_id
        elif case == "with another field":
            given, wanted = {"assigned_to", "title"}, actor.user_id
        changes = TaskChanges(given=frozenset(given), assigned_to=wanted, title="Mine")
        with pytest.raises(Forbidden):
            policy.authorise_change(actor, task, changes)

    def test_whoever_took_it_may_give_it_on(self) -> None:
        actor = an_actor()
        changes = TaskChanges(given=frozenset({"assigned_to"}), assigned_to=an_id())
        policy.authorise_change(actor, a_task(assigned_to=actor.user_id), changes)
