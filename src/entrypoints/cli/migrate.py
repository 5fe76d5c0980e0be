"""`flowtrack migrate`."""

from entrypoints.cli.starting import database
from entrypoints.container import migrate_database
from entrypoints.settings import load_settings
from entrypoints.telemetry import configure_logging
from entrypoints.variables import SettingsRefused


def migrate() -> None:
    """Makes the database's roles and brings its tables to the present shape. Safe to run again.

    Needs FLOWTRACK_MIGRATION_DATABASE_URL, of a role that may create roles and owns the database, and
    FLOWTRACK_DATABASE_URL, of the role that the server works under. With neither, the embedded database is meant.
    """
    configure_logging()
    settings = load_settings()
    with database(settings) as urls:
        if not urls.owner:
            raise SettingsRefused(
                "FLOWTRACK_MIGRATION_DATABASE_URL is missing: name the role that owns the database, for example "
                "postgresql://flowtrack_owner:...@host/flowtrack"
            )
        migrate_database(urls)
