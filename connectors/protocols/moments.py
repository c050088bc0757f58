"""Times as sources write them."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache


def parse_moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """
    An ISO 8601 time with its offset; one without is taken to be in `zone`. Nothing, or an empty text: `None`.

    :raises ValueError: if it is no time
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _from_text(value)
    else:
        raise ValueError(f"{value!r} is not a time in ISO 8601")
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


@lru_cache(maxsize=4096)
def _from_text(text: str) -> datetime:
    """Kept for a while: a record's time is looked at when its page comes, and when it is read."""
    return datetime.fromisoformat(text.strip())


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, which every server understands; whole seconds where it has no more."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
