"""One class of use cases for each noun: the inbox, and what fills it."""
