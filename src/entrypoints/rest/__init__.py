"""REST: JSON over HTTP, by the conventions of docs/api.md."""
