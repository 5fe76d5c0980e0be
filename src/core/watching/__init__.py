"""Whoever watches a task wants to hear of it. Watching owns who does, and who left it off; not the task (tasks), nor
what they are sent.
"""
