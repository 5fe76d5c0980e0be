"""Argon2id, off the event loop, one hash at a time a core; and bcrypt, as an older system left it."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.kernel.errors import Busy

Given = ParamSpec("Given")
Found = TypeVar("Found")

_BCRYPT = ("$2a$", "$2b$", "$2x$", "$2y$")
# Older systems cut longer passwords off without a word; the library leaves that to its callers.
_BCRYPT_LENGTH = 72
_NICENESS = 5
# What waits for one core: about five seconds of its work. Whoever stuffs names and passwords makes nobody wait longer.
_WAITING = 50


class Argon2Passwords:
    """Hashes with the memory and passes of RFC 9106 (low memory), 64 MiB and about 0.1 s of a core, but in one lane:
    each of its four would be a thread more that takes the cores from whoever waits for a request.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, most_waiting: int | None = None) -> None:
        self._hasher = hasher or PasswordHasher(parallelism=1)
        # More at once would only share the same cores, and take 64 MiB each.
        self._workers = ThreadPoolExecutor(_cores(), thread_name_prefix="argon2", initializer=_give_way)
        self._room = _cores() * (1 + _WAITING) if most_waiting is None else _cores() + most_waiting
        # What an unknown address is compared with, so that it costs the same as a known one.
        self._nobody: str | None = None
        # The same for bcrypt, once such a hash was refused: where there are some, they must not be told by the time
        # that they take.
        self._nobody_of_old: str | None = None

    async def hash(self, password: str) -> str:
        return await self._worked(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        if self._nobody is None:
            self._nobody = await self.hash(os.urandom(16).hex())
        found = await self._worked(self._verify, password_hash or self._nobody, password)
        return found and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        if password_hash.startswith(_BCRYPT):
            return True
        try:
            return self._hasher.check_needs_rehash(password_hash)
        except InvalidHashError:
            return False

    async def _worked(self, work: Callable[Given, Found], *given: Given.args, **_: Given.kwargs) -> Found:
        """What a worker found. What nobody waits for any more when one gets free is not done. Raises Busy."""
        if self._room <= 0:
            raise Busy
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers, work, *given)
        finally:
            self._room += 1

    def _verify(self, password_hash: str, password: str) -> bool:
        """Whether they belong together. A refusal has cost one hash of each kind that is in use."""
        assert self._nobody is not None
        if not password_hash.startswith(_BCRYPT):
            if self._verify_argon2(password_hash, password):
                return True
            if self._nobody_of_old is not None:
                _verify_bcrypt(self._nobody_of_old, password)
            return False
        if _verify_bcrypt(password_hash, password):
            return True
        self._nobody_of_old = self._nobody_of_old or password_hash
        self._verify_argon2(self._nobody, password)
        return False

    def _verify_argon2(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _cores() -> int:
    """How many cores the process may use, which are fewer than there are in many a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _give_way() -> None:
    """Has a thread, and those that the hash begins in it, work when no other has to: nobody's request waits for fifty
    people who sign in. What is left to it is enough to go on, on the busiest machine.
    """
    if sys.platform == "linux":
        # There, and there alone, each thread has a niceness of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _verify_bcrypt(password_hash: str, password: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_LENGTH], password_hash.encode())
    except ValueError:
        return False
