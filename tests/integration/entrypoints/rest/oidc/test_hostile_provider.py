"""A provider that lies, and browsers that are lied to: each is refused, and the company's auditors hear of it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import RSAKey

from adapters.crypto.sealing import PurposeSealer
from core.oidc.model import CODE_LIFE
from entrypoints.container import Container
from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.oidc import hostile as lies
from tests.integration.entrypoints.rest.oidc.browser import Browser, callback, parameters
from tests.integration.entrypoints.rest.oidc.conftest import audited, connect
from tests.integration.entrypoints.rest.oidc.hostile import Hostile

Browsers = Callable[[], Browser]


@dataclass(kw_only=True)
class Stage:
    """A company whose own provider is hostile, and a browser that has just been sent there."""

    api: Api
    owner: Person
    provider: Hostile
    connection: str
    domain: str
    browsers: Browsers

    async def sent(self, browser: Browser | None = None, **claims: Any) -> tuple[Browser, dict[str, str]]:
        """A browser that was sent to the provider, which will say of it what is given; what was sent along."""
        browser = browser or self.browsers()
        begun = await browser.begin(self.connection)
        assert begun.status_code == 302, begun.text
        given = parameters(begun.headers["location"])
        email = f"ann@{self.domain}"
        honest = {"sub": "ann", "email": email, "email_verified": True, "nonce": given["nonce"]}
        self.provider.claims = {**honest, **claims}
        return browser, given

    async def came_back(self, browser: Browser, given: dict[str, str], **query: str) -> httpx.Response:
        sent = {"state": given["state"], "code": "c", **query}
        return await browser.come_back(str(httpx.URL(given["redirect_uri"], params=sent)))

    async def tried(self, **claims: Any) -> httpx.Response:
        browser, given = await self.sent(**claims)
        return await self.came_back(browser, given)

    def refusals(self) -> list[str]:
        return [each["reason"] for each in audited(self.api, self.owner.company_id, "oidc.refused")]

    def denials(self) -> list[tuple[str, str]]:
        """What else the company's auditors heard of: the rule, and where."""
        found = audited(self.api, self.owner.company_id, "permission.denied")
        return [(each["rule"], each["verb"].rpartition("/")[2]) for each in found]

    def users(self) -> int:
        return self.api.count("users", self.owner.company_id)


@pytest.fixture
async def stage(
    api: Api,
    hostile: Hostile,
    browsers: Browsers,
    domain: str,
    prove: Callable[[Person, str], Awaitable[None]],
) -> Stage:
    owner = await api.register()
    await prove(owner, domain)
    made = await connect(owner, hostile, email_domains=[domain], jit_provisioning=True)
    return Stage(api=api, owner=owner, provider=hostile, connection=made["id"], domain=domain, browsers=browsers)


def refused(answer: httpx.Response, status: int = 403, code: str = "oidc.refused") -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


class TestHonestly:
    async def test_it_signs_in_while_it_behaves(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        returned = await stage.came_back(browser, given)
        ann = browser.person(await browser.redeem(returned), "ann")
        assert ann.company_id == stage.owner.company_id
        (form,) = [form for path, form in stage.provider.asked if path == "/token"]
        assert form["grant_type"] == ["authorization_code"] and len(form["code_verifier"][0]) == 43

    async def test_an_address_that_only_the_userinfo_names_is_taken_from_there(self, stage: Stage) -> None:
        email = f"bea@{stage.domain}"
        stage.provider.userinfo = {"sub": "bea", "email": email, "email_verified": True}
        browser, given = await stage.sent(sub="bea", email=None, email_verified=None)
        answer = await browser.redeem(await stage.came_back(browser, given))
        assert answer.json()["user"]["email"] == email


class TestFreshness:
    @pytest.mark.parametrize("since", [-3600, 0, 700, 1_700_000_000], ids=str)
    async def test_it_is_no_newer_than_the_provider_says_and_never_ahead_of_us(self, stage: Stage, since: int) -> None:
        now = int(time.time())
        browser, given = await stage.sent(auth_time=now - since)
        ann = browser.person(await browser.redeem(await stage.came_back(browser, given)), "ann")
        ((age,),) = stage.api.sql(
            "select extract(epoch from now() - authenticated_at)::float from login_sessions where id = %s",
            (ann.session_id,),
        )
        assert max(since, 0) - 1 <= age < max(since, 0) + 30
        stage.api.sql("update users set role = 'admin' where id = %s", (ann.user_id,))
        answer = await ann.post(f"/companies/{ann.company_id}/email-domains", {"domain": f"x.{stage.domain}"})
        assert answer.status_code == (201 if since < 600 else 403), answer.text
        assert since < 600 or answer.json()["code"] == "auth.step_up_required"

    async def test_a_new_proof_is_asked_for_where_that_is_wanted(self, stage: Stage) -> None:
        for query in ({}, {"anew": "false"}, {"anew": "true"}):
            begun = parameters((await stage.browsers().begin(stage.connection, **query)).headers["location"])
            wanted = ("login", "0") if query.get("anew") == "true" else (None, None)
            assert (begun.get("prompt"), begun.get("max_age")) == wanted


class TestForgedTokens:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "http://127.0.0.1:1"},
            {"iss": None},
            {"aud": "another client"},
            {"aud": ["another client"]},
            {"aud": None},
            {"aud": [lies.CLIENT_ID, "another client"]},
            {"aud": [lies.CLIENT_ID, "another client"], "azp": "another client"},
            {"azp": "another client"},
            {"nonce": "another"},
            {"nonce": None},
            {"exp": 1_700_000_000},
            {"exp": None},
            {"exp": "never"},
            {"iat": 4_000_000_000},
            {"iat": None},
            {"nbf": 4_000_000_000},
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"sub": "x" * 256},
            {"sub": "a\x00b"},
            {"sub": "\ud800"},
            {"sub": "a\u202eb"},
            {"at_hash": "another"},
            {"auth_time": "never"},
            {"auth_time": True},
            {"auth_time": 1e300},
            {"auth_time": float("inf")},
            {"auth_time": float("nan")},
        ],
        ids=ascii,
    )
    async def test_a_claim_that_is_not_for_us_is_refused(self, stage: Stage, claims: dict[str, Any]) -> None:
        assert refused(await stage.tried(**claims))
        assert stage.refusals() == ["token"]
        assert stage.users() == 1

    @pytest.mark.parametrize(
        "sign",
        [lies.unsigned, lies.signed_with_shared_secret, lies.signed_with_public_key],
        ids=lambda each: each.__name__,
    )
    async def test_what_is_not_signed_by_the_published_key_is_refused(self, stage: Stage, sign: Any) -> None:
        stage.provider.sign = sign
        assert refused(await stage.tried())
        assert stage.refusals() == ["token"]

    async def test_so_is_what_another_key_signed_by_the_same_name(self, stage: Stage) -> None:
        another = RSAKey.generate_key(2048)
        stage.provider.sign = lambda provider, claims: lies.signed(provider, claims, key=another, kid="one")
        assert refused(await stage.tried())

    async def test_so_is_a_token_of_any_size(self, stage: Stage) -> None:
        assert refused(await stage.tried(padding="x" * 70_000))
        stage.provider.padding = 600_000
        assert refused(await stage.tried())

    @pytest.mark.parametrize("path", ["/token", "/userinfo"])
    async def test_so_is_an_answer_that_has_no_bottom(self, stage: Stage, path: str) -> None:
        stage.provider.written = {path: b"[" * 100_000 + b"]" * 100_000}
        assert refused(await stage.tried(email=None))
        assert stage.refusals() == ["token"]

    @pytest.mark.parametrize(
        "address", ["https://[::1", "https://a:b/", "\x00", "http://127.0.0.1:99999999/", "x" * 70_000]
    )
    @pytest.mark.parametrize("which", ["token_endpoint", "userinfo_endpoint", "jwks_uri"])
    async def test_what_is_no_address_is_not_asked(self, stage: Stage, which: str, address: str) -> None:
        stage.provider.discovery = {which: address}
        answer = await stage.tried(email=None)
        if which == "jwks_uri" or address.startswith("http:"):
            assert refused(answer, 503, "oidc.provider_away")
        else:
            assert refused(answer) and stage.refusals() == ["token"]

    async def test_a_name_loses_what_cannot_be_printed(self, stage: Stage) -> None:
        browser, given = await stage.sent(name="Ann\x00 \ud800Miller")
        answer = await browser.redeem(await stage.came_back(browser, given))
        assert answer.json()["user"]["name"] == "Ann Miller"

    async def test_so_is_userinfo_of_somebody_else(self, stage: Stage) -> None:
        stage.provider.userinfo = {"sub": "bob", "email": f"bob@{stage.domain}", "email_verified": True}
        assert refused(await stage.tried(email=None))
        assert stage.refusals() == ["token"]

    async def test_so_is_an_answer_in_another_providers_name(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        assert refused(await stage.came_back(browser, given, iss="https://honest.example"))
        assert stage.refusals() == ["issuer"]

    async def test_a_clock_that_is_a_little_ahead_does_not_matter(self, stage: Stage) -> None:
        now = int(time.time())
        assert (await stage.tried(iat=now + 30, exp=now + 330)).status_code == 302
        assert (await stage.tried(iat=now - 330, exp=now - 30)).status_code == 302


class TestWhoIsClaimed:
    @pytest.mark.parametrize("verified", [False, None, "true", 1], ids=str)
    async def test_an_address_that_it_does_not_say_is_verified(self, stage: Stage, verified: Any) -> None:
        assert refused(await stage.tried(email_verified=verified))
        assert stage.refusals() == ["email_unverified"]

    async def test_somebody_elses_address(self, stage: Stage) -> None:
        victim = await stage.api.register()
        assert refused(await stage.tried(email=victim.email))
        assert stage.refusals() == ["domain_unproved"]
        assert (await victim.get("/auth/me")).status_code == 200
        assert stage.api.sql(
            "select count(*) from external_identities where issuer = %s", (stage.provider.issuer,)
        ) == [(0,)]

    @pytest.mark.parametrize(
        "email",
        ["ann", "@", "ann@", "ann@localhost", "ann@example.com\x00", "\ud800@example.com", "x" * 300, 7, ["a"]],
        ids=ascii,
    )
    async def test_what_is_no_address(self, stage: Stage, email: Any) -> None:
        assert refused(await stage.tried(email=email))

    async def test_a_domain_that_only_looks_like_the_companys(self, stage: Stage) -> None:
        for domain in (f"{stage.domain}.evil.example", f"evil-{stage.domain}", stage.domain.replace("i", "і", 1)):
            assert refused(await stage.tried(email=f"ann@{domain}"))
        # The last one mixes scripts, so that it is no address at all.
        assert stage.refusals() == ["domain_unproved", "email_invalid"]

    async def test_a_domain_that_the_company_took_back(self, stage: Stage) -> None:
        place = f"/companies/{stage.owner.company_id}/email-domains"
        (known,) = (await stage.owner.get(place)).json()
        assert (await stage.owner.delete(f"{place}/{known['id']}")).status_code == 204
        assert refused(await stage.tried())

    async def test_an_owner_where_an_admin_chose_the_provider(
        self, stage: Stage, hostile: Hostile, prove: Callable[[Person, str], Awaitable[None]]
    ) -> None:
        boss = await stage.api.register(email=f"boss@{stage.domain}")
        owner = await stage.api.colleague(stage.owner, role="owner", who=boss)
        admin = await stage.api.colleague(stage.owner, role="admin")
        place = f"/companies/{admin.company_id}/oidc-connections/{stage.connection}"
        assert (await admin.patch(place, {"name": "Ours"})).json()["admits_owners"]
        changed = await admin.patch(place, {"email_domains": [stage.domain, "more.example"]})
        assert not changed.json()["admits_owners"]
        assert refused(await stage.tried(sub="boss", email=owner.email))
        assert stage.refusals() == ["owner"]
        assert (await stage.owner.patch(place, {"name": "Again ours"})).json()["admits_owners"]
        assert (await stage.tried(sub="boss", email=owner.email)).status_code == 302


class TestBrowsersThatAreLiedTo:
    async def test_one_that_was_handed_on_to_another_provider(self, stage: Stage) -> None:
        """Mix-up: the hostile provider sends the browser on to an honest one, with its own state; the honest one sends
        it back, with a code that was meant for nobody else, to the address that was registered there.
        """
        honest = await stage.api.register()
        other = await connect(honest, stage.provider, name="Honest")
        browser, given = await stage.sent()
        assert given["redirect_uri"] == callback(stage.connection)
        for address in (callback(other["id"]), callback(), callback(str(uuid4()))):
            answer = await stage.came_back(browser, {**given, "redirect_uri": address})
            assert refused(answer, 403, "oidc.state_invalid")
        missing = await stage.came_back(browser, {**given, "redirect_uri": callback("none")})
        assert refused(missing, 404, "oidc_connection.not_found")
        assert "/token" not in [path for path, _ in stage.provider.asked]
        assert (await stage.came_back(browser, given)).status_code == 302
        (form,) = [form for path, form in stage.provider.asked if path == "/token"]
        assert form["redirect_uri"] == [given["redirect_uri"]]

    async def test_a_state_that_is_another_browsers(self, stage: Stage) -> None:
        mine, _ = await stage.sent()
        _, theirs = await stage.sent()
        for _ in range(3):
            answer = await stage.came_back(mine, theirs)
            assert refused(answer, 403, "oidc.state_invalid")
        assert stage.users() == 1
        assert set(stage.denials()) == {("oidc.state_invalid", "callback")} and len(stage.denials()) <= 2

    async def test_a_browser_that_began_nothing(self, stage: Stage) -> None:
        _, given = await stage.sent()
        assert refused(await stage.came_back(stage.browsers(), given), 403, "oidc.state_invalid")
        forged = stage.browsers()
        forged.product.cookies.set("flowtrack_oidc", "not sealed by us")
        assert refused(await stage.came_back(forged, given), 403, "oidc.state_invalid")

    async def test_a_state_that_was_sealed_for_something_else(self, stage: Stage, container: Container) -> None:
        """Its maker set up a connection with what a state holds as its secret, and got at what is stored."""
        browser, given = await stage.sent()
        states = PurposeSealer(container.sealer(), purpose="flowtrack oidc states")
        written = states.opened(browser.product.cookies["flowtrack_oidc"].encode())
        assert written is not None
        forged = stage.browsers()
        forged.product.cookies.set("flowtrack_oidc", container.sealer().seal(written).decode())
        assert refused(await stage.came_back(forged, given), 403, "oidc.state_invalid")

    async def test_a_state_that_was_used_before(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        returned = await stage.came_back(browser, given)
        assert returned.status_code == 302
        assert refused(await stage.came_back(browser, given), 403, "oidc.state_invalid")
        assert (await browser.redeem(returned)).status_code == 200
        assert refused(await stage.came_back(browser, given), 403, "oidc.state_invalid")
        assert ("oidc.state_invalid", "callback") in stage.denials()

    async def test_no_state_and_no_code(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        assert refused(await browser.come_back(given["redirect_uri"]), 403, "oidc.state_invalid")
        sent = {"state": given["state"], "error": "access_denied", "other": "x"}
        denied = str(httpx.URL(given["redirect_uri"], params=sent))
        for _ in range(20):
            assert refused(await browser.come_back(denied))
        # Once a minute, however often the browser comes back.
        assert stage.refusals() in (["provider"], ["provider"] * 2)

    async def test_a_code_in_another_browser(self, stage: Stage) -> None:
        mine, given = await stage.sent()
        theirs, their_given = await stage.sent()
        stage.provider.claims["nonce"] = given["nonce"]
        returned = await stage.came_back(mine, given)
        stage.provider.claims |= {"nonce": their_given["nonce"], "sub": "bob", "email": f"bob@{stage.domain}"}
        other = await stage.came_back(theirs, their_given)
        assert refused(await theirs.redeem(returned), 401, "oidc.code_invalid")
        assert refused(await mine.redeem(other), 401, "oidc.code_invalid")
        assert (await mine.redeem(returned)).json()["user"]["email"] == f"ann@{stage.domain}"

    async def test_a_code_that_was_used_or_is_too_old(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        returned = await stage.came_back(browser, given)
        kept = browser.product.cookies.get("flowtrack_oidc")
        assert (await browser.redeem(returned)).status_code == 200
        browser.product.cookies.set("flowtrack_oidc", kept)
        assert refused(await browser.redeem(returned), 401, "oidc.code_invalid")
        assert stage.denials() == [("oidc.code_invalid", "token")]

        browser, given = await stage.sent()
        returned = await stage.came_back(browser, given)
        stage.api.sql(
            "update login_sessions set code_expires_at = code_expires_at - %s, expires_at = expires_at - %s"
            " where code_digest is not null",
            (CODE_LIFE, CODE_LIFE),
        )
        assert refused(await browser.redeem(returned), 401, "oidc.code_invalid")

    async def test_a_session_that_nobody_redeemed_is_not_listed(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        ann = browser.person(await browser.redeem(await stage.came_back(browser, given)), "ann")
        another, given = await stage.sent()
        await stage.came_back(another, given)
        assert [each["id"] for each in (await ann.get("/auth/sessions")).json()] == [ann.session_id]

    @pytest.mark.parametrize(
        "redirect_to",
        [
            "https://evil.example/",
            "//evil.example",
            "http://localhost:8000.evil.example/",
            "http://localhost:8000@evil.example/",
        ],
    )
    async def test_nobody_is_sent_elsewhere(self, stage: Stage, redirect_to: str) -> None:
        answer = await stage.browsers().begin(stage.connection, redirect_to=redirect_to)
        assert refused(answer, 422, "oidc.redirect_refused")
        assert stage.denials() == [("oidc.redirect_refused", "login")]
        assert "location" not in answer.headers and "set-cookie" not in answer.headers

    async def test_whoever_asked_for_a_page_comes_to_that_page(self, stage: Stage) -> None:
        browser = stage.browsers()
        page = "http://localhost:8000/board?of=web"
        begun = await browser.begin(stage.connection, redirect_to=page)
        given = parameters(begun.headers["location"])
        stage.provider.claims = {
            "sub": "ann", "email": f"ann@{stage.domain}", "email_verified": True, "nonce": given["nonce"]
        }  # fmt: skip
        returned = await stage.came_back(browser, given)
        assert returned.headers["location"].startswith(f"{page}&code=")
        assert returned.headers["cache-control"] == "no-store"


class TestProvidersThatFail:
    async def test_keys_that_were_changed_are_fetched_anew(self, stage: Stage) -> None:
        assert (await stage.tried()).status_code == 302
        for _ in range(2):
            stage.provider.rotate()
            assert (await stage.tried()).status_code == 302
        assert [path for path, _ in stage.provider.asked].count("/keys") == 3
        assert [path for path, _ in stage.provider.asked].count("/.well-known/openid-configuration") == 1

    async def test_one_that_is_away_is_said_to_be(self, stage: Stage) -> None:
        stage.provider.status = 503
        answer = await stage.browsers().begin(stage.connection)
        assert refused(answer, 503, "oidc.provider_away")
        assert int(answer.headers["retry-after"]) > 0

    async def test_so_is_one_that_goes_away_meanwhile(self, stage: Stage) -> None:
        browser, given = await stage.sent()
        stage.provider.status = 500
        assert refused(await stage.came_back(browser, given), 503, "oidc.provider_away")
        stage.provider.status = 200
        assert (await stage.came_back(browser, given)).status_code == 302

    async def test_one_that_takes_too_long_is_given_up(self, stage: Stage, container: Container) -> None:
        container.oidc().egress()._seconds = 0.2
        try:
            stage.provider.delay = 0.5
            assert refused(await stage.browsers().begin(stage.connection), 503, "oidc.provider_away")
        finally:
            container.oidc().egress()._seconds = 10.0

    @pytest.mark.parametrize(
        "about",
        [
            {"issuer": "https://honest.example"},
            {"token_endpoint": None},
            {"jwks_uri": 7},
            {"authorization_endpoint": "javascript:alert(document.domain)//"},
            {"authorization_endpoint": "javascript://login.example.com/%0aalert(1)"},
            {"authorization_endpoint": "data:text/html,x"},
            {"authorization_endpoint": "http://login.example.com/authorize"},
            {"authorization_endpoint": "//login.example.com/authorize"},
            {"authorization_endpoint": "https:///authorize"},
            {"authorization_endpoint": "https://honest.example@evil.example/"},
            {"authorization_endpoint": "https://login.example.com/authorize#x"},
        ],
        ids=str,
    )
    async def test_one_that_describes_itself_wrongly_is_not_used(self, stage: Stage, about: dict[str, Any]) -> None:
        stage.provider.discovery = about
        assert refused(await stage.browsers().begin(stage.connection), 409, "oidc.provider_unusable")

    async def test_one_that_sends_us_elsewhere_is_not_followed(self, stage: Stage) -> None:
        stage.provider.location = f"{stage.provider.issuer}/elsewhere"
        assert refused(await stage.browsers().begin(stage.connection), 409, "oidc.provider_unusable")
        assert "/elsewhere" not in [path for path, _ in stage.provider.asked]

    @pytest.mark.parametrize(
        "inside", ["https://169.254.169.254/token", "https://10.0.0.1/token", "http://93.184.215.14/token"]
    )
    async def test_one_that_points_inside_is_not_followed(self, stage: Stage, inside: str) -> None:
        stage.provider.discovery = {"token_endpoint": inside}
        answer = await stage.tried()
        assert refused(answer, 409, "oidc.provider_unusable")
        assert urlsplit(inside).hostname not in answer.text

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
    async def test_one_whose_description_has_no_bottom_is_not_used(self, stage: Stage, path: str) -> None:
        stage.provider.written = {path: b"[" * 100_000 + b"]" * 100_000}
        begun = await stage.browsers().begin(stage.connection)
        assert refused(begun if path != "/keys" else await stage.tried(), 409, "oidc.provider_unusable")

    async def test_keys_that_are_none_are_refused(self, stage: Stage) -> None:
        stage.provider.published = [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, {"kty": "RSA", "n": "x", "e": "y"}]
        assert refused(await stage.tried(), 409, "oidc.provider_unusable")
