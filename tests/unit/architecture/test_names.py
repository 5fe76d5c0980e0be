"""Names are the product's words."""

import ast
import re

from tests.unit.architecture.sources import modules, words_of

BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "impl", "data", "info", "misc"}
ALLOWED = {
    "core.auth.common_passwords": "common passwords are what the list holds, not what it has in common",
}


class TestNames:
    def test_no_module_is_called_by_a_word_that_says_nothing(self) -> None:
        found = {
            module.name
            for module in modules()
            if BANNED & set(words_of(module.name.rpartition(".")[2])) and module.name not in ALLOWED
        }
        assert found == set()

    def test_no_class_is_called_by_a_word_that_says_nothing(self) -> None:
        found = {f"{module}.{name}" for module, name in _classes() if BANNED & set(words_of(name))}
        assert found == set()

    def test_no_class_says_that_it_is_an_interface(self) -> None:
        assert {name for _, name in _classes() if re.match(r"I[A-Z][a-z]", name)} == set()

    def test_every_allowance_is_still_needed(self) -> None:
        assert ALLOWED.keys() <= {module.name for module in modules()}


def _classes() -> list[tuple[str, str]]:
    return [(module.name, node.name) for module in modules() for node in module.nodes if isinstance(node, ast.ClassDef)]
