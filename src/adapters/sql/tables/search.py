"""What people search by. A company's table, written by triggers alone and read through `search_hits` alone."""

from sqlalchemy import CheckConstraint, Column, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import TSVECTOR

from adapters.sql.tenancy import TenantTable, company_column, metadata

# No foreign keys: what is referred to is of several tables, and its triggers keep these rows.
search_documents = TenantTable(
    "search_documents",
    metadata,
    company_column(),
    Column("ref_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("project_id", Uuid, nullable=False),
    # Each word with the sign of its company before it.
    Column("words", TSVECTOR, nullable=False),
    CheckConstraint("kind IN ('project', 'task', 'comment')", name="search_documents_kind_check"),
)
Index(
    "search_documents_of_project",
    search_documents.c.company_id,
    search_documents.c.project_id,
    search_documents.c.ref_id,
)
Index(
    "search_documents_words",
    search_documents.c.words,
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": 2048},
)
