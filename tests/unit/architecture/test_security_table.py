"""What docs/security.md says of ASVS holds: each requirement once, and where it names a source or a test, that is there."""

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest

from tests.unit.architecture.sources import ROOT, SRC
from tests.unit.architecture.test_documents import table_rows

DOCUMENT = ROOT / "docs" / "security.md"
TESTS = ROOT / "tests"

# How many of each section of ASVS 5.0.0 are of level 1 or 2. They come first there, those of level 3 alone after them.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
}  # fmt: skip
# What is met by nothing being there can be neither run nor shown.
MET_BY_ABSENCE = {"6.2.10", "6.4.2"}

_NAMED = re.compile(r"`([^`]+)`")
_TEST = re.compile(r"([\w/]+\.py)::(test_\w+)")


class Requirement(NamedTuple):
    number: str
    level: str
    asks: str
    met: str
    where: str
    why: str

    def tests(self) -> list[tuple[str, str]]:
        """The file, below tests, and the function of each test that it names."""
        found = map(_TEST.fullmatch, _NAMED.findall(self.why))
        return [(each[1], each[2]) for each in found if each is not None]


def requirements() -> list[Requirement]:
    rows = [row for row in table_rows(DOCUMENT) if re.match(r"\d", row[0])]
    assert all(len(row) == len(Requirement._fields) for row in rows)
    return [Requirement(*row) for row in rows]


ALL = requirements()
each_requirement = pytest.mark.parametrize("found", ALL, ids=lambda found: found.number)


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of a file of the tests, in its classes too."""
    nodes = ast.walk(ast.parse((TESTS / path).read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_requirement_of_the_two_levels_is_there_once_and_in_its_order() -> None:
    wanted = [f"{section}.{place}" for section, most in SECTIONS.items() for place in range(1, most + 1)]
    assert len(wanted) == 96
    assert [found.number for found in ALL] == wanted


@each_requirement
def test_it_says_what_it_asks_and_whether_that_is_met(found: Requirement) -> None:
    assert found.level in ("1", "2")
    assert found.met in ("yes", "partly", "no", "n/a")
    assert found.asks
    assert found.why


@each_requirement
def test_what_is_met_says_where_and_is_tested_or_documented(found: Requirement) -> None:
    if found.met in ("yes", "partly"):
        assert _NAMED.search(found.where) or "](" in found.where
    if found.met == "yes" and found.number not in MET_BY_ABSENCE:
        assert found.tests() or "](" in found.why


@each_requirement
def test_what_is_missing_is_said(found: Requirement) -> None:
    if found.met != "yes":
        assert re.sub(r"[\s;,]", "", _NAMED.sub("", found.why)), "it only names what is there"


@each_requirement
def test_every_source_that_it_names_is_there(found: Requirement) -> None:
    for path in _NAMED.findall(found.where):
        assert (SRC / path).is_file(), path


@each_requirement
def test_every_test_that_it_names_is_there(found: Requirement) -> None:
    named = [name for name in _NAMED.findall(found.why) if ".py" in name]
    assert len(named) == len(found.tests()), "a test is named as `unit/core/tasks/test_model.py::test_...`"
    for path, function in found.tests():
        assert (TESTS / path).is_file(), path
        assert function in functions_of(path), f"{path}::{function}"
