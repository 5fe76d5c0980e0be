"""`flowtrack backup` and `flowtrack restore`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.starting import database
from entrypoints.container import DatabaseUrls, back_up, examine, present_sealer
from entrypoints.container import restore as restore_from
from entrypoints.settings import Settings, load_settings
from entrypoints.variables import SettingsRefused

File = Annotated[Path, typer.Argument(help="The backup.", dir_okay=False, show_default=False)]


def backup(file: File) -> None:
    """Writes all that the database holds into FILE, as of one instant, while the server goes on working.

    Needs FLOWTRACK_MIGRATION_DATABASE_URL. Neither roles nor the secret key are in FILE. Whatever it replaces is
    replaced only by a whole backup.
    """
    settings = load_settings()
    with database(settings) as urls:
        _refuse_without_owner(urls)
        made = back_up(owner_url=urls.owner, path=file)
    megabytes = file.stat().st_size / 1e6
    print(
        f"flowtrack: {file} holds {made.rows} rows of {len(made.tables)} tables, revision {made.revision}, "
        f"{megabytes:.1f} MB. {_secret_key(settings)} is not in it: keep that too, and elsewhere.",
        flush=True,
    )


def restore(file: File) -> None:
    """Restores FILE into a database that holds nothing yet, and brings it to the shape of this release.

    Needs both URLs, as `migrate` does, and makes the roles as it does. The server must not run.
    """
    settings = load_settings()
    with database(settings, serving=True) as urls:
        _refuse_without_owner(urls)
        made = restore_from(owner_url=urls.owner, application_url=urls.application, path=file)
        print(
            f"flowtrack: {made.rows} rows of {len(made.tables)} tables were restored, "
            f"as of {made.made_at:%Y-%m-%d %H:%M} UTC",
            flush=True,
        )
        opening = examine(urls.application, sealer=present_sealer(settings)).opening
    if opening is None or opening.closed:
        print(
            "flowtrack: the stored secrets cannot be opened with the present secret key, and the server will not "
            "start: set FLOWTRACK_SECRET_KEY, or FLOWTRACK_SECRET_KEY_PREVIOUS, to the key of the installation that "
            "was backed up",
            file=sys.stderr,
        )


def _refuse_without_owner(urls: DatabaseUrls) -> None:
    if not urls.owner:
        raise SettingsRefused(
            "FLOWTRACK_MIGRATION_DATABASE_URL is missing: name the role that owns the database, for example "
            "postgresql://flowtrack_owner:...@host/flowtrack"
        )


def _secret_key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return "FLOWTRACK_SECRET_KEY"
    return f"The secret key, {settings.data_dir / 'secret-key'},"
