"""One class of use cases for each noun: signing in."""
