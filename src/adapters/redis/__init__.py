"""The same ports for many processes, by Redis 6.2 or later, or Valkey 7. With Redis away each process goes on alone."""
