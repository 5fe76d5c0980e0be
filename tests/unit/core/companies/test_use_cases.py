import pytest

from core.companies.errors import CompaniesClosed, CompanyNotFound
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role
from core.kernel.once import AlreadyAnswered
from core.kernel.paging import PageRequest, Sort
from tests.builders.office import Office
from tests.contracts.steps import a_key


async def listed(office: Office, actor: Actor) -> list[CompanyView]:
    page, _ = await office.companies.list(actor, sort=Sort(field="name"), page=PageRequest())
    return page.items


class TestOpeningACompany:
    async def test_the_callers_account_owns_it(self, office: Office) -> None:
        company, _ = await office.companies.open(office.mia, name="Side Project", contact_email="mia@example.com")
        assert (company.name, company.role, company.version) == ("Side Project", Role.OWNER, 1)
        signed_in = await office.auth.switch_company(office.mia, company.id)
        assert (signed_in.user.name, signed_in.user.role) == ("Mia", Role.OWNER)
        assert signed_in.company == company

    async def test_it_has_a_log_of_its_own_and_leaves_the_other_alone(self, office: Office) -> None:
        head = office.head
        company, seq = await office.companies.open(office.mia, name="Side", contact_email=None)
        events = office.world.tables.companies[company.id].events
        assert [event.event for event in events] == ["company_created", "user_created"]
        assert seq == office.head == head

    async def test_it_starts_empty(self, office: Office) -> None:
        company, _ = await office.companies.open(office.mia, name="Side", contact_email=None)
        tables = office.world.tables.companies[company.id]
        assert (tables.projects, tables.tasks, len(tables.people)) == ({}, {}, 1)

    async def test_a_code_that_is_taken_gets_a_suffix_in_the_answer_too(self, office: Office) -> None:
        company, _ = await office.companies.open(office.mia, name="Acme", contact_email=None)
        assert company.code.startswith("acme-")
        assert company == (await listed(office, office.mia))[1]

    @pytest.mark.parametrize("registration", ["invitation", "closed"])
    async def test_an_installation_that_takes_nobody_opens_none(self, registration: str) -> None:
        office = await Office.open(registration=registration)
        before = office.world.snapshot()
        with pytest.raises(CompaniesClosed):
            await office.companies.open(office.olga, name="More", contact_email=None)
        assert office.world.tables == before

    async def test_asked_twice_with_a_key_it_opens_one(self, office: Office) -> None:
        company, seq = await office.companies.open(office.mia, name="Side", contact_email=None, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.companies.open(office.mia, name="Side", contact_email=None, once=a_key())
        assert (again.value.outcome.kind, again.value.outcome.id) == ("company", company.id)
        assert again.value.seq == seq
        assert len(await listed(office, office.mia)) == 2


class TestOnesCompanies:
    async def test_they_are_listed_by_name_with_the_role_in_each(self, office: Office) -> None:
        await office.companies.open(office.mia, name="Zoo", contact_email=None)
        await office.companies.open(office.mia, name="Aardvark", contact_email=None)
        page, seq = await office.companies.list(office.mia, sort=Sort(field="name"), page=PageRequest())
        assert [(company.name, company.role) for company in page.items] == [
            ("Aardvark", Role.OWNER),
            ("Acme", Role.MEMBER),
            ("Zoo", Role.OWNER),
        ]
        assert seq == office.head

    async def test_one_is_got_by_its_id(self, office: Office) -> None:
        assert (await office.companies.get(office.mia, office.mia.company_id)).value.name == "Acme"

    async def test_another_accounts_is_not_found(self, office: Office) -> None:
        stranger = await office.world.company("Elsewhere")
        with pytest.raises(CompanyNotFound):
            await office.companies.get(office.olga, stranger.company_id)
