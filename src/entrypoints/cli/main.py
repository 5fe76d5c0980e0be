"""`flowtrack`: one file for each command group."""

import sys

import typer

from core.kernel.errors import Refusal
from entrypoints.cli import (
    asyncapi,
    audit,
    backup,
    demo,
    doctor,
    migrate,
    openapi,
    operating,
    rekey,
    serve,
    tokens,
    worker,
)
from entrypoints.container import (
    AlreadyHeld,
    ArchiveRefused,
    BackupFailed,
    EmbeddedPostgresFailed,
    MigrationFailed,
    NotReady,
    RestoreRefused,
    Unsealable,
    WrongRole,
)
from entrypoints.variables import SettingsRefused

app = typer.Typer(
    name="flowtrack",
    help="Project work and team collaboration, for many companies in one place.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("demo")(demo.demo)
app.command("openapi")(openapi.openapi)
app.command("asyncapi")(asyncapi.asyncapi)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("rekey")(rekey.rekey)
app.command("purge")(operating.purge)
app.add_typer(operating.company)
app.add_typer(operating.user)
app.add_typer(tokens.token)
app.add_typer(audit.audit)

_MENDABLE = (
    AlreadyHeld,
    ArchiveRefused,
    BackupFailed,
    EmbeddedPostgresFailed,
    MigrationFailed,
    NotReady,
    RestoreRefused,
    SettingsRefused,
    Unsealable,
    WrongRole,
)


def main() -> None:
    """Runs the command. What the operator can mend is said in a sentence, with exit code 2, and not as a traceback."""
    try:
        app()
    except _MENDABLE as refused:
        print(f"flowtrack: {refused}", file=sys.stderr)
        sys.exit(2)
    except Refusal as refused:
        faults = "; ".join(f"{fault.pointer or fault.parameter}: {fault.detail}" for fault in refused.faults)
        print(f"flowtrack: {refused.detail}{f' ({faults})' if faults else ''}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
