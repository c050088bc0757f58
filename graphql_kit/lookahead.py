"""What a selection asks for, so that rows come with what they point at."""

from typing import Any

from graphene.utils.str_converters import to_snake_case
from graphql import GraphQLResolveInfo, get_named_type
from graphql.execution.collect_fields import collect_sub_fields


def selected(info: GraphQLResolveInfo) -> set[str]:
    """Every field selected below the present one, as dotted snake-case paths: `edges.node.zone.name`."""
    found: set[str] = set()

    def walk(nodes: Any, type_: Any, prefix: str) -> None:
        for group in collect_sub_fields(info.schema, info.fragments, info.variable_values, type_, nodes).values():
            name = group[0].name.value
            path = prefix + to_snake_case(name)
            found.add(path)
            inner = name in type_.fields and get_named_type(type_.fields[name].type)
            if inner and hasattr(inner, "fields"):
                walk(group, inner, path + ".")

    walk(info.field_nodes, get_named_type(info.return_type), "")
    return found
