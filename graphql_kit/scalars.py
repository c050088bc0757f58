"""Scalars that say no to what graphene's own let through: naive times, numbers beyond JSON, JSON inside a string."""

from datetime import UTC, datetime
from typing import Any

import graphene
from graphql import GraphQLError, IntValueNode, StringValueNode, ValueNode, value_from_ast_untyped

LARGEST_EXACT = 2**53


class Instant(graphene.Scalar):
    """A moment: ISO 8601 date and time with an offset. Written in UTC."""

    @staticmethod
    def serialize(value: Any) -> str:
        return value if isinstance(value, str) else value.astimezone(UTC).isoformat()

    @staticmethod
    def parse_value(value: Any) -> datetime:
        if isinstance(value, str) and "T" in value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                moment = None
            if moment is not None and moment.tzinfo is not None:
                return moment.astimezone(UTC)
        raise GraphQLError("Give a date and time with its offset, such as 2026-11-24T02:15:00Z.")

    @classmethod
    def parse_literal(cls, node: ValueNode, variables: Any = None) -> datetime:
        return cls.parse_value(node.value if isinstance(node, StringValueNode) else None)


class Long(graphene.Scalar):
    """A whole number that JSON carries exactly (below 2^53 in size)."""

    @staticmethod
    def serialize(value: Any) -> int:
        return int(value)

    @staticmethod
    def parse_value(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_EXACT:
            return value
        raise GraphQLError("Give a whole number below 2^53.")

    @classmethod
    def parse_literal(cls, node: ValueNode, variables: Any = None) -> int:
        return cls.parse_value(int(node.value) if isinstance(node, IntValueNode) else None)


class JSON(graphene.Scalar):
    """Any JSON value, as itself."""

    @staticmethod
    def serialize(value: Any) -> Any:
        return value

    @staticmethod
    def parse_value(value: Any) -> Any:
        return value

    @staticmethod
    def parse_literal(node: ValueNode, variables: Any = None) -> Any:
        return value_from_ast_untyped(node, variables)
