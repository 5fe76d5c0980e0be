"""What hangs fails by its name, wherever it hangs, and what comes after it in the same process is run as ever."""

import os
import re
import subprocess
import sys
from pathlib import Path

HANGING = """
import asyncio, subprocess, threading
import pytest

async def for_ever():
    await asyncio.Event().wait()

async def runs_beside():
    while True:
        await asyncio.sleep(0.001)

@pytest.fixture(scope="session")
async def beside():
    running = asyncio.create_task(runs_beside())
    yield running
    running.cancel()

@pytest.fixture
async def begins_never():
    await for_ever()

@pytest.fixture
async def ends_never():
    yield
    await for_ever()

@pytest.fixture
async def nor_does_this():
    yield
    await for_ever()

async def test_call(beside):
    await for_ever()

async def test_after_call(beside):
    assert not beside.done()

async def test_beginning(beside, begins_never):
    pass

async def test_end(beside, ends_never):
    pass

async def test_all(beside, ends_never, nor_does_this):
    await for_ever()

def test_thread():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    thread.join()

def test_process():
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            process.wait()
        finally:
            process.kill()

async def test_last(beside):
    await asyncio.sleep(0.01)
    assert not beside.done()
"""

OUTCOMES = {
    "FAILED": {"call", "all", "thread", "process"},
    "ERROR": {"beginning", "end", "all"},
    "PASSED": {"after_call", "end", "last"},
}


def test_what_hangs_fails_by_name_and_all_others_are_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.hanging"]')
    (tmp_path / "test_it.py").write_text(HANGING)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = session\n"
        "asyncio_default_test_loop_scope = session\ntimeout = 1\n"
    )
    command = [sys.executable, "-m", "pytest", "-n", "1", "--dist", "loadfile", "-p", "no:cacheprovider", "-rA"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    lines = re.findall(r"^([A-Z]+) test_it\.py::test_(\w+)", done.stdout, re.MULTILINE)
    told = {outcome: {name for said, name in lines if said == outcome} for outcome in OUTCOMES}
    assert told == OUTCOMES, done.stdout + done.stderr
