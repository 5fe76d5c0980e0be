"""Two companies, two providers that know nothing of each other, one account: on the providers' own pages."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.oidc.browser import Browser, parameters
from tests.integration.entrypoints.rest.oidc.conftest import audited, connect
from tests.oidc_servers import RealProvider

Providers = tuple[RealProvider, RealProvider]
Browsers = Callable[[], Browser]
Prove = Callable[[Person, str], Awaitable[None]]


@pytest.fixture
async def acme(api: Api) -> Person:
    return await api.register()


async def connected(person: Person, provider: RealProvider, domain: str, prove: Prove, **fields: Any) -> str:
    """A company that has proved the domain and lets its provider make users of it."""
    await prove(person, domain)
    given = {"email_domains": [domain], "jit_provisioning": True, **fields}
    return str((await connect(person, provider, **given))["id"])


async def in_groups(provider: RealProvider, email: str, *groups: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.post(f"{provider.issuer}/directory/{email}", json={"groups": groups})


class TestSigningIn:
    async def test_somebody_new_is_made_a_user_and_known_again(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        for number, provider in enumerate(real_providers):
            connection = await connected(acme, provider, f"n{number}.{domain}", prove)
            email = f"ann@n{number}.{domain}"
            ann = await browsers().signed_in(connection, login=email)
            assert ann.company_id == acme.company_id
            assert (ann.user["email"], ann.user["role"], ann.user["name"]) == (email, "member", "ann")
            me = (await ann.get("/auth/me")).json()
            assert [each["id"] for each in me["companies"]] == [acme.company_id]
            again = await browsers().signed_in(connection, login=email)
            assert again.user_id == ann.user_id and again.session_id != ann.session_id
            seen = [each["user_id"] for each in audited(api, acme.company_id, "user.created")]
            assert seen.count(ann.user_id) == 1
        assert len(audited(api, acme.company_id, "oidc.login")) == 4
        assert len(audited(api, acme.company_id, "oidc.linked")) == 2

    async def test_the_address_leads_to_the_provider(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(acme, real_providers[0], domain, prove)
        answer = await api.client.get("/api/v1/auth/oidc/discover", params={"email": f"nobody@{domain.upper()}"})
        (way,) = answer.json()
        assert (way["connection_id"], way["company"]) == (connection, acme.company["name"])
        assert way["login_url"].endswith(f"/api/v1/auth/oidc/{connection}/login")
        begun = await browsers().begin(connection)
        given = parameters(begun.headers["location"])
        assert begun.headers["location"].startswith(f"{real_providers[0].issuer}/auth?")
        assert given["code_challenge_method"] == "S256" and len(given["state"]) == len(given["nonce"]) == 43
        assert "HttpOnly" in begun.headers["set-cookie"] and "SameSite=lax" in begun.headers["set-cookie"]

    async def test_a_provider_that_knows_the_browser_takes_a_new_proof_where_that_is_wanted(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection, browser = await connected(acme, real_providers[0], domain, prove), browsers()
        first = await browser.signed_in(connection, login=f"ann@{domain}")
        # The provider says in whole seconds when it took a proof, if it is asked to.
        answer = await browser.sign_in(connection, login=f"ann@{domain}", anew="true")
        second = browser.person(answer, first.email)
        proved = "select authenticated_at = date_trunc('second', authenticated_at) from login_sessions where id = %s"
        assert api.sql(proved, (first.session_id,)) == [(False,)]
        assert api.sql(proved, (second.session_id,)) == [(True,)]

    async def test_the_session_refreshes_by_its_cookie(
        self, acme: Person, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection, browser = await connected(acme, real_providers[0], domain, prove), browsers()
        ann = await browser.signed_in(connection, login=f"ann@{domain}")
        answer = await browser.product.post("/api/v1/auth/refresh", headers={"Sec-Fetch-Site": "same-origin"})
        assert browser.person(answer, ann.email).company_id == acme.company_id

    async def test_who_proved_no_address_is_not_let_in(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(acme, real_providers[0], domain, prove)
        answer = await browsers().sign_in(connection, login=f"unverified.ann@{domain}")
        assert (answer.status_code, answer.json()["code"]) == (403, "oidc.refused")
        (refused,) = audited(api, acme.company_id, "oidc.refused")
        assert refused == {"connection_id": connection, "reason": "email_unverified"}

    async def test_who_is_of_a_domain_that_is_not_proved_is_not_let_in(
        self, acme: Person, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(acme, real_providers[0], domain, prove)
        answer = await browsers().sign_in(connection, login="ann@elsewhere.example")
        assert (answer.status_code, answer.json()["code"]) == (403, "oidc.refused")

    async def test_without_making_users_only_those_come_in_who_are_users_or_invited(
        self, acme: Person, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(acme, real_providers[0], domain, prove, jit_provisioning=False)
        answer = await browsers().sign_in(connection, login=f"ann@{domain}")
        assert (answer.status_code, answer.json()["code"]) == (403, "oidc.refused")
        await acme.post("/invitations", {"email": f"ann@{domain}", "role": "admin"})
        await acme.post("/users", {"email": f"bob@{domain}", "name": "Bob"})
        ann = await browsers().signed_in(connection, login=f"ann@{domain}")
        assert ann.user["role"] == "admin"
        bob = await browsers().signed_in(connection, login=f"bob@{domain}")
        assert (bob.user["name"], bob.user["status"]) == ("Bob", "active")

    async def test_whoever_is_deactivated_is_not_let_in(
        self, acme: Person, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(acme, real_providers[0], domain, prove)
        ann = await browsers().signed_in(connection, login=f"ann@{domain}")
        await acme.delete(f"/users/{ann.user_id}")
        answer = await browsers().sign_in(connection, login=f"ann@{domain}")
        assert (answer.status_code, answer.json()["code"]) == (403, "oidc.refused")


class TestRoles:
    async def test_groups_decide_the_role_at_each_sign_in_and_never_make_an_owner(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        provider = real_providers[1]
        fields = {"role_claim": "groups", "role_map": {"it": "admin", "staff": "member"}}
        connection = await connected(acme, provider, domain, prove, **fields)
        email = f"ann@{domain}"
        for groups, role in ((["staff"], "member"), (["staff", "it"], "admin"), ([], "member")):
            await in_groups(provider, email, *groups)
            assert (await browsers().signed_in(connection, login=email)).user["role"] == role
        changed = [(each["old"], each["new"]) for each in audited(api, acme.company_id, "role.changed")]
        assert changed == [("member", "admin"), ("admin", "member")]
        refused = await acme.patch(
            f"/companies/{acme.company_id}/oidc-connections/{connection}", {"role_map": {"bosses": "owner"}}
        )
        assert refused.status_code == 422

    async def test_an_owner_stays_one(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        connection = await connected(
            acme, real_providers[1], domain, prove, role_claim="groups", role_map={"it": "admin"}
        )
        email = f"ann@{domain}"
        ann = await browsers().signed_in(connection, login=email)
        api.sql("update users set role = 'owner' where id = %s", (ann.user_id,))
        assert (await browsers().signed_in(connection, login=email)).user["role"] == "owner"


class TestTwoCompanies:
    """Ann belongs to both; each company has a provider of its own."""

    @pytest.fixture
    async def firms(
        self, api: Api, real_providers: Providers, prove: Prove, domain: str
    ) -> tuple[Person, str, Person, str, str]:
        acme, borg = await api.register(), await api.register()
        at_acme = await connected(acme, real_providers[0], domain, prove)
        at_borg = await connected(borg, real_providers[1], domain, prove)
        return acme, at_acme, borg, at_borg, f"ann@{domain}"

    async def test_one_account_signs_in_at_both_and_each_opens_its_own(
        self, firms: tuple[Person, str, Person, str, str], api: Api, browsers: Browsers
    ) -> None:
        acme, at_acme, borg, at_borg, email = firms
        here, there = await browsers().signed_in(at_acme, login=email), await browsers().signed_in(at_borg, login=email)
        assert (here.company_id, there.company_id) == (acme.company_id, borg.company_id)
        accounts = api.sql("select distinct account_id from users where email = %s", (email,))
        assert len(accounts) == 1
        for who, other in ((here, borg), (there, acme)):
            assert [each["id"] for each in (await who.get("/companies")).json()] == [who.company_id]
            refused = await who.post("/auth/switch-company", {"company_id": other.company_id})
            assert (refused.status_code, refused.json()["code"]) == (403, "auth.account_proof_required")

    async def test_what_both_vouched_for_in_one_browser_opens_both(
        self, firms: tuple[Person, str, Person, str, str], browsers: Browsers
    ) -> None:
        acme, at_acme, borg, at_borg, email = firms
        browser = browsers()
        browser.product.headers["Origin"] = "http://localhost:8000"
        await browser.signed_in(at_acme, login=email)
        there = await browser.signed_in(at_borg, login=email)
        answer = await there.post("/auth/switch-company", {"company_id": acme.company_id})
        here = browser.person(answer, email)
        assert here.company_id == acme.company_id
        assert {each["id"] for each in (await here.get("/companies")).json()} == {acme.company_id, borg.company_id}
        # Two providers of two companies are still not what opens the account as a whole.
        refused = await here.post("/companies", {"name": "Third"})
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.account_proof_required")

    async def test_another_account_in_the_same_browser_takes_nothing_over(
        self, firms: tuple[Person, str, Person, str, str], browsers: Browsers
    ) -> None:
        acme, at_acme, borg, at_borg, email = firms
        browser = browsers()
        browser.product.headers["Origin"] = "http://localhost:8000"
        await browser.signed_in(at_acme, login=email)
        bob = await browser.signed_in(at_borg, login=f"bob.{email}")
        refused = await bob.post("/auth/switch-company", {"company_id": acme.company_id})
        assert refused.status_code == 422

    async def test_a_token_of_one_company_does_nothing_in_the_other(
        self, firms: tuple[Person, str, Person, str, str], browsers: Browsers
    ) -> None:
        acme, at_acme, borg, at_borg, email = firms
        browser = browsers()
        here = await browser.signed_in(at_acme, login=email)
        await browsers().signed_in(at_borg, login=email)
        refreshed = await browser.product.post(
            "/api/v1/auth/refresh", json={"company_id": borg.company_id}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert (refreshed.status_code, refreshed.json()["code"]) == (403, "auth.account_proof_required")
        assert (await here.get("/auth/me")).status_code == 200


class TestTheAccountBehind:
    async def test_a_companys_provider_reaches_nothing_of_the_account(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        victim = await api.register(email=f"ann@{domain}")
        api.sql("update accounts set email_verified_at = now() where email = %s", (victim.email,))
        connection = await connected(acme, real_providers[0], domain, prove)
        here = await browsers().signed_in(connection, login=victim.email)
        refused = await here.post("/auth/password/change", {"new_password": "another long secret of mine"})
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.account_proof_required")
        assert (await victim.get("/auth/me")).status_code == 200
        there = await api.login(victim.email, company_id=victim.company_id)
        seen = {each["id"] for each in (await here.get("/auth/sessions")).json()}
        assert seen == {here.session_id}
        assert (await here.delete(f"/auth/sessions/{there.session_id}")).status_code == 404
        assert (await here.post("/auth/logout", {"all": True})).status_code == 204
        assert (await here.get("/auth/me")).status_code == 401
        assert (await there.get("/auth/me")).status_code == 200

    async def test_an_address_that_nobody_proved_is_taken_from_whoever_opened_the_account(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        squatter = await api.register(email=f"ann@{domain}")
        connection = await connected(acme, real_providers[0], domain, prove)
        await browsers().signed_in(connection, login=squatter.email)
        assert (await squatter.get("/auth/me")).status_code == 401
        again = {"email": squatter.email, "password": PASSWORD}
        assert (await api.client.post("/api/v1/auth/login", json=again)).status_code == 401
        taken = await api.client.post("/api/v1/auth/register", json={**again, "name": "Squatter"})
        assert (taken.status_code, taken.json()["code"]) == (409, "account.email_taken")
        (linked,) = audited(api, acme.company_id, "oidc.linked")
        assert linked == {"stripped": True}

    async def test_a_password_makes_the_session_one_of_the_account(
        self, acme: Person, api: Api, real_providers: Providers, browsers: Browsers, domain: str, prove: Prove
    ) -> None:
        ann = await api.register(email=f"ann@{domain}")
        api.sql("update accounts set email_verified_at = now() where email = %s", (ann.email,))
        connection = await connected(acme, real_providers[0], domain, prove)
        here = await browsers().signed_in(connection, login=ann.email)
        assert (await here.post("/auth/switch-company", {"company_id": ann.company_id})).status_code == 403
        assert (await here.post("/auth/step-up", {"password": PASSWORD})).status_code == 200
        assert (await here.post("/auth/switch-company", {"company_id": ann.company_id})).status_code == 200
