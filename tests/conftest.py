"""Says what the tests run against."""

import pytest

from tests import redis_servers
from tests.servers import describe


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"servers: {describe()}", f"Redis: {redis_servers.describe()}"]
