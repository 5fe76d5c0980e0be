"""One class a noun: connections, domains, and signing in."""
