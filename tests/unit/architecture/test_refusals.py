"""Refusals have stable codes of their own."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator

from core.kernel.errors import Refusal
from tests.unit.architecture.sources import modules

# Where a subclass is on purpose the same to the caller as its parent; none so far.
SHARED_ON_PURPOSE: dict[str, str] = {}


def refusals() -> set[type[Refusal]]:
    for module in modules():
        if module.is_in("core"):
            importlib.import_module(module.name)
    return {each for each in _descendants(Refusal) if each.__module__.startswith("core.")}


def _descendants(of: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in of.__subclasses__():
        yield child
        yield from _descendants(child)


class TestRefusals:
    def test_each_of_the_core_has_its_own_code_and_title(self) -> None:
        without = {
            each.__name__ for each in refusals() if not {"code", "title"} <= vars(each).keys()
        } - SHARED_ON_PURPOSE.keys()
        assert without == set()

    def test_no_two_in_the_whole_product_share_a_code(self) -> None:
        users = defaultdict(list)
        for name, code in _codes_in_sources():
            users[code].append(name)
        assert {code: names for code, names in users.items() if len(names) > 1} == {}

    def test_codes_are_dotted_words(self) -> None:
        kinds_without_feature = {"not_found", "conflict", "gone", "refused"}
        codes = {code for _, code in _codes_in_sources()} - kinds_without_feature
        assert {code for code in codes if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", code)} == set()

    def test_titles_begin_with_a_capital_and_do_not_end_with_a_full_stop(self) -> None:
        assert {each.__name__ for each in refusals() if not re.match(r"[A-Z].*[^.]$", each.title)} == set()


def _codes_in_sources() -> list[tuple[str, str]]:
    found = []
    for module in modules():
        for node in module.nodes:
            if not isinstance(node, ast.ClassDef) or not any(_name(line) == "title" for line in node.body):
                continue
            found.extend(
                (f"{module.name}.{node.name}", line.value.value)
                for line in node.body
                if _name(line) == "code" and isinstance(line.value, ast.Constant)
            )
    return found


def _name(line: ast.stmt) -> str:
    target = line.target if isinstance(line, ast.AnnAssign) else None
    if isinstance(line, ast.Assign):
        target = line.targets[0]
    return target.id if isinstance(target, ast.Name) else ""
