"""A login storm: what fifty people who sign in at once, again and again, do to whoever works meanwhile.

Hashing a password takes a tenth of a second of a core, on purpose, and the server has one.
"""

import asyncio

import uvloop

from benchmarks.asking import Mismatch, encoded
from benchmarks.measuring import Pace
from benchmarks.neighbours import Round, noise, steady
from benchmarks.seeding import PASSWORD
from benchmarks.servers import Server

LOGINS = 50
_IN_FULL_SWING_WITHIN = 60.0


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
    return uvloop.run(_measure(server.port, quiet, logins, pace))


async def _measure(port: int, quiet: list[bytes], logins: list[bytes], pace: Pace) -> list[Round]:
    rounds = []
    for _ in range(pace.rounds):
        alone = await steady(port, quiet, pace)
        async with noise(port, logins, connections=LOGINS, statuses=(200,)) as counted:
            async with asyncio.timeout(_IN_FULL_SWING_WITHIN):
                while not counted[200]:
                    await asyncio.sleep(0.1)
            beside = await steady(port, quiet, pace)
        rounds.append(Round(alone, beside, counted[200], 0))
    return rounds
