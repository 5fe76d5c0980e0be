from core.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound


class UserNotFound(NotFound):
    code = "user.not_found"
    title = "There is no such user, or you may not see them"


class UsernameTaken(Conflict):
    code = "user.username_taken"
    title = "Somebody in this company already has that username"


class AlreadyUser(Conflict):
    code = "user.already_member"
    title = "Somebody with this address is a user of the company already"


class NotJoined(Conflict):
    code = "user.not_joined"
    title = "The person has yet to sign in to the company, with a password that they chose"


class LastOwner(Conflict):
    code = "user.last_owner"
    title = "The company would be left without an owner"


class AccountShared(Forbidden):
    code = "user.account_shared"
    title = "The account belongs to other companies too, so only its holder changes its address or password"


class InvitationNotFound(NotFound):
    code = "invitation.not_found"
    title = "There is no such invitation, or it has expired, was used or taken back"


class InvitationForAnother(Conflict):
    code = "invitation.other_address"
    title = "The invitation is for another address"


class EmailTaken(Conflict):
    code = "account.email_taken"
    title = "There already is an account with this address; sign in instead"


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
