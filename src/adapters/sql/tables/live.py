"""What the live doors keep: tickets that were used, and who leads."""

from sqlalchemy import Column, ForeignKeyConstraint, Table, Text, Uuid

from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

used_tickets = TenantTable(
    "used_tickets",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    instant("expires_at"),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="used_tickets_company_fk", ondelete="CASCADE"),
)

# Global: who does what one process alone is to do, and until when.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    instant("until"),
)
