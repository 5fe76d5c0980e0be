"""The embedded server, for real: every test talks to a PostgreSQL that it made."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from adapters.postgres_embedded import commands
from adapters.postgres_embedded.postmaster import Postmaster
from adapters.postgres_embedded.server import EmbeddedPostgres, EmbeddedPostgresFailed

SECONDS_TO_WAIT = 90.0


@contextlib.contextmanager
def a_closed_folder() -> Iterator[Path]:
    """A folder of mode 0700, as `mktemp -d` makes it; pytest's own may be open to others."""
    with tempfile.TemporaryDirectory(prefix="flowtrack-test-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def a_server(*, folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder=folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """One cluster for most tests; each may leave it running or stopped."""
    with a_closed_folder() as parent, a_server(folder=parent / "data" / "postgres") as shared:
        yield shared


def run_python(code: str, *, folder: Path) -> subprocess.Popen[str]:
    """Another process, with a server of that folder as `server`."""
    begin = (
        "import sys, pathlib\n"
        "from adapters.postgres_embedded.server import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(folder=pathlib.Path(sys.argv[1]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", begin + code, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def postmaster_of(server: EmbeddedPostgres) -> int:
    running = Postmaster.of(cluster=server.folder.resolve())
    assert running is not None
    return running.process


def socket_folder_of(server: EmbeddedPostgres) -> Path:
    running = Postmaster.of(cluster=server.folder.resolve())
    assert running is not None
    assert running.sockets is not None
    return running.sockets


def kill_server(server: EmbeddedPostgres) -> None:
    os.kill(postmaster_of(server), signal.SIGKILL)
    wait_until(lambda: not server.is_running())


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.005)


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


def tell(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_it_starts_and_answers(server: EmbeddedPostgres) -> None:
    url = server.start()

    assert server.is_running()
    assert ask(url, "select current_user") == "postgres"
    assert ask(url, "select current_setting('server_version_num')::int / 10000") == 18
    assert ask(url, "select pg_encoding_to_char(encoding) from pg_database where datname = 'postgres'") == "UTF8"
    assert ask(url, "select lower('ÄÖ') || upper('é')") == "äöÉ"


def test_it_is_durable(server: EmbeddedPostgres) -> None:
    url = server.start()

    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert ask(url, f"show {setting}") == "on"


def test_a_second_start_takes_over_the_running_server(server: EmbeddedPostgres) -> None:
    url = server.start()
    process = postmaster_of(server)

    assert EmbeddedPostgres(folder=server.folder).start() == url
    assert postmaster_of(server) == process


def test_data_survives_a_killed_postmaster(server: EmbeddedPostgres) -> None:
    tell(server.start(), "drop table if exists kept", "create table kept as select 7 as number")
    kill_server(server)

    assert ask(server.start(), "select number from kept") == 7


def test_data_survives_a_killed_parent_and_its_server_is_taken_over(server: EmbeddedPostgres) -> None:
    server.stop()
    parent = run_python(
        "import psycopg\n"
        "with psycopg.connect(server.start()) as connection:\n"
        "    connection.execute('drop table if exists of_parent')\n"
        "    connection.execute('create table of_parent as select 8 as number')\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n",
        folder=server.folder,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "written\n"
    process = postmaster_of(server)
    parent.kill()
    parent.communicate(timeout=60)

    assert ask(server.start(), "select number from of_parent") == 8
    assert postmaster_of(server) == process


def test_a_start_waits_for_a_backend_that_outlives_its_postmaster(server: EmbeddedPostgres) -> None:
    url = server.start()
    busy = "do $$ begin while clock_timestamp() < now() + interval '1.5 s' loop perform 1; end loop; end $$"

    def work() -> None:
        with contextlib.suppress(psycopg.OperationalError):
            tell(url, busy)

    worker = threading.Thread(target=work)
    worker.start()
    wait_until(lambda: ask(url, "select count(*) from pg_stat_activity where query like 'do $$%'") == 1)
    kill_server(server)

    assert ask(server.start(), "select 1") == 1
    worker.join(timeout=60)


def test_a_recycled_process_number_is_not_taken_for_the_server(server: EmbeddedPostgres) -> None:
    tell(server.start(), "drop table if exists kept", "create table kept as select 9 as number")
    lock_file = server.folder / "postmaster.pid"
    left_behind = lock_file.read_text().splitlines()
    kill_server(server)
    owner = server.folder.stat()
    # The same user as the server's: PostgreSQL itself would then believe the number.
    other = subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid, cwd="/")
    try:
        lock_file.write_text("\n".join([str(other.pid), *left_behind[1:]]) + "\n")

        assert not server.is_running()
        assert ask(server.start(), "select number from kept") == 9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(timeout=60)


def test_an_unburied_corpse_is_not_taken_for_the_server(server: EmbeddedPostgres) -> None:
    url = server.start()
    lock_file = server.folder / "postmaster.pid"
    left_behind = lock_file.read_text().splitlines()
    owner = server.folder.stat()
    # Of the server's name and user. Ended and not waited for, it stays in the table of processes.
    rename = ["sh", "-c", "printf postgres > /proc/$$/comm"]
    corpse = subprocess.Popen(rename, user=owner.st_uid, group=owner.st_gid, cwd="/")
    os.waitid(os.P_PID, corpse.pid, os.WEXITED | os.WNOWAIT)
    kill_server(server)
    try:
        lock_file.write_text("\n".join([str(corpse.pid), *left_behind[1:]]) + "\n")

        assert not server.is_running()
        assert server.start() == url
    finally:
        corpse.wait(timeout=60)


def test_a_server_whose_socket_was_cleaned_away_is_started_again(server: EmbeddedPostgres) -> None:
    server.start()
    sockets = socket_folder_of(server)
    (sockets / ".s.PGSQL.5432").unlink()

    assert ask(server.start(), "select 1") == 1


def test_stopping_is_clean_and_may_be_repeated(server: EmbeddedPostgres) -> None:
    server.start()
    log = server.folder.parent / "postgres.log"
    begun = log.stat().st_size

    server.stop()
    server.stop()

    assert not server.is_running()
    assert not (server.folder / "postmaster.pid").exists()
    server.start()
    said = log.read_text()[begun:]
    assert "database system is shut down" in said
    assert "was interrupted" not in said


def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    url = server.start()
    password = (server.folder.parent / "postgres-password").read_text().strip()
    assert password in unquote(url)

    for wrong in (url.replace(password, "wrong"), url.replace(f":{password}", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong, passfile="/nonexistent")
    assert ask(url, "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules") == "scram-sha-256"


def test_a_password_file_of_another_cluster_is_named(server: EmbeddedPostgres) -> None:
    server.start()
    file = server.folder.parent / "postgres-password"
    kept = file.read_text()
    try:
        file.write_text("another\n")
        with pytest.raises(EmbeddedPostgresFailed, match="refuses the password in"):
            server.start()
        file.unlink()
        with pytest.raises(EmbeddedPostgresFailed, match="is missing or empty"):
            server.start()
    finally:
        file.write_text(kept)
        file.chmod(0o600)


def test_no_tcp_port_listens(server: EmbeddedPostgres) -> None:
    url = server.start()

    assert ask(url, "show listen_addresses") == ""
    process = postmaster_of(server)
    if sys.platform == "darwin":
        listing = ["lsof", "-a", "-p", str(process), "-i", "-n", "-P", "-t"]
        assert subprocess.run(listing, capture_output=True, check=False).stdout == b""
    else:
        with psycopg.connect(url) as connection:  # the server looks: in a container, root may not
            connection.execute("create temporary table opened (line text)")
            connection.execute(f"copy opened from program 'ls -l /proc/{process}/fd'".encode())
            lines = [line for (line,) in connection.execute("select line from opened")]
        opened = {line.split(" -> ")[1] for line in lines if " -> socket:" in line}
        on_the_network = {
            f"socket:[{line.split()[9]}]"
            for table in ("tcp", "tcp6", "udp", "udp6")
            if Path("/proc/net", table).exists()
            for line in Path("/proc/net", table).read_text().splitlines()[1:]
        }
        assert len(opened) == 1
        assert not opened & on_the_network


def test_nobody_else_may_read_what_it_leaves(server: EmbeddedPostgres) -> None:
    server.start()
    sockets = socket_folder_of(server)

    for closed in (sockets, server.folder):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert closed.stat().st_uid == server.folder.stat().st_uid
    for name in ("postgres-password", "postgres.log", "postgres.lock"):
        assert stat.S_IMODE((server.folder.parent / name).stat().st_mode) == 0o600


def test_a_socket_folder_of_somebody_else_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    sockets = socket_folder_of(server)
    server.stop()
    try:
        sockets.mkdir(mode=0o700)
        sockets.chmod(0o755)
        with pytest.raises(EmbeddedPostgresFailed, match="stands where the server's socket belongs"):
            server.start()
        sockets.rmdir()
        sockets.symlink_to(server.folder)
        with pytest.raises(EmbeddedPostgresFailed, match="stands where the server's socket belongs"):
            server.start()
    finally:
        if sockets.is_symlink():
            sockets.unlink()

    assert ask(server.start(), "select 1") == 1


def test_another_major_is_refused_and_nothing_is_lost(server: EmbeddedPostgres) -> None:
    tell(server.start(), "drop table if exists kept", "create table kept as select 10 as number")
    server.stop()
    version = server.folder / "PG_VERSION"
    try:
        version.write_text("17\n")
        with pytest.raises(EmbeddedPostgresFailed, match=r"made by PostgreSQL 17.*brings PostgreSQL 18") as refusal:
            server.start()
        assert str(server.folder) in str(refusal.value)
    finally:
        version.write_text("18\n")

    assert ask(server.start(), "select number from kept") == 10


def test_a_server_that_cannot_start_says_what_postgresql_said(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    configuration = server.folder / "postgresql.conf"
    kept = configuration.read_text()
    try:
        configuration.write_text(kept + "\nshared_buffers = 'much'\n")
        with pytest.raises(EmbeddedPostgresFailed, match="invalid value for parameter") as failure:
            server.start()
        assert str(server.folder) in str(failure.value)
    finally:
        configuration.write_text(kept)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")

    with pytest.raises(EmbeddedPostgresFailed, match="neither empty nor a PostgreSQL cluster"):
        EmbeddedPostgres(folder=folder).start()
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_a_missing_wheel_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(EmbeddedPostgresFailed, match=r"pip install 'flowtrack\[embedded\]'"):
        EmbeddedPostgres(folder=tmp_path / "postgres").start()


def test_a_hard_path_works_and_no_folder_above_is_loosened() -> None:
    with a_closed_folder() as parent:
        hard = parent / "ein Ordner für 'Ümläute' \"$(id)`id`" / ("lang" * 30) / "data"
        hard.parent.mkdir(parents=True, mode=0o700)
        hard.parent.chmod(0o700)
        above = [folder for folder in hard.parents if folder != Path("/tmp")]
        before = [(folder.stat().st_mode, folder.stat().st_uid, folder.stat().st_gid) for folder in above]
        with a_server(folder=hard / "postgres") as server:
            assert len(str(server.folder)) > 150

            url = server.start()

            assert ask(url, "show data_directory") == str(server.folder)
            after = [(folder.stat().st_mode, folder.stat().st_uid, folder.stat().st_gid) for folder in above]
            assert after == before


def test_binaries_that_only_root_may_reach_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `git clone` and `pip install` below /root; as another user it is one more installation."""
    wheel = commands.binaries().parents[1]
    with a_closed_folder() as parent:
        for name in (f"{wheel.name}/{commands.binaries().parent.name}", f"{wheel.name}.libs"):
            if (wheel.parent / name).exists():
                shutil.copytree(wheel.parent / name, parent / name, symlinks=True)
        (parent / wheel.name / "__init__.py").write_text("raise AssertionError('not to be executed')")
        monkeypatch.syspath_prepend(parent)
        assert commands.binaries().is_relative_to(parent.resolve())

        with a_server(folder=parent / "data" / "postgres") as server:
            assert ask(server.start(), "select 1") == 1
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700


def test_a_first_start_that_was_killed_leaves_nothing_half_done() -> None:
    with a_closed_folder() as parent, a_server(folder=parent / "postgres") as server:
        killed = run_python("server.start()", folder=server.folder)
        staging = parent / ".postgres-being-made" / "cluster"
        wait_until(lambda: (staging / "base").exists())
        killed.kill()
        killed.communicate(timeout=60)
        assert not server.folder.exists()

        url = server.start()

        assert ask(url, "select 1") == 1
        assert not staging.parent.exists()


def test_leftovers_of_an_initdb_without_a_password_are_made_anew() -> None:
    with a_closed_folder() as parent, a_server(folder=parent / "postgres") as server:
        (parent / ".postgres-being-made" / "cluster" / "base").mkdir(parents=True)
        (parent / ".postgres-being-made" / "cluster" / "PG_VERSION").write_text("18\n")
        (parent / "postgres-password").touch(mode=0o600)
        server.folder.mkdir()

        assert ask(server.start(), "select 1") == 1


def test_two_processes_may_start_at_once() -> None:
    with a_closed_folder() as parent, a_server(folder=parent / "postgres") as server:
        starting = [run_python("print(server.start())", folder=server.folder) for _ in range(3)]
        urls = {process.communicate(timeout=180)[0].strip() for process in starting}

        assert [process.returncode for process in starting] == [0, 0, 0]
        assert urls == {server.start()}
