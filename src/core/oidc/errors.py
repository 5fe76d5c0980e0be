from core.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable


class OidcConnectionNotFound(NotFound):
    code = "oidc_connection.not_found"
    title = "There is no such connection to a provider, or you may not see it"


class EmailDomainNotFound(NotFound):
    code = "email_domain.not_found"
    title = "The company has not named such a domain, or you may not see it"


class EmailDomainNamed(Conflict):
    code = "email_domain.named_already"
    title = "The company has named that domain already"


class DomainUnproved(Conflict):
    code = "email_domain.unproved"
    title = "The domain's DNS does not hold the record that proves it; new records may take a while to be seen"


class TooManyConnections(Conflict):
    code = "oidc_connection.too_many"
    title = "The company has as many connections to providers as it may have"


class TooManyDomains(Conflict):
    code = "email_domain.too_many"
    title = "The company has named as many domains as it may"


class RedirectRefused(Invalid):
    code = "oidc.redirect_refused"
    title = "Nobody is sent to that address after signing in"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("is not among the allowed addresses", parameter="redirect_to"),))


class ProviderAway(Unavailable):
    code = "oidc.provider_away"
    title = "The provider cannot be reached at the moment"
    retry_after = 10


class ProviderUnusable(Conflict):
    code = "oidc.provider_unusable"
    title = "The provider cannot be used as the connection is set up"


class OwnersAlone(Forbidden):
    code = "oidc_connection.owners_alone"
    title = "Only an owner decides whether the company is entered by its provider alone, and what that hangs on"


class LoginStateInvalid(Forbidden):
    code = "oidc.state_invalid"
    title = "This sign-in was not begun in this browser, took too long, or is over; begin it again"


class LoginCodeInvalid(Unauthenticated):
    code = "oidc.code_invalid"
    title = "The code is unknown, used up, expired, or another browser's"


class LoginRefused(Forbidden):
    """The provider let somebody in whom we do not. `reason` is a word for the audit."""

    code = "oidc.refused"
    title = "The provider's answer does not sign anybody in here"

    def __init__(self, reason: str = "refused", detail: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
