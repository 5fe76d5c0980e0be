"""What commands do before they work: read settings, and find or start the database that is meant."""

from collections.abc import Iterator
from contextlib import contextmanager

from entrypoints.container import DatabaseUrls, embedded_server, prepare_embedded
from entrypoints.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[DatabaseUrls]:
    """The database's URLs. The embedded server is started if it does not run, and stopped by whoever started it.

    `owner` is empty where no FLOWTRACK_MIGRATION_DATABASE_URL is set: then nothing can be migrated from here.
    """
    if settings.database_url is not None:
        owner = settings.migration_database_url
        yield DatabaseUrls(
            owner=owner.get_secret_value() if owner else "", application=settings.database_url.get_secret_value()
        )
        return
    server = embedded_server(settings)
    was_running = server.is_running()
    superuser_url = server.start()
    try:
        yield prepare_embedded(settings, superuser_url=superuser_url)
    finally:
        if not was_running:
            server.stop()
