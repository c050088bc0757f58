"""What the supervisor tells a person when it cannot go on."""


class StartFailed(Exception):
    """Something did not come up. The message says what, and what to do or where to look."""
