"""Where requests to addresses of tenants may go. Nothing leaves: names and answers are the tests' own."""

import socket
import threading
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network

import httpx2
import pytest

from adapters.http.egress import AnswerTooLarge, Egress, EgressRefused, EgressRules, GuardedTransport, Names

PUBLIC = "93.184.215.14"
NOTHING_NAMED = EgressRules()


class Inner(httpx2.AsyncBaseTransport):
    """Whom requests reach."""

    def __init__(
        self,
        body: bytes = b"{}",
        *,
        headers: dict[str, str] | None = None,
        dead: tuple[str, ...] = (),
        failure: httpx2.RequestError = httpx2.ConnectError("nobody there"),
    ) -> None:
        self.asked: list[httpx2.Request] = []
        self._body, self._headers, self._dead = body, headers or {}, dead
        self._failure = failure

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if request.url.host in self._dead:
            raise self._failure
        return httpx2.Response(200, headers=self._headers, stream=_Parts(self._body))


class _Parts(httpx2.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 100):
            yield self._body[start : start + 100]


async def get(
    address: str, *found: str, rules: EgressRules = NOTHING_NAMED, inner: Inner | None = None, largest: int = 1000
) -> tuple[httpx2.Response, Inner]:
    inner = inner or Inner()

    async def resolve(host: str, port: int) -> list[str]:
        return list(found)

    transport = GuardedTransport(inner, rules, resolve=resolve, largest=largest)
    async with httpx2.AsyncClient(transport=transport) as client:
        return await client.get(address), inner


class TestWhereTo:
    async def test_a_public_address_is_asked_by_the_name_that_was_looked_up(self) -> None:
        _, inner = await get("https://login.example.com/keys?x=1", PUBLIC)
        (asked,) = inner.asked
        assert str(asked.url) == f"https://{PUBLIC}/keys?x=1"
        assert asked.headers["host"] == "login.example.com"
        assert asked.extensions["sni_hostname"] == "login.example.com"

    @pytest.mark.parametrize(
        "inside",
        [
            "127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
            "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.8",
            "::ffff:169.254.169.254", "64:ff9b::a00:8", "64:ff9b::7f00:1", "2002:a00:8::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fd00:ec2::254", "192.0.0.9", "168.63.129.16", "fec0::1", "3fff::1",
            "::ffff:168.63.129.16",
        ],
    )  # fmt: skip
    async def test_an_address_inside_is_refused_however_it_is_written(self, inside: str) -> None:
        inner = Inner()
        with pytest.raises(EgressRefused):
            await get("https://login.example.com/", inside, inner=inner)
        assert inner.asked == []

    async def test_a_name_with_one_address_inside_is_refused_as_a_whole(self) -> None:
        inner = Inner()
        with pytest.raises(EgressRefused):
            await get("https://login.example.com/", PUBLIC, "10.0.0.8", inner=inner)
        assert inner.asked == []

    async def test_without_tls_nothing_leaves(self) -> None:
        with pytest.raises(EgressRefused):
            await get("http://login.example.com/", PUBLIC)

    async def test_a_network_that_the_operator_named_is_asked_over_tls_alone(self) -> None:
        rules = EgressRules(networks=(ip_network("10.20.0.0/16"),))
        await get("https://login.corp.example/", "10.20.1.2", rules=rules)
        for address, found in (
            ("http://login.corp.example/", "10.20.1.2"),
            ("https://login.corp.example/", "10.21.1.2"),
        ):
            with pytest.raises(EgressRefused):
                await get(address, found, rules=rules)

    @pytest.mark.parametrize("found", ["127.0.0.1", "::1"])
    async def test_this_machine_is_asked_where_that_is_for_development(self, found: str) -> None:
        await get("http://localhost:8080/", found, rules=EgressRules(loopback_over_http=True))
        with pytest.raises(EgressRefused):
            await get("http://localhost:8080/", "10.0.0.8", rules=EgressRules(loopback_over_http=True))

    @pytest.mark.parametrize("failure", [httpx2.ConnectError("nobody there"), httpx2.ConnectTimeout("silence")])
    async def test_the_next_address_is_asked_where_one_takes_no_connection(self, failure: httpx2.RequestError) -> None:
        other = "93.184.215.15"
        inner = Inner(dead=(PUBLIC,), failure=failure)
        await get("https://login.example.com/", PUBLIC, other, inner=inner)
        assert [each.url.host for each in inner.asked] == [PUBLIC, other]
        with pytest.raises(type(failure)):
            await get("https://login.example.com/", PUBLIC, other, inner=Inner(dead=(PUBLIC, other), failure=failure))

    async def test_a_name_without_address_is_not_asked(self) -> None:
        with pytest.raises(httpx2.ConnectError):
            await get("https://login.example.com/")

    async def test_a_name_that_cannot_be_looked_up_is_not_asked(self) -> None:
        async def resolve(host: str, port: int) -> list[str]:
            raise OSError

        transport = GuardedTransport(Inner(), NOTHING_NAMED, resolve=resolve, largest=10)
        async with httpx2.AsyncClient(transport=transport) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get("https://login.example.com/")

    def test_an_address_of_the_other_version_is_in_no_named_network(self) -> None:
        rules = EgressRules(networks=(ip_network("fc00::/7"), ip_network("10.0.0.0/8")))
        assert rules.allows(ip_address("fc00::1"), scheme="https")
        assert rules.allows(ip_address("::ffff:10.1.1.1"), scheme="https")
        assert not rules.allows(ip_address("192.168.0.1"), scheme="https")


class TestWhatComesBack:
    async def test_more_than_is_taken_is_refused(self) -> None:
        answer, _ = await get("https://login.example.com/", PUBLIC, inner=Inner(b"x" * 1000))
        assert len(answer.content) == 1000
        with pytest.raises(AnswerTooLarge):
            await get("https://login.example.com/", PUBLIC, inner=Inner(b"x" * 1001))

    async def test_a_packed_answer_is_refused_since_it_may_unpack_to_anything(self) -> None:
        inner = Inner(headers={"Content-Encoding": "gzip"})
        with pytest.raises(AnswerTooLarge):
            await get("https://login.example.com/", PUBLIC, inner=inner)
        assert inner.asked[0].headers["accept-encoding"] == "identity"


class TestTime:
    async def test_a_name_that_nobody_answers_for_is_given_up_and_takes_no_thread_of_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked, answered = threading.Event(), threading.Event()

        def getaddrinfo(*_: object, **__: object) -> list[object]:
            asked.set()
            assert threading.current_thread().name.startswith("names")
            answered.wait(5)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        try:
            with pytest.raises(TimeoutError):
                await Names(seconds=0.05)("hooks.example.com", 443)
            assert asked.is_set()
        finally:
            answered.set()

    async def test_this_machine_is_found(self) -> None:
        assert await Names()("127.0.0.1", 80) == ["127.0.0.1"]

    async def test_an_exchange_that_takes_too_long_is_over(self) -> None:
        import asyncio

        egress = Egress(EgressRules(), seconds=0.01)
        with pytest.raises(TimeoutError):
            async with egress.client():
                await asyncio.sleep(5)
