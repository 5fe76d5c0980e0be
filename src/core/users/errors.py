from core.kernel.errors import Conflict


class UsernameTaken(Conflict):
    code = "user.username_taken"
    title = "Somebody in this company already has that username"
