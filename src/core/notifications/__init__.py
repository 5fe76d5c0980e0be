"""A notification tells one user of one thing that concerns them. Notifications own who is told what, what was read, and
what each user wants to be told of; not what happened (the log), nor how mail is sent (mail).
"""
