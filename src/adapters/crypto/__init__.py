"""Passwords, tokens and sealed secrets, by argon2-cffi, joserfc and cryptography."""
