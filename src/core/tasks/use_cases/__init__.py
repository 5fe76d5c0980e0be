"""One class of use cases for each noun: tasks, boards."""
