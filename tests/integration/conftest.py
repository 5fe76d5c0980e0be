"""One PostgreSQL server and one migrated database for the whole run, reached as the application role."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher
from dependency_injector import providers
from psycopg import sql
from pydantic import SecretStr

from adapters.crypto.passwords import Argon2Passwords
from adapters.sql.migrating import migrate
from core.mail.read_models import Posted
from entrypoints.container import Container, make_container
from entrypoints.rest import app as rest_app
from entrypoints.rest.app import make_app
from entrypoints.settings import Settings
from tests import pooler, redis_servers, servers
from tests.event_contract import wrong_in_server
from tests.integration.api import Api, Kept

OWNER, APPLICATION = "test_owner", "test_app"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDatabase:
    """How to reach one migrated database: as the superuser (for controls and set-up), the owner, the application."""

    __test__ = False

    superuser: str
    owner: str
    application: str
    # As the product's own pool reaches it: as the application, in some runs through a pooler.
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A PostgreSQL server with the two login roles of the product."""

    superuser: str
    pooler: str | None = None

    def database(self, name: str, *, template: str = "template0") -> TestDatabase:
        """A new database that the owner role owns."""
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create database {} owner {} template {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )
        return self.existing(name)

    def existing(self, name: str) -> TestDatabase:
        application = _with(self.superuser, user=APPLICATION, database=name)
        return TestDatabase(
            superuser=_with(self.superuser, database=name),
            owner=_with(self.superuser, user=OWNER, database=name),
            application=application,
            product=pooler.through(self.pooler, application) if self.pooler else application,
        )


PASSWORD = secrets.token_hex(8)


def _with(url: str, *, database: str, user: str | None = None) -> str:
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    if user is not None:
        login = f"{user}:{PASSWORD}"
    return urlunsplit(parts._replace(netloc=f"{login}@{place}", path=f"/{database}"))


def make_owner(superuser_url: str) -> None:
    """Makes the role that owns databases and migrates them; the application's role is made by migrating."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login createrole nosuperuser password {}").format(
                sql.Identifier(OWNER), sql.Literal(PASSWORD)
            )
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with servers.postgres() as url:
        make_owner(url)
        if not pooler.is_wanted():
            yield Server(superuser=url)
        else:
            with pooler.pgbouncer(before=url, passwords={APPLICATION: PASSWORD}) as address:
                yield Server(superuser=url, pooler=address)
        _, wrong = wrong_in_server(url)
        if wrong:
            told = "\n".join(wrong)
            pytest.fail(f"events that are not what docs/asyncapi promises:\n{told}", pytrace=False)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis for the whole run: each test counts under keys of its own."""
    with redis_servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def test_database(postgres_server: Server) -> TestDatabase:
    """The database that most tests share: each makes companies of its own, and sees no other."""
    database = postgres_server.database("flowtrack_test")
    migrate(owner_url=database.owner, application_url=database.application)
    return database


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        secret_key="a secret for tests that is long enough to be one",
        database_url="postgresql://unused",
        database_prepared_statements=not pooler.is_wanted(),
        # All tests are one address; those of the limits switch them on for themselves.
        rate_limits_enabled=False,
        # Tests of jobs carry them out themselves.
        jobs_in_server=False,
        _env_file=None,
    )


class Transport(httpx.ASGITransport):
    """httpx's, which waits for the end of an answer; of a stream that has none it takes the beginning, and hangs up."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.rstrip("/").endswith("/events/stream"):
            return await super().handle_async_request(request)
        begun, app = asyncio.Event(), self.app

        async def until_begun(scope: Any, receive: Any, send: Any) -> None:
            is_read = False

            async def received() -> Any:
                nonlocal is_read
                if not is_read:
                    message = await receive()
                    is_read = not message.get("more_body", False)
                    return message
                await begun.wait()
                return {"type": "http.disconnect"}

            async def sent(message: Any) -> None:
                await send(message)
                if message["type"] == "http.response.body":
                    begun.set()

            await app(scope, received, sent)

        beginning = httpx.ASGITransport(app=until_begun, raise_app_exceptions=False, client=self.client)
        return await beginning.handle_async_request(request)


@asynccontextmanager
async def running(container: Container, *, beside: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """The application of a container, started and stopped as a server would, and a client that talks to it.

    Without what is done `beside` answering, however long that takes, all that is asked of PostgreSQL is an answer's.
    """
    app = make_app(container)
    with pytest.MonkeyPatch.context() as patch:
        if not beside:
            patch.setattr(rest_app, "recurring", lambda _: [])
        async with _talking_to(app) as client:
            yield client


@asynccontextmanager
async def _talking_to(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    inner = _fastapi(app)
    async with inner.router.lifespan_context(inner):
        transport = Transport(app=app, raise_app_exceptions=False, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield client


def _fastapi(app: object) -> object:
    while not hasattr(app, "router"):
        app = app._app if hasattr(app, "_app") else app.app  # type: ignore[attr-defined]
    return app


def quick_container(settings: Settings, *, database_url: str) -> Container:
    """The product's container with a cheap password hash, which is what would take the time."""
    container = make_container(settings, database_url=database_url)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    container.passwords.override(providers.Singleton(Argon2Passwords, quick))
    return container


class _Idle:
    """In place of use cases that work beside answering: does nothing."""

    async def deliver(self, _: object) -> Posted:
        return Posted()

    async def extend(self, _: object) -> None:
        return None

    async def catch_up(self, _: object, *, least: int = 1) -> None:
        return None

    async def measure(self, _: object) -> None:
        return None


def only_answering(container: Container) -> Container:
    """The same, with nothing done beside answering that would be counted along."""
    container.mail_use_cases.override(providers.Object(_Idle()))
    container.audit_chain_use_cases.override(providers.Object(_Idle()))
    container.counting_use_cases.override(providers.Object(_Idle()))
    container.webhook_dispatch_use_cases.override(providers.Object(_Idle()))
    return container


@pytest.fixture(scope="session")
async def container(test_database: TestDatabase, settings: Settings) -> Container:
    direct = {"direct_database_url": SecretStr(test_database.application)}
    return quick_container(settings.model_copy(update=direct), database_url=test_database.product)


@pytest.fixture(scope="session")
async def client(container: Container) -> AsyncIterator[httpx.AsyncClient]:
    async with running(container) as found:
        yield found


@pytest.fixture(scope="session")
def kept_connection(test_database: TestDatabase) -> Iterator[Kept]:
    found = Kept(test_database.superuser)
    yield found
    found.close()


@pytest.fixture(scope="session")
def api(client: httpx.AsyncClient, test_database: TestDatabase, kept_connection: Kept) -> Api:
    """Registers people and speaks for them."""
    return Api(client=client, superuser_url=test_database.superuser, kept=kept_connection)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
