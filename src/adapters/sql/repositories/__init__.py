"""Repositories: what use cases load and save, one class for each feature."""
