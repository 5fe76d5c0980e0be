"""The part of the composition root that makes the database ready: the one that the product brings itself, and any
by its migrations. Only the container takes it up.
"""

from adapters.postgres_embedded.database import DatabaseUrls, make_database, urls
from adapters.postgres_embedded.server import EmbeddedPostgres
from adapters.sql.migration_process import migrate_in_child
from entrypoints.settings import Settings


def embedded_server(settings: Settings) -> EmbeddedPostgres:
    """The PostgreSQL that the product brings itself, not yet started."""
    return EmbeddedPostgres(folder=settings.data_dir.absolute() / "postgres")


def prepare_embedded(settings: Settings, *, superuser_url: str) -> DatabaseUrls:
    """Makes the database inside the embedded server, and says how to reach it."""
    make_database(superuser_url=superuser_url, data_dir=settings.data_dir)
    return urls(superuser_url=superuser_url, data_dir=settings.data_dir)


def embedded_urls(settings: Settings) -> DatabaseUrls | None:
    """How to reach the embedded database, if it runs and was used before. Starts and makes nothing."""
    passwords = ("database-owner-password", "database-app-password")
    running = embedded_server(settings).running_url()
    if running is None or not all((settings.data_dir / name).exists() for name in passwords):
        return None
    return urls(superuser_url=running, data_dir=settings.data_dir)


def migrate_database(found: DatabaseUrls) -> None:
    """Makes roles and runs migrations. Raises WrongRole and MigrationFailed."""
    migrate_in_child(owner_url=found.owner, application_url=found.application)
