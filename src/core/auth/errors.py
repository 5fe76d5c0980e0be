from core.kernel.errors import Conflict, Fault, Forbidden, Invalid, TooMany, Unauthenticated


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


class OriginRefused(Forbidden):
    code = "auth.origin_refused"
    title = "A request that relies on the cookie must come from an allowed origin"


class EmailTaken(Conflict):
    code = "account.email_taken"
    title = "There already is an account with this address; sign in instead"


class RegistrationClosed(Forbidden):
    code = "auth.registration_closed"
    title = "This installation does not take new registrations"


class EmailInvalid(Invalid):
    code = "account.email_invalid"
    title = "That is no e-mail address"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("must be an e-mail address", pointer="/email"),))


class PasswordTooWeak(Invalid):
    code = "password.too_weak"
    title = "The password is too easy to guess"

    def __init__(self, reason: str, *, pointer: str = "/password") -> None:
        super().__init__(faults=(Fault(reason, pointer=pointer),))
