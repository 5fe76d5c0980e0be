import pytest

from core.users.errors import EmailInvalid, EmailTaken, PasswordTooWeak
from core.kernel.actor import Role
from core.kernel.errors import Invalid
from tests.builders.office import PASSWORD, Office


class TestRegistering:
    async def test_it_opens_a_company_of_which_the_newcomer_is_the_owner(self, office: Office) -> None:
        signed_in = await office.register("  Ann@Example.com ", name="Ann Miller")
        assert (signed_in.user.name, signed_in.user.email) == ("Ann Miller", "ann@example.com")
        assert (signed_in.user.role, signed_in.user.username) == (Role.OWNER, "ann")
        assert (signed_in.company.name, signed_in.company.code) == ("Ann Miller's company", "ann-miller-s-company")
        assert signed_in.company.contact_email == "ann@example.com"
        assert signed_in.user.last_login_at == office.clock.now()

    async def test_the_device_is_signed_in(self, office: Office) -> None:
        signed_in = await office.register()
        actor = office.auth.actor_of(signed_in.access_token)
        profile, _ = await office.auth.me(actor)
        assert profile.user == signed_in.user
        assert profile.company == signed_in.company
        assert [each.company_id for each in profile.companies] == [signed_in.company.id]
        assert signed_in.refresh_token is not None
        assert signed_in.expires_in == 1800

    async def test_the_log_of_the_company_begins_with_both_facts(self, office: Office) -> None:
        signed_in = await office.register()
        events = office.world.tables.companies[signed_in.company.id].events
        assert [event.event for event in events] == ["company_created", "user_created"]
        assert {event.actor_id for event in events} == {signed_in.user.id}

    async def test_a_company_name_may_be_given(self, office: Office) -> None:
        assert (await office.register(company_name="Acme Works")).company.name == "Acme Works"

    async def test_a_code_that_is_taken_gets_a_suffix_in_the_answer_too(self, office: Office) -> None:
        signed_in = await office.register(company_name="Acme")
        assert signed_in.company.code != office.stored.company.code
        assert signed_in.company.code.startswith("acme-")

    async def test_a_username_stands_in_for_the_name(self, office: Office) -> None:
        signed_in = await office.register(name=None, username="Ann.M")
        assert (signed_in.user.name, signed_in.user.username) == ("Ann.M", "Ann.M")

    async def test_the_longest_name_still_makes_a_company(self, office: Office) -> None:
        signed_in = await office.register(name="N" * 200)
        assert len(signed_in.company.name) == 200

    @pytest.mark.parametrize(
        ("given", "kind", "pointer"),
        [
            ({"name": None}, Invalid, "/name"),
            ({"name": "two\nlines"}, Invalid, "/name"),
            ({"username": "no way"}, Invalid, "/username"),
            ({"company_name": " "}, Invalid, "/company_name"),
            ({"password": "short"}, PasswordTooWeak, "/password"),
            ({"email": "nowhere"}, EmailInvalid, "/email"),
        ],
    )
    async def test_what_is_wrong_is_pointed_at_and_nothing_is_opened(
        self, office: Office, given: dict[str, str], kind: type[Invalid], pointer: str
    ) -> None:
        before = office.world.snapshot()
        with pytest.raises(kind) as refused:
            await office.register(**given)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
        assert office.world.tables == before

    async def test_an_address_that_is_taken_opens_nothing(self, office: Office) -> None:
        await office.register("ann@example.com")
        before = office.world.snapshot()
        with pytest.raises(EmailTaken):
            await office.register("ANN@example.com", company_name="Another")
        assert office.world.tables == before

    async def test_the_password_itself_is_kept_nowhere(self, office: Office) -> None:
        await office.register()
        assert PASSWORD not in repr(office.world.tables)
