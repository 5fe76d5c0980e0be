"""Jobs are handed to workers by procrastinate, in a schema of its own that holds nothing but wake-ups."""
