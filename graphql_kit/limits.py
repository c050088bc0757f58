"""
What a document may ask for, measured in one pass between parsing and validation: validation itself is quadratic in
repeated fields, and fragments double what they hold. Each fragment is measured once.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

MOST = {
    "depth": 12,
    "fields": 400,
    "aliases": 30,
    "roots": 8,
    "directives": 20,
    "cost": 120_000,
    "repeats": 40,
}
DEFAULT_PAGE = 25
MAX_LEXICAL_TOKENS = 4_000
MAX_COMMENTS = 100


@dataclass(frozen=True)
class Weight:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def beside(self, other: "Weight") -> "Weight":
        return Weight(
            depth=max(self.depth, other.depth),
            fields=self.fields + other.fields,
            aliases=self.aliases + other.aliases,
            directives=self.directives + other.directives,
            cost=self.cost + other.cost,
        )


class _Scale:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self.schema = schema
        self.variables = variables
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.known: dict[tuple[str, int | None], Weight] = {}
        self.open: set[str] = set()
        self.seen: Counter[tuple[str | None, str]] = Counter()

    def weigh(self, selections: SelectionSetNode, type_: Any, page: int | None = None) -> Weight:
        total = Weight()
        for node in selections.selections:
            match node:
                case FieldNode():
                    weight = self._field(node, type_, page)
                case InlineFragmentNode():
                    weight = self.weigh(node.selection_set, self._condition_of(node) or type_, page)
                case FragmentSpreadNode():
                    weight = self._fragment(node.name.value, page)
                case _:
                    weight = Weight()
            total = total.beside(weight).beside(Weight(directives=len(node.directives)))
        return total

    def _field(self, node: FieldNode, type_: Any, page: int | None) -> Weight:
        self.seen[getattr(type_, "name", None), (node.alias or node.name).value] += 1
        definition = getattr(type_, "fields", {}).get(node.name.value)
        many = definition is not None and _is_list(definition.type)
        size = self._page_size(node)
        inner = Weight()
        if node.selection_set:
            inner = self.weigh(
                node.selection_set,
                definition and get_named_type(definition.type),
                size or (None if many else page),
            )
        return Weight(
            depth=inner.depth + 1,
            fields=inner.fields + 1,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
            cost=((size or page or DEFAULT_PAGE) if many else 1) * (1 + inner.cost),
        )

    def _condition_of(self, node: InlineFragmentNode) -> Any:
        condition: Any = node.type_condition  # the library's types forget that it may be absent
        return condition and self.schema.type_map.get(condition.name.value)

    def _fragment(self, name: str, page: int | None) -> Weight:
        fragment = self.fragments.get(name)
        if fragment is None or name in self.open:
            return Weight()  # unknown names and cycles are left to the standard rules
        if (name, page) not in self.known:
            self.open.add(name)
            type_ = self.schema.type_map.get(fragment.type_condition.name.value)
            self.known[name, page] = self.weigh(fragment.selection_set, type_, page)
            self.open.discard(name)
        return self.known[name, page]

    def _page_size(self, node: FieldNode) -> int | None:
        for argument in node.arguments:
            if argument.name.value in {"first", "last"}:
                match argument.value:
                    case IntValueNode(value=value):
                        return int(value)
                    case VariableNode(name=name):
                        given = self.variables.get(name.value)
                        return given if isinstance(given, int) else None
        return None


def _is_list(type_: Any) -> bool:
    while is_non_null_type(type_):
        type_ = type_.of_type
    return bool(is_list_type(type_))


def refuse_excess(schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
    """
    :raises GraphQLError: naming the limit that the document is over
    """
    scale = _Scale(schema, document, variables)
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        root = schema.get_root_type(operation.operation)
        weight = scale.weigh(operation.selection_set, root)
        measured = {
            "depth": weight.depth,
            "fields": weight.fields,
            "aliases": weight.aliases,
            "roots": len(operation.selection_set.selections),
            "directives": weight.directives,
            "cost": weight.cost,
            "repeats": sum(count - 1 for count in scale.seen.values()),
        }
        for name, value in measured.items():
            if value > MOST[name]:
                raise GraphQLError(
                    f"This query is too large: {name} {value}, at most {MOST[name]}. Ask for less, or in parts.",
                    extensions={"code": "QUERY_TOO_LARGE", "limit": name},
                )
