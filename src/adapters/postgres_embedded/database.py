"""The product's database and its owner inside the embedded server."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from adapters.system.secret_files import kept_secret

DATABASE = "flowtrack"
OWNER = "flowtrack_owner"
APPLICATION = "flowtrack_app"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrls:
    """How to reach one database as its owner, who migrates, and as the application, which runs."""

    owner: str
    application: str


def urls(*, superuser_url: str, data_dir: Path) -> DatabaseUrls:
    """The URLs of the embedded database; their passwords are kept in the data folder."""
    owner = kept_secret(data_dir / "database-owner-password", length=24)
    application = kept_secret(data_dir / "database-app-password", length=24)
    return DatabaseUrls(
        owner=_url(superuser_url, OWNER, owner), application=_url(superuser_url, APPLICATION, application)
    )


def make_database(*, superuser_url: str, data_dir: Path) -> None:
    """Makes the owner and the database unless they are there."""
    password = kept_secret(data_dir / "database-owner-password", length=24)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", (OWNER,)).fetchone():
            connection.execute(
                sql.SQL("create role {} login createrole nosuperuser password {}").format(
                    sql.Identifier(OWNER), sql.Literal(password)
                )
            )
        if not connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )


def _url(superuser_url: str, user: str, password: str) -> str:
    parts = urlsplit(superuser_url)
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password)}@", path=f"/{DATABASE}"))
