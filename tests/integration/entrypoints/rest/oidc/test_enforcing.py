"""A company that is entered by its own provider alone: every door into it is held against how a session began."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.oidc.browser import Browser, parameters
from tests.integration.entrypoints.rest.oidc.conftest import connect
from tests.integration.entrypoints.rest.oidc.hostile import Hostile

Browsers = Callable[[], Browser]
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@dataclass(kw_only=True)
class Firm:
    """A company with a provider of its own; Ann owns it, Mia is a member with a verified address."""

    api: Api
    ann: Person
    mia: Person
    provider: Hostile
    connection: str
    browsers: Browsers

    async def enforce(self, **fields: object) -> None:
        answer = await self.ann.patch(self.address, {"enforce_sso": True, **fields})
        assert answer.status_code == 200, answer.text

    @property
    def address(self) -> str:
        return f"/companies/{self.ann.company_id}/oidc-connections/{self.connection}"

    async def signed_in(self, email: str, browser: Browser | None = None) -> Person:
        """By the provider, which behaves."""
        browser = browser or self.browsers()
        begun = await browser.begin(self.connection)
        given = parameters(begun.headers["location"])
        self.provider.claims = {"sub": email, "email": email, "email_verified": True, "nonce": given["nonce"]}
        returned = await browser.come_back(
            str(httpx.URL(given["redirect_uri"], params={"state": given["state"], "code": "c"}))
        )
        return browser.person(await browser.redeem(returned), email)

    def refused(self, answer: httpx.Response) -> bool:
        """With the address at which to sign in instead."""
        body = answer.json()
        leads_to = str(body.get("login_url")).endswith(f"/api/v1/auth/oidc/{self.connection}/login")
        return (answer.status_code, body["code"], leads_to) == (403, "auth.sso_required", True)


@pytest.fixture
async def firm(
    api: Api, hostile: Hostile, browsers: Browsers, domain: str, prove: Callable[[Person, str], Awaitable[None]]
) -> Firm:
    ann = await api.register(email=f"ann@{domain}")
    mia = await api.colleague(ann, who=await api.register(email=f"mia@{domain}"))
    api.sql("update accounts set email_verified_at = now() where email like %s", (f"%@{domain}",))
    await prove(ann, domain)
    made = await connect(ann, hostile, email_domains=[domain], jit_provisioning=True)
    return Firm(api=api, ann=ann, mia=mia, provider=hostile, connection=made["id"], browsers=browsers)


class TestEnforcing:
    async def test_a_password_opens_the_company_no_more_and_says_where_to_go(self, firm: Firm) -> None:
        given = {"email": firm.mia.email, "password": PASSWORD, "company_id": firm.mia.company_id}
        await firm.enforce()
        assert (await firm.mia.get("/auth/me")).json()["code"] == "auth.session_ended"
        assert firm.refused(await firm.api.client.post("/api/v1/auth/login", json=given))
        here = await firm.signed_in(firm.mia.email)
        assert here.company_id == firm.ann.company_id and here.user_id == firm.mia.user_id

    async def test_without_a_company_named_the_password_opens_another(self, firm: Firm) -> None:
        await firm.enforce()
        there = await firm.api.login(firm.mia.email)
        assert there.company_id != firm.ann.company_id
        assert firm.refused(await there.post("/auth/switch-company", {"company_id": firm.ann.company_id}))
        assert firm.ann.company_id in [each["id"] for each in (await there.get("/companies")).json()]

    async def test_a_session_that_began_before_does_not_refresh_into_it(self, firm: Firm) -> None:
        browser = firm.browsers()
        given = {"email": firm.mia.email, "password": PASSWORD, "company_id": firm.mia.company_id}
        await browser.product.post("/api/v1/auth/login", json=given)
        await firm.enforce()
        body = {"company_id": firm.mia.company_id}
        assert firm.refused(await browser.product.post("/api/v1/auth/refresh", json=body, headers=SAME_SITE))
        elsewhere = await browser.product.post("/api/v1/auth/refresh", headers=SAME_SITE)
        assert elsewhere.json()["company"]["id"] != firm.mia.company_id

    async def test_whoever_belongs_to_no_other_company_is_told_at_every_door(self, firm: Firm) -> None:
        browser = firm.browsers()
        given = {"email": firm.mia.email, "password": PASSWORD, "company_id": firm.mia.company_id}
        await browser.product.post("/api/v1/auth/login", json=given)
        firm.api.sql(
            "update users set is_active = false where email = %s and id <> %s", (firm.mia.email, firm.mia.user_id)
        )
        await firm.enforce()
        assert firm.refused(await browser.product.post("/api/v1/auth/refresh", headers=SAME_SITE))
        assert firm.refused(await browser.product.post("/api/v1/auth/login", json={**given, "company_id": None}))

    async def test_an_invitation_does_not_lead_around_it(self, firm: Firm) -> None:
        sent = [(await firm.ann.post("/invitations", {"email": f"new{n}@else.example"})).json() for n in (1, 2)]
        await firm.enforce()
        anew = {"token": sent[0]["token"], "password": "quite another long secret"}
        assert firm.refused(await firm.api.client.post("/api/v1/invitations/accept", json=anew))
        assert firm.api.sql("select count(*) from accounts where email = 'new1@else.example'") == [(0,)]
        registering = {
            "email": "new2@else.example", "password": PASSWORD, "name": "New", "invitation_token": sent[1]["token"]
        }  # fmt: skip
        assert firm.refused(await firm.api.client.post("/api/v1/auth/register", json=registering))
        known = await firm.api.register()
        token = (await firm.ann.post("/invitations", {"email": known.email})).json()["token"]
        assert firm.refused(await known.post("/invitations/accept", {"token": token}))

    async def test_the_owner_who_keeps_a_password_still_comes_in(self, firm: Firm) -> None:
        await firm.enforce()
        assert (await firm.ann.get(firm.address)).json()["break_glass_user_id"] == firm.ann.user_id
        again = await firm.api.login(firm.ann.email)
        assert again.company_id == firm.ann.company_id
        assert (await again.get("/auth/me")).status_code == 200

    async def test_no_longer_once_they_own_nothing(self, firm: Firm) -> None:
        await firm.enforce()
        firm.api.sql("update users set role = 'admin' where id = %s", (firm.ann.user_id,))
        assert (await firm.ann.get("/auth/me")).json()["code"] == "auth.session_ended"
        given = {"email": firm.ann.email, "password": PASSWORD}
        assert firm.refused(await firm.api.client.post("/api/v1/auth/login", json=given))

    async def test_nobody_keeps_one_where_nobody_is_named(self, firm: Firm) -> None:
        await firm.enforce(break_glass_user_id=None)
        assert (await firm.ann.get("/auth/me")).json()["code"] == "auth.session_ended"
        ann = await firm.signed_in(firm.ann.email)
        assert (await ann.patch(firm.address, {"enforce_sso": False})).status_code == 200
        assert (await firm.ann.get("/auth/me")).status_code == 200

    async def test_an_admin_shuts_no_owner_out(self, firm: Firm, domain: str) -> None:
        admin = await firm.api.colleague(firm.ann, role="admin", who=await firm.api.register(email=f"adam@{domain}"))
        connections = firm.address.rpartition("/")[0]
        closing = {"enforce_sso": True, "break_glass_user_id": firm.ann.user_id}
        given = {"name": "Mine", "issuer": "https://login.example.com", "client_id": "x", **closing}
        refusals = [await admin.patch(firm.address, closing), await admin.post(connections, given)]
        await firm.enforce()
        firm.api.sql("update accounts set email_verified_at = now() where email = %s", (admin.email,))
        adam = await firm.signed_in(admin.email)
        assert adam.user["role"] == "admin"
        for fields in ({"enforce_sso": False}, {"break_glass_user_id": None}, {"client_secret": "wrong"}):
            refusals.append(await adam.patch(firm.address, fields))
        refusals.append(await adam.delete(firm.address))
        codes = {(each.status_code, each.json()["code"]) for each in refusals}
        assert codes == {(403, "oidc_connection.owners_alone")}
        assert (await firm.ann.get("/auth/me")).status_code == 200
        assert (await adam.patch(firm.address, {"name": "Renamed"})).status_code == 200

    async def test_it_ends_with_the_connection(self, firm: Firm) -> None:
        await firm.enforce()
        assert (await firm.mia.get("/auth/me")).status_code == 401
        assert (await firm.ann.delete(firm.address)).status_code == 204
        assert (await firm.mia.get("/auth/me")).status_code == 200


class TestTwoSignInsInOneBrowser:
    async def test_what_the_provider_vouched_for_stays_when_a_password_follows(self, firm: Firm) -> None:
        await firm.enforce()
        browser = firm.browsers()
        browser.product.headers.update(SAME_SITE)
        first = await firm.signed_in(firm.mia.email, browser)
        answer = await browser.product.post("/api/v1/auth/login", json={"email": firm.mia.email, "password": PASSWORD})
        both = browser.person(answer, firm.mia.email)
        assert both.company_id == firm.ann.company_id
        other = [each["id"] for each in (await both.get("/companies")).json() if each["id"] != both.company_id]
        there = browser.person(await both.post("/auth/switch-company", {"company_id": other[0]}), firm.mia.email)
        back = await there.post("/auth/switch-company", {"company_id": both.company_id})
        assert back.status_code == 200
        assert (await first.get("/auth/me")).status_code == 401

    async def test_a_page_of_another_site_takes_nothing_over(self, firm: Firm) -> None:
        browser = firm.browsers()
        first = await firm.signed_in(firm.mia.email, browser)
        answer = await browser.product.post(
            "/api/v1/auth/login",
            json={"email": firm.mia.email, "password": PASSWORD},
            headers={"Origin": "https://evil.example"},
        )
        assert answer.status_code == 200
        assert (await first.get("/auth/me")).status_code == 200

    async def test_a_companys_provider_makes_no_older_password_fresh(self, firm: Firm) -> None:
        browser = firm.browsers()
        browser.product.headers.update(SAME_SITE)
        await browser.product.post("/api/v1/auth/login", json={"email": firm.mia.email, "password": PASSWORD})
        firm.api.sql("update login_sessions set authenticated_at = authenticated_at - interval '1 hour'")
        both = await firm.signed_in(firm.mia.email, browser)
        refused = await both.post("/auth/password/change", {"new_password": "quite another long secret"})
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.step_up_required")
        since = firm.api.sql(
            "select expires_at < created_at + interval '90 days' from login_sessions where id = %s", (both.session_id,)
        )
        assert since == [(True,)]
