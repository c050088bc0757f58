"""Whether a database takes the texts of a record: PostgreSQL keeps no character U+0000, and nothing but UTF-8."""

import re
from collections.abc import Sequence
from functools import cache

import msgspec
from msgspec import inspect

from connectors.contracts.base import Record
from connectors.protocols.convert import fields_of, types_of
from connectors.protocols.errors import BadRecord

TEXTLESS = {
    inspect.BoolType,
    inspect.DateTimeType,
    inspect.EnumType,
    inspect.FloatType,
    inspect.IntType,
    inspect.NoneType,
}
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def are_storable(records: Sequence[Record]) -> bool:
    """
    Whether all of a page's records, of one contract, surely are. Looked at as a whole, since nearly always they are;
    `check_storable` tells of one.
    """
    names = text_fields_of(type(records[0])) if records else ()
    try:
        if names is None:
            encoded = msgspec.json.encode(records)
            if not encoded.isascii():
                encoded.decode()
            return rb"\u0000" not in encoded
        # Many records have the same texts, such as the readings of a signal its name.
        texts = "".join({text for name in names for record in records if (text := getattr(record, name))})
        texts.encode()
    except UnicodeError:
        return False
    return "\0" not in texts


@cache
def text_fields_of(contract: type[Record]) -> tuple[str, ...] | None:
    """The fields of a contract that hold text; `None` if others hold what may have texts in it."""
    kinds = {name: set(types_of(contract, name)) for name in fields_of(contract)}
    if not set().union(*kinds.values()) <= {*TEXTLESS, inspect.StrType}:
        return None
    return tuple(name for name, found in kinds.items() if inspect.StrType in found)


def check_storable(record: Record) -> None:
    """
    :raises BadRecord: if it holds a text that no database takes
    """
    try:
        encoded = msgspec.json.encode(record)
    except UnicodeEncodeError as error:
        raise BadRecord("it holds half a surrogate pair, which is no character", external_id="") from error
    try:
        encoded.decode()
    except UnicodeDecodeError as error:
        raise BadRecord("it holds bytes that are no UTF-8", external_id=record.external_id) from error
    if _NUL.search(encoded):
        raise BadRecord(
            "it holds the character U+0000, which cannot be kept",
            external_id=record.external_id if "\0" not in record.external_id else "",
        )
