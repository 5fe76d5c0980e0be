"""Telling programs of others what happened: which addresses hear of what, and each message to them, from the log until
it arrived or was given up. Where requests may go, and how they are signed, is an adapter's.
"""
