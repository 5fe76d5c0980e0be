from uuid import UUID

from core.kernel.errors import Forbidden, NotFound, TooMany, Unauthenticated


class TokenInvalid(Unauthenticated):
    code = "auth.token_invalid"
    title = "The access token is missing, malformed, forged or expired"


class SessionEnded(Unauthenticated):
    code = "auth.session_ended"
    title = "The login session has ended, or it no longer opens this company"


class InvalidCredentials(Unauthenticated):
    code = "auth.invalid_credentials"
    title = "The address or the password is wrong"


class TooManyFailures(TooMany):
    code = "auth.too_many_failures"
    title = "Signing in failed too often; wait before trying again"


class RefreshInvalid(Unauthenticated):
    code = "auth.refresh_invalid"
    title = "The refresh token is missing, unknown, used up or expired"


class NoActiveMembership(Forbidden):
    code = "auth.no_active_membership"
    title = "The account has no active membership there"


class PasswordChangeRequired(Forbidden):
    code = "auth.password_change_required"
    title = "The password is temporary; sign in with it once more, and with a new_password of your own"


class SessionNotFound(NotFound):
    code = "auth.session_not_found"
    title = "There is no such login session of your account, or it has ended"


class OriginRefused(Forbidden):
    code = "auth.origin_refused"
    title = "A request that relies on the cookie must come from an allowed origin"


class SignInFirst(Unauthenticated):
    code = "auth.sign_in_first"
    title = "The address has an account; sign in to it, then accept the invitation"


class SsoRequired(Forbidden):
    """`connection_id` is where the company's people sign in."""

    code = "auth.sso_required"
    title = "The company is entered by its own provider alone; sign in at the address in `login_url`"

    def __init__(self, connection_id: UUID | None) -> None:
        super().__init__()
        self.connection_id = connection_id


class RegistrationClosed(Forbidden):
    code = "auth.registration_closed"
    title = "This installation does not take new registrations"
