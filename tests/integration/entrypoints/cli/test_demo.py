"""The demo company: made once, whatever comes in between."""

import itertools
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from adapters.sql.migrating import migrate
from core.auth.use_cases.signing_in import AuthUseCases
from core.projects.use_cases.projects import ProjectUseCases
from core.tasks.use_cases.tasks import TaskUseCases
from entrypoints.cli.demo import EMAIL, make_demo_once
from entrypoints.settings import Settings
from tests import pooler
from tests.integration.api import Api
from tests.integration.conftest import Server, TestDatabase, quick_container, running

_numbers = itertools.count(1)
Start = Callable[..., AbstractAsyncContextManager[Api]]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def database(postgres_server: Server) -> TestDatabase:
    database = postgres_server.database(f"demo_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    return database


@pytest.fixture
def start(database: TestDatabase, data_dir: Path) -> Start:
    """A server as it starts the first time, with the demo made on the way."""

    @asynccontextmanager
    async def start(**given: object) -> AsyncIterator[Api]:
        settings = Settings(
            data_dir=data_dir,
            secret_key="a secret for tests that is long enough to be one",
            database_url="postgresql://unused",
            database_prepared_statements=not pooler.is_wanted(),
            _env_file=None,
            **given,
        )
        container = quick_container(settings, database_url=database.product)
        async with running(container) as client:
            await make_demo_once(container, settings)
            yield Api(client=client, superuser_url=database.superuser)

    return start


def login_of(data_dir: Path) -> tuple[str, str]:
    email, password = (data_dir / "demo-login").read_text().split()
    return email, password


async def titles(api: Api, data_dir: Path) -> list[str]:
    email, password = login_of(data_dir)
    answer = await api.client.post("/api/v1/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    tasks = await api.client.get("/api/v1/tasks", headers={"Authorization": f"Bearer {token}"})
    return [task["title"] for task in tasks.json()]


@pytest.mark.parametrize("registration", ["closed", "invitation", "open"])
async def test_the_demo_is_made_whoever_may_register(start: Start, data_dir: Path, registration: str) -> None:
    async with start(registration=registration) as api:
        assert len(await titles(api, data_dir)) == 5
        newcomer = {"email": "ann@example.com", "name": "Ann", "password": secrets.token_urlsafe(12)}
        status = (await api.client.post("/api/v1/auth/register", json=newcomer)).status_code
        assert status == (201 if registration == "open" else 403)


@pytest.mark.parametrize(
    ("owner", "verb", "after"),
    [
        (AuthUseCases, "register", 0),
        (AuthUseCases, "actor_of", 0),
        (ProjectUseCases, "open", 0),
        (TaskUseCases, "create", 0),
        (TaskUseCases, "create", 3),
    ],
)
async def test_what_a_kill_left_is_finished_with_the_same_password(
    start: Start,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    owner: type,
    verb: str,
    after: int,
) -> None:
    calls, genuine = itertools.count(), getattr(owner, verb)

    def until_killed(*given: object, **more: object) -> object:
        if next(calls) >= after:
            raise Killed
        return genuine(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(owner, verb, until_killed)
        with pytest.raises(Killed):
            async with start():
                pytest.fail("it was not killed")
    kept = data_dir / "demo-login"
    assert kept.stat().st_mode & 0o777 == 0o600
    password = kept.read_text().split()[1]
    async with start() as api:
        assert login_of(data_dir) == (EMAIL, password)
        assert f"demo login: {EMAIL}   password: {password}" in capsys.readouterr().out
        found = await titles(api, data_dir)
        assert len(found) == len(set(found)) == 5
        assert api.sql("select count(*) from companies") == [(1,)]


async def test_a_second_start_adds_nothing_that_was_deleted(start: Start, data_dir: Path) -> None:
    async with start() as api:
        api.sql("delete from tasks where title = 'Draw the landing page'")
    async with start() as api:
        assert len(await titles(api, data_dir)) == 4


async def test_an_account_of_that_address_with_another_password_is_said_and_left_alone(
    start: Start, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start():
        pass
    (data_dir / "demo-login").unlink()
    capsys.readouterr()
    async with start() as api:
        said = capsys.readouterr().out
        assert "with another password" in said
        assert "demo login" not in said
        assert not (data_dir / "demo-login").exists()
        assert api.sql("select count(*) from companies") == [(1,)]
