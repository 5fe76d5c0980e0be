"""A task as bodies carry it."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from core.labels.model import NAME_LENGTH
from core.tasks.fields import EXTERNAL_ID_LENGTH, MOST_LABELS, Priority, Status
from core.tasks.recurrence import RULE_LENGTH
from entrypoints.rest.v1.fields import Day, Description, Given, Instant, Shown, Text, Title, Version

LabelName = Annotated[Text, Field(min_length=1, max_length=NAME_LENGTH)]
LabelNames = Annotated[
    list[LabelName], Field(max_length=MOST_LABELS, description="Names of the company's labels, in any case.")
]
ExternalId = Annotated[
    Text, Field(min_length=1, max_length=EXTERNAL_ID_LENGTH, description="What the task is called in another system.")
]
RecurrenceRule = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=RULE_LENGTH,
        description="An RFC 5545 recurrence rule of days: the value of one RRULE line.",
        examples=["FREQ=WEEKLY;BYDAY=MO"],
    ),
]


class SubTasksShown(Shown):
    total: int
    done: int


class TaskShown(Shown):
    id: UUID
    key: str
    number: int
    title: str
    description: str | None
    priority: Priority
    status: Status
    column_id: UUID
    deadline: date | None
    project_id: UUID
    cycle_id: UUID | None
    parent_id: UUID | None
    labels: list[str]
    external_id: str | None
    recurrence: str | None
    assigned_to: UUID | None
    assigned_to_name: str | None
    created_by: UUID | None
    completed_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    watching: Annotated[bool, Field(description="Whether you watch it.")]
    sub_tasks: Annotated[SubTasksShown, Field(description="Those right below it.")]
    deleted_at: Annotated[datetime | None, Field(description="Only in a list of deleted tasks.")] = None


class SubTasksGiven(Given):
    total: int
    done: int


class TaskGiven(Given):
    project_id: UUID
    title: Title
    description: Description | None = None
    priority: Priority = Priority.MEDIUM
    status: Status | None = None
    column_id: UUID | None = None
    deadline: Day | None = None
    assigned_to: UUID | None = None
    cycle_id: UUID | None = None
    parent_id: UUID | None = None
    labels: LabelNames = []
    external_id: ExternalId | None = None
    recurrence: RecurrenceRule | None = None


class TaskPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    title: Title = ""
    description: Description | None = None
    priority: Priority = Priority.MEDIUM
    status: Status = Status.TODO
    column_id: UUID = UUID(int=0)
    deadline: Day | None = None
    assigned_to: UUID | None = None
    cycle_id: UUID | None = None
    parent_id: UUID | None = None
    labels: LabelNames | None = None
    external_id: ExternalId | None = None
    recurrence: RecurrenceRule | None = None
    project_id: UUID = UUID(int=0)
    version: Version = 1

    id: UUID | None = None
    key: Text | None = None
    number: int | None = None
    assigned_to_name: Text | None = None
    created_by: UUID | None = None
    completed_at: Instant | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    watching: bool | None = None
    sub_tasks: SubTasksGiven | None = None


WRITABLE = frozenset(
    {
        "title",
        "description",
        "priority",
        "status",
        "column_id",
        "deadline",
        "assigned_to",
        "cycle_id",
        "parent_id",
        "labels",
        "external_id",
        "recurrence",
        "project_id",
    }
)

TASK_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000012",
    "key": "WEB-12",
    "number": 12,
    "title": "Draw the landing page",
    "description": None,
    "priority": "high",
    "status": "in_progress",
    "column_id": "01920000-0000-7000-8000-000000000003",
    "deadline": "2026-12-24",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "cycle_id": None,
    "parent_id": None,
    "labels": ["design"],
    "external_id": None,
    "recurrence": "FREQ=WEEKLY;BYDAY=TH",
    "assigned_to": "01920000-0000-7000-8000-000000000002",
    "assigned_to_name": "Ann Miller",
    "created_by": "01920000-0000-7000-8000-000000000002",
    "completed_at": None,
    "version": 3,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T10:00:00.654321Z",
    "watching": True,
    "sub_tasks": {"total": 2, "done": 1},
}
