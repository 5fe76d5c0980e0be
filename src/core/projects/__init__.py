"""A project holds tasks on one board and the people who may see them. It owns its fields, its key and its members, not
its tasks or columns (tasks).
"""
