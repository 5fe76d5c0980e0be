"""A login storm: what fifty people who sign in at once, again and again, do to whoever works meanwhile.

Hashing a password takes a tenth of a second of a core, on purpose, and the server has one.
"""

import asyncio
import time

import uvloop

from benchmarks.asking import Mismatch, encoded
from benchmarks.measuring import Pace
from benchmarks.neighbours import Round, noise, steady
from benchmarks.seeding import PASSWORD
from benchmarks.servers import Server

LOGINS = 50
_IN_FULL_SWING_WITHIN = 60.0
_OVER_WITHIN = 120.0


def newcomers(server: Server) -> list[bytes]:
    """Registers as many people, and answers the request that signs each of them in."""
    requests = []
    for place in range(LOGINS):
        given = {"email": f"storm{place}@bench.example.com", "password": PASSWORD}
        answer = server.ask("POST", "/api/v1/auth/register", body={**given, "name": f"Person {place}"})
        if answer.status != 201:
            raise Mismatch(f"the bench could not register: {answer}")
        requests.append(encoded("POST", "/api/v1/auth/login", body=given))
    return requests


def measure(server: Server, *, quiet: list[bytes], logins: list[bytes], pace: Pace) -> list[Round]:
    """Rounds of windows in turns, without the storm and in it. Raises Mismatch for any wrong answer."""
    return uvloop.run(_measure(server, quiet, logins, pace))


async def _measure(server: Server, quiet: list[bytes], logins: list[bytes], pace: Pace) -> list[Round]:
    port, rounds = server.port, []
    for _ in range(pace.rounds):
        alone = await steady(port, quiet, pace)
        async with noise(port, logins, connections=LOGINS, statuses=(200,)) as counted:
            async with asyncio.timeout(_IN_FULL_SWING_WITHIN):
                while not counted[200]:
                    await asyncio.sleep(0.1)
            beside = await steady(port, quiet, pace)
        # Who gave up is still in the line: whoever comes after them is answered when all of that is past.
        await asyncio.to_thread(_sign_in, server)
        rounds.append(Round(alone, beside, counted[200], 0))
    return rounds


def _sign_in(server: Server) -> None:
    given = {"email": "owner0@bench.example.com", "password": PASSWORD}
    deadline = time.monotonic() + _OVER_WITHIN
    while True:
        try:
            answer = server.ask("POST", "/api/v1/auth/login", body=given)
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
            continue
        if answer.status != 200:
            raise Mismatch(f"nobody can sign in after the storm: {answer}")
        return
