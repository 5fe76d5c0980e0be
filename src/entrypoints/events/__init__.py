"""What the events promise to whoever hears them: one registry, from which the documents of all doors are made."""
