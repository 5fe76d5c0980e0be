"""How each refusal about second factors and unlocking comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.auth.errors import (
    CodeInvalid,
    NoActiveMembership,
    SecondFactorRequired,
    SessionEnded,
    TicketInvalid,
    TooManyFailures,
    TooManyUnlocks,
    TotpEnabled,
    TotpNotBegun,
    TotpNotEnabled,
)
from core.auth.use_cases.accepting import AcceptanceUseCases
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.factors import FactorUseCases
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.sessions import SessionUseCases
from core.auth.use_cases.signing_in import AuthUseCases, Registration
from core.auth.use_cases.unlocking import UnlockingUseCases
from core.kernel.actor import Actor, System, Visitor
from core.kernel.errors import Forbidden, Invalid
from core.kernel.once import InFlight, KeyReused
from core.kernel.step_up import AccountProofRequired, StepUpRequired
from core.operations.errors import AccountNotFound
from core.operations.use_cases import OperatorUseCases
from core.users.errors import EmailInvalid, UserNotFound
from tests.builders.office import PASSWORD, Office
from tests.contracts.steps import a_key

ANN = "ann@example.com"
WRONG = "no code"


async def ann(office: Office, *, later: timedelta = timedelta()) -> Actor:
    """Somebody with a password, who signed in a while ago."""
    actor = office.auth.actor_of((await office.register(ANN)).access_token)
    office.clock.advance(later)
    return actor


async def ann_with_factor(office: Office, *, later: timedelta = timedelta()) -> Actor:
    actor = await ann(office)
    await office.enable_factor(actor)
    office.clock.advance(later)
    return actor


async def ticket(office: Office) -> str:
    await ann_with_factor(office)
    asked = await office.auth.login(Visitor(), Credentials(email=ANN, password=PASSWORD))
    return asked.ticket


async def ended(office: Office) -> Actor:
    await office.world.sign_out(office.mia)
    return office.mia


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _factors(refuses)
    _signing_in(refuses)
    _unlocking(refuses)


def _factors(refuses: Any) -> None:
    for verb, given in (
        (FactorUseCases.enable, {}),
        (FactorUseCases.confirm, {"code": WRONG}),
        (FactorUseCases.disable, {"code": WRONG}),
        (FactorUseCases.renew_recovery_codes, {}),
    ):

        @refuses(verb, SessionEnded)
        async def _(office: Office, verb: Any = verb, given: Any = given) -> Awaitable[object]:
            return verb(office.factors, await ended(office), **given)

        @refuses(verb, AccountProofRequired)
        async def _(office: Office, verb: Any = verb, given: Any = given) -> Awaitable[object]:
            actor = await ann(office)
            sessions = office.world.tables.sessions
            session, here = sessions[actor.session_id], (actor.company_id,)
            sessions[session.id] = replace(session, general_at=None, sso_company_ids=here)
            return verb(office.factors, actor, **given)

        if verb is FactorUseCases.confirm:
            continue

        @refuses(verb, StepUpRequired)
        async def _(office: Office, verb: Any = verb, given: Any = given) -> Awaitable[object]:
            return verb(office.factors, await ann(office, later=timedelta(minutes=10)), **given)

    for verb, given in (
        (FactorUseCases.disable, {"code": WRONG}),
        (FactorUseCases.renew_recovery_codes, {}),
    ):

        @refuses(verb, TotpNotEnabled)
        async def _(office: Office, verb: Any = verb, given: Any = given) -> Awaitable[object]:
            actor = await ann(office)
            await office.factors.enable(actor)
            return verb(office.factors, actor, **given)

    @refuses(FactorUseCases.enable, TotpEnabled)
    async def _(office: Office) -> Awaitable[object]:
        return office.factors.enable(await ann_with_factor(office))

    @refuses(FactorUseCases.confirm, TotpEnabled)
    async def _(office: Office) -> Awaitable[object]:
        return office.factors.confirm(await ann_with_factor(office), code=WRONG)

    @refuses(FactorUseCases.confirm, TotpNotBegun)
    async def _(office: Office) -> Awaitable[object]:
        return office.factors.confirm(await ann(office), code=WRONG)

    @refuses(FactorUseCases.confirm, CodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann(office)
        await office.factors.enable(actor)
        return office.factors.confirm(actor, code=WRONG)

    @refuses(FactorUseCases.disable, CodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.factors.disable(await ann_with_factor(office), code=WRONG)

    @refuses(FactorUseCases.confirm, TooManyFailures)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann(office)
        await office.factors.enable(actor)
        await _guessed(lambda: office.factors.confirm(actor, code=WRONG))
        return office.factors.confirm(actor, code=WRONG)

    @refuses(FactorUseCases.disable, TooManyFailures)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann_with_factor(office)
        await _guessed(lambda: office.factors.disable(actor, code=WRONG))
        return office.factors.disable(actor, code=WRONG)


def _signing_in(refuses: Any) -> None:
    @refuses(SecondStepUseCases.login, TicketInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.second_step.login(Visitor(), ticket="none", code=WRONG)

    @refuses(SecondStepUseCases.login, CodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.second_step.login(Visitor(), ticket=await ticket(office), code=WRONG)

    @refuses(SecondStepUseCases.login, TooManyFailures)
    async def _(office: Office) -> Awaitable[object]:
        given = await ticket(office)
        await _guessed(lambda: office.second_step.login(Visitor(), ticket=given, code=WRONG))
        return office.second_step.login(Visitor(), ticket=given, code=WRONG)

    @refuses(SecondStepUseCases.login, NoActiveMembership)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann(office)
        secret, _ = await office.enable_factor(actor)
        asked = await office.auth.login(Visitor(), Credentials(email=ANN, password=PASSWORD))
        await office.world.deactivate(actor)
        return office.second_step.login(Visitor(), ticket=asked.ticket, code=office.code(secret, later=1))

    @refuses(SessionUseCases.step_up, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.sessions.step_up(office.mia)

    @refuses(SessionUseCases.step_up, SecondFactorRequired)
    async def _(office: Office) -> Awaitable[object]:
        return office.sessions.step_up(await ann_with_factor(office), password=PASSWORD)

    @refuses(SessionUseCases.step_up, TotpNotEnabled)
    async def _(office: Office) -> Awaitable[object]:
        return office.sessions.step_up(await ann(office), password=PASSWORD, code=WRONG)

    @refuses(SessionUseCases.step_up, CodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.sessions.step_up(await ann_with_factor(office), code=WRONG)

    async def without_company(office: Office) -> None:
        actor = await ann_with_factor(office)
        await office.world.deactivate(actor)

    def registration(**given: str) -> Registration:
        return Registration(email=ANN, password=PASSWORD, name="Ann Miller", **given)

    @refuses(AuthUseCases.register, SecondFactorRequired)
    async def _(office: Office) -> Awaitable[object]:
        await without_company(office)
        return office.auth.register(Visitor(), registration())

    @refuses(AuthUseCases.register, CodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        await without_company(office)
        return office.auth.register(Visitor(), registration(code=WRONG))

    for kind, code in ((SecondFactorRequired, None), (CodeInvalid, WRONG)):

        @refuses(AcceptanceUseCases.accept, kind)
        async def _(office: Office, code: str | None = code) -> Awaitable[object]:
            await ann_with_factor(office)
            return office.acceptance.accept(Visitor(), await office.invited(ANN, code=code), actor=None)


def _unlocking(refuses: Any) -> None:
    @refuses(UnlockingUseCases.unlock, UserNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.unlocking.unlock(office.nora, office.mia.user_id)

    @refuses(UnlockingUseCases.unlock, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.unlocking.unlock(office.mia, office.max.user_id)

    @refuses(UnlockingUseCases.unlock, TooManyUnlocks)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(5):
            await office.unlocking.unlock(office.adam, office.mia.user_id)
        return office.unlocking.unlock(office.olga, office.mia.user_id)

    @refuses(UnlockingUseCases.unlock, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await office.unlocking.unlock(office.adam, office.mia.user_id, once=a_key())
        return office.unlocking.unlock(office.adam, office.mia.user_id, once=a_key(digest=b"other"))

    @refuses(UnlockingUseCases.unlock, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.people_unit_of_work(office.adam, once=a_key()).__aenter__()
        return office.unlocking.unlock(office.adam, office.mia.user_id, once=a_key())

    @refuses(OperatorUseCases.reset_factor, AccountNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.operator.reset_factor(System(), "nobody@example.com")

    @refuses(OperatorUseCases.reset_factor, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.operator.reset_factor(System(), "nowhere")

    @refuses(OperatorUseCases.reset_factor, TotpNotEnabled)
    async def _(office: Office) -> Awaitable[object]:
        await ann(office)
        return office.operator.reset_factor(System(), ANN)


async def _guessed(attempt: Any) -> None:
    """Five wrong codes in a row."""
    for _ in range(5):
        with pytest.raises(CodeInvalid):
            await attempt()
