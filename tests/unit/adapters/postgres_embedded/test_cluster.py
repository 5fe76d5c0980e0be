"""How much of a machine's memory the embedded server takes for its pages."""

import pytest

from adapters.postgres_embedded.cluster import shared_buffers

GIGABYTE = 2**30


@pytest.mark.parametrize(
    ("memory", "megabytes"), [(GIGABYTE // 4, 128), (GIGABYTE, 128), (2 * GIGABYTE, 256), (64 * GIGABYTE, 1024)]
)
def test_an_eighth_of_the_memory_holds_pages_within_bounds(memory: int, megabytes: int) -> None:
    assert shared_buffers(memory) == f"shared_buffers={megabytes}MB"
