"""What commands do before they work: read settings, and find or start the database that is meant."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from entrypoints.container import DatabaseUrls, embedded_server, exclusive, prepare_embedded
from entrypoints.settings import Settings


@contextmanager
def database(settings: Settings, *, serving: bool = False) -> Iterator[DatabaseUrls]:
    """The database's URLs.

    The embedded server is started if it does not run, and stopped by whoever started it. The process that serves is
    alone in its data folder and always stops it, also one that an earlier, killed server left behind.

    `owner` is empty where no FLOWTRACK_MIGRATION_DATABASE_URL is set: then nothing can be migrated from here.
    """
    if settings.database_url is not None:
        owner = settings.migration_database_url
        yield DatabaseUrls(
            owner=owner.get_secret_value() if owner else "", application=settings.database_url.get_secret_value()
        )
        return
    server = embedded_server(settings)
    with exclusive(settings.data_dir / "serve.lock", what="A server works with") if serving else nullcontext():
        was_running = server.is_running()
        superuser_url = server.start()
        try:
            yield prepare_embedded(settings, superuser_url=superuser_url)
        finally:
            if serving or not was_running:
                server.stop()
