"""The second factor of one's own account: FactorUseCases, and what stepping up makes of it."""

from datetime import timedelta

import pytest

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    SecondFactorRequired,
    TooManyFailures,
    TotpEnabled,
    TotpNotEnabled,
)
from core.auth.model import Account
from core.kernel.actor import Actor, System, Visitor
from core.kernel.step_up import StepUpRequired
from core.auth.use_cases.credentials import Credentials
from tests.builders.office import PASSWORD, Office

HOUR = timedelta(hours=1)
STEP = timedelta(seconds=30)


@pytest.fixture
async def ann(office: Office) -> Actor:
    return office.auth.actor_of((await office.register()).access_token)


def account(office: Office, actor: Actor) -> Account:
    return office.world.tables.accounts[actor.account_id]


async def has_factor(office: Office, actor: Actor) -> bool:
    return (await office.auth.me(actor)).value.second_factor


class TestEnabling:
    async def test_it_counts_once_a_code_was_shown(self, office: Office, ann: Actor) -> None:
        secret, uri = await office.factors.enable(ann)
        assert "ann@example.com" in uri and secret in uri
        assert not await has_factor(office, ann)
        await office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))
        codes = await office.factors.confirm(ann, code=office.code(secret))
        assert len(set(codes)) == 10
        assert await has_factor(office, ann)
        assert not await has_factor(office, office.mia)

    async def test_what_is_kept_shows_neither_the_secret_nor_the_codes(self, office: Office, ann: Actor) -> None:
        secret, codes = await office.enable_factor(ann)
        kept = account(office, ann)
        assert kept.totp_secret not in (None, secret.encode())
        assert len(kept.recovery_digests) == 10
        assert not {code.encode() for code in codes} & set(kept.recovery_digests)

    async def test_asking_again_makes_another_secret_and_the_first_is_good_no_more(
        self, office: Office, ann: Actor
    ) -> None:
        first, _ = await office.factors.enable(ann)
        second, _ = await office.factors.enable(ann)
        with pytest.raises(CodeInvalid):
            await office.factors.confirm(ann, code=office.code(first))
        await office.factors.confirm(ann, code=office.code(second))

    async def test_the_code_that_confirmed_it_is_used_up(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.enable_factor(ann)
        for later in (-1, 0):
            with pytest.raises(CodeInvalid):
                await office.sessions.step_up(ann, code=office.code(secret, later=later))
        await office.sessions.step_up(ann, code=office.code(secret, later=1))

    async def test_a_success_forgets_the_failures_before(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.factors.enable(ann)
        for _ in range(4):
            with pytest.raises(CodeInvalid):
                await office.factors.confirm(ann, code="000000")
        await office.factors.confirm(ann, code=office.code(secret))
        for _ in range(4):
            with pytest.raises(CodeInvalid):
                await office.factors.disable(ann, code="000000")

    async def test_a_code_tells_nothing_until_it_was_proposed_to_be_one(self, office: Office, ann: Actor) -> None:
        with pytest.raises(TotpNotEnabled):
            await office.factors.disable(ann, code="recovery-1")


class TestDisabling:
    async def test_the_password_is_enough_again(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.enable_factor(ann)
        await office.factors.disable(ann, code=office.code(secret, later=1))
        kept = account(office, ann)
        assert (kept.totp_secret, kept.totp_enabled_at, kept.recovery_digests) == (None, None, ())
        signed_in = await office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))
        assert signed_in.access_token

    async def test_a_recovery_code_will_do(self, office: Office, ann: Actor) -> None:
        _, codes = await office.enable_factor(ann)
        await office.factors.disable(ann, code=codes[7])
        assert not await has_factor(office, ann)

    async def test_it_can_be_enabled_once_more_with_another_secret(self, office: Office, ann: Actor) -> None:
        secret, codes = await office.enable_factor(ann)
        await office.factors.disable(ann, code=codes[0])
        another, _ = await office.enable_factor(ann)
        assert another != secret
        with pytest.raises(CodeInvalid):
            await office.sessions.step_up(ann, code=codes[1])

    async def test_a_password_never_takes_the_factor_away(self, office: Office, ann: Actor) -> None:
        """Whoever has the session and the password has not the factor."""
        await office.enable_factor(ann)
        office.clock.advance(HOUR)
        with pytest.raises(SecondFactorRequired):
            await office.sessions.step_up(ann, password=PASSWORD)
        for attempt in (
            lambda: office.factors.renew_recovery_codes(ann),
            lambda: office.factors.disable(ann, code="000000"),
            lambda: office.sessions.change_password(ann, current_password=PASSWORD, new_password="another long one"),
        ):
            with pytest.raises(StepUpRequired):
                await attempt()


class TestRecoveryCodes:
    async def test_each_is_good_once(self, office: Office, ann: Actor) -> None:
        _, codes = await office.enable_factor(ann)
        for code in codes:
            await office.sessions.step_up(ann, code=code)
            with pytest.raises(CodeInvalid):
                await office.sessions.step_up(ann, code=code)

    async def test_a_new_set_ends_the_one_before(self, office: Office, ann: Actor) -> None:
        _, codes = await office.enable_factor(ann)
        renewed = await office.factors.renew_recovery_codes(ann)
        assert len(set(renewed) - set(codes)) == 10
        with pytest.raises(CodeInvalid):
            await office.sessions.step_up(ann, code=codes[0])
        await office.sessions.step_up(ann, code=renewed[0])


class TestSteppingUp:
    async def test_a_code_counts_and_a_password_too_if_it_is_given(self, office: Office, ann: Actor) -> None:
        secret, codes = await office.enable_factor(ann)
        office.clock.advance(HOUR)
        done = await office.sessions.step_up(ann, code=office.code(secret))
        assert done.valid_until == office.clock.now() + timedelta(minutes=10)
        await office.factors.renew_recovery_codes(ann)
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(ann, password="a wrong guess", code=office.code(secret, later=1))
        await office.sessions.step_up(ann, password=PASSWORD, code=office.code(secret, later=1))

    async def test_of_two_requests_with_one_code_one_is_refused(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.enable_factor(ann)
        code = office.code(secret, later=1)
        office.passwords.meanwhile = lambda: office.sessions.step_up(ann, code=code)
        with pytest.raises(CodeInvalid):
            await office.sessions.step_up(ann, password=PASSWORD, code=code)

    async def test_a_factor_that_was_enabled_meanwhile_is_asked_for(self, office: Office, ann: Actor) -> None:
        office.passwords.meanwhile = lambda: office.enable_factor(ann)
        with pytest.raises(SecondFactorRequired):
            await office.sessions.step_up(ann, password=PASSWORD)

    async def test_a_factor_that_was_disabled_meanwhile_proves_nothing(self, office: Office, ann: Actor) -> None:
        secret, codes = await office.enable_factor(ann)
        office.passwords.meanwhile = lambda: office.factors.disable(ann, code=codes[0])
        with pytest.raises(TotpNotEnabled):
            await office.sessions.step_up(ann, password=PASSWORD, code=office.code(secret, later=1))

    async def test_changing_the_password_takes_a_step_up_besides(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.enable_factor(ann)
        office.clock.advance(HOUR)
        with pytest.raises(StepUpRequired):
            await office.sessions.change_password(ann, current_password=PASSWORD, new_password=PASSWORD[::-1])
        at = office.clock.now()
        await office.sessions.step_up(ann, code=office.code(secret))
        office.clock.advance(timedelta(minutes=5))
        await office.sessions.change_password(ann, current_password=PASSWORD, new_password=PASSWORD[::-1])
        # The password alone did not prove it once more.
        assert office.world.tables.sessions[ann.session_id].authenticated_at == at

    async def test_a_factor_that_was_enabled_while_the_password_is_changed_is_asked_for(
        self, office: Office, ann: Actor
    ) -> None:
        office.clock.advance(timedelta(minutes=10) - STEP)

        async def enables() -> None:
            await office.enable_factor(ann)
            office.clock.advance(HOUR)

        office.passwords.meanwhile = enables
        with pytest.raises(StepUpRequired):
            await office.sessions.change_password(ann, current_password=PASSWORD, new_password=PASSWORD[::-1])

    async def test_whoever_guesses_in_a_session_locks_no_other_out(self, office: Office, ann: Actor) -> None:
        signed_in = await office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))
        other = office.auth.actor_of(signed_in.access_token)
        secret, _ = await office.enable_factor(ann)
        for _ in range(5):
            with pytest.raises(CodeInvalid):
                await office.sessions.step_up(other, code="000000")
        with pytest.raises(TooManyFailures):
            await office.sessions.step_up(other, code=office.code(secret, later=1))
        await office.sessions.step_up(ann, code=office.code(secret, later=1))


class TestLosingIt:
    async def test_the_operator_takes_it_away_and_signs_all_devices_out(self, office: Office, ann: Actor) -> None:
        await office.enable_factor(ann)
        assert await office.operator.reset_factor(System(), "ANN@example.com") == "ann@example.com"
        assert office.world.tables.sessions[ann.session_id].revoked_at == office.clock.now()
        signed_in = await office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))
        assert not await has_factor(office, office.auth.actor_of(signed_in.access_token))

    async def test_a_new_password_of_the_operator_leaves_it(self, office: Office, ann: Actor) -> None:
        await office.enable_factor(ann)
        await office.operator.reset_password(System(), "ann@example.com", temporary_password="temporary secret")
        assert account(office, ann).has_second_factor

    async def test_enabling_twice_is_refused(self, office: Office, ann: Actor) -> None:
        await office.enable_factor(ann)
        with pytest.raises(TotpEnabled):
            await office.factors.enable(ann)
