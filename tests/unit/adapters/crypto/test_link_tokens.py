"""Secrets of mailed links."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.crypto.link_tokens import DerivedLinkTokens
from adapters.crypto.sealing import Sealer
from core.auth.letters import Link, LinkPurpose

TOKENS = DerivedLinkTokens(Sealer(secrets=("a secret",)))
LINK = Link(purpose=LinkPurpose.PASSWORD_RESET, owner_id=UUID(int=1), request_id=UUID(int=2), bound=b"ann@example.com")


class TestDerivedLinkTokens:
    @pytest.mark.parametrize("purpose", LinkPurpose)
    def test_a_link_names_what_it_is_for_and_fits_that(self, purpose: LinkPurpose) -> None:
        link = replace(LINK, purpose=purpose)
        token = TOKENS.derive(link)
        assert token == TOKENS.derive(link)
        assert len(token) <= 100 and token.startswith("ftl_")
        assert TOKENS.read(token) == replace(link, bound=b"")
        assert TOKENS.fits(token, link)

    @pytest.mark.parametrize(
        "change",
        [
            {"purpose": LinkPurpose.EMAIL_CHANGE},
            {"owner_id": UUID(int=3)},
            {"request_id": UUID(int=3)},
            {"bound": b"eve@example.com"},
        ],
    )
    def test_it_fits_nothing_else(self, change: dict[str, object]) -> None:
        assert not TOKENS.fits(TOKENS.derive(LINK), replace(LINK, **change))

    def test_what_was_derived_with_the_previous_secret_is_good_while_that_is_kept(self) -> None:
        token = TOKENS.derive(LINK)
        assert DerivedLinkTokens(Sealer(secrets=("a new one", "a secret"))).fits(token, LINK)
        assert not DerivedLinkTokens(Sealer(secrets=("a new one",))).fits(token, LINK)

    @given(st.text())
    def test_any_other_text_is_none(self, text: str) -> None:
        assert TOKENS.read(text) is None
        assert TOKENS.read("ftl_" + text) is None
        assert not TOKENS.fits(text, LINK)

    def test_an_unknown_purpose_is_none(self) -> None:
        assert TOKENS.read("ftl_" + "_" * 87) is None

    def test_a_text_that_is_too_long_is_none(self) -> None:
        assert TOKENS.read("ftl_" + "A" * 1000) is None
