"""The roles that the tenant wall stands on, made before any migration runs; every statement may be run again.

*owner* migrates. *application* is the runtime: no superuser, no BYPASSRLS, NOINHERIT. *upkeep* cannot log in and has
policies only on the tables that the doors across companies need; the application may step into it (`SET LOCAL ROLE`)
but inherits nothing of it: a plain GRANT would open the whole wall. *search* cannot log in either, reads the words that
people search by and owns the one function that does; the application has no part in it.
"""

from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

UPKEEP: Final = "flowtrack_upkeep"
SEARCH: Final = "flowtrack_search"

# In one statement's pipeline, all that is read is of one snapshot.
ISOLATION: Final = "repeatable read"
# What the application's sessions start with.
_SETTINGS = {
    "default_transaction_isolation": ISOLATION,
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    # One list is read by one process: two more take the processor from other people, and a third more in all.
    "max_parallel_workers_per_gather": "0",
    # To compile a statement takes longer than any of ours runs: half a second for a page of a log that takes 5 ms.
    "jit": "off",
    "timezone": "UTC",
}


class WrongRole(Exception):
    """The database role would see through the tenant wall. The message says how to mend it."""


# What the second of two installations on one server hears when both make or change the same role at once: advisory
# locks are a database's own, and roles are the server's.
_AT_ONCE = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_)
_ATTEMPTS = 10


def make_roles(*, owner_url: str, application_url: str) -> str:
    """Makes the application's, the upkeep and the search role as the owner, and returns the application role's name.

    The owner needs CREATEROLE. The password in `application_url` becomes the application role's: of a new role, and
    of an existing one that cannot sign in with it, so that a changed URL changes the password. It is sent as a SCRAM
    secret and never in clear. Raises WrongRole where both URLs name the same role, and psycopg.Error.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _make_roles(owner_url, application_url)
        except _AT_ONCE:
            continue
    return _make_roles(owner_url, application_url)


def _make_roles(owner_url: str, application_url: str) -> str:
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
        # Several processes of one installation may start at once.
        connection.execute("select pg_advisory_lock(7163298414)")
        existing = {
            name
            for (name,) in connection.execute(
                "select rolname from pg_roles where rolname = any(%s)", ([UPKEEP, SEARCH, application],)
            )
        }
        for role in (UPKEEP, SEARCH):
            if role not in existing:
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
        password = _secret(connection, application, str(given.get("password") or ""))
        if application not in existing:
            statement = sql.SQL("create role {} login noinherit nosuperuser nobypassrls")
            connection.execute(statement.format(sql.Identifier(application)) + password)
        elif given.get("password") and not _lets_in(application_url):
            connection.execute(sql.SQL("alter role {}").format(sql.Identifier(application)) + password)
        granted = connection.execute(
            "select pg_has_role(%s, %s, 'member'), pg_has_role(current_user, %s, 'member'),"
            "       pg_has_role(current_user, %s, 'member')",
            (application, UPKEEP, UPKEEP, SEARCH),
        ).fetchone()
        assert granted is not None
        if not granted[0]:
            how = sql.SQL(" with inherit false, set true" if modern else "")
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(UPKEEP), sql.Identifier(application)) + how
            )
        for role, is_granted in zip((UPKEEP, SEARCH), granted[1:], strict=True):
            if not is_granted or modern:
                # The owner hands functions over to these roles, so it has to be able to become them.
                connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(owner)))
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
            sql.SQL("grant usage on schema public to {}, {}, {}").format(
                sql.Identifier(application), sql.Identifier(UPKEEP), sql.Identifier(SEARCH)
            )
        )
        connection.execute("select pg_advisory_unlock(7163298414)")
    return application


def _secret(connection: psycopg.Connection[Any], role: str, password: str) -> sql.Composable:
    """What sets a role's password, as the server stores it: logs and lists of statements never hold it in clear."""
    if not password:
        return sql.SQL("")
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.SQL(" password {}").format(sql.Literal(secret.decode()))


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


INSPECT = """
select current_user, r.rolsuper, r.rolbypassrls,
       coalesce((select bool_or(pg_has_role(r.oid, c.relowner, 'usage'))
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where n.nspname = 'public' and c.relname = 'tasks'), false),
       coalesce((select pg_has_role(r.oid, u.oid, 'usage') from pg_roles u where u.rolname = %(upkeep)s), false),
       coalesce((select pg_has_role(r.oid, s.oid, 'member') from pg_roles s where s.rolname = %(search)s), false)
  from pg_roles r where r.rolname = current_user
"""


INSPECTED: Final = {"upkeep": UPKEEP, "search": SEARCH}
"""The parameters of INSPECT."""


def refuse_wrong_role(
    name: str, is_superuser: bool, bypasses: bool, inherits_owner: bool, inherits_upkeep: bool, is_search: bool
) -> None:
    """Raises WrongRole if row-level security would not bind the role that the runtime works under.

    The arguments are the columns of INSPECT, in its order.
    """
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
    elif is_search:
        mend = f'it may become the search role: revoke {SEARCH} from "{name}"'
    if mend is not None:
        raise WrongRole(f"The database role {name!r} would see through the tenant wall, since {mend}")
