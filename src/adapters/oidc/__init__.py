"""OpenID Connect, by Authlib and joserfc: what a provider says of itself, and whom it says that somebody is."""
