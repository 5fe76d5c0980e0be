"""Second adapters of the core's ports, in memory: they pass the same contracts as the real ones (`tests/contracts`)."""
