"""Says what the tests run against, and lets none hang."""

import pytest

from tests import redis_servers
from tests.hanging import pytest_runtest_teardown, pytest_timeout_set_timer
from tests.servers import describe

__all__ = ["pytest_report_header", "pytest_runtest_teardown", "pytest_timeout_set_timer"]


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"servers: {describe()}", f"Redis: {redis_servers.describe()}"]
