"""The cookie as a browser meets it: which pages may use it, and what other sites' pages can make a browser do.

A browser sends `Origin` with every POST, `Sec-Fetch-Site` where it is new enough, and, as the cookie is SameSite=Lax,
no cookie with another site's POST. What it would refuse to send without asking, it asks for by a preflight.
"""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import PASSWORD, Api

AUTH = "/api/v1/auth"
HERE = "http://localhost:8000"
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]


async def registered(browser: httpx.AsyncClient) -> dict[str, Any]:
    """Signs somebody in on a page of ours; answers the body, with the address."""
    email = f"{uuid4().hex}@example.com"
    answer = await browser.post(f"{AUTH}/register", json={"email": email, "name": "Robin", "password": PASSWORD})
    assert answer.status_code == 201
    return {**answer.json(), "email": email}


def sets_cookie(answer: httpx.Response) -> bool:
    return "set-cookie" in answer.headers


# Forms of other sites


@pytest.mark.parametrize("kind", FORMS)
async def test_a_form_of_another_site_signs_nobody_in_or_out_and_renews_nothing(
    browser: httpx.AsyncClient, api: Api, kind: str
) -> None:
    """With the cookie, as a browser without SameSite would send it."""
    ann = await registered(browser)
    before = api.sql("select count(*) from login_sessions")
    bodies = {
        "login": f'{{"email": "{ann["email"]}", "password": "{PASSWORD}"}}',
        "register": f'{{"email": "{uuid4().hex}@example.com", "password": "{PASSWORD}", "name": "x"}}',
        "refresh": "{}",
        "logout": '{"all": true}',
    }
    for path, body in bodies.items():
        headers = {**FOREIGN, **({"Content-Type": kind} if kind else {})}
        answer = await browser.post(f"{AUTH}/{path}", content=body.encode(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "body.media_type_unsupported"), path
        assert not sets_cookie(answer)
    assert api.sql("select count(*) from login_sessions") == before
    assert (await browser.post(f"{AUTH}/refresh")).status_code == 200


@pytest.mark.parametrize("kind", FORMS)
async def test_an_empty_form_of_another_site_does_nothing_either(browser: httpx.AsyncClient, kind: str) -> None:
    ann = await registered(browser)
    headers = {**FOREIGN, **({"Content-Type": kind} if kind else {})}
    for path in ("refresh", "logout"):
        answer = await browser.post(f"{AUTH}/{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.origin_refused")
        assert not sets_cookie(answer)
    bearer = {"Authorization": f"Bearer {ann['access_token']}"}
    assert (await browser.get(f"{AUTH}/me", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [FOREIGN, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": HERE.replace("8000", "8001")}],
    ids=str,
)
async def test_a_form_that_comes_without_the_cookie_does_not_have_it_cleared(api: Api, headers: dict[str, str]) -> None:
    """As SameSite=Lax has it: the answer could still delete what was not sent along."""
    api.client.cookies.clear()
    answer = await api.client.post(f"{AUTH}/logout", headers=headers)
    assert (answer.status_code, sets_cookie(answer)) == (204, False)


@pytest.mark.parametrize("headers", [{"Origin": HERE}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
async def test_a_page_of_ours_has_it_cleared_also_when_nobody_is_signed_in(api: Api, headers: dict[str, str]) -> None:
    api.client.cookies.clear()
    answer = await api.client.post(f"{AUTH}/logout", headers=headers)
    assert (answer.status_code, sets_cookie(answer)) == (204, True)


async def test_the_cookie_alone_opens_nothing_but_its_renewal(browser: httpx.AsyncClient) -> None:
    ann = await registered(browser)
    session = f"{AUTH}/sessions/{uuid4()}"
    for method, path, body in (
        ("GET", f"{AUTH}/me", None),
        ("GET", f"{AUTH}/sessions", None),
        ("DELETE", session, None),
        ("POST", f"{AUTH}/step-up", {"password": PASSWORD}),
        ("POST", f"{AUTH}/password/change", {"new_password": "quite another secret"}),
        ("POST", f"{AUTH}/switch-company", {"company_id": ann["company"]["id"]}),
        ("GET", "/api/v1/tasks", None),
        ("POST", "/api/v1/projects", {"name": "x"}),
    ):
        answer = await browser.request(method, path, **({"json": body} if body else {}))
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_invalid"), path


# Where a request comes from


@pytest.mark.parametrize(
    ("public_url", "origin", "status"),
    [
        ("https://Flow.Example", "https://flow.example", 200),
        ("https://flow.example:443/", "https://flow.example", 200),
        ("https://flow.example/app/", "https://flow.example", 200),
        ("https://flow.example:8443", "https://flow.example:8443", 200),
        ("https://flow.example:8443", "https://flow.example", 403),
        ("https://flow.example", "https://flow.example:8443", 403),
        ("https://flow.example", "http://flow.example", 403),
        ("https://flow.example", "https://api.flow.example", 403),
        ("https://flow.example", "https://flow.example.evil.example", 403),
        ("https://flow.example", "https://FLOW.example", 403),
        ("https://flow.example", "https://flow.example/", 403),
    ],
)
async def test_our_own_pages_are_those_of_the_public_address(
    another_app: Any, public_url: str, origin: str, status: int
) -> None:
    async with another_app(public_url=public_url) as api:
        await api.register()
        ((name, token),) = [each for each in api.client.cookies.items() if "refresh" in each[0]]
        api.client.cookies.clear()
        answer = await api.client.post(f"{AUTH}/refresh", headers={"Origin": origin, "Cookie": f"{name}={token}"})
        assert answer.status_code == status


async def test_a_page_that_a_setting_names_may_use_it_however_the_setting_spells_it(another_app: Any) -> None:
    async with another_app(cors_origins="https://App.Example:443/, https://two.example") as api:
        for origin in ("https://app.example", "https://two.example"):
            await api.register()
            answer = await api.client.post(f"{AUTH}/refresh", headers={"Origin": origin})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-credentials"] == "true"
        refused = await api.client.post(f"{AUTH}/refresh", headers={"Origin": "https://app.example:8443"})
        assert refused.status_code == 403


async def test_who_names_two_origins_names_none(browser: httpx.AsyncClient) -> None:
    await registered(browser)
    for pair in ((HERE, "https://evil.example"), ("https://evil.example", HERE), (HERE, HERE)):
        request = browser.build_request("POST", f"{AUTH}/refresh")
        request.headers = httpx.Headers(
            [(name, value) for name, value in request.headers.multi_items() if name != "origin"]
            + [("Origin", each) for each in pair]
        )
        answer = await browser.send(request)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.origin_refused")
    assert (await browser.post(f"{AUTH}/refresh")).status_code == 200


# What a browser asks before it sends


@pytest.mark.parametrize(("origin", "allowed"), [("https://app.example", True), ("https://evil.example", False)])
async def test_a_preflight_lets_named_origins_alone_send_json(another_app: Any, origin: str, allowed: bool) -> None:
    async with another_app(cors_origins=("https://app.example",)) as api:
        for path in ("login", "refresh", "logout", "step-up", "password/change", f"sessions/{uuid4()}"):
            answer = await api.client.options(
                f"{AUTH}/{path}",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "DELETE" if path.startswith("sessions") else "POST",
                    "Access-Control-Request-Headers": "authorization, content-type",
                },
            )
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed, path
            assert (answer.status_code == 200) is allowed, path
            if allowed:
                assert answer.headers["access-control-allow-credentials"] == "true"
                assert "origin" in answer.headers["vary"].lower()
            assert not sets_cookie(answer)


async def test_without_the_setting_no_preflight_is_granted(api: Api) -> None:
    answer = await api.client.options(
        f"{AUTH}/login",
        headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
