"""The policy of users, held against the table of who may do what, for people made by chance."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.users import policy
from core.users.model import User, UserChanges, UserKind
from tests.builders import NOW, a_user, an_actor, an_id

FIELDS = ("name", "username", "email", "role", "is_active")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Somebody who is about to change somebody, perhaps themselves."""

    actor: Actor
    user: User
    changes: UserChanges
    with_password: bool

    @property
    def is_own(self) -> bool:
        return self.actor.user_id == self.user.id

    @property
    def becomes(self) -> Role:
        return self.changes.role if "role" in self.changes.given else self.user.role


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    user = a_user(
        draw(st.sampled_from(Role)),
        is_active=draw(st.booleans()),
        accepted_at=draw(st.sampled_from([NOW, None])),
        kind=draw(st.sampled_from(UserKind)),
    )
    actor = an_actor(draw(st.sampled_from(Role)))
    if draw(st.booleans()):
        actor = replace(actor, user_id=user.id, role=user.role)
    changes = UserChanges(
        given=draw(st.frozensets(st.sampled_from(FIELDS))),
        name=draw(st.sampled_from([user.name, "Another"])),
        username=draw(st.sampled_from([user.username, "another"])),
        email=draw(st.sampled_from([user.email, "another@example.com"])),
        role=draw(st.sampled_from(Role)),
        is_active=draw(st.booleans()),
    )
    return Attempt(actor=actor, user=user, changes=changes, with_password=draw(st.booleans()))


def may(rule: object, *given: object, **more: object) -> bool:
    try:
        rule(*given, **more)
    except Forbidden:
        return False
    return True


def table_of_changes(attempt: Attempt) -> bool:
    """Section 3 in words: owners all; admins all but owners; members themselves; nobody their own way in."""
    is_different = {
        name for name in attempt.changes.given if getattr(attempt.user, name) != getattr(attempt.changes, name)
    }
    if attempt.is_own and (attempt.with_password or "email" in is_different):
        return False
    match attempt.actor.role:
        case Role.OWNER:
            return True
        case Role.ADMIN:
            return Role.OWNER not in (attempt.user.role, attempt.becomes)
        case Role.MEMBER:
            return attempt.is_own and not is_different & {"role", "is_active"}


@given(attempt=attempts())
def test_changes_are_allowed_as_the_table_says(attempt: Attempt) -> None:
    allowed = may(
        policy.authorise_change, attempt.actor, attempt.user, attempt.changes, with_password=attempt.with_password
    )
    assert allowed is table_of_changes(attempt)


@given(attempt=attempts())
def test_nobody_but_an_owner_ever_makes_changes_or_unmakes_an_owner(attempt: Attempt) -> None:
    before, after = attempt.user, replace(attempt.user)
    facts = after.change(attempt.changes, at=NOW)
    about_an_owner = Role.OWNER in (before.role, after.role)
    if about_an_owner and attempt.actor.role is not Role.OWNER:
        given_password = attempt.with_password
        assert not may(
            policy.authorise_change, attempt.actor, before, attempt.changes, with_password=given_password
        ) or not (facts or given_password)
        assert not may(policy.authorise_role, attempt.actor, Role.OWNER)
    if before.role is Role.OWNER and attempt.actor.role is not Role.OWNER:
        assert not may(policy.authorise_deactivation, attempt.actor, before)


@given(role=st.sampled_from(Role), other=st.sampled_from(Role), is_own=st.booleans())
def test_bringing_in_and_deactivating_are_allowed_as_the_table_says(role: Role, other: Role, is_own: bool) -> None:
    user = a_user(role if is_own else other)
    actor = an_actor(role, user_id=user.id) if is_own else an_actor(role)
    expected = {
        Role.OWNER: {Role.OWNER, Role.ADMIN, Role.MEMBER},
        Role.ADMIN: {Role.ADMIN, Role.MEMBER},
        Role.MEMBER: set[Role](),
    }[role]
    assert may(policy.authorise_deactivation, actor, user) is (user.role in expected)
    assert may(policy.authorise_role, actor, other) is (other in expected)
    assert may(policy.authorise_administration, actor) is bool(expected)


@given(role=st.sampled_from(Role), is_own=st.booleans(), shares_project=st.booleans())
def test_people_are_seen_as_the_table_says(role: Role, is_own: bool, shares_project: bool) -> None:
    actor = an_actor(role)
    user_id = actor.user_id if is_own else an_id()
    sees = policy.sees_user(actor, user_id, shares_project=shares_project)
    assert sees is (role is not Role.MEMBER or is_own or shares_project)
    whole = policy.sees_whole_user(actor, user_id)
    assert whole is (role is not Role.MEMBER or is_own)
    assert sees or not whole
