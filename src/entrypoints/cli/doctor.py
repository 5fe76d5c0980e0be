"""`flowtrack doctor`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from core.operations.read_models import Finding, Verdict
from entrypoints.cli import checks_of_browsers as of_browsers
from entrypoints.cli import checks_of_database as of_database
from entrypoints.cli import checks_of_machine as of_machine
from entrypoints.cli import checks_of_mail as of_mail
from entrypoints.cli import checks_of_providers as of_providers
from entrypoints.cli.examination import Check, Examination, examination, failed, ok
from entrypoints.settings import load_settings
from entrypoints.variables import SettingsRefused

# Each check is a function that takes the examination and yields what it found; add one, and a row.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("production", of_machine.production),
    ("files of secrets", of_machine.files_of_secrets),
    ("data folder", of_machine.data_folder),
    ("disk", of_machine.disk),
    ("secret key", of_machine.secret_key),
    ("public URL", of_machine.public_url),
    ("CORS origins", of_machine.cors_origins),
    ("cookies", of_browsers.cookies),
    ("OIDC redirects", of_browsers.redirects),
    ("proxies", of_browsers.proxies),
    ("port", of_machine.port),
    ("workers", of_machine.workers),
    ("redis", of_machine.redis),
    ("mail", of_mail.mail),
    ("collector", of_machine.collector),
    ("OIDC providers", of_providers.providers),
    ("embedded database", of_machine.embedded),
    ("database", of_database.database),
    ("database role", of_database.role),
    ("revision", of_database.revision),
    ("connections", of_database.connections),
    ("isolation", of_database.isolation),
    ("letters", of_database.letters),
    ("clocks", of_database.clock),
    ("migration role", of_database.migration_role),
    ("sealed secrets", of_database.sealed_secrets),
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json/--no-json", help="Print the findings as JSON.")] = False,
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
