"""A browser that signs in: it keeps cookies, follows what it is told, and fills forms in as people do."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.integration.api import Person

_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*method="post"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
PRODUCT = "http://localhost:8000"


@dataclass(kw_only=True)
class Browser:
    """`product` talks to the product, `web` to everybody else; each keeps its own cookies."""

    product: httpx.AsyncClient
    web: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=20))

    async def begin(self, connection_id: str, **query: str) -> httpx.Response:
        """Asks to sign in; the answer leads to the provider."""
        return await self.product.get(f"/api/v1/auth/oidc/{connection_id}/login", params=query)

    async def at_provider(self, address: str, *, login: str) -> str:
        """Signs in on the provider's own pages; the address that it sends the browser back to."""
        for _ in range(12):
            answer = await self.web.get(address)
            if answer.is_redirect:
                address = str(httpx.URL(address).join(answer.headers["location"]))
                if address.startswith(PRODUCT):
                    return address
                continue
            assert answer.status_code == 200, answer.text
            form = _FORM.search(answer.text)
            assert form is not None, answer.text
            fields = dict(_HIDDEN.findall(form[2]))
            if 'name="login"' in form[2]:
                fields |= {"login": login, "password": "whatever"}
            sent = await self.web.post(form[1], data=fields)
            assert sent.is_redirect, sent.text
            address = str(httpx.URL(address).join(sent.headers["location"]))
        raise AssertionError(f"the provider never came to an end: {address}")

    async def come_back(self, address: str) -> httpx.Response:
        return await self.product.get(address)

    async def redeem(self, returned: httpx.Response, **headers: str) -> httpx.Response:
        """Has itself signed in by the code that it was sent on with."""
        assert returned.status_code == 302, returned.text
        code = parameters(returned.headers["location"])["code"]
        return await self.product.post("/api/v1/auth/oidc/token", json={"code": code}, headers=headers)

    async def sign_in(self, connection_id: str, *, login: str, **query: str) -> httpx.Response:
        """All of it: the answer that signs in, or the first that refuses."""
        begun = await self.begin(connection_id, **query)
        if begun.status_code != 302:
            return begun
        returned = await self.come_back(await self.at_provider(begun.headers["location"], login=login))
        return returned if returned.status_code != 302 else await self.redeem(returned)

    async def signed_in(self, connection_id: str, *, login: str) -> Person:
        """The same, which must succeed."""
        return self.person(await self.sign_in(connection_id, login=login), login)

    def person(self, answer: httpx.Response, email: str) -> Person:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return Person(
            client=self.product, token=body["access_token"], email=email, user=body["user"], company=body["company"]
        )

    async def close(self) -> None:
        await self.web.aclose()
        await self.product.aclose()


def callback(connection_id: str | None = None) -> str:
    """Where browsers come back to from a company's connection, or from the installation's providers."""
    own = f"/{connection_id}" if connection_id is not None else ""
    return f"{PRODUCT}/api/v1/auth/oidc{own}/callback"


def parameters(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
