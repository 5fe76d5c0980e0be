"""Argon2Passwords: what it takes from an older system, and that its work does not tell whose hash is of which kind."""

import asyncio
import os
import sys
import threading
import time
from typing import Any

import bcrypt
import pytest
from argon2 import PasswordHasher

from adapters.crypto import passwords as module
from adapters.crypto.passwords import Argon2Passwords
from core.kernel.errors import Busy

PASSWORD = "Tr0ub4dor and three"


def quick(**changes: int) -> PasswordHasher:
    return PasswordHasher(**{"time_cost": 1, "memory_cost": 8, "parallelism": 1, **changes})


def of_old(password: str, *, kind: str = "2b") -> str:
    """A hash as an older system made it: of the first 72 bytes."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return made.replace("$2b$", f"${kind}$", 1)


@pytest.fixture
def passwords() -> Argon2Passwords:
    return Argon2Passwords(quick())


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
async def test_a_hash_of_an_older_system_is_verified(passwords: Argon2Passwords, kind: str) -> None:
    kept = of_old(PASSWORD, kind=kind)
    assert await passwords.verify(PASSWORD, kept)
    for wrong in (PASSWORD + "x", PASSWORD[:-1], PASSWORD.lower(), "", "\x00"):
        assert not await passwords.verify(wrong, kept)


async def test_one_that_was_made_elsewhere_is_verified(passwords: Argon2Passwords) -> None:
    """The vector of the original bcrypt for `U*U`."""
    assert await passwords.verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")


@pytest.mark.parametrize("password", ["x" * 72, "x" * 100, "é" * 50, "😀" * 30])
async def test_a_long_password_counts_as_far_as_the_older_system_read_it(
    passwords: Argon2Passwords, password: str
) -> None:
    assert await passwords.verify(password, of_old(password))
    assert not await passwords.verify(password[:-60] or "x", of_old(password))


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "x",
        "$2b$",
        "$2b$12$short",
        "$2b$99$" + "a" * 53,
        "$2b$aa$" + "a" * 53,
        "$2b$04$" + "!" * 53,
        "$argon2id$",
    ],
)
async def test_what_is_no_hash_belongs_to_no_password(passwords: Argon2Passwords, kept: str) -> None:
    for password in ("", PASSWORD):
        assert not await passwords.verify(password, kept)
        assert not await passwords.verify(password, None)


async def test_hashes_of_an_older_system_or_of_less_effort_are_outdated(passwords: Argon2Passwords) -> None:
    stronger = Argon2Passwords(quick(time_cost=2))
    kept = await passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert not passwords.is_outdated(kept)
    assert stronger.is_outdated(kept)
    for kind in ("2a", "2b", "2y"):
        assert passwords.is_outdated(of_old(PASSWORD, kind=kind))
    for nothing in ("", "x", "$argon2id$"):
        assert not passwords.is_outdated(nothing)


class Counting:
    """Counts the hashes of each kind that a verification takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        counting = self

        class Hasher(PasswordHasher):
            def verify(self, hash: str | bytes, password: str | bytes) -> bool:
                counting.done.append("argon2id")
                return super().verify(hash, password)

        checkpw = bcrypt.checkpw

        def counted(password: bytes, kept: bytes) -> bool:
            counting.done.append(f"bcrypt of cost {int(kept[4:6])}")
            return checkpw(password, kept)

        monkeypatch.setattr(module.bcrypt, "checkpw", counted)
        self.passwords = Argon2Passwords(Hasher(time_cost=1, memory_cost=8, parallelism=1))

    async def refused(self, kept: str | None) -> list[str]:
        """What it took to refuse a wrong password."""
        self.done.clear()
        assert not await self.passwords.verify("a wrong guess", kept)
        return sorted(self.done)


async def test_where_there_are_hashes_of_both_kinds_every_refusal_takes_the_work_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting = Counting(monkeypatch)
    new, old = await counting.passwords.hash(PASSWORD), of_old(PASSWORD)
    assert await counting.refused(new) == await counting.refused(None) == ["argon2id"]
    both = ["argon2id", "bcrypt of cost 4"]
    assert await counting.refused(old) == both
    for kept in (new, None, old, of_old("another")):
        assert await counting.refused(kept) == both


class Watched:
    """A hasher that says in which threads it works, how nice they are, and how many at once."""

    def __init__(self) -> None:
        self.most = self.now = 0
        self.niceness: set[int] = set()
        self.threads: set[int] = set()
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.threads.add(threading.get_ident())
            self.niceness.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        time.sleep(0.01)
        with self._lock:
            self.now -= 1
        return "hash"


@pytest.mark.alone
async def test_one_at_a_time_a_core_off_the_loop_and_giving_way_to_it() -> None:
    watched = Watched()
    passwords = Argon2Passwords(watched)
    await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(50)))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    assert 1 <= watched.most <= cores
    assert threading.get_ident() not in watched.threads
    if sys.platform == "linux":
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        assert watched.niceness == {max(own, 5)}


async def test_a_hash_is_the_work_of_one_thread_and_older_ones_are_replaced() -> None:
    """Of several lanes, each would be a thread more."""
    passwords = Argon2Passwords()
    kept = await passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await passwords.verify(PASSWORD, kept) and not passwords.is_outdated(kept)
    earlier = PasswordHasher(parallelism=4).hash(PASSWORD)
    assert await passwords.verify(PASSWORD, earlier) and passwords.is_outdated(earlier)


class Gated(PasswordHasher):
    """Hashes once it is let, and counts how often it did."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.gate = threading.Event()
        self.done = 0

    def hash(self, *given: Any, **more: Any) -> str:
        self.gate.wait(10)
        self.done += 1
        return super().hash(*given, **more)


async def test_no_more_wait_than_a_few_seconds_are_enough_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 1)
    hasher = Gated()
    passwords = Argon2Passwords(hasher, most_waiting=3)
    waiting = [asyncio.create_task(passwords.hash(f"{number}")) for number in range(4)]
    await asyncio.sleep(0.05)
    for ask in (passwords.hash, lambda password: passwords.verify(password, "x")):
        with pytest.raises(Busy) as refused:
            await ask("one too many")
        assert refused.value.retry_after >= 1
    # What nobody waits for any more is not done, and makes room.
    waiting[-1].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[-1] = asyncio.create_task(passwords.hash("instead"))
    await asyncio.sleep(0.05)
    hasher.gate.set()
    assert all((await asyncio.gather(*waiting)))
    assert hasher.done == 4
    assert await passwords.hash("again")
