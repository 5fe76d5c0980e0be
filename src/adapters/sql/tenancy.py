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
# The same, found out once a statement. PostgreSQL reads a small table whole and would else find it out for each row; it
# knows nothing of the value then, which does not matter where a company has one row.
_OWN_ONCE = f"(SELECT {OWN})"

metadata = MetaData()
_with_deleted = MetaData()


class TenantTable(Table):
    """A table of which only the current company's rows exist; rows with `deleted_at` do not exist either.

    `info["tenant_column"]` names the column that holds the company, `company_id` unless it says otherwise.
    `info["one_row"]` is set where a company has one row.
    `info["including_deleted"]` is set on what `including_deleted` makes.
    """

    inherit_cache = True


def including_deleted(table: TenantTable) -> TenantTable:
    """The same table with the rows that were deleted as well, for what restores, lists or purges them on purpose.

    It is still the current company's alone, in reads and writes. It is another `Table` of the same name, so a statement
    that needs both gives one of them an alias. Where it is used is listed in `test_compile_hook.py`.
    """
    found = _with_deleted.tables.get(table.name)
    if isinstance(found, TenantTable):
        return found
    columns = [Column(each.name, each.type, key=each.key, primary_key=each.primary_key) for each in table.columns]
    return TenantTable(table.name, _with_deleted, *columns, info={**table.info, "including_deleted": True})


def company_column() -> Column[Any]:
    """The first column of every tenant table, filled by the database."""
    return Column("company_id", Uuid, primary_key=True, server_default=text(OWN))


def _predicate(table: TenantTable) -> str:
    own = f"{table.info.get('tenant_column', 'company_id')} = {_own(table)}"
    return f"{own} AND deleted_at IS NULL" if _hides_deleted(table) else own


def _own(table: Table) -> str:
    return _OWN_ONCE if table.info.get("one_row") else OWN


def _hides_deleted(table: TenantTable) -> bool:
    return "deleted_at" in table.c and not table.info.get("including_deleted")


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
    statement = statement.where(column == literal_column(_own(table)))
    return statement.where(table.c.deleted_at.is_(None)) if _hides_deleted(table) else statement
