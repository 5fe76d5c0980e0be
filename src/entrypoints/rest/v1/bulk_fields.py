"""A batch of operations as bodies carry it, and what came of it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import Discriminator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from core.kernel.errors import Refusal
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.use_cases.bulk import OF_ONE_OPERATION
from core.tasks.use_cases.bulk_operations import (
    BatchRef,
    ChangeTask,
    CreateTask,
    DeleteTask,
    MoveTask,
    Operation,
)
from core.tasks.use_cases.placing import Destination
from entrypoints.rest.errors import refusal_of
from entrypoints.rest.refs import task_ref
from entrypoints.rest.v1.fields import Given, Shown, Text, Version
from entrypoints.rest.v1.task_fields import TASK_EXAMPLE, WRITABLE, TaskGiven, TaskPatch, TaskShown
from entrypoints.rest.v1.tasks import MoveGiven

MOST_OPERATIONS = 1_000
# Of these fields a fault names itself; below it would say which of two forms was tried.
_FORMS = frozenset({"id", "parent_id", "before", "after"})


RefName = Annotated[Text, Field(min_length=1, max_length=100)]


class RefGiven(Given):
    """A task that an earlier operation of the batch made, by what that called it."""

    ref: RefName


TaskNamed = Annotated[
    Annotated[str, Field(max_length=100)] | RefGiven, Field(description="The task's id, its key, or its `ref`.")
]
InBatch = UUID | RefGiven


class CreateOperation(TaskGiven):
    op: Literal["create"]
    ref: Annotated[RefName | None, Field(description="What later operations of the batch call it.")] = None
    parent_id: InBatch | None = None  # type: ignore[assignment]  # here it may also be one that is made just now


class UpdateOperation(TaskPatch):
    op: Literal["update"]
    id: TaskNamed  # type: ignore[assignment]  # alone, it is in the path
    parent_id: InBatch | None = None  # type: ignore[assignment]


class MoveOperation(MoveGiven):
    op: Literal["move"]
    id: TaskNamed
    before: InBatch | None = None  # type: ignore[assignment]
    after: InBatch | None = None  # type: ignore[assignment]


class DeleteOperation(Given):
    op: Literal["delete"]
    id: TaskNamed
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Faulty:
    """An operation that cannot be read: it is refused by itself, and the others are not."""

    refusal: Refusal


def _read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        faults = []
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            place = each["loc"][1:] or (() if each["type"] == "model_attributes_type" else ("op",))
            if place[:1] and place[0] in _FORMS:
                place = place[:1]
            faults.append({**each, "loc": ("body", *place)})
        return Faulty(refusal_of(RequestValidationError(faults)))


OperationGiven = Annotated[
    Annotated[CreateOperation | UpdateOperation | MoveOperation | DeleteOperation, Discriminator("op")],
    WrapValidator(_read),
]


class BulkGiven(Given):
    operations: Annotated[list[OperationGiven], Field(min_length=1, max_length=MOST_OPERATIONS)]
    atomic: Annotated[bool, Field(description="Whether nothing is done if any operation is refused.")] = True


class OperationFault(Shown):
    detail: str
    pointer: Annotated[str | None, Field(description="A JSON pointer into the body.")] = None


class OperationProblem(Shown):
    """What the same verb alone would be refused by; `etag` is the present one where the version was stale."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(json_schema_extra={"enum": sorted(each.code for each in OF_ONE_OPERATION)})]
    errors: list[OperationFault] = []
    etag: str | None = None


class OperationShown(Shown):
    """What came of one operation: 201, 200 or 204, or what it was refused by."""

    index: int
    status: int
    task: Annotated[
        TaskShown | None,
        Field(description="As the operation left it. Null where the same request is answered again and it is gone."),
    ] = None
    problem: OperationProblem | None = None


class BulkShown(Shown):
    results: list[OperationShown]


BULK_EXAMPLE = {
    "results": [
        {"index": 0, "status": 201, "task": TASK_EXAMPLE},
        {"index": 1, "status": 204},
        {
            "index": 2,
            "status": 412,
            "problem": {
                "type": "/problems/version.stale",
                "title": "Somebody else changed this first",
                "status": 412,
                "detail": "The version you named is not the current one; read it again, then repeat the change.",
                "code": "version.stale",
                "etag": '"4.5f3c9a0d7be1"',
            },
        },
    ]
}


def operation_of(given: Any) -> Operation | Refusal:
    """An operation as the core takes it, or why there is none."""
    try:
        return _operation(given)
    except Refusal as refused:
        return refused


def _operation(given: Any) -> Operation | Refusal:
    match given:
        case CreateOperation():
            fields = {**given.__dict__, "labels": tuple(given.labels)}
            del fields["op"], fields["ref"]
            fields["parent_id"], below = _apart(given.parent_id)
            return CreateTask(given=NewTask(**fields), ref=given.ref, below=below)
        case UpdateOperation():
            sent = given.model_fields_set - {"op", "id"}
            fields = {name: getattr(given, name) for name in sent & WRITABLE}
            if "labels" in fields:
                fields["labels"] = tuple(given.labels or ())
            fields["parent_id"], below = _apart(given.parent_id)
            unchanged = {name: getattr(given, name) for name in sent - WRITABLE - {"version"}}
            if given.sub_tasks is not None:
                unchanged["sub_tasks"] = given.sub_tasks.model_dump()
            changes = TaskChanges(given=frozenset(sent & WRITABLE), unchanged=unchanged, **fields)
            expected = given.version if "version" in sent else None
            return ChangeTask(task=_task(given.id), changes=changes, below=below, expected=expected)
        case MoveOperation():
            (before, before_ref), (after, after_ref) = _apart(given.before), _apart(given.after)
            to = Destination(new_status=given.new_status, column_id=given.column_id, before=before, after=after)
            return MoveTask(task=_task(given.id), to=to, before=before_ref, after=after_ref, expected=given.version)
        case DeleteOperation():
            return DeleteTask(task=_task(given.id), expected=given.version)
    assert isinstance(given, Faulty)
    return given.refusal


def _apart(named: UUID | RefGiven | None) -> tuple[UUID | None, BatchRef | None]:
    return (None, BatchRef(named.ref)) if isinstance(named, RefGiven) else (named, None)


def _task(named: str | RefGiven) -> UUID | str | BatchRef:
    """Raises TaskNotFound for what is neither an id nor a key."""
    if isinstance(named, RefGiven):
        return BatchRef(named.ref)
    found = task_ref(named)
    return found.upper() if isinstance(found, str) else found
