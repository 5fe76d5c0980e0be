"""A cycle is a stretch of a project's time: planned, then active, then completed. It owns its fields and its course,
not the tasks that are done in it (tasks), which are told when it ends.
"""
