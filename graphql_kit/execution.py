"""Executing a document: parsed and validated once per text, limited, errors masked, ready-made data passed through."""

import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import graphene
import structlog
from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    execute,
    parse,
    specified_rules,
    validate,
)

from graphql_kit.limits import MAX_COMMENTS, MAX_LEXICAL_TOKENS, refuse_excess

log = structlog.get_logger(__name__)


class Prebuilt(dict[str, Any]):
    """An object that SQL has built in the shape of the selection: handed through, never completed field by field."""


class PrebuiltContext(ExecutionContext):
    is_awaitable = staticmethod(lambda value: False)

    def complete_value(self, return_type: Any, field_nodes: Any, info: Any, path: Any, result: Any) -> Any:
        if type(result) is Prebuilt:
            return result
        return super().complete_value(return_type, field_nodes, info, path, result)


@dataclass(frozen=True)
class Answer:
    """`data` is absent if the document never ran (`ran` is false)."""

    ran: bool
    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"data": self.data} if self.ran else {}
        return {**payload, "errors": self.errors} if self.errors else payload


class Executor:
    def __init__(self, schema: graphene.Schema) -> None:
        self.schema: GraphQLSchema = schema.graphql_schema
        self._validated = lru_cache(maxsize=500)(self._parse_and_validate)
        self._parsed = lru_cache(maxsize=500)(self._parse)

    def run(
        self,
        query: str,
        *,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
        context: Any = None,
    ) -> Answer:
        variables = variables or {}
        try:
            # The limits look at the variables too, so they are measured for each request, before validation.
            refuse_excess(self.schema, self._parsed(query), variables)
            document, errors = self._validated(query)
        except GraphQLError as error:
            return Answer(ran=False, errors=[dict(error.formatted)])
        if errors:
            return Answer(ran=False, errors=[dict(error.formatted) for error in errors])
        result = execute(
            self.schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
            execution_context_class=PrebuiltContext,
            hide_suggestions=True,
            max_coercion_errors=5,
        )
        assert isinstance(result, ExecutionResult)  # noqa: S101  # nothing in our schema is awaitable
        return Answer(ran=True, data=result.data, errors=[masked(error) for error in result.errors or []])

    def _parse(self, query: str) -> DocumentNode:
        return parse(query, max_lexical_tokens=MAX_LEXICAL_TOKENS, max_comments=MAX_COMMENTS)

    def _parse_and_validate(self, query: str) -> tuple[DocumentNode, list[GraphQLError]]:
        document = self._parsed(query)
        return document, validate(self.schema, document, specified_rules, max_errors=5, hide_suggestions=True)


def masked(error: GraphQLError) -> dict[str, Any]:
    """What a client may read of an error: its own mistakes, but never the text of ours."""
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        return dict(error.formatted)
    reference = uuid.uuid4().hex[:12]
    log.error("graphql.failed", reference=reference, path=error.path, exc_info=error.original_error)
    return {
        "message": f"Internal error. Quote {reference} when you report it.",
        "path": error.path,
        "extensions": {"code": "INTERNAL", "reference": reference},
    }
