"""Times as sources write them."""

from datetime import UTC, datetime, tzinfo


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
        moment = datetime.fromisoformat(value.strip())
    else:
        raise ValueError(f"{value!r} is not a time in ISO 8601")
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, which every server understands; whole seconds where it has no more."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
