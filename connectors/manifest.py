"""
What this installation can be connected to, for programs: contracts, adapters with their settings and samples, and how
to begin. It is the same for everybody: no organisation's connectors are in it.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from django.urls import reverse

from connectors import registry
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.catalogue import CONTRACTS, INBOUND
from connectors.dossiers import DossierBroken, page_of, records_of
from connectors.form_schemas import schema_of_form
from connectors.protocols.adapter import Adapter, Emission

VERSION = "1"
"""Rises when a member of the manifest is renamed or taken away; new ones may come at any time."""

QUICK_START = (
    {
        "do": "Make a connector of a kind from `adapters`, its settings as `settings_schema` has them.",
        "run": "python manage.py connector add <kind> <name> --set base_url=https://… --secret password=VARIABLE",
    },
    {"do": "Test it.", "run": "python manage.py connector probe <name>"},
    {"do": "See what there is to read.", "run": "python manage.py connector discover <name>"},
    {"do": "Look at ten records.", "run": "python manage.py connector preview <name> --stream <stream>"},
    {"do": "Ask what a read would do.", "run": "python manage.py connector sync <name> --dry-run"},
    {"do": "Read.", "run": "python manage.py connector sync <name>"},
    {"do": "Write an adapter for a system that has none.", "run": "python manage.py connector new <kind>"},
)


@lru_cache(maxsize=1)
def encoded_manifest(adapters: tuple[type[Adapter], ...]) -> tuple[bytes, str]:
    """
    The manifest of these adapters as JSON, and its entity tag (RFC 9110 §8.8.3). Made once: neither changes while a
    process lives.
    """
    body = msgspec.json.encode(manifest(adapters))
    return body, f'"{blake2b(body, digest_size=16).hexdigest()}"'


def manifest(adapters: tuple[type[Adapter], ...]) -> dict[str, Any]:
    return {
        "manifest_version": VERSION,
        "entry_points": registry.ENTRY_POINTS,
        "quick_start": QUICK_START,
        "contracts": [_contract(name, contract) for name, contract in sorted(CONTRACTS.items())],
        "adapters": [_adapter(adapter) for adapter in sorted(adapters, key=lambda one: one.kind)],
    }


def _contract(name: str, contract: type[Record] | type[OutboundRecord]) -> dict[str, Any]:
    return {
        "id": name,
        "name": contract.contract_name,
        "version": contract.contract_version,
        "direction": "in" if name in INBOUND else "out",
        "namespace": getattr(contract, "namespace", None),
        "schema": reverse("contract-schema", args=[contract.contract_name, contract.contract_version]),
    }


def _adapter(adapter: type[Adapter]) -> dict[str, Any]:
    try:
        grade = page_of(adapter).front.get("grade")
    except DossierBroken:
        grade = None
    try:
        samples = records_of(adapter)
    except DossierBroken:
        samples = {}
    return {
        "kind": adapter.kind,
        "label": adapter.label,
        "version": adapter.version,
        "family": adapter.family.value,
        "grade": grade,
        "package": registry.package_of(adapter) or None,
        "emits": [_emission(one, samples.get(contract_id(one.contract))) for one in adapter.emits],
        "accepts": [contract_id(one) for one in adapter.accepts],
        "settings_schema": schema_of_form(adapter.config_form),
        "stream_options_schema": schema_of_form(adapter.stream_form),
    }


def _emission(emission: Emission, sample: Record | None) -> dict[str, Any]:
    return {
        "contract": contract_id(emission.contract),
        "modes": [mode.value for mode in emission.modes],
        "freshness_s": int(emission.freshness.total_seconds()),
        "sample": sample,
    }
