"""Asking the DNS, by dnspython."""
