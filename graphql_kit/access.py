from enum import StrEnum

from graphql import GraphQLError, GraphQLResolveInfo


def require(info: GraphQLResolveInfo, capability: StrEnum) -> None:
    """
    :raises GraphQLError: if the caller's role, or the token's scope, does not hold the capability (RFC 6750 §3.1)
    """
    if not info.context.scope.may(capability):
        raise GraphQLError(
            f"This needs the right {capability}, which this member or token does not have.",
            extensions={"code": "INSUFFICIENT_SCOPE", "scope": str(capability)},
        )
