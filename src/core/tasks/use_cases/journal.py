"""What was changed in memory, so that it can be taken back."""

from collections.abc import Callable, MutableMapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Journal:
    """Changes since the last `begin`, each with what undoes it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def begin(self) -> None:
        """What was changed so far stays."""
        self._undo.clear()

    def take_back(self) -> None:
        """Undoes what was changed since, the last first."""
        while self._undo:
            self._undo.pop()()

    def undone_by(self, undo: Callable[[], object]) -> None:
        """Notes how a change that was just made is undone."""
        self._undo.append(undo)

    def set(self, mapping: MutableMapping[Key, Value], key: Key, value: Value) -> None:
        """Changes an entry, or adds one."""
        if key in mapping:
            before = mapping[key]
            self._undo.append(lambda: mapping.__setitem__(key, before))
        else:
            self._undo.append(lambda: mapping.pop(key, None))
        mapping[key] = value

    def unset(self, mapping: MutableMapping[Key, Value], key: Key) -> None:
        """Removes an entry, if it is there."""
        if key in mapping:
            before = mapping.pop(key)
            self._undo.append(lambda: mapping.__setitem__(key, before))
