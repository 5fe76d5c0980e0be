"""What the flat fields of events mean, each with an example."""

from dataclasses import dataclass
from enum import StrEnum

from core.kernel.actor import Role
from core.tasks.fields import Status

_ID = "01920000-0000-7000-8000-0000000000{:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a field means. `values`: it is one of these, to which others may be added."""

    means: str
    example: object
    values: type[StrEnum] | None = None


def _id(number: int, means: str) -> Word:
    return Word(means=means, example=_ID.format(number))


WORDS: dict[str, Word] = {
    "after": Word(means="The position after which events are sent again.", example="7"),
    "after_id": _id(15, "The card above it, null at the top of the column."),
    "assigned_to": _id(7, "The user who is to do it."),
    "author_id": _id(2, "The user who wrote it, null if they were erased."),
    "body_changed": Word(means="Whether the text is another one now.", example=True),
    "carried_over": Word(means="How many unfinished tasks left the cycle.", example=3),
    "carry_over_to": _id(17, "The cycle that the unfinished tasks went to; null: to none."),
    "category": Word(means="The status that its cards have.", example="todo", values=Status),
    "cause": Word(means="The position of the event that it tells of; null: of a deadline.", example="6"),
    "caused_by": _id(2, "The user who did what it tells of; null: nobody."),
    "changes": Word(means="The fields that changed, each with its old and its new value.", example=None),
    "code": Word(means="The company's short name, unique among all.", example="acme"),
    "color": Word(means="As `#rrggbb`.", example="#cc3300"),
    "column_id": _id(3, "The column of the board."),
    "column_ids": Word(means="All columns of the board, from left to right.", example=(_ID.format(3), _ID.format(4))),
    "comment_id": _id(18, "The comment."),
    "company_id": _id(1, "The company."),
    "created_by": _id(2, "The user who made it."),
    "cycle_id": _id(16, "The cycle; null: in none."),
    "deleted_by": _id(2, "The user who deleted it."),
    "domain": Word(means="What stands behind the @ of addresses.", example="acme.example"),
    "email": Word(means="The address that was invited.", example="bob@acme.example"),
    "email_domain_id": _id(21, "The domain of addresses."),
    "expires_at": Word(means="When it ends; null: never.", example="2027-11-20T09:30:00.000000Z"),
    "failing_since": Word(means="Since when nothing arrived.", example="2026-11-17T09:30:00.000000Z"),
    "invitation_id": _id(22, "The invitation."),
    "issuer": Word(means="The address of the OpenID provider.", example="https://id.acme.example"),
    "keeps_place": Word(means="Whether it was answered, so that it shows that it was deleted.", example=False),
    "key": Word(means="The project's key, with which those of its tasks begin.", example="WEB"),
    "kind": Word(means="What it is about.", example="assigned"),
    "label_id": _id(19, "The label."),
    "labels": Word(means="The names of its labels, in their order.", example=("bug",)),
    "last_error": Word(means="What was wrong with the last attempt, if nothing answered.", example=None),
    "last_status": Word(means="The status that the last attempt was answered with, null if it was not.", example=410),
    "mentions": Word(means="The users whom it mentions.", example=(_ID.format(7),)),
    "moved_by": _id(2, "The user who moved it."),
    "moved_to": _id(4, "The column that its cards went to, null if it had none."),
    "name": Word(means="Its name.", example="Website"),
    "new_column_id": _id(4, "The column that it stands in now."),
    "new_status": Word(means="The status that it has now.", example="in_progress", values=Status),
    "notification_id": _id(26, "The notification."),
    "number": Word(means="Its number within the project.", example=4),
    "oidc_connection_id": _id(20, "The connection to an OpenID provider."),
    "old_column_id": _id(3, "The column that it stood in before."),
    "old_status": Word(means="The status that it had before.", example="todo", values=Status),
    "ordered_by": _id(2, "The user who ordered them."),
    "parent_id": _id(13, "The task that it is a sub-task of, or the comment that it answers; null: of none."),
    "position": Word(means="Its place among the columns, 0 at the left.", example=1),
    "project_id": _id(11, "The project."),
    "project_key": Word(means="The project's key.", example="WEB"),
    "project_name": Word(means="The project's name.", example="Website"),
    "reason": Word(means="Why.", example="gone"),
    "restored_by": _id(2, "The user who restored it."),
    "role": Word(means="What the user may do in the company.", example="member", values=Role),
    "scopes": Word(means="What it may be used for.", example=("tasks:read",)),
    "status": Word(means="The category of its column.", example="todo", values=Status),
    "task_count": Word(means="Of how many tasks it tells.", example=1),
    "task_id": _id(12, "The task."),
    "task_key": Word(means="The task's key.", example="WEB-12"),
    "task_title": Word(means="The task's title.", example="Draw the map"),
    "token_id": _id(23, "The API token. Never the token itself."),
    "url": Word(
        means="Where it is sent to: scheme, host and port. What follows them may be a secret, and is not told.",
        example="https://hooks.acme.example",
    ),
    "user_id": _id(7, "The user whom it is about."),
    "user_name": Word(means="The user's name.", example="Bob"),
    "username": Word(means="By what the user is mentioned.", example="bob"),
    "version": Word(means="The version of the thing that the event is about, after it.", example=2),
    "webhook_id": _id(25, "The webhook."),
    "wip_limit": Word(means="How many cards it should hold at most; null: any number.", example=5),
}

# Users who are named by an event, by the field that names them.
NAMED: dict[str, str] = {
    "left": "the members of the project that the task left, if it did",
    "members": "its members at that time",
    "user_id": "the user whom it is about",
}
