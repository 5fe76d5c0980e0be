"""How each refusal about API tokens comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from core.auth.errors import TokenInvalid
from dataclasses import replace

from core.kernel.actor import Actor, NotByToken, Role, System, Via
from core.users.model import UserChanges
from core.users.use_cases.invitations import InvitationUseCases
from core.users.use_cases.users import NewUser, UserUseCases
from core.kernel.errors import Forbidden, Invalid
from core.kernel.once import InFlight, KeyReused
from core.kernel.paging import PageRequest, Sort
from core.kernel.step_up import StepUpRequired
from core.operations.errors import CompanyUnknown, HolderUnknown, TokenUnknown
from core.operations.use_cases import TokenOperatorUseCases
from core.tokens.errors import ApiTokenNotFound, HolderInactive, HolderIsPerson, TooManyTokens
from core.tokens.model import USUAL, Scope
from core.tokens.use_cases.presenting import PresentedTokenUseCases
from core.tokens.use_cases.tokens import ApiTokenUseCases, NewApiToken
from core.users.errors import UserNotFound
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key

NEW = NewApiToken(name="Report", scopes=(Scope.TASKS_READ,))


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _own(refuses)
    _looking(refuses)
    _for_services(refuses)
    _presented(refuses)
    _operator(refuses)
    _not_by_token(refuses)


def _own(refuses: Any) -> None:
    @refuses(ApiTokenUseCases.get, ApiTokenNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.api_tokens.get(office.mia, an_id())

    @refuses(ApiTokenUseCases.revoke, ApiTokenNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.api_tokens.revoke(office.mia, (await office.api_token()).token.id)

    @refuses(ApiTokenUseCases.create, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=11))
        return office.api_tokens.create(office.mia, NEW)

    @refuses(ApiTokenUseCases.create, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        given = NewApiToken(name="Report", scopes=NEW.scopes, expires_at=office.clock.now())
        return office.api_tokens.create(office.mia, given)

    @refuses(ApiTokenUseCases.create, TooManyTokens)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(100):
            await office.api_token(of=office.mia)
        return office.api_tokens.create(office.mia, NEW)


def _looking(refuses: Any) -> None:
    def list_of(office: Office, by: Any, user_id: Any) -> Awaitable[object]:
        return office.api_tokens.list_of(by, user_id, status=(), sort=Sort(field="name"), page=PageRequest())

    @refuses(ApiTokenUseCases.list_of, UserNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return list_of(office, office.nora, office.mia.user_id)

    @refuses(ApiTokenUseCases.list_of, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return list_of(office, office.max, office.mia.user_id)

    for verb in (ApiTokenUseCases.get_of, ApiTokenUseCases.revoke_of):

        @refuses(verb, UserNotFound)
        async def _(office: Office, verb: Any = verb) -> Awaitable[object]:
            made = await office.api_token(of=office.mia)
            return verb(office.api_tokens, office.nora, office.mia.user_id, made.token.id)

        @refuses(verb, Forbidden)
        async def _(office: Office, verb: Any = verb) -> Awaitable[object]:
            made = await office.api_token(of=office.mia)
            return verb(office.api_tokens, office.max, office.mia.user_id, made.token.id)

        @refuses(verb, ApiTokenNotFound)
        async def _(office: Office, verb: Any = verb) -> Awaitable[object]:
            return verb(office.api_tokens, office.adam, office.mia.user_id, an_id())


def _for_services(refuses: Any) -> None:
    def create(office: Office, user_id: Any, given: NewApiToken = NEW, **more: Any) -> Awaitable[object]:
        return office.api_tokens.create_for(office.adam, user_id, given, **more)

    @refuses(ApiTokenUseCases.create_for, UserNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, an_id())

    @refuses(ApiTokenUseCases.create_for, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.api_tokens.create_for(office.max, office.mia.user_id, NEW)

    @refuses(ApiTokenUseCases.create_for, HolderIsPerson)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, office.mia.user_id)

    @refuses(ApiTokenUseCases.create_for, HolderInactive)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        await office.users.deactivate(office.adam, robot.id)
        return create(office, robot.id)

    @refuses(ApiTokenUseCases.create_for, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        office.clock.advance(timedelta(minutes=11))
        return create(office, robot.id)

    @refuses(ApiTokenUseCases.create_for, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        ends = office.clock.now() + timedelta(days=367)
        return create(office, (await office.robot()).id, NewApiToken(name="x", scopes=NEW.scopes, expires_at=ends))

    @refuses(ApiTokenUseCases.create_for, TooManyTokens)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        for _ in range(100):
            await office.api_token(of=robot)
        return create(office, robot.id)

    @refuses(ApiTokenUseCases.create_for, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        await create(office, robot.id, once=a_key())
        return create(office, robot.id, once=a_key(digest=b"other"))

    @refuses(ApiTokenUseCases.create_for, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        await office.world.people_unit_of_work(office.adam, once=a_key()).__aenter__()
        return create(office, robot.id, once=a_key())


def _presented(refuses: Any) -> None:
    @refuses(PresentedTokenUseCases.recognise, TokenInvalid)
    async def _(office: Office) -> Awaitable[object]:
        made = await office.api_token()
        await office.api_tokens.revoke(office.adam, made.token.id)
        return office.presented_tokens.recognise(made.secret or "")

    @refuses(PresentedTokenUseCases.remembered, TokenInvalid)
    async def _(office: Office) -> Awaitable[object]:
        async def ask() -> object:
            return office.presented_tokens.remembered("mangled")

        return ask()


def _operator(refuses: Any) -> None:
    def create(office: Office, username: str, **given: Any) -> Awaitable[object]:
        fields = {"company": "acme", "name": "x", "scopes": NEW.scopes, "expires_at": USUAL, **given}
        return office.token_operator.create(System(), username=username, **fields)

    @refuses(TokenOperatorUseCases.create, HolderUnknown)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, (await office.robot()).username, company="another")

    @refuses(TokenOperatorUseCases.create, HolderIsPerson)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, office.stored.people[office.mia.user_id].user.username)

    @refuses(TokenOperatorUseCases.create, HolderInactive)
    async def _(office: Office) -> Awaitable[object]:
        robot = await office.robot()
        await office.users.deactivate(office.adam, robot.id)
        return create(office, robot.username)

    @refuses(TokenOperatorUseCases.create, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, (await office.robot()).username, scopes=())

    @refuses(TokenOperatorUseCases.tokens, CompanyUnknown)
    async def _(office: Office) -> Awaitable[object]:
        return office.token_operator.tokens(System(), company="another")

    @refuses(TokenOperatorUseCases.revoke, TokenUnknown)
    async def _(office: Office) -> Awaitable[object]:
        return office.token_operator.revoke(System(), an_id())


def _not_by_token(refuses: Any) -> None:
    async def admin(office: Office) -> Actor:
        view = await office.api_token(of=office.adam, scopes=(Scope.USERS_WRITE,))
        return replace(
            office.adam, token_id=view.token.id, session_id=None, scopes=frozenset({"users:write"}), via=Via.TOKEN
        )

    @refuses(UserUseCases.create, NotByToken)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.create(await admin(office), NewUser(name="Eve", email="eve@example.com", role=Role.ADMIN))

    @refuses(UserUseCases.change, NotByToken)
    async def _(office: Office) -> Awaitable[object]:
        changes = UserChanges(given=frozenset({"email"}), email="eve@example.com")
        return office.users.change(await admin(office), office.mia.user_id, changes)

    @refuses(InvitationUseCases.send, NotByToken)
    async def _(office: Office) -> Awaitable[object]:
        return office.invitations.send(await admin(office), email="eve@example.com", role=Role.ADMIN)

    @refuses(InvitationUseCases.revoke, NotByToken)
    async def _(office: Office) -> Awaitable[object]:
        sent = await office.invitations.send(office.adam, email="eve@example.com", role=Role.ADMIN)
        return office.invitations.revoke(await admin(office), sent.value.invitation.id)
