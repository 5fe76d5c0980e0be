from core.kernel.errors import NotFound


class AccountNotFound(NotFound):
    code = "account.not_found"
    title = "There is no account with that address"


class CompanyUnknown(NotFound):
    code = "operator.company_unknown"
    title = "There is no company with that code"


class HolderUnknown(NotFound):
    code = "operator.user_unknown"
    title = "There is no such user in a company with that code"


class TokenUnknown(NotFound):
    code = "operator.token_unknown"
    title = "There is no API token with that id"
