"""The GIS's records: what its two collections hold, and edits of them."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from simulator.errors import Refused
from simulator.gis.zones import rural_zones
from simulator.grid import rural_grid

Feature = Mapping[str, Any]

FIRST_CHANGE = datetime(2024, 1, 1, tzinfo=UTC)
FIRST_INSTALLATION = datetime(1998, 1, 1, tzinfo=UTC)
# Real registers have such rows: no stamp (they come in no delta) and no place.
WITHOUT_MODIFIED = frozenset({"LN-17", "BUS-213"})
WITHOUT_GEOMETRY = frozenset({"BUS-217", "BUS-9001"})


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def installed_on(element_id: str) -> datetime:
    return FIRST_INSTALLATION + timedelta(days=zlib.crc32(element_id.encode()) % (365 * 25))


def last_changed(element_id: str) -> datetime:
    return FIRST_CHANGE + timedelta(hours=zlib.crc32(f"{element_id} changed".encode()) % (24 * 365))


@lru_cache(maxsize=1)
def _network() -> Mapping[str, Feature]:
    zones = rural_zones()
    return {
        element.id: {
            "type": "Feature",
            "id": element.id,
            "geometry": None if element.id in WITHOUT_GEOMETRY else element.geometry,
            "properties": {
                **element.properties,
                "zone": zones.by_subnet[element.subnet],
                "installed": stamp(installed_on(element.id)),
                "modified": None if element.id in WITHOUT_MODIFIED else stamp(last_changed(element.id)),
            },
        }
        for element in rural_grid().elements.values()
    }


@lru_cache(maxsize=1)
def _zone_features() -> Mapping[str, Feature]:
    return {
        zone.id: {
            "type": "Feature",
            "id": zone.id,
            "geometry": {"type": "Polygon", "coordinates": [[list(point) for point in zone.ring]]},
            "properties": {
                "id": zone.id,
                "name": zone.name,
                "level": zone.level,
                "parent": zone.parent,
                "modified": stamp(FIRST_CHANGE),
            },
        }
        for zone in rural_zones().by_id.values()
    }


class FeatureRecords:
    """One simulator's own copy: an edit puts a new feature in the place of the shared one. Not locked."""

    def __init__(self) -> None:
        self.collections: Mapping[str, dict[str, Feature]] = {
            "network": dict(_network()),
            "zones": dict(_zone_features()),
        }

    def edit(self, feature_id: str, changes: Mapping[str, Any], *, now: datetime) -> None:
        """
        :raises Refused: 404 unknown, 400 a property that its collection has not.
        """
        features = self._holding(feature_id)
        feature = features[feature_id]
        unknown = set(changes) - (set(feature["properties"]) - {"id", "modified"})
        if unknown:
            raise Refused(f"{feature_id} has no {', '.join(sorted(unknown))} to set.")
        properties = {**feature["properties"], **changes, "modified": stamp(now)}
        features[feature_id] = {**feature, "properties": properties}

    def remove(self, feature_id: str) -> None:
        """
        :raises Refused: 404 unknown.
        """
        del self._holding(feature_id)[feature_id]

    def _holding(self, feature_id: str) -> dict[str, Feature]:
        for features in self.collections.values():
            if feature_id in features:
                return features
        raise Refused(f"The GIS has no feature {feature_id}.", status=404)
