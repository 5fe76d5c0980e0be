"""Readers: what screens show, each answer one round trip and one snapshot."""
