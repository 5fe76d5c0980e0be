"""Letters to the holder of an account, and the links that are in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from core.users.model import Invitation


class LetterKind(StrEnum):
    """What a letter is about. The first three hold a link; the last is for who looks after a company; the others are
    for who did not do it.
    """

    EMAIL_VERIFICATION = "email_verification"
    EMAIL_CHANGE = "email_change"
    PASSWORD_RESET = "password_reset"  # noqa: S105  (a word, not a secret)
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    WEBHOOK_DISABLED = "webhook_disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter that has to be sent. It holds no secret: its link is derived when it is sent, for the request of the
    same `id`. `about` is what it tells besides.
    """

    id: UUID
    kind: LetterKind
    account_id: UUID
    to: str
    at: datetime
    about: Mapping[str, str] = field(default_factory=dict, hash=False)


class LinkPurpose(StrEnum):
    """What a link is good for, and for nothing else."""

    INVITATION = "invitation"
    EMAIL_VERIFICATION = "email_verification"
    EMAIL_CHANGE = "email_change"
    PASSWORD_RESET = "password_reset"  # noqa: S105


# Of an invitation's link, the invitation says it.
LINK_LIVES = {
    LinkPurpose.EMAIL_VERIFICATION: timedelta(hours=24),
    LinkPurpose.EMAIL_CHANGE: timedelta(hours=24),
    LinkPurpose.PASSWORD_RESET: timedelta(minutes=30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the secret of a link is derived from: whose it is (an account, a company), which request or invitation it
    answers, and what must still be as it was, such as the address.
    """

    purpose: LinkPurpose
    owner_id: UUID
    request_id: UUID
    bound: bytes = b""

    @staticmethod
    def of_invitation(company_id: UUID, invitation: Invitation) -> "Link":
        """The mailed link of an invitation: another one than the link that its sender was shown."""
        return Link(
            purpose=LinkPurpose.INVITATION,
            owner_id=company_id,
            request_id=invitation.id,
            bound=invitation.token_digest + invitation.email.encode(),
        )
