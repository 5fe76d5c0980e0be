"""What carries jobs out: in a process of its own, or inside a server."""
