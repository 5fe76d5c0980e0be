"""What an auditor asks for: who did what, from where, through which key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class AuditType(StrEnum):
    """The kinds of audit events, stable and dotted. Types are only ever added."""

    REGISTERED = "auth.registered"
    LOGIN_SUCCEEDED = "auth.login_succeeded"
    LOGIN_FAILED = "auth.login_failed"
    LOCKED = "auth.locked"
    UNLOCKED = "auth.unlocked"
    LOGGED_OUT = "auth.logged_out"
    REFRESHED = "auth.refreshed"
    REFRESH_REUSED = "auth.refresh_reused"
    SESSION_REVOKED = "auth.session_revoked"
    STEPPED_UP = "auth.stepped_up"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  (a word, not a secret)
    PASSWORD_RESET_REQUESTED = "password.reset_requested"  # noqa: S105
    PASSWORD_RESET = "password.reset"  # noqa: S105
    EMAIL_CHANGED = "email.changed"
    EMAIL_VERIFIED = "email.verified"
    TOTP_ENABLED = "totp.enabled"
    TOTP_DISABLED = "totp.disabled"
    RECOVERY_USED = "recovery.used"
    RECOVERY_RENEWED = "recovery.renewed"
    ACCOUNT_STRIPPED = "account.stripped"
    OIDC_LINKED = "oidc.linked"
    OIDC_LOGIN = "oidc.login"
    OIDC_REFUSED = "oidc.refused"
    OIDC_CONNECTION_CHANGED = "oidc_connection.changed"
    TOKEN_CREATED = "token.created"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_ACTIVATED = "user.activated"
    USER_DEACTIVATED = "user.deactivated"
    USER_LEFT = "user.left"
    ROLE_CHANGED = "role.changed"
    INVITATION_SENT = "invitation.sent"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_REVOKED = "invitation.revoked"
    COMPANY_CREATED = "company.created"
    COMPANY_UPDATED = "company.updated"
    COMPANY_DELETED = "company.deleted"
    PERMISSION_DENIED = "permission.denied"
    EXPORT_MADE = "export.made"
    WEBHOOK_CHANGED = "webhook.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an audit event says besides who, when, from where and through which key.

    `details` stay for ever: ids, codes, names of fields; no secret, and no text about a person. `personal` are texts
    about people, such as an address: they can be erased later, and the chain of events still proves itself.
    """

    type: AuditType
    details: Mapping[str, object] = field(default_factory=dict)
    personal: Mapping[str, object] = field(default_factory=dict)
