"""Making and revoking tokens, and recognising one that is presented."""
