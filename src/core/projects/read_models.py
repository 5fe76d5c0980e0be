from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from uuid import UUID

from core.kernel.actor import Role
from core.projects.model import Colleague, Project


class ProjectView(NamedTuple):
    """A project as a screen shows it."""

    id: UUID
    key: str
    name: str
    description: str | None
    deadline: date | None
    status: str
    is_active: bool
    created_by: UUID | None
    creator_name: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(project: Project, *, creator_name: str | None) -> "ProjectView":
        return ProjectView(
            id=project.id,
            key=project.key,
            name=project.name,
            description=project.description,
            deadline=project.deadline,
            status=project.status,
            is_active=project.is_active,
            created_by=project.created_by,
            creator_name=creator_name,
            version=project.version,
            created_at=project.created_at,
            updated_at=project.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names that belong to other things and change without this one's version."""
        return (self.creator_name or "",)


class DeletedProjectView(NamedTuple):
    """A project that was deleted, as whoever may restore it sees it: a ProjectView, and when that was."""

    id: UUID
    key: str
    name: str
    description: str | None
    deadline: date | None
    status: str
    is_active: bool
    created_by: UUID | None
    creator_name: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime


class ColleagueView(NamedTuple):
    """A project's member as the other members see them."""

    user_id: UUID
    name: str
    username: str
    role: Role
    is_active: bool
    added_at: datetime


class MemberView(NamedTuple):
    """A project's member as owners and admins see them. Only services have no e-mail."""

    user_id: UUID
    name: str
    username: str
    role: Role
    is_active: bool
    added_at: datetime
    email: str | None

    @staticmethod
    def of(colleague: Colleague, *, added_at: datetime) -> "MemberView":
        return MemberView(
            user_id=colleague.user_id,
            name=colleague.name,
            username=colleague.username,
            role=colleague.role,
            is_active=colleague.is_active,
            added_at=added_at,
            email=colleague.email,
        )


class ProgressView(NamedTuple):
    """How far a project's tasks are. The percentage has one decimal, half rounded up; 0.0 where there are none."""

    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    progress_percentage: float

    @staticmethod
    def of(*, todo: int, in_progress: int, done: int) -> "ProgressView":
        total = todo + in_progress + done
        return ProgressView(
            total_tasks=total,
            completed_tasks=done,
            in_progress_tasks=in_progress,
            todo_tasks=todo,
            progress_percentage=percentage(done, total),
        )


def percentage(part: int, whole: int) -> float:
    """Part of whole in per cent with one decimal, half rounded up; 0.0 of nothing."""
    if whole == 0:
        return 0.0
    return float((Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))
