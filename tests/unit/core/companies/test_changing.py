"""Changing and deleting the company that the caller acts in."""

from datetime import timedelta

import pytest

from core.auth.errors import SessionEnded
from core.companies.errors import CompanyCodeTaken, CompanyNotFound, DeletionUnconfirmed
from core.companies.model import CompanyChanges, CompanySettings
from core.kernel.actor import Role
from core.kernel.errors import Forbidden, Invalid, Stale
from core.kernel.events import Audience
from core.kernel.paging import PageRequest, Sort
from core.kernel.step_up import StepUpRequired
from tests.builders.office import Office
from tests.fakes.companies import InMemoryCompanyUnitOfWork


def changing(**fields: object) -> CompanyChanges:
    return CompanyChanges(given=frozenset(fields), **fields)


class TestChanging:
    async def test_admins_may_and_admins_hear_of_it(self, office: Office) -> None:
        head, company_id = office.head, office.olga.company_id
        given = changing(name=" New & Co ", contact_email="HI@example.com", members_edit_all_project_tasks=True)
        view, seq = await office.companies.change(office.adam, company_id, given, expected=1)
        assert (view.name, view.contact_email, view.code) == ("New & Co", "hi@example.com", "acme")
        assert (view.settings, view.version, view.role) == (
            CompanySettings(members_edit_all_project_tasks=True), 2, Role.ADMIN,
        )  # fmt: skip
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel, fact.seq, fact.audience) == (
            "company_updated", "notifications", seq, Audience(),
        )  # fmt: skip
        assert sorted(fact.body["changes"]) == ["contact_email", "members_edit_all_project_tasks", "name"]
        assert fact.body["changes"]["name"] == {"old": "Acme", "new": "New & Co"}
        assert office.stored.company.version == 2

    async def test_a_setting_that_is_not_given_stays(self, office: Office) -> None:
        company_id = office.olga.company_id
        await office.companies.change(office.adam, company_id, changing(members_edit_all_project_tasks=True))
        view, _ = await office.companies.change(office.adam, company_id, changing(time_zone="Europe/Berlin"))
        assert view.settings == CompanySettings(members_edit_all_project_tasks=True, time_zone="Europe/Berlin")

    async def test_nothing_different_is_no_version_and_no_fact(self, office: Office) -> None:
        before = office.world.snapshot()
        given = changing(name="Acme", code="acme", time_zone="UTC")
        view, seq = await office.companies.change(office.adam, office.adam.company_id, given)
        assert (view.version, seq) == (1, office.head)
        assert office.world.tables == before

    async def test_a_refusal_leaves_everything_as_it_was(self, office: Office) -> None:
        other = await office.world.company("Other")
        before, company_id = office.world.snapshot(), office.olga.company_id
        for actor, where, fields, refusal in (
            (office.mia, company_id, {"name": "New"}, Forbidden),
            (office.adam, other.company_id, {"name": "New"}, CompanyNotFound),
            (office.adam, company_id, {"name": "New", "code": "other"}, CompanyCodeTaken),
        ):
            with pytest.raises(refusal):
                await office.companies.change(actor, where, changing(**fields))
        with pytest.raises(Stale):
            await office.companies.change(office.adam, company_id, changing(name="New"), expected=2)
        assert office.world.tables == before

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"name": " "}, "/name"),
            ({"code": "Not Safe"}, "/code"),
            ({"code": "a" * 41}, "/code"),
            ({"code": "-a"}, "/code"),
            ({"time_zone": "../../etc/passwd"}, "/settings/time_zone"),
            ({"time_zone": ""}, "/settings/time_zone"),
        ],
    )
    def test_bad_values_do_not_construct(self, fields: dict[str, object], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            changing(**fields)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


class TestDeleting:
    async def test_an_owner_ends_everybodys_access_at_once(self, office: Office) -> None:
        head, at = office.head, office.clock.now()
        seq = await office.companies.delete(office.olga, office.olga.company_id, confirmed="acme", expected=1)
        company = office.stored.company
        assert (company.is_active, company.deleted_at, company.version) == (False, at, 2)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.body["code"]) == ("company_deleted", seq, "acme")
        for actor in (office.olga, office.adam, office.mia):
            with pytest.raises(SessionEnded):
                await office.companies.list(actor, sort=Sort(field="name"), page=PageRequest())

    async def test_it_takes_an_owner_the_code_and_a_fresh_proof(self, office: Office) -> None:
        before, company_id = office.world.snapshot(), office.olga.company_id
        for actor, confirmed, refusal in (
            (office.adam, "acme", Forbidden),
            (office.mia, "acme", Forbidden),
            (office.olga, "Acme", DeletionUnconfirmed),
            (office.olga, "", DeletionUnconfirmed),
        ):
            with pytest.raises(refusal):
                await office.companies.delete(actor, company_id, confirmed=confirmed)
        office.clock.advance(timedelta(minutes=10, seconds=1))
        with pytest.raises(StepUpRequired):
            await office.companies.delete(office.olga, company_id, confirmed="acme")
        assert office.world.tables == before

    async def test_other_companies_of_the_account_stay(self, office: Office) -> None:
        there = await office.world.joins(office.olga, (await office.world.company("Other")).company_id)
        await office.companies.delete(office.olga, office.olga.company_id, confirmed="acme")
        page, _ = await office.companies.list(there, sort=Sort(field="name"), page=PageRequest())
        assert [view.name for view in page.items] == ["Other"]

    async def test_one_that_somebody_else_deleted_meanwhile_is_not_there(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def gone(_: InMemoryCompanyUnitOfWork) -> None:
            return None

        monkeypatch.setattr(InMemoryCompanyUnitOfWork, "load", gone)
        before, company_id = office.world.snapshot(), office.olga.company_id
        with pytest.raises(CompanyNotFound):
            await office.companies.change(office.olga, company_id, changing(name="New"))
        with pytest.raises(CompanyNotFound):
            await office.companies.delete(office.olga, company_id, confirmed="acme")
        assert office.world.tables == before
