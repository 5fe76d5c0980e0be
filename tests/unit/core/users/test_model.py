from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.actor import Role
from core.kernel.errors import Invalid
from core.kernel.events import Audience, Change
from core.users.events import InvitationCreated, UserActivated, UserDeactivated, UserFact, UserLeft, UserUpdated
from core.users.model import (
    Invitation,
    InvitationStatus,
    User,
    UserChanges,
    UserKind,
    checked_username,
    username_from,
    usernames_from,
)
from core.users.read_models import invitation_status
from tests.builders import NOW, a_user, an_id

LATER = NOW + timedelta(hours=1)


class TestUser:
    def test_an_account_joins_as_an_active_person(self) -> None:
        user, created = User.join(
            id=an_id(), account_id=an_id(), name=" Ann ", email="a@b.cd", username="ann", role=Role.ADMIN, at=NOW
        )
        assert (user.name, user.kind, user.is_active, user.version) == ("Ann", UserKind.PERSON, True, 1)
        assert (created.user_id, created.username, created.role) == (user.id, "ann", "admin")

    @pytest.mark.parametrize(("fields", "pointer"), [({"name": " "}, "/name"), ({"username": "no way"}, "/username")])
    def test_a_name_or_username_that_is_none_is_refused(self, fields: dict[str, str], pointer: str) -> None:
        good = {"name": "Ann", "username": "ann"}
        with pytest.raises(Invalid) as refused:
            User.join(id=an_id(), account_id=an_id(), email="a@b.cd", role=Role.MEMBER, at=NOW, **{**good, **fields})
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


class TestUsername:
    @pytest.mark.parametrize("username", ["a", "7", "ann.miller", "A_n-n", "x" * 50])
    def test_letters_digits_dots_hyphens_and_underscores_make_one(self, username: str) -> None:
        assert checked_username(f" {username} ") == username

    @pytest.mark.parametrize("username", ["", ".", "-a", "a.", "_a", "a b", "a@b", "ä", "x" * 51, "a\nb"])
    def test_nothing_else_does(self, username: str) -> None:
        with pytest.raises(Invalid):
            checked_username(username)

    @given(name=st.text(max_size=60), email=st.text(max_size=80))
    def test_one_that_is_made_is_always_one(self, name: str, email: str) -> None:
        made = username_from(name=name, email=email)
        assert checked_username(made) == made

    @pytest.mark.parametrize(
        ("name", "email", "username"),
        [
            ("Ann Miller", "a.miller+work@example.com", "a.miller.work"),
            ("Ann Miller", "王@example.com", "ann.miller"),
            ("王", "王@example.com", "user"),
        ],
    )
    def test_it_is_made_from_the_address_else_from_the_name(self, name: str, email: str, username: str) -> None:
        assert username_from(name=name, email=email) == username


def changing(**fields: object) -> UserChanges:
    return UserChanges(given=frozenset(fields), **fields)


class TestChangingAUser:
    def test_what_is_different_is_said_with_old_and_new_in_one_fact(self) -> None:
        user = a_user()
        facts = user.change(changing(name=" Ann Reed ", username="ann", role=Role.ADMIN), at=LATER)
        assert facts == (
            UserUpdated(
                user_id=user.id,
                changes={"name": Change(old="Ann Miller", new="Ann Reed"), "role": Change(old="member", new="admin")},
                version=2,
            ),
        )
        assert (user.name, user.role, user.version, user.updated_at) == ("Ann Reed", Role.ADMIN, 2, LATER)

    def test_nothing_different_is_nothing(self) -> None:
        user = a_user()
        before = replace(user)
        given = changing(name=user.name, username=user.username, email=user.email, role=user.role, is_active=True)
        assert user.change(given, at=LATER) == ()
        assert user.change(changing(), at=LATER) == ()
        assert user == before

    def test_fields_that_are_not_given_stay(self) -> None:
        user = a_user()
        user.change(UserChanges(given=frozenset({"name"}), name="New", username="ignored", role=Role.OWNER), at=LATER)
        assert (user.name, user.username, user.role) == ("New", "ann", Role.MEMBER)

    @pytest.mark.parametrize(("active", "kind"), [(True, UserActivated), (False, UserDeactivated)])
    def test_activity_is_a_fact_of_its_own_in_one_version(self, active: bool, kind: type[UserFact]) -> None:
        user = a_user(is_active=not active)
        assert user.change(changing(is_active=active), at=LATER) == (kind(user_id=user.id, version=2),)
        assert user.is_active is active
        user = a_user(is_active=not active)
        facts = user.change(changing(is_active=active, name="New"), at=LATER)
        assert [(type(fact), fact.version) for fact in facts] == [(UserUpdated, 2), (kind, 2)]

    @pytest.mark.parametrize(("fields", "pointer"), [({"name": ""}, "/name"), ({"username": "-"}, "/username")])
    def test_bad_values_do_not_construct(self, fields: dict[str, str], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            changing(**fields)
        assert refused.value.faults[0].pointer == pointer

    def test_admins_and_the_user_hear_of_it_and_nobody_else(self) -> None:
        user = a_user()
        facts = [*user.change(changing(name="New", is_active=False), at=LATER), user.leave(at=LATER)]
        assert {fact.audience() for fact in facts} == {Audience(named=(user.id,))}
        assert Audience().admins


class TestAccepting:
    def test_the_invited_join_perhaps_by_another_name(self) -> None:
        user = a_user(accepted_at=None)
        assert user.accept(name=None, username=None, at=LATER) == ()
        assert (user.accepted_at, user.version) == (LATER, 1)
        user = a_user(accepted_at=None)
        (fact,) = user.accept(name="Ann Reed", username="reed", at=LATER)
        assert isinstance(fact, UserUpdated)
        assert sorted(fact.changes) == ["name", "username"]
        assert (user.accepted_at, user.name, user.username, user.version) == (LATER, "Ann Reed", "reed", 2)

    def test_whoever_accepted_before_did_so_then(self) -> None:
        user = a_user(accepted_at=NOW)
        user.accept(name=None, username=None, at=LATER)
        assert user.accepted_at == NOW

    def test_an_account_that_waits_and_a_service_that_does_not(self) -> None:
        fields = {"id": an_id(), "name": "Ann", "username": "ann", "role": Role.MEMBER, "at": NOW}
        waiting, _ = User.join(account_id=an_id(), email="a@b.cd", has_accepted=False, **fields)
        service, _ = User.join(account_id=None, email=None, **fields)
        assert (waiting.kind, waiting.accepted_at) == (UserKind.PERSON, None)
        assert (service.kind, service.accepted_at, service.email) == (UserKind.SERVICE, NOW, None)


class TestLeaving:
    def test_it_ends_the_membership_and_keeps_the_user(self) -> None:
        user = a_user(Role.ADMIN)
        before = replace(user)
        assert user.leave(at=LATER) == UserLeft(user_id=user.id, version=2)
        assert user == replace(before, is_active=False, accepted_at=None, version=2, updated_at=LATER)


class TestOwning:
    @pytest.mark.parametrize(
        ("fields", "owns"),
        [
            ({}, True),
            ({"role": Role.ADMIN}, False),
            ({"role": Role.MEMBER}, False),
            ({"kind": UserKind.SERVICE}, False),
            ({"is_active": False}, False),
            ({"accepted_at": None}, False),
        ],
    )
    def test_only_a_person_who_is_owner_and_can_act_owns(self, fields: dict[str, object], owns: bool) -> None:
        assert a_user(**{"role": Role.OWNER, **fields}).owns is owns


class TestInvitation:
    def test_it_is_open_for_seven_days(self) -> None:
        invitation, created = self._sent()
        assert invitation.expires_at - invitation.created_at == timedelta(days=7)
        assert created == InvitationCreated(invitation_id=invitation.id, email="bea@example.com", role=Role.ADMIN)
        assert invitation.is_open(at=NOW)
        assert invitation.is_open(at=invitation.expires_at - timedelta(microseconds=1))
        assert not invitation.is_open(at=invitation.expires_at)
        assert invitation_status(invitation, at=NOW) is InvitationStatus.PENDING
        assert invitation_status(invitation, at=invitation.expires_at) is InvitationStatus.EXPIRED

    def test_accepting_uses_it_up(self) -> None:
        invitation, _ = self._sent()
        user_id = an_id()
        assert invitation.accept(user_id=user_id, at=LATER).user_id == user_id
        assert (invitation.accepted_at, invitation.user_id, invitation.is_open(at=LATER)) == (LATER, user_id, False)
        assert invitation_status(invitation, at=invitation.expires_at) is InvitationStatus.ACCEPTED

    def test_revoking_takes_it_back(self) -> None:
        invitation, _ = self._sent()
        assert invitation.revoke(at=LATER).invitation_id == invitation.id
        assert (invitation.revoked_at, invitation.is_open(at=LATER)) == (LATER, False)
        assert invitation_status(invitation, at=invitation.expires_at) is InvitationStatus.REVOKED

    def test_admins_alone_hear_of_it_and_never_of_its_secret(self) -> None:
        invitation, created = self._sent()
        for fact in (created, invitation.revoke(at=LATER), invitation.accept(user_id=an_id(), at=LATER)):
            assert fact.audience() == Audience()
            assert b"secret".hex() not in str(fact)
            assert "secret" not in str(fact)

    def _sent(self) -> tuple[Invitation, InvitationCreated]:
        return Invitation.send(
            id=an_id(),
            email="bea@example.com",
            role=Role.ADMIN,
            user_id=None,
            token_digest=b"secret",
            invited_by=an_id(),
            at=NOW,
        )


class TestUsernamesForThoseWhoChoseNone:
    @given(name=st.text(max_size=60), email=st.text(max_size=80))
    def test_all_of_them_are_usernames_and_differ_in_any_case(self, name: str, email: str) -> None:
        some = list(islice(usernames_from(name=name, email=email), 120))
        assert [checked_username(each) for each in some] == some
        assert len({each.lower() for each in some}) == 120

    def test_the_last_of_them_is_one_too(self) -> None:
        *_, last = usernames_from(name="", email=f"{'a' * 43}.{'b' * 20}@example.com")
        assert last == checked_username(last) == f"{'a' * 43}.9999"
