"""The third and fourth brick of the tenant wall, for migrations: forced row-level security and grants.

protect("labels")                                   a tenant table that the application reads and writes
protect("companies", tenant_column="id")            the one whose own id is the company
open_door("users", verbs=("select",))               what the doors of `adapters.sql.system` need
"""

from alembic import context, op
from sqlalchemy.dialects import postgresql

_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


def application_role() -> str:
    """The runtime's role, quoted."""
    return str(_quote(context.config.attributes["application_role"]))


def upkeep_role() -> str:
    """The role that the doors across companies work under, quoted."""
    return str(_quote(context.config.attributes["upkeep_role"]))


def search_role() -> str:
    """The role that finds words past row-level security, quoted."""
    return str(_quote(context.config.attributes["search_role"]))


def protect(table: str, *, tenant_column: str = "company_id", verbs: str = "select, insert, update, delete") -> None:
    """Makes a table's rows exist for their own company alone, for its owner too, and grants the application them."""
    own = f"{tenant_column} = nullif(current_setting('app.company_id', true), '')::uuid"
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy own on {table} using ({own}) with check ({own})")
    op.execute(f"grant {verbs} on {table} to {application_role()}")


def open_door(table: str, *, verbs: tuple[str, ...]) -> None:
    """Lets the upkeep role do some things to a tenant table in all companies; say which door needs it."""
    for verb in verbs:
        checks = {"insert": "with check (true)", "update": "using (true) with check (true)"}.get(verb, "using (true)")
        op.execute(f"create policy upkeep_{verb} on {table} for {verb} to {upkeep_role()} {checks}")
    op.execute(f"grant {', '.join(verbs)} on {table} to {upkeep_role()}")
