"""Tags of states: the version of a thing, and a digest of names in its representation that belong to other things."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Protocol

from core.kernel.errors import FieldReadOnly, Stale


class Tagged(Protocol):
    """A read model whose present state has a tag."""

    @property
    def version(self) -> int: ...

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names shown in it that change without its own version."""
        ...


def tag(version: int, embedded: tuple[str, ...]) -> str:
    """`<version>.<digest of embedded names>`, without the quotes that HTTP puts around it."""
    digest = blake2b("\x1f".join(embedded).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{version}.{digest}"


def ensure_current(expected: int | None, state: Tagged) -> None:
    """Raises Stale if the caller expected another version than the present one."""
    if expected is not None and expected != state.version:
        raise Stale(current=tag(state.version, state.embedded))


def ensure_unchanged(unchanged: Mapping[str, object], state: object) -> None:
    """Raises FieldReadOnly for a read-only field that the caller sent with another value than the present one."""
    for field, value in unchanged.items():
        if getattr(state, field) != value:
            raise FieldReadOnly(pointer=f"/{field}")
