"""Brings a database to the present shape: roles first, then Alembic's revisions."""

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

import adapters.sql.tables.identity
import adapters.sql.tables.log
import adapters.sql.tables.work  # noqa: F401  (each import adds its tables to the metadata)
from adapters.sql.roles import UPKEEP, make_roles
from adapters.sql.tenancy import metadata


def migrate(*, owner_url: str, application_url: str, revision: str = "head") -> None:
    """Makes the roles and upgrades the database. Safe to run again, and by several processes at once."""
    application = make_roles(owner_url=owner_url, application_url=application_url)
    run(owner_url=owner_url, application_role=application, revision=revision)


def run(*, owner_url: str, application_role: str, revision: str) -> None:
    """Moves the database up or down to a revision."""
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("select pg_advisory_lock(7163298415)")
        connection.commit()
        settings = config(connection, application_role=application_role)
        if revision == "head" or revision.startswith("+"):
            command.upgrade(settings, revision)
        else:
            command.downgrade(settings, revision)
        # The server looks at it before it starts.
        role = connection.dialect.identifier_preparer.quote(application_role)
        connection.exec_driver_sql(f"grant select on alembic_version to {role}")
        connection.commit()
    engine.dispose()


def config(connection: Connection, *, application_role: str) -> Config:
    """Alembic's configuration, made here so that no file names a URL."""
    settings = Config()
    settings.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    settings.attributes["connection"] = connection
    settings.attributes["application_role"] = application_role
    settings.attributes["upkeep_role"] = UPKEEP
    settings.attributes["metadata"] = metadata
    return settings


def scripts() -> Path:
    """Where the revisions are, in a clone and in an installed package alike."""
    return Path(str(files("migrations")))
