"""What stands beside the sources keeps to the house too."""

import re

import pytest

from entrypoints.settings import Settings
from entrypoints.variables import SECRETS
from tests.unit.architecture.sources import ROOT, modules

MOST_LINES = 400


class TestModules:
    def test_none_is_longer_than_a_reader_can_hold(self) -> None:
        longer = {module.path: module.lines for module in modules() if module.lines >= MOST_LINES}
        assert longer == {}


class TestRequirements:
    @pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
    def test_they_are_hashed_and_name_no_index_or_host(self, name: str) -> None:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        options = re.findall(r"^\s*(--?[a-z-]+)", text, flags=re.MULTILINE)
        assert set(options) <= {"--hash"}
        assert re.findall(r"https?://|\bgit\+|@ *file:", text) == []

    @pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
    def test_every_requirement_is_pinned(self, name: str) -> None:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
        assert len(lines) > 10
        assert [line for line in lines if "==" not in line] == []


class TestExampleOfSettings:
    """`.env.example` lists every setting, says that a secret may come from a file, and holds nothing else."""

    def test_it_lists_exactly_the_settings(self) -> None:
        path = ROOT / ".env.example"
        assert path.exists(), ".env.example is missing"
        text = path.read_text(encoding="utf-8")
        listed = re.findall(r"^#? ?((?:FLOWTRACK|OTEL)_[A-Z0-9_]+|PORT)=", text, re.MULTILINE)
        assert len(listed) == len(set(listed))
        assert set(listed) - {f"FLOWTRACK_{name}_FILE" for name in SECRETS} == _settings()
        assert "_FILE" in text

    def test_every_secret_is_masked(self) -> None:
        for name in SECRETS:
            assert "SecretStr" in str(Settings.model_fields[name.lower()].annotation)


def _settings() -> set[str]:
    return {
        str(field.validation_alias) if field.validation_alias else f"FLOWTRACK_{name.upper()}"
        for name, field in Settings.model_fields.items()
    }
