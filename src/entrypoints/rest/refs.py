"""Path segments that name things: ids, or keys in any case. What is neither names nothing: 404."""

import re
from uuid import UUID

from core.auth.errors import SessionNotFound
from core.comments.errors import CommentNotFound
from core.companies.errors import CompanyNotFound
from core.cycles.errors import CycleNotFound
from core.jobs.errors import JobNotFound
from core.kernel.actor import Actor
from core.kernel.errors import NotFound
from core.labels.errors import LabelNotFound
from core.notifications.errors import NotificationNotFound
from core.oidc.errors import EmailDomainNotFound, OidcConnectionNotFound
from core.projects.errors import ProjectNotFound
from core.projects.ports import ProjectRef
from core.tasks.errors import ColumnNotFound, TaskNotFound
from core.tasks.ports import TaskRef
from core.tokens.errors import ApiTokenNotFound
from core.users.errors import InvitationNotFound, UserNotFound
from core.webhooks.errors import DeliveryNotFound, WebhookNotFound

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_PROJECT_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]{1,9}\Z")
_TASK_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,8}\Z")


def project_ref(segment: str) -> ProjectRef:
    """Raises ProjectNotFound."""
    return _ref(segment, _PROJECT_KEY, ProjectNotFound)


def task_ref(segment: str) -> TaskRef:
    """Raises TaskNotFound."""
    return _ref(segment, _TASK_KEY, TaskNotFound)


def column_id(segment: str) -> UUID:
    """Raises ColumnNotFound."""
    return _id(segment, ColumnNotFound)


def company_id(segment: str) -> UUID:
    """Raises CompanyNotFound."""
    return _id(segment, CompanyNotFound)


def user_id(segment: str, actor: Actor) -> UUID:
    """`me` is the caller. Raises UserNotFound."""
    if segment == "me":
        return actor.user_id
    return _id(segment, UserNotFound)


def invitation_id(segment: str) -> UUID:
    """Raises InvitationNotFound."""
    return _id(segment, InvitationNotFound)


def login_session_id(segment: str) -> UUID:
    """Raises SessionNotFound."""
    return _id(segment, SessionNotFound)


def api_token_id(segment: str) -> UUID:
    """Raises ApiTokenNotFound."""
    return _id(segment, ApiTokenNotFound)


def cycle_id(segment: str) -> UUID:
    """Raises CycleNotFound."""
    return _id(segment, CycleNotFound)


def label_id(segment: str) -> UUID:
    """Raises LabelNotFound."""
    return _id(segment, LabelNotFound)


def comment_id(segment: str) -> UUID:
    """Raises CommentNotFound."""
    return _id(segment, CommentNotFound)


def job_id(segment: str) -> UUID:
    """Raises JobNotFound."""
    return _id(segment, JobNotFound)


def notification_id(segment: str) -> UUID:
    """Raises NotificationNotFound."""
    return _id(segment, NotificationNotFound)


def project_member_id(segment: str) -> UUID:
    """A user's id. What is none names nobody: who may ask which users there are is for the use case to say."""
    return UUID(segment) if _UUID.match(segment) else UUID(int=0)


def oidc_connection_id(segment: str) -> UUID:
    """Raises OidcConnectionNotFound."""
    return _id(segment, OidcConnectionNotFound)


def webhook_id(segment: str) -> UUID:
    """Raises WebhookNotFound."""
    return _id(segment, WebhookNotFound)


def delivery_id(segment: str) -> UUID:
    """Raises DeliveryNotFound."""
    return _id(segment, DeliveryNotFound)


def email_domain_id(segment: str) -> UUID:
    """Raises EmailDomainNotFound."""
    return _id(segment, EmailDomainNotFound)


def _id(segment: str, missing: type[NotFound]) -> UUID:
    if _UUID.match(segment):
        return UUID(segment)
    raise missing


def _ref(segment: str, key: re.Pattern[str], missing: type[NotFound]) -> UUID | str:
    if _UUID.match(segment):
        return UUID(segment)
    if key.match(segment):
        return segment
    raise missing
