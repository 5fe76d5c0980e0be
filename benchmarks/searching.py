"""Searching in one big company: a rare word, and whatever takes longest."""

import time
from statistics import median
from urllib.parse import quote

from benchmarks.asking import PAGE, Mismatch
from benchmarks.seeding import Company
from benchmarks.servers import Server

# Of the titles and descriptions that `seeding` makes, nearly all words stand in every task: nothing is searched worse.
_FOUND = (
    "task", "t", "ta", "what has", "of what has to be done", "task number of what has to be done", "number 7", "number 77",
    "number 777", "7", "knows where to begin", "k", "in a sentence or two so that whoever takes",
)  # fmt: skip
_NOT_FOUND = ("nothing of the kind", "task nothing", "a b c d e f g h i j", "&")
RARE = "number 9999"
"""A dozen tasks of a hundred thousand."""


def path(asked: str) -> str:
    """The address of a search."""
    return f"/api/v1/search?limit={PAGE}&q={quote(asked)}"


def slowest(server: Server, company: Company) -> tuple[float, str, int]:
    """Milliseconds of the slowest question, which it was, and how many were asked: each the middle one of nine."""
    found = []
    for asked in (*_FOUND, *_NOT_FOUND):
        took = []
        for _ in range(9):
            began = time.perf_counter()
            answer = server.ask("GET", path(asked), token=company.token)
            took.append(1000 * (time.perf_counter() - began))
            if answer.status != 200 or bool(answer.body) is (asked in _NOT_FOUND):
                raise Mismatch(f"{asked}: {answer}")
        found.append((median(took), asked))
    return (*max(found), len(found))
