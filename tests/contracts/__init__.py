"""Contracts of the core's ports: abstract tests that the in-memory adapters (`tests/unit/contracts`) and the real ones
(`tests/integration/contracts`) pass alike.

A subclass is named `Test...` and provides one async fixture, `world`; `tests.contracts.world` says what that is.
"""

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.api_tokens",
    "tests.contracts.cycles",
    "tests.contracts.events",
    "tests.contracts.identity",
    "tests.contracts.limits",
    "tests.contracts.mail",
    "tests.contracts.posts",
    "tests.contracts.projects",
    "tests.contracts.steps",
    "tests.contracts.tasks",
    "tests.contracts.transactions",
)
