"""The first version of the API, one module for each feature."""
