from dataclasses import replace

import pytest

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.oidc.errors import OwnersAlone
from core.oidc.policy import authorise_administration, authorise_entrance, may_return_to
from tests.builders import an_id

ALLOWED = ("https://app.example.com/signed-in", "https://desk.example.com/", "http://localhost:5173/")
ACTOR = Actor(company_id=an_id(), user_id=an_id(), account_id=an_id(), session_id=an_id(), role=Role.OWNER)


class TestWhoMay:
    def test_owners_and_admins_administer_and_members_do_not(self) -> None:
        for role in (Role.OWNER, Role.ADMIN):
            authorise_administration(replace(ACTOR, role=role))
        with pytest.raises(Forbidden):
            authorise_administration(replace(ACTOR, role=Role.MEMBER))

    def test_owners_alone_decide_who_gets_in(self) -> None:
        authorise_entrance(ACTOR)
        for role in (Role.ADMIN, Role.MEMBER):
            with pytest.raises(OwnersAlone):
                authorise_entrance(replace(ACTOR, role=role))


class TestWhereASignInLeads:
    @pytest.mark.parametrize(
        "address",
        [
            "https://app.example.com/signed-in",
            "https://app.example.com/signed-in?next=/tasks&other=https://evil.example",
            "https://desk.example.com",
            "https://desk.example.com/",
            "https://desk.example.com/any/page?x=1",
            "https://DESK.example.com/x",
            "http://localhost:5173/callback",
        ],
    )
    def test_to_what_the_operator_allows(self, address: str) -> None:
        assert may_return_to(address, ALLOWED)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "/",
            "//evil.example/",
            "https://evil.example/",
            "https://app.example.com/",
            "https://app.example.com/signed-in/more",
            "https://app.example.com/signed-inside",
            "https://app.example.com.evil.example/signed-in",
            "https://app.example.com@evil.example/signed-in",
            "https://evil.example#https://app.example.com/signed-in",
            "https://evil.example\\@app.example.com/signed-in",
            "https://desk.example.com\\.evil.example/",
            "https://desk.example.com:8443/",
            "http://desk.example.com/",
            "javascript:alert(1)//desk.example.com/",
            "data:text/html,x",
            "https://desk.example.com/\nSet-Cookie: x=1",
            "https://desk.example.com/\t",
            "https://desk.example.com/ x",
            "https://désk.example.com/",
            "https://[::1",
            "https://desk.example.com:0/",
            "https://desk.example.com:nan/",
            "https:desk.example.com/",
            "https:///desk.example.com/",
            "https://desk.example.com/" + "x" * 2000,
        ],
    )
    def test_and_nowhere_else(self, address: str) -> None:
        assert not may_return_to(address, ALLOWED)

    @pytest.mark.parametrize("path", ["a/../b", "%2e%2e/b", ".%2E/b", "a/%2e/b", "a%2f..%2fb"])
    def test_nor_by_steps_up_below_an_allowed_address(self, path: str) -> None:
        assert not may_return_to(f"https://app.example.com/app/{path}", ("https://app.example.com/app/",))
        assert may_return_to("https://app.example.com/app/b", ("https://app.example.com/app/",))
