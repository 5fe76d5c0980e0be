"""Adding a feature forces its author to place it among the others."""

import tomllib

from tests.unit.architecture.sources import ROOT, SRC

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FEATURES = {folder.name for folder in (SRC / "core").iterdir() if (folder / "__init__.py").exists()}
# The rooms of a feature are for features; the kernel is words that they share.
WITHOUT_ROOMS = {"kernel"}


def contract(beginning: str) -> dict[str, object]:
    (found,) = [each for each in CONTRACTS if each["name"].startswith(beginning)]
    return found


class TestFeatures:
    def test_every_folder_of_the_core_is_a_package(self) -> None:
        folders = {path.name for path in (SRC / "core").iterdir() if path.is_dir() and path.name != "__pycache__"}
        assert folders == FEATURES

    def test_each_has_its_layer(self) -> None:
        layers = contract("Features")["layers"]
        named = [name.strip(" ()") for layer in layers for name in layer.replace(":", "|").split("|")]
        assert sorted(named) == sorted(FEATURES)

    def test_each_is_held_to_the_rooms(self) -> None:
        containers = contract("Rooms")["containers"]
        assert sorted(containers) == sorted(f"core.{name}" for name in FEATURES - WITHOUT_ROOMS)

    def test_both_contracts_are_exhaustive(self) -> None:
        assert contract("Features")["exhaustive"] and contract("Rooms")["exhaustive"]

    def test_each_says_in_a_paragraph_what_it_owns(self) -> None:
        for name in FEATURES:
            text = (SRC / "core" / name / "__init__.py").read_text(encoding="utf-8").strip()
            assert text.startswith('"""') and text.endswith('"""') and text.count('"""') == 2, name

    def test_the_core_names_every_framework_of_the_product_as_forbidden(self) -> None:
        named = set(contract("The core is pure")["forbidden_modules"])
        assert named >= {
            "fastapi", "starlette", "pydantic", "sqlalchemy", "psycopg", "redis", "authlib", "tenacity",
            "opentelemetry", "dependency_injector",
        }  # fmt: skip
