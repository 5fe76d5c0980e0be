"""What a constraint's violation means to the product: by the constraint's name, never by the driver's words."""

from psycopg.errors import IntegrityError

from core.companies.errors import CompanyCodeTaken
from core.cycles.errors import AnotherCycleActive
from core.kernel.errors import ChangedMeanwhile, Refusal
from core.kernel.once import InFlight
from core.labels.errors import LabelNameTaken
from core.oidc.errors import EmailDomainNamed, LoginStateInvalid
from core.projects.errors import ProjectKeyTaken
from core.tasks.errors import ExternalIdTaken
from core.users.errors import AlreadyUser, EmailTaken, UsernameTaken

_MEANING: dict[str, type[Refusal]] = {
    "accounts_email_key": EmailTaken,
    "companies_code_key": CompanyCodeTaken,
    "users_username_unique": UsernameTaken,
    "users_account_unique": AlreadyUser,
    "project_keys_pkey": ProjectKeyTaken,
    "cycles_active_unique": AnotherCycleActive,
    "labels_name_unique": LabelNameTaken,
    "tasks_external_id_unique": ExternalIdTaken,
    "idempotency_keys_pkey": InFlight,
    "email_domains_domain_unique": EmailDomainNamed,
    "login_sessions_state_unique": LoginStateInvalid,
}


def refusal(error: IntegrityError) -> Refusal:
    """The refusal that a violation stands for. Foreign keys: what was checked a moment ago has gone since."""
    return _MEANING.get(error.diag.constraint_name or "", ChangedMeanwhile)()
