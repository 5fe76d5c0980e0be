"""What hangs fails by its name, wherever it hangs, and all that comes after it is run.

pytest-timeout lets its clock run once, and puts it away when a test has failed: the end of what the test had opened,
which may well wait for the same, would then wait for ever.
"""

import signal
from collections.abc import Generator
from typing import Any

import pytest

_SETTINGS = pytest.StashKey[Any]()


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Generator[None, object, object]:
    item.stash[_SETTINGS] = settings
    is_set = yield
    # Again and again: the first may have reached a task that runs beside, or several things hang.
    signal.setitimer(signal.ITIMER_REAL, settings.timeout, settings.timeout)
    return is_set


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    if _SETTINGS in item.stash:
        item.config.hook.pytest_timeout_set_timer(item=item, settings=item.stash[_SETTINGS])
    return (yield)
