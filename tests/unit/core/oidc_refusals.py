"""How each refusal about signing in at providers comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.auth.errors import NoActiveMembership, SsoRequired
from core.auth.read_models import SecondFactorAsked
from core.auth.use_cases.accepting import Acceptance, AcceptanceUseCases
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.sessions import SessionUseCases
from core.auth.use_cases.signing_in import AuthUseCases
from core.companies.errors import CompanyNotFound
from core.kernel.actor import Actor, System, Visitor
from core.kernel.errors import (
    ChangedMeanwhile,
    FieldReadOnly,
    Forbidden,
    Invalid,
    ReferenceNotFound,
    Stale,
)
from core.kernel.once import InFlight, KeyReused
from core.kernel.step_up import AccountProofRequired, StepUpRequired
from core.oidc.errors import (
    DomainUnproved,
    EmailDomainNamed,
    EmailDomainNotFound,
    LoginCodeInvalid,
    LoginRefused,
    LoginStateInvalid,
    OidcConnectionNotFound,
    OwnersAlone,
    ProviderAway,
    ProviderUnusable,
    RedirectRefused,
    TooManyConnections,
    TooManyDomains,
)
from core.oidc.model import MOST_CONNECTIONS, MOST_DOMAINS, ConnectionChanges
from core.oidc.use_cases.connections import OidcConnectionUseCases
from core.oidc.use_cases.domains import EmailDomainUseCases
from core.oidc.use_cases.logins import OidcLoginUseCases
from core.users.errors import EmailInvalid
from tests.builders import an_id
from tests.builders.office import EVERYONES, PASSWORD, Office
from tests.builders.providers import (
    ANN,
    BROWSER,
    GIVEN,
    begun,
    came_back,
    code_of,
    coming_back,
    connected,
    proved,
    signed_in,
    vouched_for,
)
from tests.contracts.steps import a_key
from tests.fakes.tokens import ReadableRefreshTokens


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _connections(refuses)
    _domains(refuses)
    _logins(refuses)
    _doors(refuses)


def connect(office: Office, *, by: Actor | None = None, once: Any = None, **fields: Any) -> Awaitable[object]:
    by = by or office.olga
    return office.oidc_connections.connect(by, by.company_id, {**GIVEN, **fields}, once=once)


async def change(office: Office, *, by: Actor | None = None, **fields: Any) -> Awaitable[object]:
    connection = await connected(office)
    by = by or office.olga
    return office.oidc_connections.change(by, by.company_id, connection.id, ConnectionChanges(given=fields))


def _connections(refuses: Any) -> None:
    for verb in ("list", "get", "connect", "change", "disconnect"):
        declared = getattr(OidcConnectionUseCases, verb)
        one = (an_id(),) if verb in ("get", "change", "disconnect") else ()
        more = {"connect": (GIVEN,), "change": (ConnectionChanges(given={}),)}.get(verb, ())

        @refuses(declared, CompanyNotFound)
        async def _(office: Office, verb: str = verb, rest: Any = (*one, *more)) -> Awaitable[object]:
            return getattr(office.oidc_connections, verb)(office.olga, an_id(), *rest)

        @refuses(declared, Forbidden)
        async def _(office: Office, verb: str = verb, rest: Any = (*one, *more)) -> Awaitable[object]:
            return getattr(office.oidc_connections, verb)(office.mia, office.mia.company_id, *rest)

        if one:

            @refuses(declared, OidcConnectionNotFound)
            async def _(office: Office, verb: str = verb, rest: Any = (*one, *more)) -> Awaitable[object]:
                return getattr(office.oidc_connections, verb)(office.olga, office.olga.company_id, *rest)

        if verb in ("connect", "change", "disconnect"):

            @refuses(declared, StepUpRequired)
            async def _(office: Office, verb: str = verb, rest: Any = (*one, *more)) -> Awaitable[object]:
                office.clock.advance(timedelta(minutes=11))
                return getattr(office.oidc_connections, verb)(office.olga, office.olga.company_id, *rest)

    @refuses(OidcConnectionUseCases.connect, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return connect(office, issuer="http://login.acme.example")

    @refuses(OidcConnectionUseCases.connect, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return connect(office, break_glass_user_id=office.mia.user_id)

    @refuses(OidcConnectionUseCases.connect, TooManyConnections)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(MOST_CONNECTIONS):
            await connect(office)
        return connect(office)

    @refuses(OidcConnectionUseCases.connect, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await connect(office, once=a_key())
        return connect(office, once=a_key(digest=b"other"))

    @refuses(OidcConnectionUseCases.connect, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.oidc_unit_of_work(office.olga, once=a_key()).__aenter__()
        return connect(office, once=a_key())

    @refuses(OidcConnectionUseCases.change, Stale)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        changes = ConnectionChanges(given={"name": "New"})
        here = (office.olga, office.olga.company_id, connection.id)
        return office.oidc_connections.change(*here, changes, expected=2)

    @refuses(OidcConnectionUseCases.change, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        changes = ConnectionChanges(given={}, unchanged={"admits_owners": False})
        return office.oidc_connections.change(office.olga, office.olga.company_id, connection.id, changes)

    @refuses(OidcConnectionUseCases.change, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return await change(office, issuer="http://login.acme.example")

    @refuses(OidcConnectionUseCases.connect, OwnersAlone)
    async def _(office: Office) -> Awaitable[object]:
        return connect(office, by=office.adam, enforce_sso=True)

    @refuses(OidcConnectionUseCases.change, OwnersAlone)
    async def _(office: Office) -> Awaitable[object]:
        return await change(office, by=office.adam, enforce_sso=True)

    @refuses(OidcConnectionUseCases.disconnect, OwnersAlone)
    async def _(office: Office) -> Awaitable[object]:
        connection, adam = await connected(office, enforce_sso=True), vouched_for(office, office.adam)
        return office.oidc_connections.disconnect(adam, adam.company_id, connection.id)

    @refuses(OidcConnectionUseCases.change, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return await change(office, break_glass_user_id=an_id())

    @refuses(OidcConnectionUseCases.disconnect, Stale)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        return office.oidc_connections.disconnect(office.olga, office.olga.company_id, connection.id, expected=2)


def _domains(refuses: Any) -> None:
    for verb in ("list", "get", "claim", "verify", "release"):
        declared = getattr(EmailDomainUseCases, verb)
        one = (an_id(),) if verb in ("get", "verify", "release") else ()
        named: dict[str, Any] = {"domain": "acme.example"} if verb == "claim" else {}

        @refuses(declared, CompanyNotFound)
        async def _(office: Office, verb: str = verb, one: Any = one, named: Any = named) -> Awaitable[object]:
            return getattr(office.email_domains, verb)(office.olga, an_id(), *one, **named)

        @refuses(declared, Forbidden)
        async def _(office: Office, verb: str = verb, one: Any = one, named: Any = named) -> Awaitable[object]:
            return getattr(office.email_domains, verb)(office.mia, office.mia.company_id, *one, **named)

        if one:

            @refuses(declared, EmailDomainNotFound)
            async def _(office: Office, verb: str = verb, one: Any = one) -> Awaitable[object]:
                return getattr(office.email_domains, verb)(office.olga, office.olga.company_id, *one)

        if verb in ("claim", "verify", "release"):

            @refuses(declared, StepUpRequired)
            async def _(office: Office, verb: str = verb, one: Any = one, named: Any = named) -> Awaitable[object]:
                office.clock.advance(timedelta(minutes=11))
                return getattr(office.email_domains, verb)(office.olga, office.olga.company_id, *one, **named)

    def claim(office: Office, domain: str = "acme.example", once: Any = None) -> Any:
        return office.email_domains.claim(office.olga, office.olga.company_id, domain=domain, once=once)

    def verify(office: Office, domain_id: Any, **more: Any) -> Awaitable[object]:
        return office.email_domains.verify(office.olga, office.olga.company_id, domain_id, **more)

    @refuses(EmailDomainUseCases.claim, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return claim(office, "no domain")

    @refuses(EmailDomainUseCases.claim, EmailDomainNamed)
    async def _(office: Office) -> Awaitable[object]:
        await claim(office)
        return claim(office)

    @refuses(EmailDomainUseCases.claim, TooManyDomains)
    async def _(office: Office) -> Awaitable[object]:
        for number in range(MOST_DOMAINS):
            await claim(office, f"d{number}.example")
        return claim(office)

    @refuses(EmailDomainUseCases.claim, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await claim(office, once=a_key())
        return claim(office, once=a_key(digest=b"other"))

    @refuses(EmailDomainUseCases.claim, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.oidc_unit_of_work(office.olga, once=a_key()).__aenter__()
        return claim(office, once=a_key())

    @refuses(EmailDomainUseCases.verify, DomainUnproved)
    async def _(office: Office) -> Awaitable[object]:
        return verify(office, (await claim(office)).value.id)

    @refuses(EmailDomainUseCases.verify, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return verify(office, (await claim(office)).value.id, expected=2)

    @refuses(EmailDomainUseCases.verify, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await claim(office, once=replace(a_key(), method="POST", path="/verify"))
        await proved(office)
        (domain,) = office.stored.email_domains
        return verify(office, domain, once=replace(a_key(digest=b"other"), method="POST", path="/verify"))

    @refuses(EmailDomainUseCases.verify, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await proved(office)
        (domain,) = office.stored.email_domains
        await office.world.oidc_unit_of_work(office.olga, once=a_key()).__aenter__()
        return verify(office, domain, once=a_key())

    @refuses(EmailDomainUseCases.release, OwnersAlone)
    async def _(office: Office) -> Awaitable[object]:
        await connected(office, enforce_sso=True)
        (domain,) = office.stored.email_domains.values()
        adam = vouched_for(office, office.adam)
        return office.email_domains.release(adam, adam.company_id, domain.id)

    @refuses(EmailDomainUseCases.release, Stale)
    async def _(office: Office) -> Awaitable[object]:
        claimed = (await claim(office)).value
        return office.email_domains.release(office.olga, office.olga.company_id, claimed.id, expected=2)

    @refuses(EmailDomainUseCases.vouch, CompanyNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.email_domains.vouch(System(), company_code="another", domain="acme.example")

    @refuses(EmailDomainUseCases.vouch, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.email_domains.vouch(System(), company_code="acme", domain="acme")


def _logins(refuses: Any) -> None:
    logins = OidcLoginUseCases

    @refuses(logins.discover, EmailInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.oidc_logins.discover(BROWSER, email="nobody")

    @refuses(logins.begin, OidcConnectionNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.oidc_logins.begin(BROWSER, an_id(), redirect_to=None)

    @refuses(logins.begin, RedirectRefused)
    async def _(office: Office) -> Awaitable[object]:
        return office.oidc_logins.begin(BROWSER, EVERYONES.id, redirect_to="https://evil.example/")

    for kind in (ProviderAway, ProviderUnusable):

        @refuses(logins.begin, kind)
        async def _(office: Office, kind: Any = kind) -> Awaitable[object]:
            office.providers.away = kind()
            return office.oidc_logins.begin(BROWSER, EVERYONES.id, redirect_to=None)

        @refuses(logins.come_back, kind)
        async def _(office: Office, kind: Any = kind) -> Awaitable[object]:
            office.providers.says = kind()
            return office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, EVERYONES.id)))

    @refuses(logins.come_back, LoginStateInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, EVERYONES.id), state="another"))

    @refuses(logins.come_back, OidcConnectionNotFound)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        sent = await begun(office, connection.id)
        await office.oidc_connections.disconnect(office.olga, office.olga.company_id, connection.id)
        return office.oidc_logins.come_back(BROWSER, coming_back(sent))

    @refuses(logins.come_back, LoginRefused)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        office.providers.says = replace(ANN, email_verified=False)
        return office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id)))

    @refuses(logins.come_back, ChangedMeanwhile)
    async def _(office: Office) -> Awaitable[object]:
        connection = await connected(office)
        await came_back(office, connection.id)
        (identity,) = office.world.tables.identities.values()
        del office.world.tables.accounts[identity.account_id]
        return office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id)))

    @refuses(logins.redeem, LoginStateInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.oidc_logins.redeem(BROWSER, code="any", sealed_state=None)

    @refuses(logins.redeem, LoginCodeInvalid)
    async def _(office: Office) -> Awaitable[object]:
        sent = await begun(office, EVERYONES.id)
        return office.oidc_logins.redeem(BROWSER, code="another", sealed_state=sent.sealed_state)

    @refuses(logins.redeem, NoActiveMembership)
    async def _(office: Office) -> Awaitable[object]:
        sent, returned = await came_back(office, (await connected(office)).id)
        person = next(each for each in office.stored.people.values() if each.user.email == ANN.email)
        inactive = replace(person.user, is_active=False)
        office.stored.people[person.user.id] = replace(person, user=inactive)
        return office.oidc_logins.redeem(BROWSER, code=code_of(returned), sealed_state=sent.sealed_state)


def _doors(refuses: Any) -> None:
    """Entering a company that has closed all ways in but its own, and one by another's provider."""

    async def enforced(office: Office) -> None:
        await connected(office, enforce_sso=True)

    @refuses(AuthUseCases.login, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        ann = office.auth.actor_of((await office.register("ann@acme.example")).access_token)
        await office.world.joins(ann, office.olga.company_id)
        await enforced(office)
        given = Credentials(email="ann@acme.example", password=PASSWORD, company_id=office.olga.company_id)
        return office.auth.login(BROWSER, given)

    @refuses(SecondStepUseCases.login, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        ann = office.auth.actor_of((await office.register("ann@acme.example")).access_token)
        await office.world.joins(ann, office.olga.company_id)
        secret, _ = await office.enable_factor(ann)
        given = Credentials(email="ann@acme.example", password=PASSWORD, company_id=office.olga.company_id)
        asked = await office.auth.login(BROWSER, given)
        assert isinstance(asked, SecondFactorAsked)
        await enforced(office)
        return office.second_step.login(BROWSER, ticket=asked.ticket, code=office.code(secret, later=1))

    @refuses(AuthUseCases.refresh, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        registered = await office.register("ann@acme.example")
        await office.world.joins(office.auth.actor_of(registered.access_token), office.olga.company_id)
        await enforced(office)
        return office.auth.refresh(registered.refresh_token, company_id=office.olga.company_id, from_cookie=True)

    @refuses(AuthUseCases.switch_company, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        ann = office.auth.actor_of((await office.register("ann@acme.example")).access_token)
        await office.world.joins(ann, office.olga.company_id)
        await enforced(office)
        return office.auth.switch_company(ann, office.olga.company_id)

    async def alone(office: Office) -> tuple[str, Actor, Actor]:
        """Whoever Acme's own provider signed in, and who they are in another company."""
        token = (await signed_in(office, (await connected(office)).id)).refresh_token or ""
        session_id, _ = ReadableRefreshTokens().read(token)
        session = office.world.tables.sessions[session_id]
        person = next(each for each in office.stored.people.values() if each.user.account_id == session.account_id)
        here = replace(office.olga, user_id=person.user.id, account_id=session.account_id, session_id=session_id)
        other = await office.world.company("Other")
        there = await office.world.joins(replace(here, role=person.user.role), other.company_id)
        return token, replace(here, role=person.user.role), there

    @refuses(AuthUseCases.refresh, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        token, _, there = await alone(office)
        return office.auth.refresh(token, company_id=there.company_id, from_cookie=True)

    @refuses(AuthUseCases.switch_company, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        _, here, there = await alone(office)
        return office.auth.switch_company(here, there.company_id)

    @refuses(SessionUseCases.change_password, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        _, here, _ = await alone(office)
        return office.sessions.change_password(here, current_password=None, new_password="another long secret")

    @refuses(AcceptanceUseCases.accept, AccountProofRequired)
    async def _(office: Office) -> Awaitable[object]:
        _, here, _ = await alone(office)
        inviting = await office.world.company("Inviting")
        made, _ = await office.invitations.send(inviting, email="ann@acme.example", role=here.role)
        return office.acceptance.accept(Visitor(), Acceptance(token=made.token or ""), actor=here)

    @refuses(AcceptanceUseCases.accept, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        await enforced(office)
        made, _ = await office.invitations.send(office.olga, email="bea@example.com", role=office.mia.role)
        return office.acceptance.accept(Visitor(), Acceptance(token=made.token or "", password=PASSWORD), actor=None)

    @refuses(AcceptanceUseCases.register, SsoRequired)
    async def _(office: Office) -> Awaitable[object]:
        await enforced(office)
        made, _ = await office.invitations.send(office.olga, email="bea@example.com", role=office.mia.role)
        given = Acceptance(token=made.token or "", password=PASSWORD)
        return office.acceptance.register(Visitor(), given, email="bea@example.com")
