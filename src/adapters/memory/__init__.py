"""Ports within one process: what is kept here is gone when it ends, and no other process sees it."""
