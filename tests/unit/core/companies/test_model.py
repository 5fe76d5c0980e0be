import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.companies.model import Company, code_from
from core.kernel.errors import Invalid
from tests.builders import NOW, an_id


def found(name: str, **fields: object) -> Company:
    return Company.found(id=an_id(), name=name, contact_email=None, at=NOW, **fields)


class TestCompany:
    def test_it_opens_active_at_its_first_version_and_says_so(self) -> None:
        company = found("  Acme Works  ")
        created = company.founded(by=an_id())
        assert (company.name, company.code, company.version, company.is_active) == ("Acme Works", "acme-works", 1, True)
        assert company.created_at == company.updated_at == NOW
        assert (created.company_id, created.name, created.code) == (company.id, "Acme Works", "acme-works")

    def test_members_do_not_edit_everything_unless_the_company_says_so(self) -> None:
        company = found("Acme")
        assert not company.settings.members_edit_all_project_tasks

    @pytest.mark.parametrize("name", ["", "   ", "x" * 201, "two\nlines", "nul\x00"])
    def test_a_name_that_is_none_is_refused_where_it_was_given(self, name: str) -> None:
        with pytest.raises(Invalid) as refused:
            found(name, pointer="/company_name")
        assert [fault.pointer for fault in refused.value.faults] == ["/company_name"]


class TestCode:
    @given(st.text(max_size=200))
    def test_it_is_url_safe_and_never_empty(self, name: str) -> None:
        assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", code_from(name))

    @pytest.mark.parametrize(
        ("name", "code"),
        [("Ann's company", "ann-s-company"), ("Über GmbH & Co.", "uber-gmbh-co"), ("会社", "company"), ("", "company")],
    )
    def test_it_is_made_of_the_names_plain_words(self, name: str, code: str) -> None:
        assert code_from(name) == code
