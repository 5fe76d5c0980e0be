"""What all doors that stay open share: the hub of a process, and how events are written for them."""
