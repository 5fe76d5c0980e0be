"""Which fields may stand in the `changes` of an event, with their types and an example."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints
from uuid import UUID

from core.comments.events import CommentUpdated
from core.companies.events import CompanyUpdated
from core.companies.model import Company, CompanyChanges, CompanySettings
from core.cycles.events import CycleUpdated
from core.cycles.model import Cycle, CycleChanges
from core.kernel.events import Change, Fact
from core.labels.events import LabelUpdated
from core.labels.model import Label, LabelChanges
from core.oidc.events import OidcConnectionUpdated
from core.oidc.model import ConnectionFields
from core.projects.events import ProjectUpdated
from core.projects.model import Project, ProjectChanges
from core.tasks.changes import TaskChanges
from core.tasks.columns import BoardColumn, ColumnChanges
from core.tasks.events import ColumnUpdated, TaskUpdated
from core.tasks.model import Task
from core.users.events import UserUpdated
from core.users.model import User, UserChanges
from core.webhooks.events import WebhookUpdated
from core.webhooks.model import WebhookFields

_OF_THE_CALLER = frozenset({"given", "unchanged"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The fields of some classes' that `named_by` has; `besides` and `without` are the exceptions."""

    of: tuple[type, ...]
    named_by: type
    example: Mapping[str, Change]
    besides: Mapping[str, Any] | None = None
    without: frozenset[str] = frozenset()

    def types(self) -> dict[str, Any]:
        """The type of each field, by its name."""
        hints = {name: hint for each in self.of for name, hint in get_type_hints(each).items()}
        described: Any = self.named_by
        names = {each.name for each in fields(described)} - self.without - _OF_THE_CALLER
        return {name: hints[name] for name in sorted(names)} | dict(self.besides or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nothing:
    pass


_RENAMED = {"name": Change(old="Site", new="Website")}
_MENTIONED = {"mentions": Change(old=(), new=("01920000-0000-7000-8000-000000000007",))}
CHANGED: dict[type[Fact], Changed] = {
    CommentUpdated: Changed(of=(), named_by=_Nothing, besides={"mentions": tuple[UUID, ...]}, example=_MENTIONED),
    CompanyUpdated: Changed(of=(Company, CompanySettings), named_by=CompanyChanges, example=_RENAMED),
    CycleUpdated: Changed(of=(Cycle,), named_by=CycleChanges, example=_RENAMED),
    LabelUpdated: Changed(of=(Label,), named_by=LabelChanges, example=_RENAMED),
    # Of a secret it is only said that it is another one.
    OidcConnectionUpdated: Changed(
        of=(ConnectionFields,),
        named_by=ConnectionFields,
        besides={"client_secret": type(None)},
        example={"enforce_sso": Change(old=False, new=True)},
    ),
    ProjectUpdated: Changed(of=(Project,), named_by=ProjectChanges, example=_RENAMED),
    TaskUpdated: Changed(
        of=(Task,),
        named_by=TaskChanges,
        # A task gets these with another project.
        besides={"key": str, "number": int},
        example={"priority": Change(old="medium", new="urgent")},
    ),
    ColumnUpdated: Changed(
        of=(BoardColumn,), named_by=ColumnChanges, without=frozenset({"position"}), example=_RENAMED
    ),
    WebhookUpdated: Changed(
        of=(WebhookFields,),
        named_by=WebhookFields,
        besides={"secret": type(None)},
        example={"description": Change(old="", new="The build board")},
    ),
    # Whether a user is active has events of its own.
    UserUpdated: Changed(
        of=(User,),
        named_by=UserChanges,
        without=frozenset({"is_active"}),
        example={"role": Change(old="member", new="admin")},
    ),
}


def changed_fields(kind: type[Fact]) -> dict[str, Any] | None:
    """The types of the fields that may have changed; None if that is not known, and anything may."""
    changed = CHANGED.get(kind)
    return changed.types() if changed is not None else None
