"""Activity is the event log as people read it: who did what to which thing, newest first, with what each field was and
is. It owns that way of telling; not the log, nor who hears of what (realtime).
"""
