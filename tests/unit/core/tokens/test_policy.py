"""Who may make and see tokens, and what a token is good for, for all that there can be."""

from itertools import combinations

import pytest

from core.kernel.actor import Role
from core.kernel.errors import Forbidden
from core.tokens import policy
from core.tokens.errors import HolderInactive, HolderIsPerson, ScopeMissing
from core.tokens.model import Scope
from core.users.model import UserKind
from tests.builders import a_user, an_actor


def may(rule: object, *given: object) -> bool:
    try:
        rule(*given)
    except Forbidden:
        return False
    return True


def test_the_scope_that_is_missing_is_named() -> None:
    missing = ScopeMissing("tasks:write")
    assert missing.needed == "tasks:write" and "`tasks:write`" in missing.detail


class TestScopes:
    @pytest.mark.parametrize("needed", Scope)
    def test_one_grants_itself_and_writing_grants_reading(self, needed: Scope) -> None:
        feature, _, verb = needed.partition(":")
        granting = {needed, Scope.__members__.get(f"{feature}_WRITE".upper(), needed)} if verb == "read" else {needed}
        for scope in Scope:
            assert policy.grants({scope}, needed) is (scope in granting)

    def test_several_grant_what_one_of_them_does(self) -> None:
        for pair in combinations(Scope, 2):
            for needed in Scope:
                assert policy.grants(pair, needed) is any(policy.grants({scope}, needed) for scope in pair)

    def test_none_grants_nothing(self) -> None:
        assert not any(policy.grants(frozenset(), needed) for needed in Scope)

    def test_a_feature_that_begins_alike_is_another(self) -> None:
        assert not policy.grants({"tasks:write"}, "tasks_of_others:read")
        assert not policy.grants({"tasks:writer"}, "tasks:read")


class TestWhoMay:
    @pytest.mark.parametrize("role", Role)
    def test_everybody_looks_at_their_own_and_admins_at_all(self, role: Role) -> None:
        actor = an_actor(role)
        assert may(policy.authorise_look, actor, actor.user_id)
        assert may(policy.authorise_look, actor, a_user().id) is (role is not Role.MEMBER)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("of", Role)
    def test_admins_make_those_of_services_and_owners_those_of_owners(self, role: Role, of: Role) -> None:
        holder = a_user(of, kind=UserKind.SERVICE, account_id=None)
        expected = role is Role.OWNER or (role is Role.ADMIN and of is not Role.OWNER)
        assert may(policy.authorise_issue, an_actor(role), holder) is expected

    def test_nobody_makes_one_for_a_person(self) -> None:
        actor = an_actor(Role.OWNER)
        for holder in (a_user(), a_user(Role.OWNER, id=actor.user_id)):
            with pytest.raises(HolderIsPerson):
                policy.authorise_issue(actor, holder)

    def test_nobody_makes_one_for_whoever_was_deactivated(self) -> None:
        with pytest.raises(HolderInactive):
            policy.authorise_issue(an_actor(Role.OWNER), a_user(kind=UserKind.SERVICE, is_active=False))
