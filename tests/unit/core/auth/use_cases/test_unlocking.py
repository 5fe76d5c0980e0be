"""Letting somebody try again: UnlockingUseCases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import CodeInvalid, InvalidCredentials, TooManyFailures, TooManyUnlocks
from core.auth.read_models import SecondFactorAsked
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Actor, Role, Visitor
from core.users.errors import UserNotFound
from core.users.use_cases.users import NewUser
from core.users.model import UserKind
from tests.builders.office import PASSWORD, Office

ANN = "ann@example.com"
HERE, ELSEWHERE = Visitor(address="192.0.2.1"), Visitor(address="198.51.100.1")
BY_ADDRESS = {"email": ANN}


@pytest.fixture
async def ann(office: Office) -> Actor:
    """Somebody with a password, who belongs to Acme too."""
    signed_in = await office.register(ANN)
    ann = office.auth.actor_of(signed_in.access_token)
    return await office.world.joins(ann, office.olga.company_id)


async def locked_out(office: Office, visitor: Visitor = HERE, **given: str) -> None:
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await office.auth.login(visitor, Credentials(password="a wrong guess", **(given or BY_ADDRESS)))
    with pytest.raises(TooManyFailures):
        await office.auth.login(visitor, Credentials(password=PASSWORD, **(given or BY_ADDRESS)))


async def signs_in(office: Office, visitor: Visitor = HERE, **given: str) -> None:
    assert (await office.auth.login(visitor, Credentials(password=PASSWORD, **(given or BY_ADDRESS)))).access_token


class TestUnlocking:
    @pytest.mark.parametrize("by", ["olga", "adam"])
    async def test_an_admin_knows_no_networks_and_need_not(self, office: Office, ann: Actor, by: str) -> None:
        for visitor in (HERE, ELSEWHERE):
            await locked_out(office, visitor)
        await office.unlocking.unlock(getattr(office, by), ann.user_id)
        for visitor in (HERE, ELSEWHERE):
            await signs_in(office, visitor)

    async def test_a_username_in_this_company_in_both_ways_to_name_it(self, office: Office, ann: Actor) -> None:
        username = office.stored.people[ann.user_id].user.username
        names = (
            {"username": username, "company": "acme"},
            {"username": username.upper(), "company_id": office.olga.company_id},
        )
        await locked_out(office, **names[0])
        for name in names:
            with pytest.raises(TooManyFailures):
                await signs_in(office, **name)
        await office.unlocking.unlock(office.adam, ann.user_id)
        for name in names:
            await signs_in(office, **name)

    async def test_a_username_in_another_company_stays_locked(self, office: Office, ann: Actor) -> None:
        name = {"username": "ann", "company": "ann-miller-s-company"}
        await signs_in(office, **name)
        await locked_out(office, **name)
        await office.unlocking.unlock(office.adam, ann.user_id)
        with pytest.raises(TooManyFailures):
            await signs_in(office, **name)

    async def test_the_persons_own_browser(self, office: Office, ann: Actor) -> None:
        signed_in = await office.auth.login(HERE, Credentials(email=ANN, password=PASSWORD))
        known = replace(HERE, device=signed_in.device_token)
        await locked_out(office, known)
        await office.unlocking.unlock(office.adam, ann.user_id)
        await signs_in(office, known)

    async def test_all_networks_together(self, office: Office, ann: Actor) -> None:
        for number in range(20):
            await locked_out(office, Visitor(address=f"203.0.{number}.1"))
        with pytest.raises(TooManyFailures):
            await signs_in(office)
        await office.unlocking.unlock(office.adam, ann.user_id)
        await signs_in(office)

    async def test_codes_stay_locked(self, office: Office, ann: Actor) -> None:
        _, codes = await office.enable_factor(ann)
        asked = await office.auth.login(HERE, Credentials(email=ANN, password=PASSWORD))
        assert isinstance(asked, SecondFactorAsked)
        for _ in range(5):
            with pytest.raises(CodeInvalid):
                await office.second_step.login(HERE, ticket=asked.ticket, code="000000")
        await office.unlocking.unlock(office.adam, ann.user_id)
        with pytest.raises(TooManyFailures):
            await office.second_step.login(HERE, ticket=asked.ticket, code=codes[0])

    async def test_others_stay_locked(self, office: Office, ann: Actor) -> None:
        await office.register("bob@example.com", name="Bob")
        await locked_out(office, email="bob@example.com")
        await office.unlocking.unlock(office.adam, ann.user_id)
        with pytest.raises(TooManyFailures):
            await signs_in(office, email="bob@example.com")

    async def test_five_times_an_hour_for_one_person_whoever_asks(self, office: Office, ann: Actor) -> None:
        elsewhere = await office.world.company("Elsewhere")
        there = await office.world.joins(ann, elsewhere.company_id)
        for _ in range(4):
            await office.unlocking.unlock(office.adam, ann.user_id)
        await office.unlocking.unlock(elsewhere, there.user_id)
        await locked_out(office)
        with pytest.raises(TooManyUnlocks) as refused:
            await office.unlocking.unlock(office.olga, ann.user_id)
        assert refused.value.retry_after == 3600
        with pytest.raises(TooManyFailures):
            await signs_in(office)
        office.clock.advance(timedelta(hours=1))
        await office.unlocking.unlock(office.olga, ann.user_id)

    async def test_somebody_of_another_company_is_not_there(self, office: Office, ann: Actor) -> None:
        elsewhere = await office.world.company("Elsewhere")
        with pytest.raises(UserNotFound):
            await office.unlocking.unlock(elsewhere, ann.user_id)

    async def test_a_service_has_a_username_that_is_tried_too(self, office: Office) -> None:
        made, _ = await office.users.create(office.adam, NewUser(name="Build", kind=UserKind.SERVICE))
        for _ in range(2):
            for _ in range(5):
                with pytest.raises(InvalidCredentials):
                    await office.auth.login(
                        HERE, Credentials(username=made.user.username, company="acme", password="a wrong guess")
                    )
            await office.unlocking.unlock(office.adam, made.user.id)
