"""Requests that leave the installation: where to they may go, and how much of an answer is read."""
