"""`flowtrack doctor`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from core.operations.read_models import Finding, Verdict
from entrypoints.cli.checks import CHECKS, Check, Examination, examination, failed, ok
from entrypoints.settings import SettingsRefused, load_settings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Checks every setting and what it names, and prints for each what mends it. Starts, makes and changes nothing.

    Exits with 0 if nothing failed, else with 2.
    """
    findings = list(_findings())
    if as_json:
        print(
            json.dumps(
                [
                    {"check": name, "verdict": each.verdict, "said": each.said, "fix": each.fix}
                    for name, each in findings
                ],
                indent=2,
            )
        )
    else:
        for name, each in findings:
            print(f"{each.verdict:<8} {name:<18} {each.said}")
            if each.fix:
                print(f"{'':<8} {'':<18} fix: {each.fix}")
    if any(each.verdict is Verdict.FAILED for _, each in findings):
        raise typer.Exit(2)


def _findings() -> Iterator[tuple[str, Finding]]:
    try:
        settings = load_settings()
    except SettingsRefused as refused:
        yield "settings", failed(str(refused), "mend it as said; all else is looked at after that")
        return
    yield "settings", ok("all can be read, and none is unknown")
    given = examination(settings)
    for name, check in CHECKS:
        for finding in _found(check, given):
            yield name, finding


def _found(check: Check, given: Examination) -> Iterator[Finding]:
    try:
        yield from check(given)
    except Exception as error:
        # Its words may hold what was looked at.
        yield failed(f"it could not be looked at: {type(error).__name__}", "report this: it is a defect of the doctor")
