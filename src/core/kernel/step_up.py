"""Proving once more who one is, before what a stolen device must not be able to do."""

from datetime import datetime, timedelta

from core.kernel.actor import Actor, NotByToken
from core.kernel.errors import Forbidden

LASTS = timedelta(minutes=10)


class StepUpRequired(Forbidden):
    code = "auth.step_up_required"
    title = "This needs a fresh proof of who you are; POST /auth/step-up, then repeat it"


class AccountProofRequired(Forbidden):
    code = "auth.account_proof_required"
    title = "You signed in through one company's own provider; this needs a sign-in to the account itself"


def ensure_general(actor: Actor) -> None:
    """Raises AccountProofRequired for a login session that opens one company alone: its provider must not reach what
    belongs to the account, and so to its other companies. Ask it of the actor that the database found.

    Raises NotByToken for an API token, which is for one company too.
    """
    if actor.token_id is not None:
        raise NotByToken
    if not actor.is_general:
        raise AccountProofRequired


def stepped_up_until(authenticated_at: datetime) -> datetime:
    """Until when a proof counts."""
    return authenticated_at + LASTS


def ensure_code_shown(proved_at: datetime | None, *, at: datetime) -> None:
    """Raises StepUpRequired unless a code of the account's second factor was shown within ten minutes, at `proved_at`:
    where there is one, neither a password that somebody saw nor a provider is proof enough.
    """
    if proved_at is None or at >= stepped_up_until(proved_at):
        raise StepUpRequired


def ensure_stepped_up(actor: Actor, *, at: datetime) -> None:
    """Raises StepUpRequired unless the caller proved who they are, by signing in or stepping up, within ten minutes.

    Ask it of the actor that the unit of work found, not of the one that came with the request: only the database
    knows when that was.
    """
    proved_at = actor.authenticated_at
    if proved_at is None or at >= stepped_up_until(proved_at):
        raise StepUpRequired
