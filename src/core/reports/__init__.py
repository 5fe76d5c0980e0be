"""Reports say how work goes: of a project, of people, of a cycle and of the days that were. They own the rows of those
days, which are counted from the log once and stay as they were; not the tasks that are counted (tasks).
"""
