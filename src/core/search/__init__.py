"""Finding things by the words in them. Search owns what a word is, what is asked for and how what was found is shown;
not the things themselves, nor who may see them (projects, tasks, comments).
"""
