"""What the product runs on: one folder per technology, each an implementation of ports of the core."""
