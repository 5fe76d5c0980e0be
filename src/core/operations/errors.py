from core.kernel.errors import NotFound


class AccountNotFound(NotFound):
    code = "account.not_found"
    title = "There is no account with that address"
