"""How a request about the simulated world itself is refused."""


class Refused(Exception):
    """
    The request cannot be met.

    :param status: the HTTP status that says so.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
