"""What the embedded database says when it cannot do what it was asked."""


class EmbeddedPostgresFailed(Exception):
    """The embedded server cannot be made, started or stopped. The message is for the person at the terminal:
    it names the folder, the last lines of what PostgreSQL said and what to do.
    """
