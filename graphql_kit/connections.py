"""A keyset connection as a field: the rows come from a query of the app, what they point at by looking ahead."""

from collections.abc import Callable, Mapping
from typing import Any

import graphene
from django.db.models import QuerySet
from graphene import relay
from graphql import GraphQLResolveInfo

from graphql_kit.keyset import Order, keyset_page
from graphql_kit.lookahead import selected

Rows = Callable[..., QuerySet[Any]]


class CountedConnection(relay.Connection):
    """A connection that counts its rows only when asked to."""

    class Meta:
        abstract = True

    total_count = graphene.Int(required=True, description="Counted only when asked for.")

    def resolve_total_count(self, info: GraphQLResolveInfo) -> int:
        return int(self.count())


class KeysetField(graphene.Field):
    """A field of a connection that its resolver gives whole."""

    def __init__(self, connection: type[relay.Connection], **arguments: Any) -> None:
        super().__init__(
            connection,
            first=graphene.Int(),
            after=graphene.String(),
            last=graphene.Int(),
            before=graphene.String(),
            required=True,
            **arguments,
        )


def page_of(
    info: GraphQLResolveInfo,
    connection: type[relay.Connection],
    rows: QuerySet[Any],
    order: Order,
    *,
    joins: Mapping[str, str] | None = None,
    prefetches: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """
    A page of rows, with no query per row.

    :param joins: field of the node → what to `select_related` when it is asked for
    :param prefetches: field of the node → what to `prefetch_related` when it is asked for
    """
    wanted = selected(info)
    paging = {name: arguments.pop(name, None) for name in ("first", "after", "last", "before")}
    if related := [path for name, path in (joins or {}).items() if f"edges.node.{name}" in wanted]:
        rows = rows.select_related(*related)
    if fetched := [one for name, one in (prefetches or {}).items() if f"edges.node.{name}" in wanted]:
        rows = rows.prefetch_related(*fetched)
    return keyset_page(connection, rows, order, filters=repr(sorted(arguments.items())), **paging)
