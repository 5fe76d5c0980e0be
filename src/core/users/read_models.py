from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.kernel.actor import Role
from core.users.model import UserKind


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user as the company's people see them."""

    id: UUID
    kind: UserKind
    name: str
    email: str
    username: str
    role: Role
    is_active: bool
    last_login_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
