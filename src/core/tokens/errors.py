from core.kernel.errors import Conflict, Forbidden, NotFound


class ApiTokenNotFound(NotFound):
    code = "token.not_found"
    title = "There is no such API token, or you may not see it"


class HolderIsPerson(Forbidden):
    code = "token.holder_is_person"
    title = "People make their own tokens; only service users are given theirs"


class HolderInactive(Conflict):
    code = "token.holder_inactive"
    title = "The service user is not active"


class TooManyTokens(Conflict):
    code = "token.too_many"
    title = "The user has as many tokens as one may have; revoke one first"


class ScopeMissing(Forbidden):
    code = "auth.scope_missing"
    title = "The API token was not given the scope that this needs"

    def __init__(self, needed: str) -> None:
        self.needed = needed
        super().__init__(f"This needs the scope `{needed}`, which the token was not given.")
