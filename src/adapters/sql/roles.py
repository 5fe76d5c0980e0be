"""The roles that the tenant wall stands on, made before any migration runs; every statement may be run again.

*owner* migrates. *application* is the runtime: no superuser, no BYPASSRLS, NOINHERIT. *upkeep* cannot log in and has
policies only on the tables that the doors across companies need; the application may step into it (`SET LOCAL ROLE`)
but inherits nothing of it: a plain GRANT would open the whole wall.
"""

from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

UPKEEP: Final = "flowtrack_upkeep"

# What the application's sessions start with. In one statement's pipeline, all that is read is of one snapshot.
_SETTINGS = {
    "default_transaction_isolation": "repeatable read",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}


class WrongRole(Exception):
    """The database role would see through the tenant wall. The message says how to mend it."""


def make_roles(*, owner_url: str, application_url: str) -> str:
    """Makes the application's and the upkeep role as the owner, and returns the application role's name.

    The owner needs CREATEROLE. A password in `application_url` becomes the application role's. Raises WrongRole where
    both URLs name the same role, and psycopg.Error.
    """
    given = conninfo_to_dict(application_url)
    application = str(given.get("user") or "")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        owner = connection.info.user
        if application in ("", owner):
            raise WrongRole(
                f"FLOWTRACK_DATABASE_URL must name a role of its own, not {owner!r}, which migrates. "
                "Put another user name into it, for example flowtrack_app; `flowtrack migrate` makes the role."
            )
        modern = connection.info.server_version >= 160000
        # Two installations on one server may make the shared role at once.
        connection.execute("select pg_advisory_lock(7163298414)")
        existing = {
            name
            for (name,) in connection.execute(
                "select rolname from pg_roles where rolname = any(%s)", ([UPKEEP, application],)
            )
        }
        if UPKEEP not in existing:
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(UPKEEP)))
        if application not in existing:
            statement = sql.SQL("create role {} login noinherit nosuperuser nobypassrls").format(
                sql.Identifier(application)
            )
            if given.get("password"):
                statement += sql.SQL(" password {}").format(sql.Literal(given["password"]))
            connection.execute(statement)
        granted = connection.execute(
            "select pg_has_role(%s, %s, 'member'), pg_has_role(current_user, %s, 'member')",
            (application, UPKEEP, UPKEEP),
        ).fetchone()
        assert granted is not None
        if not granted[0]:
            how = sql.SQL(" with inherit false, set true" if modern else "")
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(UPKEEP), sql.Identifier(application)) + how
            )
        if not granted[1] or modern:
            # The owner hands functions over to the upkeep role, so it has to be able to become it.
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(UPKEEP), sql.Identifier(owner)))
        for name, value in _SETTINGS.items():
            connection.execute(
                sql.SQL("alter role {} in database {} set {} = {}").format(
                    sql.Identifier(application),
                    sql.Identifier(connection.info.dbname),
                    sql.Identifier(name),
                    sql.Literal(value),
                )
            )
        connection.execute(
            sql.SQL("grant usage on schema public to {}, {}").format(
                sql.Identifier(application), sql.Identifier(UPKEEP)
            )
        )
        connection.execute("select pg_advisory_unlock(7163298414)")
    return application


INSPECT = """
select current_user, r.rolsuper, r.rolbypassrls,
       coalesce((select bool_or(pg_has_role(r.oid, c.relowner, 'usage'))
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where n.nspname = 'public' and c.relname = 'tasks'), false),
       coalesce((select pg_has_role(r.oid, u.oid, 'usage') from pg_roles u where u.rolname = %(upkeep)s), false)
  from pg_roles r where r.rolname = current_user
"""


def refuse_wrong_role(
    name: str, *, is_superuser: bool, bypasses: bool, inherits_owner: bool, inherits_upkeep: bool
) -> None:
    """Raises WrongRole if row-level security would not bind the role that the runtime works under."""
    mend = None
    if is_superuser:
        mend = f'it is a superuser: alter role "{name}" nosuperuser'
    elif bypasses:
        mend = f'it has BYPASSRLS: alter role "{name}" nobypassrls'
    elif inherits_owner:
        mend = "it has the rights of the owner of the tables: use a role of its own in FLOWTRACK_DATABASE_URL"
    elif inherits_upkeep:
        mend = (
            f'it inherits the upkeep role: alter role "{name}" noinherit; revoke {UPKEEP} from "{name}"; '
            "then run `flowtrack migrate`"
        )
    if mend is not None:
        raise WrongRole(f"The database role {name!r} would see through the tenant wall, since {mend}")
