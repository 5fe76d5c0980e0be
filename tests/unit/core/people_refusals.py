"""How each refusal about people and companies comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.auth.errors import (
    NoActiveMembership,
    PasswordChangeRequired,
    RegistrationClosed,
    SessionEnded,
    SignInFirst,
    TooManyFailures,
)
from core.auth.use_cases.accepting import Acceptance, AcceptanceUseCases
from core.companies.errors import CompanyCodeTaken, CompanyNotFound, DeletionUnconfirmed
from core.companies.model import CompanyChanges
from core.companies.use_cases import CompanyUseCases
from core.kernel.actor import Role, Visitor
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, Stale
from core.kernel.once import InFlight, KeyReused
from core.kernel.paging import PageRequest, Sort
from core.kernel.step_up import StepUpRequired
from core.users.errors import (
    AccountShared,
    AlreadyUser,
    EmailInvalid,
    EmailTaken,
    InvitationForAnother,
    InvitationNotFound,
    LastOwner,
    NotJoined,
    PasswordTooWeak,
    UsernameTaken,
    UserNotFound,
)
from core.users.model import UserChanges, UserKind
from core.users.ports import UserFilter
from core.users.use_cases.invitations import InvitationUseCases
from core.users.use_cases.users import NewUser, UserUseCases
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.contracts.steps import a_key

BEA = "bea@example.com"


def user_changes(**fields: object) -> UserChanges:
    return UserChanges(given=frozenset(fields), **fields)


def company_changes(**fields: object) -> CompanyChanges:
    return CompanyChanges(given=frozenset(fields), **fields)


async def invited(office: Office, email: str = BEA, *, role: Role = Role.MEMBER) -> Acceptance:
    """What somebody sends who follows the link of an invitation."""
    made, _ = await office.invitations.send(office.olga, email=email, role=role)
    return Acceptance(token=made.token or "", password=PASSWORD, name="Bea")


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _users(refuses)
    _invitations(refuses)
    _acceptance(refuses)
    _companies(refuses)


def _users(refuses: Any) -> None:
    @refuses(UserUseCases.list, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.list(office.mia, where=UserFilter(), sort=Sort(field="name"), page=PageRequest())

    for kind, actor, user in ((UserNotFound, "nora", "mia"), (UserNotFound, "olga", None)):

        @refuses(UserUseCases.get, kind)
        async def _(office: Office, actor: str = actor, user: str | None = user) -> Awaitable[object]:
            user_id = getattr(office, user).user_id if user else an_id()
            return office.users.get(getattr(office, actor), user_id)

    @refuses(UserUseCases.create, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA, role=Role.OWNER))

    @refuses(UserUseCases.create, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=11))
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA, role=Role.ADMIN))

    @refuses(UserUseCases.create, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.create(office.adam, NewUser(name="Bea"))

    @refuses(UserUseCases.create, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.create(office.adam, NewUser(name="Bea", email="nowhere"))

    @refuses(UserUseCases.create, PasswordTooWeak)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA, password="short"))

    @refuses(UserUseCases.create, AlreadyUser)
    async def _(office: Office) -> Awaitable[object]:
        await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA))

    @refuses(UserUseCases.create, UsernameTaken)
    async def _(office: Office) -> Awaitable[object]:
        await office.users.create(office.adam, NewUser(name="Bea", email=BEA, username="bea"))
        return office.users.create(office.adam, NewUser(name="Cleo", email="cleo@example.com", username="BEA"))

    @refuses(UserUseCases.create, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await office.users.create(office.adam, NewUser(name="Bea", email=BEA), once=a_key())
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA), once=a_key(digest=b"other"))

    @refuses(UserUseCases.create, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.people_unit_of_work(office.adam, once=a_key()).__aenter__()
        return office.users.create(office.adam, NewUser(name="Bea", email=BEA), once=a_key())

    @refuses(UserUseCases.change, UserNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.nora, office.mia.user_id, user_changes(name="New"))

    @refuses(UserUseCases.change, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.adam, office.olga.user_id, user_changes(role=Role.MEMBER))

    @refuses(UserUseCases.change, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=11))
        return office.users.change(office.adam, office.mia.user_id, user_changes(), password="a temporary secret")

    @refuses(UserUseCases.change, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.adam, office.mia.user_id, user_changes(name="New"), expected=2)

    @refuses(UserUseCases.change, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        changes = replace(user_changes(name="New"), unchanged={"id": an_id()})
        return office.users.change(office.adam, office.mia.user_id, changes)

    @refuses(UserUseCases.change, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        made, _ = await office.users.create(office.adam, NewUser(name="Robot", kind=UserKind.SERVICE))
        return office.users.change(office.adam, made.user.id, user_changes(email="robot@example.com"))

    @refuses(UserUseCases.change, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.adam, office.mia.user_id, user_changes(email="nowhere"))

    @refuses(UserUseCases.change, PasswordTooWeak)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.adam, office.mia.user_id, user_changes(), password="short")

    @refuses(UserUseCases.change, UsernameTaken)
    async def _(office: Office) -> Awaitable[object]:
        taken = office.stored.people[office.max.user_id].user.username
        return office.users.change(office.mia, office.mia.user_id, user_changes(username=taken))

    @refuses(UserUseCases.change, EmailTaken)
    async def _(office: Office) -> Awaitable[object]:
        taken = office.stored.people[office.max.user_id].user.email
        return office.users.change(office.adam, office.mia.user_id, user_changes(email=taken))

    @refuses(UserUseCases.change, AccountShared)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.joins(office.mia, (await office.world.company("Other")).company_id)
        return office.users.change(office.adam, office.mia.user_id, user_changes(email=BEA))

    for given in ({"role": Role.OWNER}, {"email": "other@example.com"}):

        @refuses(UserUseCases.change, NotJoined)
        async def _(office: Office, given: dict[str, Any] = given) -> Awaitable[object]:
            made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
            return office.users.change(office.olga, made.user.id, user_changes(**given))

    @refuses(UserUseCases.change, LastOwner)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.change(office.olga, office.olga.user_id, user_changes(role=Role.ADMIN))

    @refuses(UserUseCases.deactivate, UserNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.deactivate(office.adam, an_id())

    @refuses(UserUseCases.deactivate, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.deactivate(office.mia, office.max.user_id)

    @refuses(UserUseCases.deactivate, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.deactivate(office.adam, office.mia.user_id, expected=2)

    @refuses(UserUseCases.deactivate, LastOwner)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.deactivate(office.olga, office.olga.user_id)

    @refuses(UserUseCases.leave, LastOwner)
    async def _(office: Office) -> Awaitable[object]:
        return office.users.leave(office.olga)

    @refuses(UserUseCases.leave, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await office.users.leave(office.mia, once=a_key())
        # Active again and back by their own wish, or nothing of the company would answer.
        await office.users.change(office.adam, office.mia.user_id, user_changes(is_active=True))
        person = office.stored.people[office.mia.user_id]
        back = replace(person.user, accepted_at=office.clock.now())
        office.stored.people[office.mia.user_id] = replace(person, user=back)
        mia = await _signed_in_again(office)
        return office.users.leave(mia, once=a_key(digest=b"other"))

    @refuses(UserUseCases.leave, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.people_unit_of_work(office.mia, once=a_key()).__aenter__()
        return office.users.leave(office.mia, once=a_key())


async def _signed_in_again(office: Office) -> Any:
    session = office.world.tables.sessions[office.mia.session_id]
    office.world.tables.sessions[session.id] = replace(session, revoked_at=None)
    return office.mia


def _invitations(refuses: Any) -> None:
    page = {"status": (), "sort": Sort(field="created_at"), "page": PageRequest()}

    @refuses(InvitationUseCases.list, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.invitations.list(office.mia, **page)

    for verb in (InvitationUseCases.get, InvitationUseCases.revoke):

        @refuses(verb, InvitationNotFound)
        async def _(office: Office, verb: Any = verb) -> Awaitable[object]:
            made, _ = await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
            return verb(office.invitations, office.mia, made.invitation.id)

    @refuses(InvitationUseCases.revoke, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        made, _ = await office.invitations.send(office.olga, email=BEA, role=Role.OWNER)
        return office.invitations.revoke(office.adam, made.invitation.id)

    @refuses(InvitationUseCases.send, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.invitations.send(office.adam, email=BEA, role=Role.OWNER)

    @refuses(InvitationUseCases.send, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=11))
        return office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)

    @refuses(InvitationUseCases.send, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.invitations.send(office.adam, email="nowhere", role=Role.MEMBER)

    @refuses(InvitationUseCases.send, AlreadyUser)
    async def _(office: Office) -> Awaitable[object]:
        taken = office.stored.people[office.max.user_id].user.email
        return office.invitations.send(office.adam, email=taken or "", role=Role.MEMBER)

    @refuses(InvitationUseCases.send, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER, once=a_key())
        return office.invitations.send(office.adam, email=BEA, role=Role.MEMBER, once=a_key(digest=b"other"))

    @refuses(InvitationUseCases.send, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.people_unit_of_work(office.adam, once=a_key()).__aenter__()
        return office.invitations.send(office.adam, email=BEA, role=Role.MEMBER, once=a_key())


def _acceptance(refuses: Any) -> None:
    for verb in (AcceptanceUseCases.accept, AcceptanceUseCases.register):
        more: dict[str, Any] = {"actor": None} if verb is AcceptanceUseCases.accept else {"email": BEA}

        def ask(office: Office, given: Acceptance, verb: Any = verb, more: dict[str, Any] = more) -> Awaitable[object]:
            return verb(office.acceptance, Visitor(), given, **more)

        @refuses(verb, InvitationNotFound)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            given = await invited(office)
            office.clock.advance(timedelta(days=8))
            return ask(office, given)

        @refuses(verb, RegistrationClosed)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            return ask(office, await invited(office))

        @refuses(verb, PasswordTooWeak)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            return ask(office, replace(await invited(office), password="short"))

        @refuses(verb, UsernameTaken)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            taken = office.stored.people[office.max.user_id].user.username
            return ask(office, replace(await invited(office), username=taken))

        @refuses(verb, Invalid)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            return ask(office, replace(await invited(office), password=None))

        @refuses(verb, AlreadyUser)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            given, other = await invited(office), await office.world.company("Other")
            await office.users.create(other, NewUser(name="Bea", email=BEA))
            (account,) = (each for each in office.world.tables.accounts.values() if each.email == BEA)
            await office.world.joins(replace(office.mia, account_id=account.id), office.olga.company_id)
            return ask(office, given)

        @refuses(verb, NoActiveMembership)
        async def _(office: Office, ask: Any = ask) -> Awaitable[object]:
            made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
            people = office.stored.people
            person = people[made.user.id]
            people[made.user.id] = replace(person, user=replace(person.user, is_active=False))
            return ask(office, Acceptance(token=made.token or "", password=PASSWORD, name="Bea"))

    @refuses(AcceptanceUseCases.accept, InvitationForAnother)
    async def _(office: Office) -> Awaitable[object]:
        return office.acceptance.accept(Visitor(), await invited(office), actor=office.mia)

    @refuses(AcceptanceUseCases.accept, SignInFirst)
    async def _(office: Office) -> Awaitable[object]:
        await office.register(BEA)
        given = replace(await invited(office), password="not the one of bea")
        return office.acceptance.accept(Visitor(), given, actor=None)

    @refuses(AcceptanceUseCases.accept, TooManyFailures)
    async def _(office: Office) -> Awaitable[object]:
        await office.register(BEA)
        given = await invited(office)
        for _ in range(5):
            with suppress(SignInFirst):
                await office.acceptance.accept(Visitor(), replace(given, password="not the one of bea"), actor=None)
        return office.acceptance.accept(Visitor(), given, actor=None)

    @refuses(AcceptanceUseCases.accept, PasswordChangeRequired)
    async def _(office: Office) -> Awaitable[object]:
        await office.register(BEA)
        office.change_account(BEA, password_is_temporary=True)
        return office.acceptance.accept(Visitor(), await invited(office), actor=None)

    @refuses(AcceptanceUseCases.accept, SessionEnded)
    async def _(office: Office) -> Awaitable[object]:
        given = await invited(office)
        await office.world.sign_out(office.mia)
        return office.acceptance.accept(Visitor(), given, actor=office.mia)

    @refuses(AcceptanceUseCases.register, InvitationForAnother)
    async def _(office: Office) -> Awaitable[object]:
        return office.acceptance.register(Visitor(), await invited(office), email="cleo@example.com")

    @refuses(AcceptanceUseCases.register, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.acceptance.register(Visitor(), await invited(office), email="nowhere")

    @refuses(AcceptanceUseCases.register, EmailTaken)
    async def _(office: Office) -> Awaitable[object]:
        await office.register(BEA)
        return office.acceptance.register(Visitor(), await invited(office), email=BEA)


def _companies(refuses: Any) -> None:
    def change(office: Office, **fields: object) -> Any:
        return office.companies.change(office.olga, office.olga.company_id, company_changes(**fields))

    def delete(office: Office, **more: Any) -> Any:
        confirmed = {"confirmed": office.stored.company.code, **more}
        return office.companies.delete(office.olga, office.olga.company_id, **confirmed)

    @refuses(CompanyUseCases.change, CompanyNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.companies.change(office.olga, an_id(), company_changes(name="New"))

    @refuses(CompanyUseCases.change, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.companies.change(office.mia, office.mia.company_id, company_changes(name="New"))

    @refuses(CompanyUseCases.change, Stale)
    async def _(office: Office) -> Awaitable[object]:
        changes = company_changes(name="New")
        return office.companies.change(office.olga, office.olga.company_id, changes, expected=2)

    @refuses(CompanyUseCases.change, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        changes = replace(company_changes(name="New"), unchanged={"is_active": False})
        return office.companies.change(office.olga, office.olga.company_id, changes)

    @refuses(CompanyUseCases.change, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return change(office, time_zone="Mars/Olympus")

    @refuses(CompanyUseCases.change, CompanyCodeTaken)
    async def _(office: Office) -> Awaitable[object]:
        other = await office.world.company("Other")
        return change(office, code=office.world.tables.companies[other.company_id].company.code)

    @refuses(CompanyUseCases.delete, CompanyNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.companies.delete(office.olga, an_id(), confirmed="acme")

    @refuses(CompanyUseCases.delete, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.companies.delete(office.adam, office.adam.company_id, confirmed="acme")

    @refuses(CompanyUseCases.delete, StepUpRequired)
    async def _(office: Office) -> Awaitable[object]:
        office.clock.advance(timedelta(minutes=11))
        return delete(office)

    @refuses(CompanyUseCases.delete, DeletionUnconfirmed)
    async def _(office: Office) -> Awaitable[object]:
        return delete(office, confirmed="another")

    @refuses(CompanyUseCases.delete, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return delete(office, expected=2)
