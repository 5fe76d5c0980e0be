"""A comment is what somebody says about a task, or in answer to another comment. Comments own their text, their answers
and whom they mention; not the task, nor who watches it (tasks).
"""
