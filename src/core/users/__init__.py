"""A user is an account's membership of one company: an own copy of name, e-mail and username, a role, active or not.
Logging in is not theirs but the account's (auth).
"""
