"""The second brick of the tenant wall: a table whose rows are the current company's, wherever it stands.

A `TenantTable` renders itself as a sub-select of the current company's rows in every FROM (joins, aliases, CTEs,
EXISTS, LATERAL), and UPDATE and DELETE of one get the same predicate. PostgreSQL flattens the sub-select, so it costs
nothing. The same expression is the default of `company_id`, so inserts are filled by the database.

`asfrom`, `iscrud` and `enclosing_alias` are not documented API of SQLAlchemy: golden tests pin what they render.
"""

from typing import Any

from sqlalchemy import Column, Delete, MetaData, Table, Update, Uuid, literal_column, text
from sqlalchemy.ext.compiler import compiles

OWN = "current_setting('app.company_id')::uuid"

metadata = MetaData()


class TenantTable(Table):
    """A table of which only the current company's rows exist; rows with `deleted_at` do not exist either.

    `info["tenant_column"]` names the column that holds the company, `company_id` unless it says otherwise.
    """

    inherit_cache = True


def company_column() -> Column[Any]:
    """The first column of every tenant table, filled by the database."""
    return Column("company_id", Uuid, primary_key=True, server_default=text(OWN))


def _predicate(table: TenantTable) -> str:
    own = f"{table.info.get('tenant_column', 'company_id')} = {OWN}"
    return f"{own} AND deleted_at IS NULL" if "deleted_at" in table.c else own


@compiles(TenantTable, "postgresql")  # type: ignore[untyped-decorator,unused-ignore]
def _rows(table: TenantTable, compiler: Any, *, asfrom: bool = False, iscrud: bool = False, **context: Any) -> str:
    name = str(compiler.visit_table(table, asfrom=asfrom, iscrud=iscrud, **context))
    if not asfrom or iscrud:  # a column's prefix, or the target of a write
        return name
    alias = context.get("enclosing_alias")
    rows = f"(SELECT * FROM {name} WHERE {_predicate(table)})"  # noqa: S608  (names of our own tables)
    return rows if alias is not None and alias.element is table else f"{rows} AS {name}"


@compiles(Update, "postgresql")  # type: ignore[untyped-decorator,unused-ignore]
def _update(statement: Update, compiler: Any, **context: Any) -> str:
    return str(compiler.visit_update(_within(statement), **context))


@compiles(Delete, "postgresql")  # type: ignore[untyped-decorator,unused-ignore]
def _delete(statement: Delete, compiler: Any, **context: Any) -> str:
    return str(compiler.visit_delete(_within(statement), **context))


def _within(statement: Update | Delete) -> Update | Delete:
    table = statement.table
    if not isinstance(table, TenantTable):
        return statement
    column = table.c[table.info.get("tenant_column", "company_id")]
    statement = statement.where(column == literal_column(OWN))
    return statement.where(table.c.deleted_at.is_(None)) if "deleted_at" in table.c else statement
