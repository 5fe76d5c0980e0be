"""What signing in does for a name must not tell whether there is one: the same hashes and the same questions."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from core.auth.errors import InvalidCredentials
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Visitor
from tests.builders.office import PASSWORD, Office
from tests.fakes.identity import InMemoryIdentityUnitOfWork

HERE = Visitor(address="192.0.2.1")
NAMES: dict[str, dict[str, str]] = {
    "known": {"email": "ann@example.com"},
    "unknown": {"email": "nobody@example.com"},
    "without password": {"email": "bob@example.com"},
    "with a temporary password": {"email": "cleo@example.com"},
    "with a second factor": {"email": "dora@example.com"},
    "deactivated": {"email": "eve@example.com"},
    "of an older system": {"email": "fred@example.com"},
    "a username": {"username": "ann", "company": "ann-s-company"},
    "an unknown username": {"username": "nobody", "company": "ann-s-company"},
    "a username in no company": {"username": "ann", "company": "nothing"},
    "the username of somebody deactivated": {"username": "eve", "company": "eve-s-company"},
}


class Asked:
    """Counts what is asked of identity units of work, by whoever opens them through it."""

    def __init__(self, opened: Callable[[], InMemoryIdentityUnitOfWork]) -> None:
        self._opened = opened
        self.calls: Counter[str] = Counter()

    def __call__(self) -> Any:
        self.calls["opened"] += 1
        return _Counted(self._opened(), self.calls)


class _Counted:
    def __init__(self, uow: InMemoryIdentityUnitOfWork, calls: Counter[str]) -> None:
        self._uow, self._calls = uow, calls

    def __getattr__(self, name: str) -> Any:
        # By address or by username: one question either way.
        self._calls["account_by" if name.startswith("account_by") else name] += 1
        return getattr(self._uow, name)

    async def __aenter__(self) -> "_Counted":
        await self._uow.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._uow.__aexit__(*raised)


@pytest.fixture
async def people(office: Office) -> Office:
    for name in ("ann", "bob", "cleo", "dora", "eve", "fred"):
        signed_in = await office.register(f"{name}@example.com", name=name.capitalize())
        actor = office.auth.actor_of(signed_in.access_token)
        if name == "dora":
            await office.enable_factor(actor)
        if name == "eve":
            await office.world.deactivate(actor)
    office.change_account("bob@example.com", password_hash=None)
    office.change_account("cleo@example.com", password_is_temporary=True)
    office.change_account("fred@example.com", password_hash="older:secret")
    return office


async def test_every_name_costs_the_same(people: Office) -> None:
    asked = people.auth._identity = people.auth._guessing._identity = Asked(people.world.identity_unit_of_work)
    found = {}
    for said, name in NAMES.items():
        asked.calls.clear()
        effort = people.passwords.effort
        with pytest.raises(InvalidCredentials) as refused:
            await people.auth.login(HERE, Credentials(password="a wrong guess", **name))
        found[said] = people.passwords.effort - effort, dict(asked.calls), refused.value.detail, refused.value.faults
    hashes, calls, _, _ = found["known"]
    assert hashes == 1 and (calls["account_by"], calls["note"]) == (1, 1)
    assert {said: each for said, each in found.items() if each != found["known"]} == {}


@pytest.mark.parametrize("said", ["known", "a username"])
async def test_the_names_are_what_they_are_said_to_be(people: Office, said: str) -> None:
    assert await people.auth.login(HERE, Credentials(password=PASSWORD, **NAMES[said]))
