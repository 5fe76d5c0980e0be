"""`flowtrack`: one file for each command group."""

import sys

import typer

from entrypoints.cli import demo, migrate, openapi, serve
from entrypoints.container import AlreadyHeld, EmbeddedPostgresFailed, MigrationFailed, NotReady, Unsealable, WrongRole
from entrypoints.settings import SettingsRefused

app = typer.Typer(
    name="flowtrack",
    help="Project work and team collaboration, for many companies in one place.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("migrate")(migrate.migrate)
app.command("demo")(demo.demo)
app.command("openapi")(openapi.openapi)

_MENDABLE = (
    AlreadyHeld,
    EmbeddedPostgresFailed,
    MigrationFailed,
    NotReady,
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


if __name__ == "__main__":
    main()
