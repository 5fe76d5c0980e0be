"""Backups: what was stored is found again in another database, whole or not at all."""

import itertools
import json
import stat
import uuid
import zipfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from adapters.sql.archive import FORMAT, ArchiveRefused, new_archive, opened_archive
from adapters.sql.backing_up import BackupFailed, back_up, stored_tables
from adapters.sql.migrating import migrate, run
from adapters.sql.preflight import newest_revision
from adapters.sql.restoring import RestoreRefused, restore
from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.adapters.sql.firms import Firms
from tests.integration.adapters.sql.twins import make_twins
from tests.integration.conftest import APPLICATION, Server, TestDatabase, only_answering, quick_container, running

_numbers = itertools.count(1)


@pytest.fixture
def empty(postgres_server: Server) -> TestDatabase:
    return postgres_server.database(f"backup_{next(_numbers)}")


@pytest.fixture
def other(postgres_server: Server) -> TestDatabase:
    return postgres_server.database(f"backup_{next(_numbers)}")


@pytest.fixture
def migrated(empty: TestDatabase) -> TestDatabase:
    migrate(owner_url=empty.owner, application_url=empty.application)
    return empty


@pytest.fixture(scope="module")
async def used(
    postgres_server: Server, settings: Settings
) -> AsyncIterator[tuple[TestDatabase, Person, dict[str, Any]]]:
    """A database that people worked with, one of them, and a task of hers."""
    database = postgres_server.database(f"backup_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    container = only_answering(quick_container(settings, database_url=database.application))
    async with running(container) as client:
        api = Api(client=client, superuser_url=database.superuser)
        ann, bob = await api.register(email="ann@example.com"), await api.register()
        project = await ann.project(name="Here\\ and 'ü'\\N", key="OLD")
        await ann.post("/tasks", {"project_id": project["id"], "title": "once"}, headers={"Idempotency-Key": "k"})
        await api.colleague(ann, projects=(project,), who=bob)
        task = await ann.task(
            project, title="Find me\\again", description="two\nlines\ttab\n\\.\n\\N", deadline="2031-01-31"
        )
        await ann.task(project, parent_id=task["id"])
        gone = await ann.task(project)
        assert (await ann.delete(f"/tasks/{gone['id']}")).status_code == 204
        fill(database)
        yield database, ann, task


def fill(database: TestDatabase) -> None:
    """Two companies that hold something in every table, and what is nobody's."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        make_twins(Firms(connection=connection))
        for statement in (
            "insert into leases values ('relay', gen_random_uuid(), now())",
            "insert into external_identities (account_id, issuer, subject, created_at)"
            " select id, 'https://same.example', id::text, now() from accounts",
            r"update webhooks set sealed_secret = '\x005c4e0a', sealed_previous_secret = '\xff00'",
            "update events set trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' where seq = 1",
            "update tasks set recurrence = 'FREQ=WEEKLY;BYDAY=MO' where deleted_at is null",
        ):
            assert connection.execute(statement).rowcount > 0, statement


def contents(database: TestDatabase) -> dict[str, list[str]]:
    """Every row of every table, as a superuser sees them."""
    with psycopg.connect(database.superuser) as connection:
        names = [name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        return {
            name: [
                row
                for (row,) in connection.execute(
                    sql.SQL("select t::text from {} t order by 1").format(sql.Identifier(name))
                )
            ]
            for name in names
        }


def stored(database: TestDatabase) -> dict[str, list[str]]:
    """The same, but for where logs go on: that is not as it was."""
    return {name: rows for name, rows in contents(database).items() if name not in ("event_sequences", "log_positions")}


def heads(database: TestDatabase) -> dict[Any, int]:
    with psycopg.connect(database.superuser) as connection:
        return dict(connection.execute("select company_id, last_seq from event_sequences").fetchall())


def wall(database: TestDatabase) -> list[Any]:
    with psycopg.connect(database.superuser) as connection:
        return [
            connection.execute(question).fetchall()
            for question in (
                "select relname, relrowsecurity, relforcerowsecurity, relacl::text from pg_class"
                " where relnamespace = 'public'::regnamespace order by 1",
                "select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies order by 1, 2",
                "select conname, condeferrable, condeferred, convalidated, pg_get_constraintdef(oid) from pg_constraint"
                " where connamespace = 'public'::regnamespace order by 1",
                "select tgname, tgenabled from pg_trigger where not tgisinternal order by 1",
            )
        ]


def bring(database: TestDatabase, path: Path) -> None:
    restore(owner_url=database.owner, application_url=database.application, path=path)


async def test_every_row_and_the_wall_are_as_they_were(used: Any, empty: TestDatabase, tmp_path: Path) -> None:
    database, _, _ = used
    made = back_up(owner_url=database.owner, path=tmp_path / "backup")
    rows = contents(database)
    assert {table.name: table.rows for table in made.tables} | {"alembic_version": 1} == {
        name: len(found) for name, found in rows.items()
    }
    # Whoever adds a table puts a row into it, in `twins.py` or in `fill`: else nothing proves that it comes back.
    assert [name for name, found in rows.items() if not found] == []
    bring(empty, tmp_path / "backup")
    assert stored(empty) == stored(database)
    assert wall(empty) == wall(database)


async def test_no_position_is_given_out_twice_however_often_a_backup_is_restored(
    used: Any, empty: TestDatabase, other: TestDatabase, tmp_path: Path
) -> None:
    database, ann, _ = used
    before = heads(database)
    positions = "select reader, seq from log_positions where company_id = %s order by 1"
    with psycopg.connect(database.superuser) as connection:
        connection.execute("delete from log_positions where company_id = %s", (ann.company_id,))
        for reader, behind in (("mail", 0), ("reports", 2)):
            connection.execute(
                "insert into log_positions (company_id, reader, seq) select company_id, %s, last_seq - %s"
                " from event_sequences where company_id = %s",
                (reader, behind, ann.company_id),
            )
    back_up(owner_url=database.owner, path=tmp_path / "backup")
    seen = [before]
    for again in (empty, other):
        bring(again, tmp_path / "backup")
        now = heads(again)
        assert now.keys() == before.keys()
        # So many are not used up between, be it by a thousand a second for a hundred years.
        assert all(now[company] > seen[-1][company] + 1_000 for company in now)
        # JavaScript counts up to there.
        assert max(now.values()) < 2**53
        seen.append(now)
        with psycopg.connect(again.superuser) as connection:
            head = now[uuid.UUID(ann.company_id)]
            assert connection.execute(positions, (ann.company_id,)).fetchall() == [
                ("mail", head),
                ("reports", before[uuid.UUID(ann.company_id)] - 2),
            ]


async def test_what_was_restored_is_worked_with_as_before(
    used: Any, empty: TestDatabase, settings: Settings, tmp_path: Path
) -> None:
    database, ann, task = used
    before = await ann.get(f"/tasks/{task['id']}")
    back_up(owner_url=database.owner, path=tmp_path / "backup")
    bring(empty, tmp_path / "backup")
    async with running(quick_container(settings, database_url=empty.application)) as client:
        # The token of before opens the login session of before.
        again = Person(client=client, token=ann.token, email=ann.email, user=ann.user, company=ann.company)
        found = await again.get(f"/tasks/{task['key']}")
        assert (found.status_code, found.json()) == (200, before.json())
        assert found.headers["etag"] == before.headers["etag"]
        seq = int(found.headers["x-event-seq"])
        assert seq > int(before.headers["x-event-seq"]) + 1
        more = await again.post("/tasks", {"project_id": task["project_id"], "title": "One more"})
        assert (more.status_code, more.json()["number"]) == (201, 5)
        assert int(more.headers["x-event-seq"]) == seq + 1
        other = Api(client=client, superuser_url=empty.superuser)
        stranger = await other.register()
        assert (await stranger.get(f"/tasks/{task['id']}")).status_code == 404
        await other.login(ann.email)


async def test_the_file_is_for_its_owner_alone_and_replaces_another_only_when_it_is_whole(
    used: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    path.write_text("the one of yesterday")
    path.chmod(0o644)

    def dies(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.sql.archive.ArchiveWriter.finish", dies)
        with pytest.raises(BackupFailed, match="No space left"):
            back_up(owner_url=used[0].owner, path=path)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("the one of yesterday", [path])
    back_up(owner_url=used[0].owner, path=path)
    assert (stat.S_IMODE(path.stat().st_mode), list(tmp_path.iterdir())) == (0o600, [path])


async def test_a_backup_that_was_cut_off_anywhere_is_refused(used: Any, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 64, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ArchiveRefused), opened_archive(path):
            pass


async def test_a_backup_of_which_any_byte_was_altered_is_refused_or_the_same_all_the_same(
    used: Any, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    whole = path.read_bytes()

    def read() -> Any:
        with opened_archive(path) as archive:
            return archive.manifest, [b"".join(archive.rows(table)) for table in archive.manifest.tables]

    right, refused = read(), 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert read() == right, place
        except ArchiveRefused:
            refused += 1
    assert refused > len(whole) / 7 * 0.5


async def test_a_damaged_backup_restores_nothing(used: Any, empty: TestDatabase, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    altered = tmp_path / "altered"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(altered, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"Find me", b"Lost me") if name == "tables/tasks.copy" else content)
        new.comment = old.comment
    with pytest.raises(ArchiveRefused, match="tasks"):
        bring(empty, altered)
    assert contents(empty) == {}


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_backup_is_refused(empty: TestDatabase, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ArchiveRefused, match="no backup"):
        bring(empty, tmp_path / "file")
    with pytest.raises(ArchiveRefused, match="No such file"):
        bring(empty, tmp_path / "none")


def remade(path: Path, **changes: Any) -> Path:
    """The backup with other words in its manifest, and the digest that fits them."""
    other = path.with_name("remade")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json":
                content = json.dumps({**json.loads(content), **changes}).encode()
                new.comment = sha256(content).hexdigest().encode()
            new.writestr(name, content)
    return other


async def test_a_backup_of_a_newer_release_is_refused(used: Any, empty: TestDatabase, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    with pytest.raises(ArchiveRefused, match="9999.*newer one"):
        bring(empty, remade(path, revision="9999"))
    with pytest.raises(ArchiveRefused, match="newer release"):
        bring(empty, remade(path, format=FORMAT + 1, tables="written in another way"))
    assert contents(empty) == {}


async def test_counts_that_do_not_fit_are_refused_and_nothing_stays(
    used: Any, empty: TestDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    made = back_up(owner_url=used[0].owner, path=path)
    tables = [{**{k: getattr(t, k) for k in ("name", "columns", "sha256")}, "rows": t.rows + 1} for t in made.tables]
    with pytest.raises(ArchiveRefused, match="rows and not"):
        bring(empty, remade(path, tables=tables))
    assert contents(empty) == {}


async def test_a_database_that_is_not_empty_is_refused_and_left_alone(
    used: Any, migrated: TestDatabase, other: TestDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    before = contents(used[0])
    with pytest.raises(RestoreRefused, match="rows in accounts"):
        bring(used[0], path)
    assert contents(used[0]) == before
    kept = stored(used[0])
    with psycopg.connect(other.superuser) as connection:
        connection.execute("create table somebody_elses (id int)")
    with pytest.raises(RestoreRefused, match="not FlowTrack's"):
        bring(other, path)
    assert contents(other) == {"somebody_elses": []}
    # One that was migrated and not used yet holds nothing that could be lost.
    bring(migrated, path)
    assert stored(migrated) == kept


async def test_a_restore_that_fails_halfway_leaves_no_row_and_the_next_one_works(
    used: Any, empty: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    back_up(owner_url=used[0].owner, path=path)
    orphaned = tmp_path / "orphaned"
    with opened_archive(path) as old, new_archive(orphaned) as new:
        for table in old.manifest.tables:
            new.add(table.name, table.columns, [] if table.name == "accounts" else old.rows(table))
        new.finish(release="0", revision=old.manifest.revision, made_at=old.manifest.made_at, sequences={})
    with pytest.raises(RestoreRefused, match="foreign key"):
        bring(empty, orphaned)
    assert {name: rows for name, rows in contents(empty).items() if rows and name != "alembic_version"} == {}
    bring(empty, path)
    assert stored(empty) == stored(used[0])
    assert wall(empty) == wall(used[0])


def test_a_backup_of_an_older_revision_is_restored_and_then_migrated(
    empty: TestDatabase, other: TestDatabase, tmp_path: Path
) -> None:
    migrate(owner_url=empty.owner, application_url=empty.application, revision="0001")
    with psycopg.connect(empty.superuser) as connection:
        connection.execute(
            "insert into accounts (id, email, name, version, created_at, updated_at)"
            " values (gen_random_uuid(), 'old@example.com', 'Old', 1, now(), now())"
        )
        connection.execute(
            "insert into companies (id, name, code, version, created_at, updated_at)"
            " values (gen_random_uuid(), 'Old', 'old', 1, now(), now())"
        )
        connection.execute(
            "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, version,"
            " created_at, updated_at) select c.id, gen_random_uuid(), a.id, 'person', 'Old', a.email, 'old', 'owner',"
            " true, 1, now(), now() from accounts a, companies c"
        )
    assert back_up(owner_url=empty.owner, path=tmp_path / "backup").revision == "0001"
    bring(other, tmp_path / "backup")
    with psycopg.connect(other.superuser) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (newest_revision(),)
        assert connection.execute("select email, accepted_at = created_at from users").fetchall() == [
            ("old@example.com", True)
        ]


def test_a_role_from_which_rows_would_be_hidden_makes_no_backup(migrated: TestDatabase, tmp_path: Path) -> None:
    with psycopg.connect(migrated.owner) as connection:
        connection.execute("drop policy backup on tasks")
    with pytest.raises(BackupFailed, match=r"rows of tasks .*flowtrack migrate"):
        back_up(owner_url=migrated.owner, path=tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []
    migrate(owner_url=migrated.owner, application_url=migrated.application)
    back_up(owner_url=migrated.owner, path=tmp_path / "backup")
    with pytest.raises(BackupFailed, match="permission denied|tasks|hide"):
        back_up(owner_url=migrated.application, path=tmp_path / "other")


def test_an_empty_database_and_one_that_is_away_are_named(empty: TestDatabase, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="nothing to back up"):
        back_up(owner_url=empty.owner, path=tmp_path / "backup")
    with pytest.raises(BackupFailed, match="could not be read"):
        back_up(owner_url="postgresql://owner:do-not-print-me@127.0.0.1:1/none", path=tmp_path / "backup")
    with pytest.raises(BackupFailed, match="cannot be written"):
        migrate(owner_url=empty.owner, application_url=empty.application)
        back_up(owner_url=empty.owner, path=tmp_path / "no" / "folder")


def test_a_sequence_goes_on_after_the_last_number(
    migrated: TestDatabase, other: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table has one yet; the first that does is covered."""
    for database in (migrated, other):
        migrate(owner_url=database.owner, application_url=database.application)
        with psycopg.connect(database.owner) as connection:
            connection.execute("create table numbered (id bigint generated always as identity, word text)")
    with psycopg.connect(migrated.owner) as connection:
        connection.execute("insert into numbered (word) values ('a'), ('b')")
    back_up(owner_url=migrated.owner, path=tmp_path / "backup")
    bring(other, tmp_path / "backup")
    with psycopg.connect(other.owner) as connection:
        assert connection.execute("insert into numbered (word) values ('c') returning id").fetchone() == (3,)
        assert connection.execute("select count(*) from numbered").fetchone() == (3,)


def test_what_is_written_meanwhile_is_in_the_backup_whole_or_not_at_all(
    migrated: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table is of the same instant, however long copying takes."""
    seen: list[str] = []
    original = stored_tables

    def interrupted(connection: Any) -> Any:
        with psycopg.connect(migrated.superuser) as writer:
            writer.execute(
                "insert into accounts (id, email, name, version, created_at, updated_at)"
                " values (gen_random_uuid(), 'late@example.com', 'Late', 1, now(), now())"
            )
        seen.append("written")
        return original(connection)

    monkeypatch.setattr("adapters.sql.backing_up.stored_tables", interrupted)
    made = back_up(owner_url=migrated.owner, path=tmp_path / "backup")
    assert seen == ["written"]
    assert {table.name: table.rows for table in made.tables}["accounts"] == 0


def test_the_application_sees_no_more_when_it_says_that_it_makes_a_backup(used: Any) -> None:
    with psycopg.connect(used[0].application) as connection:
        connection.execute("set local app.backup = 'on'")
        for table in ("users", "tasks", "events", "companies"):
            assert connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone() == (
                0,
            )


def test_the_owner_sees_nothing_unless_it_makes_a_backup(used: Any) -> None:
    with psycopg.connect(used[0].owner) as connection:
        assert connection.execute("select count(*) from tasks").fetchone() == (0,)
        connection.execute("set local app.backup = 'on'")
        assert connection.execute("select count(*) from tasks").fetchone() == (10,)
        assert connection.execute("update tasks set title = 'changed'").rowcount == 0


def test_moving_down_and_up_keeps_the_policies(migrated: TestDatabase) -> None:
    run(owner_url=migrated.owner, application_role=APPLICATION, revision="-1")
    run(owner_url=migrated.owner, application_role=APPLICATION, revision="head")
    with psycopg.connect(migrated.superuser) as connection:
        assert connection.execute(
            "select count(*) from pg_class c where relforcerowsecurity"
            " and not exists (select from pg_policy p where p.polrelid = c.oid and polname = 'backup')"
        ).fetchone() == (0,)
