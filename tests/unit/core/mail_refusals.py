"""How each refusal about mailed links comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.auth.errors import EmailVerifiedAlready, LinkInvalid, SessionEnded, SignInFirst, TooManyLetters
from core.auth.use_cases.recovering import RecoveryUseCases
from core.auth.use_cases.verifying import EmailUseCases
from core.kernel.actor import Actor, Visitor
from core.kernel.step_up import AccountProofRequired, StepUpRequired
from core.users.errors import EmailInvalid, EmailTaken, PasswordTooWeak
from tests.builders.office import PASSWORD, Office

ANN, BEA = "ann@example.com", "bea@example.com"


async def ann(office: Office) -> Actor:
    """Ann, who has just registered, signed in."""
    return office.auth.actor_of((await office.register(ANN)).access_token)


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _recovering(refuses)
    _verifying(refuses)


def _recovering(refuses: Any) -> None:
    @refuses(RecoveryUseCases.forgot, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.recovery.forgot(Visitor(), email="nowhere")

    @refuses(RecoveryUseCases.forgot, TooManyLetters)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(5):
            await office.recovery.forgot(Visitor(), email=ANN)
        return office.recovery.forgot(Visitor(), email=ANN)

    @refuses(RecoveryUseCases.reset, LinkInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.recovery.reset(Visitor(), token="none", new_password=PASSWORD)

    @refuses(RecoveryUseCases.reset, PasswordTooWeak)
    async def _(office: Office) -> Awaitable[object]:
        await office.register(ANN)
        await office.recovery.forgot(Visitor(), email=ANN)
        return office.recovery.reset(Visitor(), token=await office.link_to(ANN), new_password="short")


def _verifying(refuses: Any) -> None:
    @refuses(EmailUseCases.change, SessionEnded)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.sign_out(office.mia)
        return office.email.change(office.mia, email=BEA)

    @refuses(EmailUseCases.change, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=10))
        return office.email.change(office.mia, email=BEA)

    async def vouched_for(office: Office) -> Actor:
        session = office.world.tables.sessions[office.mia.signed_in.session_id]
        vouched = replace(session, general_at=None, sso_company_ids=(office.mia.company_id,))
        office.world.tables.sessions[session.id] = vouched
        return office.mia

    @refuses(EmailUseCases.change, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        return office.email.change(await vouched_for(office), email=BEA)

    @refuses(EmailUseCases.resend, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        return office.email.resend(await vouched_for(office))

    @refuses(EmailUseCases.change, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.email.change(office.mia, email="nowhere")

    @refuses(EmailUseCases.change, TooManyLetters)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(5):
            await office.email.change(office.mia, email=BEA)
        return office.email.change(office.mia, email=BEA)

    @refuses(EmailUseCases.resend, SessionEnded)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.sign_out(office.mia)
        return office.email.resend(office.mia)

    @refuses(EmailUseCases.resend, EmailVerifiedAlready)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann(office)
        await office.follow(await office.link_to(ANN))
        return office.email.resend(actor)

    @refuses(EmailUseCases.resend, TooManyLetters)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(5):
            await office.email.resend(office.mia)
        return office.email.resend(office.mia)

    @refuses(EmailUseCases.verify, LinkInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.email.verify(Visitor(), token="none", actor=None)

    @refuses(EmailUseCases.verify, EmailTaken)
    async def _(office: Office) -> Awaitable[object]:
        actor = await ann(office)
        await office.email.change(actor, email=BEA)
        await office.register(BEA)
        # The newest link to that address is for the account that was just opened.
        links = [each.text.partition("#")[2].split()[0] for each in await office.mailed(BEA)]
        return office.follow(next(each for each in links if each.startswith("email_change")))

    @refuses(EmailUseCases.verify, SignInFirst)
    async def _(office: Office) -> Awaitable[object]:
        await ann(office)
        return office.email.verify(Visitor(), token=await office.link_to(ANN), actor=None)
