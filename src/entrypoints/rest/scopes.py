"""What an API token needs for each operation: the one table of it.

An operation without an entry does not start. What is about the account, about proving who one is, or about tokens
themselves, or about who may sign in how, is done by nobody but who signed in.
"""

from enum import Enum, auto

from core.kernel.actor import Actor, NotByToken
from core.kernel.errors import Refusal
from core.tokens.errors import ScopeMissing
from core.tokens.model import Scope
from core.tokens.policy import grants


class Access(Enum):
    """What stands in the place of a scope."""

    ANY_TOKEN = auto()
    NO_TOKEN = auto()


# PUT does what PATCH does and is left out of the document, so its operations are here alone.
_NEEDED: dict[Scope | Access, str] = {
    Scope.COMPANIES_READ: "listCompanies getCompany",
    Scope.COMPANIES_WRITE: "changeCompany replaceCompany",
    Scope.USERS_READ: "listUsers getUser listInvitations getInvitation",
    Scope.USERS_WRITE: "createUser changeUser replaceUser deactivateUser sendInvitation revokeInvitation",
    Scope.PROJECTS_READ: "listProjects getProject getProjectProgress listProjectMembers getProjectMember",
    Scope.PROJECTS_WRITE: "openProject changeProject replaceProject deleteProject restoreProject addProjectMember"
    " removeProjectMember",
    Scope.CYCLES_READ: "listCycles getCycle",
    Scope.CYCLES_WRITE: "createCycle changeCycle replaceCycle deleteCycle startCycle completeCycle",
    Scope.TASKS_READ: "listTasks getTask exportTasks getBoard getColumn listLabels getLabel listComments getComment"
    " listTaskActivity",
    Scope.TASKS_WRITE: "createTask changeTask replaceTask deleteTask restoreTask moveTask completeTask bulkTasks"
    " addColumn changeColumn replaceColumn deleteColumn orderColumns createLabel changeLabel replaceLabel deleteLabel"
    " createComment changeComment replaceComment deleteComment watchTask unwatchTask importTasks",
    Scope.NOTIFICATIONS_READ: "listNotifications getNotificationPreferences",
    Scope.NOTIFICATIONS_WRITE: "readNotification readAllNotifications changeNotificationPreferences"
    " replaceNotificationPreferences",
    Scope.EVENTS_READ: "listEvents listActivity streamEvents listPresence",
    Scope.REPORTS_READ: "reportProject reportTeamPerformance reportWorkload reportBurndown drawBurndown reportFlow"
    " drawFlow getDashboard",
    Scope.SEARCH_READ: "search",
    Scope.JOBS_READ: "listJobs getJob",
    Scope.JOBS_WRITE: "cancelJob",
    Scope.AUDIT_READ: "listAuditEvents",
    Scope.WEBHOOKS_READ: "listWebhooks getWebhook listWebhookDeliveries",
    Scope.WEBHOOKS_WRITE: "createWebhook changeWebhook replaceWebhook deleteWebhook rotateWebhookSecret testWebhook"
    " resendWebhookDelivery replayWebhook",
    Access.ANY_TOKEN: "getMe",
    Access.NO_TOKEN: "openCompany deleteCompany leaveCompany switchCompany listLoginSessions revokeLoginSession stepUp"
    " changePassword listMyTokens getMyToken createMyToken revokeMyToken listUserTokens getUserToken createUserToken"
    " revokeUserToken unlockUser enableTotp confirmTotp disableTotp renewRecoveryCodes changeEmail resendEmailLink"
    " listOidcConnections getOidcConnection connectOidc changeOidcConnection replaceOidcConnection disconnectOidc"
    " issueTicket listEmailDomains getEmailDomain claimEmailDomain verifyEmailDomain releaseEmailDomain",
}
NEEDED: dict[str, Scope | Access] = {
    operation: needed for needed, operations in _NEEDED.items() for operation in operations.split()
}


def needed_for(operation_id: str) -> Scope | Access:
    """What a token needs for an operation. Raises TypeError for one that the table does not know.

    `getMe /users/me` is another address of `getMe`.
    """
    name = operation_id.partition(" ")[0]
    if name not in NEEDED:
        raise TypeError(f"{name}: rest/scopes.py does not say which scope an API token needs for it")
    return NEEDED[name]


def ensure_granted(actor: Actor, needed: Scope | Access) -> None:
    """Raises NotByToken or ScopeMissing if the caller acts by a token that is not good for this."""
    if actor.scopes is None or needed is Access.ANY_TOKEN:
        return
    if isinstance(needed, Access):
        raise NotByToken
    if not grants(actor.scopes, needed):
        raise ScopeMissing(needed)


def refusals_by_token(operation_id: str) -> tuple[type[Refusal], ...]:
    """What `ensure_granted` may raise for an operation."""
    needed = needed_for(operation_id)
    if needed is Access.ANY_TOKEN:
        return ()
    return (NotByToken,) if isinstance(needed, Access) else (ScopeMissing,)


def security_of(operation_id: str) -> list[dict[str, list[str]]]:
    """Who an operation lets in, as OpenAPI puts it: a login session, or a token with a scope."""
    needed = needed_for(operation_id)
    signed_in: dict[str, list[str]] = {"bearer": []}
    if needed is Access.NO_TOKEN:
        return [signed_in]
    return [signed_in, {"api_token": [str(needed)] if isinstance(needed, Scope) else []}]
