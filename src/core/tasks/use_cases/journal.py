"""What was changed in memory, so that it can be taken back."""

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_NOTHING = object()


class Journal:
    """Changes since the last `begin`, each with what undoes it."""

    def __init__(self) -> None:
        # A change of a mapping is what it is undone by: that mapping, the key, and what stood there, or _NOTHING.
        self._undo: list[Callable[[], object] | tuple[MutableMapping[Any, Any], Any, Any]] = []

    def begin(self) -> None:
        """What was changed so far stays."""
        self._undo.clear()

    def take_back(self) -> None:
        """Undoes what was changed since, the last first."""
        while self._undo:
            undo = self._undo.pop()
            if callable(undo):
                undo()
                continue
            mapping, key, before = undo
            if before is _NOTHING:
                mapping.pop(key, None)
            else:
                mapping[key] = before

    def undone_by(self, undo: Callable[[], object]) -> None:
        """Notes how a change that was just made is undone."""
        self._undo.append(undo)

    def set(self, mapping: MutableMapping[Key, Value], key: Key, value: Value) -> None:
        """Changes an entry, or adds one."""
        self._undo.append((mapping, key, mapping.get(key, _NOTHING)))
        mapping[key] = value

    def unset(self, mapping: MutableMapping[Key, Value], key: Key) -> None:
        """Removes an entry, if it is there."""
        if key in mapping:
            self._undo.append((mapping, key, mapping.pop(key)))
