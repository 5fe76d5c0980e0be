"""The machine's clock, and fresh identifiers."""
