import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.actor import Role
from core.kernel.errors import Invalid
from core.users.model import User, UserKind, checked_username, username_from
from tests.builders import NOW, an_id


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
