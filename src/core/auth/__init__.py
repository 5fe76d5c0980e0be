"""Authentication: accounts, passwords, login sessions and the tokens that stand for them. Accounts are global; what a
caller may do in a company is decided by that company's user, not here.
"""
