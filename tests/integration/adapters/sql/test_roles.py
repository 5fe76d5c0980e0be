"""The roles that the wall stands on: who makes them, and whom a start refuses."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.sql.connection import Database
from adapters.sql.migrating import migrate
from adapters.sql.roles import SEARCH, UPKEEP, WrongRole, make_roles
from tests.integration.adapters.sql.conftest import opened
from tests.integration.conftest import APPLICATION, OWNER, Server, TestDatabase

_numbers = itertools.count(1)


def as_role(url: str, name: str, *, password: str | None = None) -> str:
    """The same database, signed in as another role, with the same password unless another is given."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    secret = quote(password, safe="") if password is not None else parts.password
    return urlunsplit(parts._replace(netloc=f"{quote(name, safe='')}:{secret}@{place}"))


@pytest.fixture
def role(superuser: psycopg.Connection[Any], test_database: TestDatabase) -> Iterator[str]:
    """A login role with no rights, which is gone afterwards."""
    name = f"test_role_{next(_numbers)}"
    password = urlsplit(test_database.application).password
    superuser.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(password)))
    yield name
    superuser.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    superuser.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture
def fresh(postgres_server: Server) -> TestDatabase:
    """A database without roles' settings and without tables."""
    return postgres_server.database(f"roles_{next(_numbers)}")


async def refusal_of(url: str) -> str:
    """What a start says to a role."""
    with pytest.raises(WrongRole) as refused:
        async with opened(Database(url=url)):
            pytest.fail("it was accepted")
    return str(refused.value)


async def test_the_application_role_is_accepted(test_database: TestDatabase) -> None:
    async with opened(Database(url=test_database.application)) as database:
        assert await database.is_alive()


async def test_a_superuser_is_refused(test_database: TestDatabase) -> None:
    said = await refusal_of(test_database.superuser)
    assert "superuser" in said
    assert "nosuperuser" in said


async def test_a_role_that_bypasses_row_level_security_is_refused_until_it_no_longer_does(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], role: str
) -> None:
    superuser.execute(sql.SQL("alter role {} bypassrls").format(sql.Identifier(role)))
    url = as_role(test_database.application, role)
    said = await refusal_of(url)
    assert f'alter role "{role}" nobypassrls' in said
    superuser.execute(f'alter role "{role}" nobypassrls')
    async with opened(Database(url=url)) as database:
        assert await database.is_alive()


async def test_the_owner_of_the_tables_is_refused(test_database: TestDatabase) -> None:
    assert "FLOWTRACK_DATABASE_URL" in await refusal_of(test_database.owner)


async def test_a_member_of_the_owner_that_inherits_is_refused(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], role: str
) -> None:
    superuser.execute(sql.SQL("grant {} to {}").format(sql.Identifier(OWNER), sql.Identifier(role)))
    said = await refusal_of(as_role(test_database.application, role))
    assert "use a role of its own in FLOWTRACK_DATABASE_URL" in said


async def test_a_role_that_inherits_upkeep_is_refused_until_it_is_mended_as_told(
    postgres_server: Server, test_database: TestDatabase, superuser: psycopg.Connection[Any], role: str
) -> None:
    superuser.execute(sql.SQL("grant {} to {}").format(sql.Identifier(UPKEEP), sql.Identifier(role)))
    # From PostgreSQL 16 on, whoever made a role may alter it, and a superuser made this one.
    superuser.execute(sql.SQL("grant {} to {} with admin option").format(sql.Identifier(role), sql.Identifier(OWNER)))
    url = as_role(test_database.application, role)
    said = await refusal_of(url)
    assert "inherits the upkeep role" in said
    assert "flowtrack migrate" in said
    for mend in (f'alter role "{role}" noinherit', f'revoke {UPKEEP} from "{role}"'):
        assert mend in said
        superuser.execute(mend)
    make_roles(owner_url=test_database.owner, application_url=url)
    async with opened(Database(url=url)) as database:
        connection = await database.begin_upkeep()
        assert await (await connection.execute("select current_user")).fetchone() == (UPKEEP,)
        await database.end(connection)


async def test_a_role_that_inherits_upkeep_through_a_group_is_refused(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], role: str
) -> None:
    superuser.execute("create role test_group nologin")
    try:
        superuser.execute(f"grant {UPKEEP} to test_group")
        superuser.execute(f'grant test_group to "{role}"')
        assert "inherits the upkeep role" in await refusal_of(as_role(test_database.application, role))
    finally:
        superuser.execute("drop role test_group")


async def test_a_role_that_may_become_search_is_refused_until_it_is_mended_as_told(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], role: str
) -> None:
    superuser.execute(f'alter role "{role}" noinherit')
    superuser.execute(f'grant {SEARCH} to "{role}"')
    url = as_role(test_database.application, role)
    said = await refusal_of(url)
    mend = f'revoke {SEARCH} from "{role}"'
    assert mend in said
    superuser.execute(mend)
    async with opened(Database(url=url)) as database:
        assert await database.is_alive()


# Making them


def settings_of(database: TestDatabase) -> dict[str, str]:
    with psycopg.connect(database.application) as connection:
        return {
            name: connection.execute(f"show {name}").fetchone()[0]  # type: ignore[index]
            for name in (
                "default_transaction_isolation",
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "max_parallel_workers_per_gather",
                "jit",
            )
        }


def memberships(superuser: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return superuser.execute(
        "select m.rolname, g.rolname, to_jsonb(a) - 'oid' from pg_auth_members a join pg_roles m on m.oid = a.member"
        " join pg_roles g on g.oid = a.roleid where g.rolname = %s order by 1, 3",
        (UPKEEP,),
    ).fetchall()


def test_the_applications_sessions_start_with_one_snapshot_and_bounded_patience(test_database: TestDatabase) -> None:
    assert settings_of(test_database) == {
        "default_transaction_isolation": "repeatable read",
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
    }


def test_roles_can_be_made_again_and_again(fresh: TestDatabase, superuser: psycopg.Connection[Any]) -> None:
    assert make_roles(owner_url=fresh.owner, application_url=fresh.application) == APPLICATION
    before = memberships(superuser), settings_of(fresh)
    for _ in range(2):
        assert make_roles(owner_url=fresh.owner, application_url=fresh.application) == APPLICATION
    assert (memberships(superuser), settings_of(fresh)) == before


def test_a_new_application_role_can_sign_in_and_nothing_else(
    fresh: TestDatabase, superuser: psycopg.Connection[Any]
) -> None:
    name, password = f'odd "name" {next(_numbers)}', "it's 100% \\ /odd@:?#"
    url = as_role(fresh.application, name, password=password)
    assert make_roles(owner_url=fresh.owner, application_url=url) == name
    with psycopg.connect(url) as connection:
        assert connection.execute("select current_user::text").fetchone() == (name,)
    attributes = "rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin"
    found = superuser.execute(f"select {attributes} from pg_roles where rolname = %s", (name,)).fetchone()
    assert found == (False, False, False, False, False, False, True)


def test_an_application_role_of_an_odd_name_gets_through_all_migrations(fresh: TestDatabase) -> None:
    url = as_role(fresh.application, f"Odd-Name.{next(_numbers)}")
    migrate(owner_url=fresh.owner, application_url=url)
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from tasks").fetchone() == (0,)


def test_the_owner_is_refused_as_the_application(fresh: TestDatabase) -> None:
    with pytest.raises(WrongRole) as refused:
        make_roles(owner_url=fresh.owner, application_url=fresh.owner)
    assert "FLOWTRACK_DATABASE_URL" in str(refused.value)
    assert OWNER in str(refused.value)


def test_an_application_without_a_name_is_refused(fresh: TestDatabase) -> None:
    nameless = make_conninfo(**{**conninfo_to_dict(fresh.application), "user": None})
    with pytest.raises(WrongRole, match="FLOWTRACK_DATABASE_URL must name a role of its own"):
        make_roles(owner_url=fresh.owner, application_url=nameless)


def together(*calls: Any) -> list[BaseException]:
    """Runs calls at once, each in a thread, and returns what they raised."""
    start, raised = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        start.wait()
        try:
            call()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_processes_of_one_installation_make_the_roles_at_once(fresh: TestDatabase) -> None:
    for _ in range(3):
        url = as_role(fresh.application, f"at_once_{next(_numbers)}")
        assert together(*[lambda url=url: make_roles(owner_url=fresh.owner, application_url=url)] * 4) == []


def test_installations_in_several_databases_of_one_server_make_the_roles_at_once(postgres_server: Server) -> None:
    databases = [postgres_server.database(f"roles_{next(_numbers)}") for _ in range(4)]
    for _ in range(3):
        name = f"at_once_{next(_numbers)}"
        calls = [
            lambda database=database, name=name: make_roles(
                owner_url=database.owner, application_url=as_role(database.application, name)
            )
            for database in databases
        ]
        assert together(*calls) == []
