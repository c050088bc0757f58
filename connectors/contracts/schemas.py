"""The JSON Schemas that the contracts publish, and their committed copies, whose diff a reviewer reads."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from connectors.contracts.base import OutboundRecord, Record
from connectors.contracts.catalogue import CONTRACTS

FOLDER = "connectors/contracts/published"


def schema_of(contract: type[Record] | type[OutboundRecord]) -> dict[str, Any]:
    """JSON Schema 2020-12 of one record."""
    (schema,), components = msgspec.json.schema_components([contract], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{contract.contract_name}/{contract.contract_version}",
        **schema,
        "$defs": components,
    }


def text_of(contract: type[Record] | type[OutboundRecord]) -> str:
    return json.dumps(schema_of(contract), indent=2, ensure_ascii=False) + "\n"


def published_files() -> dict[str, Callable[[], str]]:
    """Each committed copy, from the project's folder, and what must stand in it."""
    return {f"{FOLDER}/{name}.json": partial(text_of, contract) for name, contract in CONTRACTS.items()}
