"""The kinds of refusal. Every refusal of the core is a subclass of one kind and has a stable, dotted code.

    Refusal
    ├── Unauthenticated   who are you?
    ├── Forbidden         you may see it, but not do this
    ├── NotFound          missing, another company's, or not visible: indistinguishable
    ├── Invalid           a value that cannot be accepted, with a pointer to it
    ├── Malformed         a request that cannot be read
    ├── Gone              it was there, and is kept no longer
    ├── Conflict          the state of the thing does not allow it
    ├── Stale             somebody else changed it first
    ├── TooMany           a limit was reached
    └── Unavailable       a store is away; trying again later helps

A transport maps kinds, not classes, to its own codes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple, TypeVar
from uuid import UUID


class Fault(NamedTuple):
    """One named place in the input that is wrong.

    `pointer` is an RFC 6901 JSON pointer into the body, or None where `parameter` names a query parameter. `code` is
    that of the refusal that the fault stands for, where several are told in one.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    code: str | None = None


class Concern(NamedTuple):
    """Whom a refusal concerns that nobody signed in was told, as far as that is known: an account, and the company that
    was to be entered, by its id or code; or the company whose connection to a provider was used.
    """

    account_id: UUID | None = None
    company_id: UUID | None = None
    company_code: str | None = None
    connection_id: UUID | None = None


class Refusal(Exception):
    """A request that the product understands and refuses. Never a defect.

    `concern` is for auditors, and not shown to who is refused. What `is_noted` has been told to them already.
    """

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    concern: Concern = Concern()
    is_noted: bool = False

    def __init__(self, detail: str | None = None, *, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.faults = faults


class Unauthenticated(Refusal):
    code = "auth.required"
    title = "Authentication is required"


class Forbidden(Refusal):
    code = "permission.denied"
    title = "You may see this, but not do that to it"


class NotFound(Refusal):
    code = "not_found"
    title = "There is no such thing, or you may not see it"


class Gone(Refusal):
    code = "gone"
    title = "It was there once, and is kept no longer"


class Invalid(Refusal):
    code = "request.invalid"
    title = "The request holds a value that cannot be accepted"


class Malformed(Refusal):
    code = "request.malformed"
    title = "The request cannot be read"


class Conflict(Refusal):
    code = "conflict"
    title = "The present state does not allow this"


class Stale(Refusal):
    """The caller named a version that is no longer the current one. `current` is the tag of the present state."""

    code = "version.stale"
    title = "Somebody else changed this first"

    def __init__(self, *, current: str) -> None:
        super().__init__("The version you named is not the current one; read it again, then repeat the change.")
        self.current = current


class TooMany(Refusal):
    """A limit is used up. `retry_after` is in seconds: earlier it is of no use."""

    code = "rate.limited"
    title = "Too many requests"

    def __init__(self, detail: str | None = None, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """A store cannot be reached. `retry_after` is in seconds."""

    code = "service.unavailable"
    title = "A part of the service is away for a moment"
    retry_after: ClassVar[int] = 2


class DatabaseAway(Unavailable):
    code = "service.database_away"
    title = "The database cannot be reached at the moment"


class StorageFull(Unavailable):
    """What was asked for needs more room than the database has left. Nothing of it was done; reads go on."""

    code = "service.storage_full"
    title = "There is no room to store this until the operator makes some"
    retry_after = 60


class Busy(Unavailable):
    """As many wait already as can be served within a few seconds."""

    code = "service.busy"
    title = "Too many wait for this at the moment; try again"
    retry_after = 5


class Contended(Unavailable):
    code = "service.contended"
    title = "Others were changing the same things; try again"


class TooSlow(Unavailable):
    """It was stopped before it was done, and nothing of it is kept; sent again, it may well take as long."""

    code = "service.too_slow"
    title = "This takes longer than the database is given for it; ask for less at once"


class ChangedMeanwhile(Conflict):
    """Passing: the same request may well succeed when it is sent again."""

    code = "conflict.changed_meanwhile"
    title = "Something that this request refers to changed at the same moment; try again"


class ReferenceNotFound(Invalid):
    """A reference inside a body names something that is missing or that the caller may not see; so may a parameter that
    says what to do.
    """

    code = "reference.not_found"
    title = "A referenced thing does not exist, or you may not see it"

    def __init__(self, *, pointer: str | None = None, parameter: str | None = None) -> None:
        super().__init__(faults=(Fault("no such thing, or not visible to you", pointer, parameter),))


class FieldReadOnly(Invalid):
    code = "field.read_only"
    title = "A field of the request cannot be changed"

    def __init__(self, *, pointer: str) -> None:
        super().__init__(faults=(Fault("cannot be changed here", pointer=pointer),))


@contextmanager
def concerning(
    *,
    account_id: UUID | None = None,
    company_id: UUID | None = None,
    company_code: str | None = None,
    connection_id: UUID | None = None,
) -> Iterator[None]:
    """Has what is refused within say whom it concerns, unless it says so already."""
    try:
        yield
    except Refusal as refused:
        if refused.concern == Concern():
            refused.concern = Concern(account_id, company_id, company_code, connection_id)
        raise


Verb = TypeVar("Verb", bound=Callable[..., object])


def answers(*refusals: type[Refusal]) -> Callable[[Verb], Verb]:
    """Declares which refusals a use case raises: the data behind routes, OpenAPI and their tests."""

    def declare(verb: Verb) -> Verb:
        verb.refusals = refusals  # type: ignore[attr-defined]
        return verb

    return declare


def refusals_of(verb: Callable[..., object]) -> tuple[type[Refusal], ...]:
    """The refusals that `answers` declared for a use case."""
    return getattr(verb, "refusals", ())
