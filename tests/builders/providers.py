"""Signing in at providers, over the in-memory adapters."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from core.auth.read_models import SignedIn
from core.kernel.actor import Actor, System, Visitor
from core.oidc.read_models import Begun, Claimed, ConnectionView, Returned
from core.oidc.use_cases.logins import ComingBack
from tests.builders.office import PAGE, Office

ISSUER = "https://login.acme.example"
GIVEN = {"name": "Own", "issuer": ISSUER, "client_id": "flowtrack", "client_secret": "hidden"}
BROWSER = Visitor(address="192.0.2.7", agent="Firefox")
ANN = Claimed(issuer=ISSUER, subject="ann", email="ann@acme.example", email_verified=True, name="Ann Miller")


async def proved(office: Office, domain: str = "acme.example", *, of: Actor | None = None) -> None:
    """Takes a domain for a company's own, as the operator does."""
    company = office.world.tables.companies[(of or office.olga).company_id].company
    await office.email_domains.vouch(System(), company_code=company.code, domain=domain)


async def connected(office: Office, *, by: Actor | None = None, **fields: Any) -> ConnectionView:
    """A connection that makes users of whoever comes, for a domain that is proved."""
    by = by or office.olga
    await proved(office, of=by)
    given = {**GIVEN, "email_domains": ["acme.example"], "jit_provisioning": True, **fields}
    return (await office.oidc_connections.connect(by, by.company_id, given)).value


def vouched_for(office: Office, actor: Actor) -> Actor:
    """Has their login session begun by their company's own provider as well."""
    assert actor.session_id is not None
    sessions = office.world.tables.sessions
    sessions[actor.session_id] = replace(sessions[actor.session_id], sso_company_ids=(actor.company_id,))
    return actor


async def begun(office: Office, connection_id: UUID) -> Begun:
    return await office.oidc_logins.begin(BROWSER, connection_id, redirect_to=f"{PAGE}x")


def coming_back(begun: Begun, **fields: Any) -> ComingBack:
    """What a browser brings back from where it was sent."""
    sent = parse_qs(urlsplit(begun.address).query)
    connection_id = UUID(sent["connection"][0]) if "connection" in sent else None
    given = ComingBack(
        sealed_state=begun.sealed_state, state=sent["state"][0], code="a code", connection_id=connection_id
    )
    return replace(given, **fields)


async def came_back(office: Office, connection_id: UUID, claimed: Claimed = ANN) -> tuple[Begun, Returned]:
    office.providers.says = claimed
    sent = await begun(office, connection_id)
    return sent, await office.oidc_logins.come_back(BROWSER, coming_back(sent))


def code_of(returned: Returned) -> str:
    return parse_qs(urlsplit(returned.redirect_to).query)["code"][0]


async def signed_in(
    office: Office, connection_id: UUID, claimed: Claimed = ANN, *, earlier_token: str | None = None
) -> SignedIn:
    """All of it."""
    sent, returned = await came_back(office, connection_id, claimed)
    return await office.oidc_logins.redeem(
        BROWSER, code=code_of(returned), sealed_state=sent.sealed_state, earlier_token=earlier_token
    )
