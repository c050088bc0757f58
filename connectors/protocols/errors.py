"""Errors of talking to a source system, named by the reaction that they call for (never by the wire's code)."""

from datetime import datetime


class SourceError(Exception):
    """The message is a sentence for a person; it never holds a secret."""


class Unreachable(SourceError):
    """No answer, a refused connection or a server error: try later."""


class Interrupted(Unreachable):
    """What the source tells of by itself broke off, and something may have been missed: listen anew, and catch up."""


class Throttled(SourceError):
    """The source asks us to wait: try at `retry_at`."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class Unauthorized(SourceError):
    """The source refuses our credentials: ask a person."""


class BadConfig(SourceError):
    """A setting is wrong: ask a person. `field` is the field of the connector's form, if one is to blame."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class FullReadNeeded(SourceError):
    """
    Not to be gone on with from that cursor: what has changed since cannot be told. Raised before the first page; the
    engine then reads everything, once.
    """


class CannotListen(SourceError):
    """The source does not tell of changes by itself, or no more of them than it does: poll it."""


class ContractBroken(SourceError):
    """The source answers something else than its protocol promises: stop this stream."""


class BadRecord(SourceError):
    """One record cannot be read: set it aside, go on. `path` points at the offending field."""

    def __init__(self, message: str, *, external_id: str | None = None, path: str = "") -> None:
        super().__init__(message)
        self.external_id = external_id
        self.path = path

    @classmethod
    def of(cls, external_id: object, error: Exception, *, path: str = "") -> "BadRecord":
        """Wrap what went wrong while reading one record."""
        key = "" if external_id is None else str(external_id)
        match error:
            case KeyError():
                return cls(f"{error.args[0]} is missing", external_id=key, path=path or str(error.args[0]))
            case _:
                return cls(str(error) or type(error).__name__, external_id=key, path=path)
