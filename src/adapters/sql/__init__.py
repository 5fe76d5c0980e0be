"""PostgreSQL: SQLAlchemy builds and compiles statements, psycopg executes them, the tenant wall is in tenancy."""
