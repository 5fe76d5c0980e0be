"""Says what the tests run against."""

import pytest

from tests.servers import describe


def pytest_report_header(config: pytest.Config) -> str:
    return f"servers: {describe()}"
