"""One class of use cases for each noun: users, invitations."""
