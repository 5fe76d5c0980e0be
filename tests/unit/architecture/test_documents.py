"""What the documents name exists, where they say that it does."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.unit.architecture.sources import ROOT, SRC

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def table_rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not set(line) <= set("|-") and cells[0] != "word":
            yield cells


GLOSSARY = list(table_rows(ROOT / "docs" / "glossary.md"))


class TestGlossary:
    @pytest.mark.parametrize("row", GLOSSARY, ids=lambda row: row[0])
    def test_a_word_stands_where_it_says(self, row: list[str]) -> None:
        assert len(row) == 3
        named = re.findall(r"`([^`]+)`", row[2])
        assert named
        for name in named:
            assert exists(name), f"{name} does not exist"

    def test_no_word_is_explained_twice(self) -> None:
        words = [word.strip() for row in GLOSSARY for word in row[0].split(",")]
        assert len(words) > 40
        assert sorted(words) == sorted(set(words))


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return bool(module) and hasattr(import_module(module), attribute)
    return True


class TestMap:
    """The tree at the top of docs/architecture.md."""

    TREE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]

    def test_every_folder_that_it_shows_is_there(self) -> None:
        top = ""
        shown = 0
        for line in self.TREE.splitlines():
            if re.match(r"[a-z]", line):
                top = line.split()[0].rstrip("/")
                assert (ROOT / top).is_dir(), top
            for name in re.findall(r"\b([a-z_]+)/", line.strip() if line.startswith(" ") else ""):
                shown += 1
                assert any(path.is_dir() for path in (ROOT / top).rglob(name)), f"{top}/.../{name}"
        assert shown > 10

    def test_every_folder_that_there_is_is_shown(self) -> None:
        folders = {
            path.name
            for layer in SRC.iterdir()
            for path in layer.glob("*")
            if path.is_dir() and path.name != "__pycache__"
        }
        assert folders <= set(re.findall(r"\b([a-z_]+)/", self.TREE))


class TestLinks:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_every_link_inside_the_repository_leads_somewhere(self, document: Path) -> None:
        links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        for link in links:
            if not re.match(r"[a-z]+:", link):
                assert (document.parent / link).exists(), link

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_every_target_of_make_that_it_names_exists(self, document: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        named = re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= targets
