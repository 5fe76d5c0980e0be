"""Work that is done again and again beside answering."""

import asyncio
import logging

import pytest

from core.kernel.errors import DatabaseAway
from entrypoints.background import Recurring, finish, working
from entrypoints.container import make_container
from entrypoints.settings import Settings
from tests.builders import an_actor, an_id


class Work:
    """Fails as often as it is told to, then is done; and waits to be let go."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.begun = 0
        self.was_let_go = False

    async def __call__(self) -> None:
        self.begun += 1
        if self._failures:
            raise self._failures.pop()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.was_let_go = True
            raise


def soon(work: Work) -> Recurring:
    return Recurring("work", 0.001, 0.001, work)


class TestWorking:
    async def test_what_fails_is_tried_again_and_said(self, caplog: pytest.LogCaptureFixture) -> None:
        work = Work(DatabaseAway(), RuntimeError("a defect"))
        with caplog.at_level(logging.WARNING, logger="flowtrack"):
            async with working([soon(work)]):
                while work.begun < 3:
                    await asyncio.sleep(0.001)
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]

    async def test_its_end_waits_until_all_of_it_has_let_go(self) -> None:
        works = [Work(), Work()]
        async with working([soon(each) for each in works]):
            while not all(work.begun for work in works):
                await asyncio.sleep(0.001)
        assert all(work.was_let_go for work in works)

    async def test_it_does_not_begin_at_once(self) -> None:
        work = Work()
        async with working([Recurring("work", 1.0, 600.0, work)]):
            await asyncio.sleep(0.01)
        assert work.begun == 0


class Rung:
    """A bell that is rung without end."""

    async def wait(self, *, at_most: float) -> None:
        """Not at all."""


class TestResting:
    async def test_what_is_rung_for_without_end_leaves_most_of_the_time_to_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: dict[bool, list[float]] = {}
        for rests in (True, False):
            found, done = pauses.setdefault(rests, []), asyncio.Event()
            sleep = asyncio.sleep

            async def slept(seconds: float, found: list[float] = found, done: asyncio.Event = done) -> None:
                task = asyncio.current_task()
                if task is None or task.get_name() != "work":
                    # Somebody else's, of another test's app.
                    await sleep(seconds)
                    return
                found.append(seconds)
                if len(found) == 3:
                    done.set()
                await sleep(0)

            async def work() -> None:
                await sleep(0.05)

            monkeypatch.setattr("entrypoints.background.asyncio.sleep", slept)
            async with working([Recurring("work", 0.4, 0.0, work, bell=Rung(), rests=rests)]):
                await done.wait()
            monkeypatch.undo()
        # The first time nothing was done yet; then nine times as long as it took, but no longer than it waits anyway.
        assert pauses[True][:3] == [0.3, 0.4, 0.4]
        assert pauses[False][:3] == [0.3, 0.3, 0.3]


class TestTheEnd:
    async def test_a_database_that_is_away_holds_nobody_up(self, caplog: pytest.LogCaptureFixture) -> None:
        settings = Settings(_env_file=None, secret_key="s" * 40)
        container = make_container(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")
        container.presented_token_use_cases().used(an_actor(session_id=None, token_id=an_id()))
        with caplog.at_level(logging.WARNING, logger="flowtrack"):
            await finish(container)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
