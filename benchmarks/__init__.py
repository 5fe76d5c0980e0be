"""What `make bench` runs: the product and a bare server beside it, measured in turns on the same PostgreSQL."""
