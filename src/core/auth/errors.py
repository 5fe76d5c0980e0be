from uuid import UUID

from core.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, TooMany, Unauthenticated


class TokenInvalid(Unauthenticated):
    code = "auth.token_invalid"
    title = "The access token or API token is missing, malformed, forged, expired or revoked"


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
    title = "The address has an account; sign in to it, then follow the link"


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


class SecondFactorRequired(Forbidden):
    code = "auth.second_factor_required"
    title = "The account has a second factor: send a code of it, too"


class CodeInvalid(Unauthenticated):
    code = "auth.code_invalid"
    title = "The code is wrong, too old, or was used before"


class TicketInvalid(Unauthenticated):
    code = "auth.ticket_invalid"
    title = "The ticket is none of ours, has expired, or the account was changed since; sign in again"


class TotpEnabled(Conflict):
    code = "totp.enabled"
    title = "The account has a second factor already; disable it first"


class TotpNotBegun(Conflict):
    code = "totp.not_begun"
    title = "There is no secret to confirm; POST /auth/totp/enable first"


class TotpNotEnabled(Conflict):
    code = "totp.not_enabled"
    title = "The account has no second factor"


class TooManyUnlocks(TooMany):
    code = "user.too_many_unlocks"
    title = "This person was unlocked too often; wait before doing it again"


class LinkInvalid(Invalid):
    code = "auth.link_invalid"
    title = "The link has expired, was used, or was replaced by a newer one; ask for another"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("no link that is good", pointer="/token"),))


class TooManyLetters(TooMany):
    code = "auth.too_many_letters"
    title = "Too many letters were asked for; look into your mail, or wait before asking again"


class EmailVerifiedAlready(Conflict):
    code = "account.email_verified"
    title = "The address is verified already, and no other waits to be"
