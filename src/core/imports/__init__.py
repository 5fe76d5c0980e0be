"""An import makes tasks of the rows of a file, or changes those that a row means by their id elsewhere. Imports own
what columns and values mean and how a file is read; not the tasks (tasks), nor who carries them out when (jobs).
"""
