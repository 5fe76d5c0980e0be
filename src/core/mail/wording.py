"""What people are told, in which words. Who changes them thinks of who reads them unasked."""

import re
import textwrap
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit
from uuid import UUID

from core.auth.letters import Letter, LetterKind, LinkPurpose
from core.mail.model import Message
from core.mail.read_models import CompanyPost, DigestLine, DigestPost
from core.notifications.model import Kind
from core.users.model import Invitation
from core.webhooks.model import DisabledReason

_PAGES = {
    LinkPurpose.INVITATION: "invitation",
    LinkPurpose.EMAIL_VERIFICATION: "verify-email",
    LinkPurpose.EMAIL_CHANGE: "verify-email",
    LinkPurpose.PASSWORD_RESET: "reset-password",
}
PURPOSE_OF = {
    LetterKind.EMAIL_VERIFICATION: LinkPurpose.EMAIL_VERIFICATION,
    LetterKind.EMAIL_CHANGE: LinkPurpose.EMAIL_CHANGE,
    LetterKind.PASSWORD_RESET: LinkPurpose.PASSWORD_RESET,
}
_LINKING = re.compile(r"[.:/@]+(?=\S)")
# Nothing that a visitor typed stands in these: they go to whatever address a visitor names.
_TEXTS: dict[LetterKind, tuple[str, str]] = {
    LetterKind.EMAIL_VERIFICATION: (
        "Confirm your e-mail address",
        """
Somebody opened a FlowTrack account with this address. If it was you, sign in and confirm the address within 24 hours:

{link}

If it was not you, do not follow the link. Nobody has proved this address then, and what was opened with it becomes
yours as soon as you ask for a new password.
""",
    ),
    LetterKind.EMAIL_CHANGE: (
        "Confirm your new e-mail address",
        """
A FlowTrack account is to have this address from now on. If it is yours, sign in and confirm it within 24 hours:

{link}

If you did not ask for it, do not follow the link; nothing changes then.
""",
    ),
    LetterKind.PASSWORD_RESET: (
        "Choose a new password",
        """
Somebody, hopefully you, lost the password of the FlowTrack account with this address. Choose a new one here:

{link}

The link works once, within 30 minutes of being asked for first; asking again meanwhile sends the same one.

All devices are signed out by it, and API tokens of yours end. If you did not ask for it, there is nothing to do: the
password stays as it is.
""",
    ),
    LetterKind.EMAIL_CHANGE_REQUESTED: (
        "Your e-mail address is about to change",
        """
Somebody who is signed in to your FlowTrack account asked for another e-mail address. It changes once the new address
is confirmed.

If it was not you, somebody else may have your password: choose another at once, which also takes the change back, and
look through the devices that are signed in.
""",
    ),
    LetterKind.EMAIL_CHANGED: (
        "Your e-mail address was changed",
        """
Your FlowTrack account has another e-mail address now, and letters go there.

If it was neither you nor who administers your company, tell whoever runs this installation.
""",
    ),
    LetterKind.PASSWORD_CHANGED: (
        "Your password was changed",
        """
The password of your FlowTrack account was changed, and other devices were signed out.

If it was neither you nor who administers your company, somebody else may read your mail or know your password: ask for
a new one at once, as for a lost one, which ends your API tokens, too.
""",
    ),
}


_WHY_OFF = {
    DisabledReason.GONE: "its receiver answered that it is gone, and wants no more (410).",
    DisabledReason.FAILING: "it did nothing but fail, for three days or longer.",
}


def notices(post: CompanyPost, *, new_id: Callable[[], UUID]) -> list[Letter]:
    """What owners and admins are told of a company's log. No part of it is a secret: of a webhook's address there is
    the origin alone, and nothing that its receiver wrote.
    """
    return [
        Letter(
            id=new_id(),
            kind=LetterKind.WEBHOOK_DISABLED,
            account_id=recipient.account_id,
            to=recipient.email,
            at=each.at,
            about={
                "company_id": str(post.company_id),
                "company_name": post.company_name,
                "webhook_id": str(each.webhook_id),
                "description": each.description,
                "url": each.url,
                "reason": str(each.reason),
                "failing_since": f"{each.failing_since:%d %B %Y, %H:%M} UTC",
                "last_answer": f"answered with {each.last_status}" if each.last_status else f"{each.last_error}",
            },
        )
        for each in post.switched_off
        for recipient in each.to
    ]


class Wording:
    """Writes messages for one installation, which browsers reach at `public_url`."""

    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url
        self._host = urlsplit(public_url).hostname or "localhost"

    def letter(self, letter: Letter, *, token: str | None) -> Message:
        """A letter to an account's holder, with the secret of its link if its kind has one."""
        if letter.kind is LetterKind.WEBHOOK_DISABLED:
            subject, text = self._webhook_disabled(letter.about)
            return self._message(f"{letter.id}.{letter.kind}", letter.to, subject, text)
        subject, text = _TEXTS[letter.kind]
        purpose = PURPOSE_OF.get(letter.kind)
        link = self._link(purpose, token) if purpose is not None and token is not None else ""
        return self._message(f"{letter.id}.{letter.kind}", letter.to, subject, text.format(link=link))

    def invitation(self, invitation: Invitation, *, token: str, company_name: str, inviter_name: str | None) -> Message:
        """An invitation to join a company."""
        who, where = _unlinked(inviter_name or "Somebody"), _unlinked(company_name)
        text = f"""
{who} invites you to work in the company “{where}” on FlowTrack, as {invitation.role}. Accept it until
{invitation.expires_at:%d %B %Y}:

{self._link(LinkPurpose.INVITATION, token)}

The link is for you alone, and works once. If you do not know what this is about, do not follow it.
"""
        subject = f"Invitation to {where}"
        return self._message(f"{invitation.id}.invitation", invitation.email, subject, text)

    def _webhook_disabled(self, about: Mapping[str, str]) -> tuple[str, str]:
        where = _unlinked(about["company_name"])
        name = f"“{_unlinked(about['description'])}”, " if about["description"] else ""
        page = f"{self._public_url}/api/v1/webhooks/{about['webhook_id']}"
        text = f"""
FlowTrack sends nothing more to a webhook of the company “{where}”: {_WHY_OFF[DisabledReason(about["reason"])]}

Webhook: {name}{about["url"].replace(".", "[.]")}

Nothing arrived since: {about["failing_since"]}

The last attempt: {about["last_answer"]}

Once its receiver works, an owner or admin switches it on again, by PATCH with {{"is_active": true}} at:

{page}

What waits to be sent is sent then, for 30 days. What happened meanwhile it is told if you ask for it, by POST at:

{page}/replay

You get this as an owner or admin of the company, once each time that a webhook is switched off.
"""
        return f"A webhook of {where} was switched off", text

    def digest(self, post: DigestPost, *, to: str) -> Message:
        """What a user did not read, once a day."""
        lines = [_line(each) for each in post.lines]
        if post.more:
            lines.append(f"And {post.more} more.")
        where = _unlinked(post.company_name)
        opening = f"What you did not read yet in “{where}”:"
        closing = f"""
You get this once a day since you asked for it. To get it no more, set “mail” to “off” for each kind in your
notification preferences:

{self._public_url}/api/v1/notifications/preferences
"""
        count = len(post.lines) + post.more
        subject = f"{count} new in {where}"
        id = f"{post.company_id}.{post.user_id}.{post.day}.digest"
        return self._message(id, to, subject, "\n\n".join([opening, *lines, closing]))

    def _message(self, id: str, to: str, subject: str, text: str) -> Message:
        closing = f"-- \nFlowTrack, {self._public_url}\n"
        lines = [textwrap.fill(each, 76, break_long_words=False, break_on_hyphens=False) for each in text.split("\n\n")]
        text = "\n\n".join([*(each.strip() for each in lines), closing])
        return Message(id=f"<{id}@{self._host}>", to=to, subject=f"{subject} (FlowTrack)", text=text)

    def _link(self, purpose: LinkPurpose, token: str) -> str:
        """The secret stands behind `#`, so that no server on the way logs it."""
        return f"{self._public_url}/{_PAGES[purpose]}#{token}"


def _unlinked(name: str) -> str:
    """A name of somebody's choice, of which no reader's program makes a link: it comes with our letterhead."""
    return _LINKING.sub(" ", name)


def _line(line: DigestLine) -> str:
    """One notification, in a sentence. None of it is a link of somebody's choice."""
    who = _unlinked(line.actor_name or "FlowTrack")
    where = _unlinked(line.project_name or "several projects")
    task = f"{line.task_key}: {_unlinked(line.task_title or '')}"
    match line.kind:
        case Kind.ASSIGNED if line.task_key is None:
            return f"* {who} gave you {line.task_count} tasks in {where}."
        case Kind.ASSIGNED:
            return f"* {who} gave you {task}"
        case Kind.MENTIONED:
            return f"* {who} mentioned you on {task}"
        case Kind.COMMENTED:
            return f"* {who} commented on {task}"
        case Kind.DEADLINE_NEAR:
            return f"* Due on {line.deadline:%d %B %Y} is {task}"
        case Kind.ADDED_TO_PROJECT:
            return f"* {who} added you to the project {where}."
