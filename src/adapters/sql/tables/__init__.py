"""The tables, as SQLAlchemy Core knows them; migrations make them, and a test compares the two."""
