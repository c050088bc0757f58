import time

import pytest
from graphql import GraphQLError, build_schema, parse

from graphql_kit.limits import refuse_excess

SCHEMA = build_schema("type Query { a: Query, list(first: Int): [Query!], text: String }")


def limit_of(document: str, **variables: object) -> str | None:
    try:
        refuse_excess(SCHEMA, parse(document), variables)
    except GraphQLError as error:
        return str((error.extensions or {})["limit"])
    return None


def doubling_fragments(levels: int) -> str:
    fragments = " ".join(
        f"fragment f{n} on Query {{ x: a {{ ...f{n + 1} }} y: a {{ ...f{n + 1} }} }}" for n in range(levels)
    )
    return f"{{ ...f0 }} {fragments} fragment f{levels} on Query {{ text }}"


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        ("{" + "a {" * 13 + "text" + "}" * 14, "depth"),
        ("{ list(first: 200) { list(first: 200) { list { text } } } }", "cost"),
        ("{ " + " ".join(f"x{n}: text" for n in range(31)) + " }", "aliases"),
        ("{ " + "text " * 60 + "}", "roots"),
        ("{ a { " + "text " * 60 + "} }", "repeats"),
        ("{ a { text " + "@skip(if: false) " * 21 + "} }", "directives"),
        (doubling_fragments(20), "depth"),
    ],
)
def test_a_document_over_a_limit_is_refused_by_its_name(document: str, limit: str) -> None:
    assert limit_of(document) == limit


def test_page_sizes_come_from_variables_too() -> None:
    document = "query($n: Int) { list(first: $n) { list(first: $n) { list { text } } } }"
    assert limit_of(document, n=5) is None
    assert limit_of(document, n=200) == "cost"


def test_cycles_and_unknown_fragments_are_left_to_validation() -> None:
    assert limit_of("{ ...f } fragment f on Query { a { ...f } }") is None
    assert limit_of("{ ...nowhere }") is None


def test_measuring_is_linear_in_the_document() -> None:
    started = time.perf_counter()
    limit_of(doubling_fragments(60))
    assert time.perf_counter() - started < 1  # doubling would take longer than the universe
