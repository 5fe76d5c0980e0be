"""API tokens: keys by which programs act as a user of one company, and the scopes that bound what a key is good for. A
token is its holder's, a person or a service user; it does not own who they are, nor what their role allows.
"""
