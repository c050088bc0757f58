"""
Relay connections paged by key, not by offset: a page costs the same at any depth, and rows inserted meanwhile neither
repeat nor hide one.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from graphene import relay
from graphql import GraphQLError

LARGEST_PAGE = 200
DEFAULT_PAGE = 50


@dataclass(frozen=True)
class Order:
    """
    The columns of a connection's order, all in one direction, ending in a unique one. `name` keeps a cursor of one
    order from being read in another.
    """

    name: str
    columns: tuple[str, ...]
    descending: bool = True


class BadCursor(GraphQLError):
    def __init__(self) -> None:
        super().__init__(
            "This cursor is not of this list, or its filters changed. Start again without `after` and `before`.",
            extensions={"code": "BAD_CURSOR"},
        )


def page_size(first: int | None, last: int | None) -> tuple[int, bool]:
    """
    How many rows, and whether from the end.

    :raises GraphQLError: if both are given, or the size is out of range
    """
    if first is not None and last is not None:
        raise GraphQLError("Give `first` or `last`, not both.", extensions={"code": "BAD_PAGE"})
    size = first if first is not None else last if last is not None else DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise GraphQLError(f"A page has 1 to {LARGEST_PAGE} rows.", extensions={"code": "BAD_PAGE"})
    return size, last is not None


def encode_cursor(tag: str, values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([tag, *values])).decode().rstrip("=")


def decode_cursor(tag: str, cursor: str, kinds: Sequence[type]) -> list[Any]:
    """
    :param kinds: the type of each value; `datetime` is read from ISO 8601
    :raises BadCursor: if it is not one of ours, or of another list
    """
    try:
        found, *values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if found != tag or len(values) != len(kinds):
            raise BadCursor
        return [
            datetime.fromisoformat(value) if kind is datetime else kind(value)
            for kind, value in zip(kinds, values, strict=True)
        ]
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadCursor from error


def keyset_page(
    connection: Any,
    rows: QuerySet[Any],
    order: Order,
    *,
    filters: str = "",
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Any:
    """
    One page of `rows` as a connection object of the class `connection`.

    :param filters: what else narrows the rows, so that a cursor is not carried from one filter to another
    """
    size, backwards = page_size(first, last)
    tag = f"{order.name}|{filters}"
    fields = [rows.model._meta.get_field(column) for column in order.columns]
    kinds = [
        datetime
        if field.get_internal_type() == "DateTimeField"
        else int
        if "Integer" in field.get_internal_type() or field.primary_key
        else str
        for field in fields
    ]
    key = Tuple(*(F(column) for column in order.columns))
    beyond, short_of = (TupleLessThan, TupleGreaterThan) if order.descending else (TupleGreaterThan, TupleLessThan)
    every = rows
    if after:
        rows = rows.filter(beyond(key, tuple(decode_cursor(tag, after, kinds))))
    if before:
        rows = rows.filter(short_of(key, tuple(decode_cursor(tag, before, kinds))))
    sign = "-" if order.descending != backwards else ""
    found = list(rows.order_by(*(f"{sign}{column}" for column in order.columns))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    cursors = [encode_cursor(tag, [getattr(row, column) for column in order.columns]) for row in found]
    page = connection(
        edges=[connection.Edge(node=row, cursor=cursor) for row, cursor in zip(found, cursors, strict=True)],
        page_info=relay.PageInfo(
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
            has_next_page=bool(before) if backwards else more,
            has_previous_page=more if backwards else bool(after),
        ),
    )
    page.count = lambda: every.order_by().count()
    return page
