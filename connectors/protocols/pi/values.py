"""
Values of the PI System (`TimedValue`): a number or a word with its time, and how far to trust it.

A value that is no good may still look like one: a system state is an object with a number, 248 or 255, which
measures nothing. So `Good` and `IsSystem` decide, and the state's name is kept as the reason.
"""

from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from connectors.contracts.reading import Quality
from connectors.protocols.moments import parse_moment

LONGEST_WORD = 400
"""What a value may have for a word; anything longer is a document."""

NEVER = "9999-"
"""What the time begins with that stands for no end, such as that of an event frame under way."""


class PiValue(msgspec.Struct, frozen=True, gc=False):
    """
    :param number: a number as it came, or that of a digital state
    :param word: a text, or the name of a digital state
    :param reason: why it is not good, in the source's words
    """

    at: datetime
    number: float | None
    word: str | None
    quality: Quality
    reason: str = ""


def read_timed_value(raw: Any) -> PiValue:
    """
    :raises ValueError: if it has no time, or is neither a number nor a word
    """
    if not isinstance(raw, dict):
        raise ValueError("a value is no object")
    at = parse_moment(raw.get("Timestamp"))
    if at is None:
        raise ValueError("a value has no Timestamp")
    value = raw.get("Value")
    is_good = raw.get("Good", True) is True
    # By far the most values, and so told apart first.
    if type(value) is float and is_good and not raw.get("Questionable") and not raw.get("Errors"):
        return PiValue(at, value, None, Quality.GOOD)
    if trouble := errors_in(raw) or errors_in(value):
        return PiValue(at, None, None, Quality.BAD, trouble)
    if isinstance(value, dict):
        name = value.get("Name")
        if not isinstance(name, str):
            raise ValueError("an object that is no digital state is no value")
        if value.get("IsSystem") is True or not is_good:
            return PiValue(at, None, None, Quality.BAD, name)
    if not is_good:
        reason = value if isinstance(value, str) and 0 < len(value) <= LONGEST_WORD else "Bad"
        return PiValue(at, None, None, Quality.BAD, reason)
    number, word = _number_and_word(value)
    if number is None and word is None:
        return PiValue(at, None, None, Quality.BAD, "NoValue" if value is None else "NotANumber")
    if raw.get("Questionable") is True:
        return PiValue(at, number, word, Quality.UNCERTAIN, "Questionable")
    return PiValue(at, number, word, Quality.GOOD)


def _number_and_word(value: Any) -> tuple[float | None, str | None]:
    match value:
        case {"Name": str() as name, **state}:
            code = state.get("Value")
            return (float(code) if isinstance(code, int | float) else None), name
        case None:
            return None, None
        case bool() | int() | float() as number:
            return (float(number), None) if isfinite(number) else (None, None)
        case str() as word if len(word) <= LONGEST_WORD:
            # JSON has no NaN: a server writes it as text.
            return None, None if word in ("NaN", "Infinity", "-Infinity") else word
        case other:
            raise ValueError(f"a value of type {type(other).__name__} is neither a number nor a word")


def errors_in(raw: Any) -> str:
    """
    The `Errors` of an object as one sentence; they are texts, or objects of `FieldName` and `Message`, which again is
    a text or several. Empty: it has none.
    """
    errors = raw.get("Errors") if isinstance(raw, dict) else None
    if not isinstance(errors, list):
        return ""
    said: list[str] = []
    for error in errors:
        message = error.get("Message") if isinstance(error, dict) else error
        said += [str(one) for one in (message if isinstance(message, list) else [message]) if one]
    return "; ".join(said)[:LONGEST_WORD]


def read_end(raw: Any) -> datetime | None:
    """
    The end of an event frame; `None` while it is under way.

    :raises ValueError: if it is no time
    """
    return None if raw is None or (isinstance(raw, str) and raw.startswith(NEVER)) else parse_moment(raw)
