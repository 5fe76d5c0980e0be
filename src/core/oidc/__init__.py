"""Signing in at OpenID providers: a company's own, and those of the installation. It owns a company's connections, the
domains whose addresses a company has proved to be its own, and which identity at a provider is which account; not
accounts and login sessions themselves, which are auth's.
"""
