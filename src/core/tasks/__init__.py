"""A task is a piece of work on a project's one board. Tasks own their fields, their place on the board, and the board's
columns; not the project that holds them (projects).
"""
