"""Zones, features and network elements as the GIS has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from connectors.contracts.feature import Feature as FeatureRecord
from connectors.contracts.network_element import ElementKind
from connectors.contracts.network_element import NetworkElement as NetworkElementRecord
from connectors.contracts.zone import Zone as ZoneRecord
from connectors.landing import Change, Gone, Landed, Landing, SetAside
from connectors.merge import Merged, Prepared, merge, merge_prepared, prepare, retire
from gis.geometry import Placement, place, place_features
from gis.models import Feature, NetworkElement, Zone
from organisation.scope import current_scope

_PLACED = ("geometry", "extent", "longitude", "latitude")


def land_zones(records: Sequence[ZoneRecord], landing: Landing) -> Landed:
    """Land areas. A parent, or an element inside, is tied to its zone whichever of the two lands first."""
    placements = place([record.geometry for record in records])
    faults = [
        _fault_of_geometry(index, placement) or _fault_of_parent(index, record)
        for index, (record, placement) in enumerate(zip(records, placements, strict=True))
    ]
    merged = merge(
        Zone,
        [
            (
                *(record.external_id, record.source_time, record.name, record.level, record.parent),
                *_placed(record.geometry, placement),
            )
            for record, placement, fault in zip(records, placements, faults, strict=True)
            if fault is None
        ],
        landing=landing,
        columns=("external_id", "source_time", "name", "level", "parent_external_id", *_PLACED),
    )
    _tie_zones(merged.ids_touched, organisation_id=landing.organisation_id)
    return _landed(merged, faults)


@dataclass(frozen=True, kw_only=True)
class PreparedFeatures:
    rows: Prepared
    faults: Sequence[SetAside]


def prepare_features(records: Sequence[FeatureRecord]) -> PreparedFeatures:
    placements = place_features([record.geometry for record in records])
    rows = prepare(
        Feature,
        (
            (
                *(record.external_id, record.source_time, record.collection, record.properties),
                *(record.geometry, placement.longitude, placement.latitude),
            )
            for record, placement in zip(records, placements, strict=True)
            if not placement.fault
        ),
        columns=("external_id", "source_time", "collection", "properties", "geometry", "longitude", "latitude"),
    )
    faults = (_fault_of_geometry(index, placement) for index, placement in enumerate(placements))
    return PreparedFeatures(rows=rows, faults=[fault for fault in faults if fault is not None])


def land_features(features: PreparedFeatures, landing: Landing) -> Landed:
    # Nobody follows features: how many is all that is asked.
    return _landed(merge_prepared(features.rows, landing=landing, tells_ids=False), features.faults)


def land_network_elements(records: Sequence[NetworkElementRecord], landing: Landing) -> Landed:
    """
    Land the network model. What it means for supply is worked out by `gis.services.network.follow_network`.
    """
    placements = place([record.geometry for record in records])
    faults = [
        _fault_of_geometry(index, placement) or _fault_of_terminals(index, record)
        for index, (record, placement) in enumerate(zip(records, placements, strict=True))
    ]
    merged = merge(
        NetworkElement,
        [
            (
                record.external_id,
                record.source_time,
                record.kind,
                record.name,
                record.nominal_voltage_v,
                record.terminals[0],
                record.terminals[1] if len(record.terminals) > 1 else None,
                record.normally_open,
                record.zone,
                *_placed(record.geometry, placement),
            )
            for record, placement, fault in zip(records, placements, faults, strict=True)
            if fault is None
        ],
        landing=landing,
        columns=(
            *("external_id", "source_time", "kind", "name", "nominal_voltage_v"),
            *("from_node", "to_node", "normally_open", "zone_external_id", *_PLACED),
        ),
    )
    if merged.ids_touched:
        _tie_elements(merged.ids_touched, organisation_id=landing.organisation_id)
        _mark_due(landing)
    return _landed(merged, faults)


def retire_network_elements(landing: Landing, gone: Gone) -> Sequence[int]:
    """Retire what the GIS no longer has; it conducts no more once the network is followed."""
    retired = retire(NetworkElement, landing, gone)
    if retired:
        _mark_due(landing)
    return retired


def follow_zones(change: Change) -> None:
    """Tie what names these zones to them; a zone that is gone from its source holds nothing any more."""
    _tie_zones(change.ids, organisation_id=current_scope().organisation_id)


TIE_ELEMENTS = """
UPDATE gis_networkelement AS element SET zone_id = found.zone_id
FROM (
  SELECT named.id, zone.id AS zone_id
  FROM gis_networkelement AS named LEFT JOIN gis_zone AS zone
    ON zone.organisation_id = named.organisation_id AND zone.connector_id = named.connector_id
    AND zone.external_id = named.zone_external_id AND zone.retired_at IS NULL
  WHERE named.organisation_id = %(organisation)s AND named.id = ANY(%(elements)s)
) AS found
WHERE element.organisation_id = %(organisation)s AND element.id = found.id
  AND element.zone_id IS DISTINCT FROM found.zone_id
"""

TIE_ELEMENTS_OF_ZONES = """
UPDATE gis_networkelement AS element
SET zone_id = CASE WHEN zone.retired_at IS NULL THEN zone.id END
FROM gis_zone AS zone
WHERE zone.organisation_id = %(organisation)s AND zone.id = ANY(%(zones)s)
  AND element.organisation_id = zone.organisation_id AND element.connector_id = zone.connector_id
  AND element.zone_external_id = zone.external_id
  AND element.zone_id IS DISTINCT FROM CASE WHEN zone.retired_at IS NULL THEN zone.id END
"""

MARK_DUE = """
INSERT INTO gis_network AS network (organisation_id, version, is_due, topology_at, node_count)
VALUES (%(organisation)s, 0, true, %(now)s, 0)
ON CONFLICT (organisation_id) DO UPDATE SET is_due = true, topology_at = excluded.topology_at
"""

# Zones are few: all of them are looked at, for one that landed may be parent and child.
TIE_PARENTS = """
UPDATE gis_zone AS zone SET parent_id = found.parent_id
FROM (
  SELECT child.id, parent.id AS parent_id
  FROM gis_zone AS child LEFT JOIN gis_zone AS parent
    ON parent.organisation_id = child.organisation_id AND parent.connector_id = child.connector_id
    AND parent.external_id = child.parent_external_id AND parent.retired_at IS NULL
  WHERE child.organisation_id = %(organisation)s
) AS found
WHERE zone.organisation_id = %(organisation)s AND zone.id = found.id
  AND zone.parent_id IS DISTINCT FROM found.parent_id
"""


def _mark_due(landing: Landing) -> None:
    """
    In the transaction that changes elements, so that whoever numbers next, for whatever reason, numbers for all that
    landed until then; and no position that is read before that is judged by numbers that know nothing of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(MARK_DUE, {"organisation": landing.organisation_id, "now": landing.now})


def _tie_elements(element_ids: Sequence[int], *, organisation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TIE_ELEMENTS, {"organisation": organisation_id, "elements": list(element_ids)})


def _tie_zones(zone_ids: Sequence[int], *, organisation_id: int) -> None:
    if not zone_ids:
        return
    parameters: dict[str, Any] = {"organisation": organisation_id, "zones": list(zone_ids)}
    with connection.cursor() as cursor:
        cursor.execute(TIE_PARENTS, parameters)
        cursor.execute(TIE_ELEMENTS_OF_ZONES, parameters)


def _fault_of_geometry(index: int, placement: Placement) -> SetAside | None:
    return SetAside(index=index, reason=placement.fault, path="geometry") if placement.fault else None


def _fault_of_parent(index: int, record: ZoneRecord) -> SetAside | None:
    if record.parent == record.external_id:
        return SetAside(index=index, reason="A zone cannot be its own parent.", path="parent")
    return None


def _fault_of_terminals(index: int, record: NetworkElementRecord) -> SetAside | None:
    if record.kind is ElementKind.SOURCE and len(record.terminals) > 1:
        return SetAside(index=index, reason="A source stands on one node; this one names two.", path="terminals")
    return None


def _placed(geometry: dict[str, Any] | None, placement: Placement) -> tuple[Any, ...]:
    return geometry, placement.extent, placement.longitude, placement.latitude


def _landed(merged: Merged, faults: Sequence[SetAside | None]) -> Landed:
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
        set_aside=tuple(fault for fault in faults if fault is not None),
    )
