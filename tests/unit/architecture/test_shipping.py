"""What is shipped beside the sources: compose.yaml, the workflow, the hooks and the image say what they should."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from entrypoints.settings import Settings
from tests.unit.architecture.sources import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
WORKFLOW_PATH = ".github/workflows/ci.yml"
# `on` is a truth value in YAML 1.1, so it is asked by both names.
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / WORKFLOW_PATH).read_text(encoding="utf-8"))
HOOKS: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# What compose.yaml does not take from who starts it, each with the reason.
NOT_FOR_COMPOSE = {
    "FLOWTRACK_DATA_DIR": "the image's",
    "FLOWTRACK_HOST": "the image's",
    "FLOWTRACK_ALLOW_EMBEDDED": "the image has no embedded server",
    "FLOWTRACK_MIGRATION_DATABASE_URL": "the migration alone has it",
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def is_target_of_make(command: str) -> bool:
    words = command.split()
    return words[0] == "make" and words[1] in TARGETS and all(re.fullmatch(r"[A-Z]+=\S+", word) for word in words[2:])


class TestSchemas:
    @pytest.mark.parametrize(
        ("schema", "path"), [("compose-spec", "compose.yaml"), ("github-workflows", WORKFLOW_PATH)]
    )
    def test_a_file_is_what_its_reader_expects(self, schema: str, path: str) -> None:
        checked = run("check_jsonschema", "--builtin-schema", f"vendor.{schema}", path)
        assert checked.returncode == 0, checked.stdout

    def test_the_hooks_are_what_pre_commit_expects(self) -> None:
        checked = run("pre_commit", "validate-config", ".pre-commit-config.yaml")
        assert checked.returncode == 0, checked.stdout
        assert "warning" not in (checked.stdout + checked.stderr).lower()


class TestCompose:
    def test_every_setting_that_it_gives_exists(self) -> None:
        known = {f"FLOWTRACK_{name.upper()}" for name in Settings.model_fields}
        given = {name for service in SERVICES.values() for name in service.get("environment", {})}
        assert {name for name in given if name.startswith("FLOWTRACK_")} <= known

    def test_every_setting_can_be_given(self) -> None:
        text = (ROOT / ".env.example").read_text(encoding="utf-8")
        known = set(re.findall(r"^((?:FLOWTRACK|OTEL)_\w+)=", text, re.MULTILINE))
        passed_on = set(SERVICES["application"]["environment"])
        assert known - passed_on == set(NOT_FOR_COMPOSE)

    @pytest.mark.parametrize("name", SERVICES)
    def test_every_service_is_confined(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service

    @pytest.mark.parametrize("name", SERVICES)
    def test_every_service_that_stays_has_a_healthcheck(self, name: str) -> None:
        if name == "migration":
            assert SERVICES[name]["restart"] == "no"
        elif name == "application":
            assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
        else:
            assert SERVICES[name]["healthcheck"]["test"]

    def test_the_application_alone_is_published_and_on_loopback(self) -> None:
        published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        assert published == {"application": ["127.0.0.1:${PORT:-8000}:8000"]}
        assert COMPOSE["networks"]["inside"]["internal"] is True
        outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
        # Webhooks and mails leave from the worker.
        assert outside == {"application", "worker"}

    def test_no_secret_has_a_default(self) -> None:
        text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
        found = re.findall(r"\$?\$\{(\w*(?:PASSWORD|SECRET|ACCESS_KEY)\w*)(:?[-?]?)([^}]*)\}", text)
        assert len(found) > 5
        for name, how, what in found:
            # Without a message it would be empty; with an empty default, the container itself refuses it.
            assert how == ":?" or (how == ":-" and what == "" and f"$${{{name}:?}}" in text), name

    def test_only_the_migration_knows_the_owner(self) -> None:
        knowing = {
            name
            for name, service in SERVICES.items()
            if any("DATABASE_OWNER_PASSWORD" in str(value) for value in service.get("environment", {}).values())
        }
        assert knowing == {"migration", "database"}
        assert SERVICES["application"]["depends_on"]["migration"] == {"condition": "service_completed_successfully"}

    def test_what_holds_data_has_a_named_volume(self) -> None:
        named = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
        assert named == set(COMPOSE["volumes"])
        assert any(volume.endswith(":/var/lib/postgresql/data") for volume in SERVICES["database"]["volumes"])


class TestContinuousIntegration:
    def test_every_step_is_a_target_of_make(self) -> None:
        steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
        commands = [step["run"] for step in steps if "run" in step]
        assert len(commands) > 3
        assert [command for command in commands if not is_target_of_make(command)] == []

    def test_it_may_only_read_and_its_actions_are_pinned(self) -> None:
        assert WORKFLOW["permissions"] == {"contents": "read"}
        used = {step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step}
        assert used
        for action in used:
            assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", action), action

    def test_it_covers_the_pythons_and_both_ends_of_postgresql(self) -> None:
        matrices = {
            name: values
            for job in WORKFLOW["jobs"].values()
            for name, values in job.get("strategy", {}).get("matrix", {}).items()
        }
        assert matrices == {"python": ["3.11", "3.12", "3.13"], "postgres": ["postgres:15", "postgres:18"]}


class TestHooks:
    def test_they_only_call_make_and_download_nothing(self) -> None:
        assert {repository["repo"] for repository in HOOKS["repos"]} == {"local"}
        hooks = [hook for repository in HOOKS["repos"] for hook in repository["hooks"]]
        assert hooks
        for hook in hooks:
            assert is_target_of_make(hook["entry"]), hook
            assert "additional_dependencies" not in hook


class TestImage:
    TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    def test_it_says_what_it_is(self) -> None:
        for label in ("title", "description", "licenses", "version", "revision", "source"):
            assert f"org.opencontainers.image.{label}=" in self.TEXT

    def test_it_is_built_in_stages_and_runs_unprivileged(self) -> None:
        assert len(re.findall(r"^FROM ", self.TEXT, re.MULTILINE)) == 2
        assert re.findall(r"^USER (.*)", self.TEXT, re.MULTILINE) == ["10001:10001"]
