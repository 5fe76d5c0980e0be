"""What is done with jobs: looking at them and cancelling them, and carrying them out."""
