"""docs/permissions.md says what every kind of caller gets answered by every operation; here it is really asked.

`make permissions` writes the page anew. How an operation is asked is in permissions/recipes.py.
"""

import difflib
import os
from pathlib import Path

import pytest

from tests.integration.api import Api
from tests.integration.entrypoints.rest.conformance import Conformance
from tests.integration.entrypoints.rest.permissions.matrix import Asked, ask_everything, written
from tests.integration.entrypoints.rest.permissions.recipes import BEFORE, BODIES, PLACES, QUERIES, SPENDS
from tests.integration.entrypoints.rest.permissions.stage import Place, Role

PAGE = Path(__file__).parents[4] / "docs" / "permissions.md"
WRITES = os.environ.get("FLOWTRACK_TEST_PERMISSIONS") == "write"
FAILS_FOR_ALL = {
    "loginWithSecondFactor": "a ticket of a moment, and a code",
    "confirmTotp": "a code of a secret that was begun with, of one's own account whatever the role",
    "disableTotp": "the same",
    "renewRecoveryCodes": "the same",
    "refresh": "a token that works once, and has nothing to do with roles",
    "resetPassword": "a mailed link that works once, and has nothing to do with roles",
    "verifyEmail": "the same",
    "resendEmailLink": "an address that is proved already",
    "acceptInvitation": "a link that works once, and has nothing to do with roles",
    "deleteCompany": "confirmed by a wrong code, or the stage would be gone",
    "beginOidcLogin": "nobody answers where the stage's connections lead",
    "returnFromOidc": "nobody was sent to a provider",
    "returnFromOidcConnection": "as above",
    "redeemOidcCode": "as above",
}

_asked: list[Asked] = []


@pytest.fixture
async def everything(api: Api, conformance: Conformance) -> list[Asked]:
    """All answers, asked for once."""
    if not _asked:
        _asked.extend(await ask_everything(api, conformance))
    return _asked


def cells(everything: list[Asked], *roles: Role, places: tuple[Place, ...] = tuple(Place)) -> list[tuple[str, str]]:
    """Question and answer of those callers in those places."""
    return [
        (f"{asked.title}, by {role}, {place}", answer)
        for asked in everything
        for role, answers in asked.answers.items()
        for place, answer in answers.items()
        if role in roles and place in places
    ]


async def test_everybody_gets_the_answers_of_the_page(everything: list[Asked]) -> None:
    page = written(everything)
    if WRITES:
        PAGE.write_text(page, encoding="utf-8")
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    changed = difflib.unified_diff(
        before.splitlines(), page.splitlines(), "as written", "as answered", lineterm="", n=8
    )
    difference = "\n".join(changed)
    assert not difference, f"`make permissions` writes docs/permissions.md anew:\n{difference}"


async def test_the_page_says_what_the_contract_promises(everything: list[Asked]) -> None:
    """What must hold however the page is written: section 3, and 404 before 403."""
    for question, answer in cells(everything, Role.VISITOR, Role.DEACTIVATED):
        assert answer.startswith("401"), (question, answer)
    anywhere = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.ELSEWHERE)
    out_of_sight = [
        *cells(everything, *anywhere, places=(Place.FOREIGN,)),
        *cells(everything, Role.MEMBER, places=(Place.HIDDEN,)),
        *cells(everything, Role.ELSEWHERE, Role.STRANGER, places=(Place.SHARED, Place.HIDDEN)),
    ]
    assert len(out_of_sight) > 100
    for question, answer in out_of_sight:
        assert answer.startswith("404 ") or answer == "422 `reference.not_found`", (question, answer)
    for asked in everything:
        best = asked.answers.get(Role.OWNER) or asked.answers[Role.ANYONE]
        if asked.operation_id in FAILS_FOR_ALL:
            continue
        for place, answer in best.items():
            assert answer.startswith("2") is (place is not Place.FOREIGN), f"{asked.title} by owner: {answer}"
    for question, answer in cells(everything, Role.MEMBER, places=(Place.OWN,)):
        assert not answer.startswith("404"), (question, answer)


async def test_every_recipe_is_of_an_operation(everything: list[Asked]) -> None:
    known = {asked.operation_id for asked in everything}
    assert {*BODIES, *QUERIES, *PLACES, *BEFORE, *SPENDS, *FAILS_FOR_ALL} - known == set()
