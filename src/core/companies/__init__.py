"""A company is a tenant: everything people work on belongs to exactly one. It owns its name, code and settings, not its
people (users) nor their work (projects, tasks).
"""
