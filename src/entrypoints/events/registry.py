"""Every event there is, from the facts of all features."""

import inspect
from types import ModuleType

from core.comments import events as of_comments
from core.companies import events as of_companies
from core.cycles import events as of_cycles
from core.kernel.events import Fact
from core.labels import events as of_labels
from core.notifications import events as of_notifications
from core.oidc import events as of_oidc
from core.projects import events as of_projects
from core.tasks import events as of_tasks
from core.tokens import events as of_tokens
from core.users import events as of_users
from core.webhooks import events as of_webhooks

# In the order in which they are told of.
MODULES: tuple[ModuleType, ...] = (
    of_companies,
    of_users,
    of_tokens,
    of_oidc,
    of_webhooks,
    of_projects,
    of_cycles,
    of_labels,
    of_tasks,
    of_comments,
    of_notifications,
)


def _facts_of(module: ModuleType) -> list[type[Fact]]:
    kinds = [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, Fact)]
    # What has no name is what several facts have in common.
    return [kind for kind in kinds if kind.__module__ == module.__name__ and "event" in vars(kind)]


KINDS: tuple[type[Fact], ...] = tuple(kind for module in MODULES for kind in _facts_of(module))
EVENTS: dict[str, type[Fact]] = {kind.event: kind for kind in KINDS}

# The log keeps what earlier releases wrote: fields that came later, by the release that first told them.
CAME_LATER: dict[str, dict[str, str]] = {
    "invitation_created": {"user_id": "0.4.0"},
    "invitation_revoked": {"user_id": "0.4.0"},
    "task_created": dict.fromkeys(("status", "cycle_id", "parent_id", "labels"), "0.4.0"),
    "task_restored": dict.fromkeys(("status", "cycle_id", "parent_id"), "0.4.0"),
}
