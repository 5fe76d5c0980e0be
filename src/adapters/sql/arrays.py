"""Arrays as PostgreSQL reads them: of thousands of values the driver would adapt each by itself."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID


def array(values: Sequence[object]) -> str:
    """Values of one type, or None, as the text of an array. Lists of texts stand in it as texts, since an array of
    arrays would be flattened.
    """
    if not values:
        return "{}"
    first, many = values[0], len(values)
    written = _writer(next((value for value in values if value is not None), None))
    # Most columns of a batch hold one value.
    if first is values[-1] and values.count(first) == many:
        return "{" + ",".join([_one(first, written)] * many) + "}"
    return "{" + ",".join([_one(value, written) for value in values]) + "}"


def array_of_texts(values: Iterable[str]) -> str:
    """Texts as an array, whatever stands in them."""
    return "{" + ",".join([_quoted(value) for value in values]) + "}"


def _one(value: object, written: Callable[..., str]) -> str:
    return "NULL" if value is None else written(value)


def _writer(sample: object) -> Callable[..., str]:
    if isinstance(sample, UUID):
        return _of_id
    if isinstance(sample, str):
        return _quoted
    if isinstance(sample, tuple):
        return _of_texts
    # Numbers, truths, days and instants are read as they are shown.
    return str


def _of_id(value: UUID) -> str:
    return value.hex


def _of_texts(values: tuple[str, ...]) -> str:
    return _quoted(array_of_texts(values))


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + value + '"'
