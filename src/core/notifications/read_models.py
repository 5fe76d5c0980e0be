from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from core.notifications.model import Kind, Preference, Preferences

EXCERPT = 200
"""So many characters of a comment are shown."""


class NotificationView(NamedTuple):
    """A notification as its recipient sees it, with names and titles as they are now. `seq` is the position of what it
    tells of, None of a deadline; `position` its own, of its `notification_created`.
    """

    id: UUID
    kind: Kind
    position: str
    seq: str | None
    event: str | None
    actor_id: UUID | None
    actor_name: str | None
    project_id: UUID | None
    project_name: str | None
    task_id: UUID | None
    task_key: str | None
    task_title: str | None
    comment_id: UUID | None
    comment_excerpt: str | None
    task_count: int
    deadline: date | None
    created_at: datetime
    read_at: datetime | None


class PreferenceView(NamedTuple):
    """Whether notifications of a kind come into the inbox, and are mailed."""

    inbox: bool
    mail: str


class PreferencesView(NamedTuple):
    """What one user wants to be told of, and how."""

    assigned: PreferenceView
    mentioned: PreferenceView
    commented: PreferenceView
    deadline_near: PreferenceView
    added_to_project: PreferenceView
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(preferences: Preferences) -> "PreferencesView":
        def shown(each: Preference) -> PreferenceView:
            return PreferenceView(each.inbox, str(each.mail))

        return PreferencesView(
            assigned=shown(preferences.of_kind(Kind.ASSIGNED)),
            mentioned=shown(preferences.of_kind(Kind.MENTIONED)),
            commented=shown(preferences.of_kind(Kind.COMMENTED)),
            deadline_near=shown(preferences.of_kind(Kind.DEADLINE_NEAR)),
            added_to_project=shown(preferences.of_kind(Kind.ADDED_TO_PROJECT)),
            version=preferences.version,
            created_at=preferences.created_at,
            updated_at=preferences.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """No names of other things."""
        return ()
