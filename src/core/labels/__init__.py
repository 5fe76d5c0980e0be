"""A label is a word that people of a company put on tasks, to find and to sort them by. Labels own their names and what
names are alike; not the tasks that bear them (tasks).
"""
