"""More than one observer of the same database."""

from collections.abc import Sequence

from adapters.sql.pipeline import Asked, Observer


class Observers:
    """Tells each of them."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def waited(self, seconds: float) -> None:
        for each in self._observers:
            each.waited(seconds)

    def sent(self, asked: Sequence[Asked], *, seconds: float, failure: BaseException | None) -> None:
        for each in self._observers:
            each.sent(asked, seconds=seconds, failure=failure)
