"""The sources that the rules are about, read and parsed once."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
SRC = ROOT / "src"


class Module(NamedTuple):
    """One file of src: `name` is `core.tasks.model`, `path` is relative to src."""

    name: str
    path: str
    lines: int
    nodes: tuple[ast.AST, ...]

    def is_in(self, *packages: str) -> bool:
        return any(self.name == package or self.name.startswith(f"{package}.") for package in packages)

    def imports(self) -> Iterator[str]:
        """What it imports: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SRC.rglob("*.py")):
        text, relative = path.read_text(encoding="utf-8"), path.relative_to(SRC)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(name, relative.as_posix(), text.count("\n") + 1, tuple(ast.walk(ast.parse(text)))))
    return tuple(found)


def words_of(name: str) -> list[str]:
    """The words of an identifier in either spelling, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]
