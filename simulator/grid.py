"""The grid as it was built: elements, service points, critical places. Read once, never changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

SWITCH_KINDS = frozenset({"breaker", "load_break_switch"})

LonLat = tuple[float, float]


@dataclass(frozen=True)
class Element:
    """One feature of the network. With both nodes it is a branch, with one it sits on that node."""

    id: str
    kind: str
    name: str
    nominal_kv: float
    from_node: str
    to_node: str | None
    is_normally_open: bool
    subnet: str
    substation: str | None
    geometry: Mapping[str, Any]
    properties: Mapping[str, Any]

    @property
    def is_switch(self) -> bool:
        return self.kind in SWITCH_KINDS

    @property
    def is_measured(self) -> bool:
        """Breakers of medium and high voltage carry transducers; nothing else does."""
        return self.kind == "breaker" and self.nominal_kv >= 20

    @property
    def positions(self) -> list[LonLat]:
        coordinates = self.geometry["coordinates"]
        points = [coordinates] if self.geometry["type"] == "Point" else coordinates
        return [(float(longitude), float(latitude)) for longitude, latitude in points]


@dataclass(frozen=True)
class ServicePoint:
    id: str
    name: str
    node: str
    customer_class: str
    profile: str
    peak_kw: float
    position: LonLat
    critical_reason: str | None

    @property
    def is_critical(self) -> bool:
        return self.critical_reason is not None


@dataclass(frozen=True)
class Grid:
    elements: Mapping[str, Element]
    service_points: Mapping[str, ServicePoint]
    # Active power as a share of the peak: profile -> one value per quarter-hour of the day.
    profiles: Mapping[str, tuple[float, ...]]

    @property
    def switches(self) -> list[Element]:
        return [element for element in self.elements.values() if element.is_switch]

    @property
    def branches(self) -> list[Element]:
        return [element for element in self.elements.values() if element.to_node is not None]

    @property
    def source_nodes(self) -> list[str]:
        return [element.from_node for element in self.elements.values() if element.kind == "source"]


@lru_cache(maxsize=1)
def rural_grid() -> Grid:
    """The shipped grid. Immutable, so all simulators in one process may share it."""
    folder = DATA / "rural_grid"
    features = json.loads((folder / "network.geojson").read_text(encoding="utf-8"))["features"]
    critical = json.loads((DATA / "critical.json").read_text(encoding="utf-8"))["service_points"]
    points = json.loads((folder / "service_points.json").read_text(encoding="utf-8"))
    return Grid(
        elements={feature["id"]: _element(feature) for feature in features},
        service_points={point["id"]: _service_point(point, critical.get(point["id"])) for point in points},
        profiles=_profiles(folder / "load_profiles_day.csv"),
    )


def _element(feature: Mapping[str, Any]) -> Element:
    properties = feature["properties"]
    return Element(
        id=feature["id"],
        kind=properties["kind"],
        name=properties["name"],
        nominal_kv=properties["nominal_kv"],
        from_node=properties["from_node"],
        to_node=properties["to_node"],
        is_normally_open=properties["normally_open"],
        subnet=properties["subnet"],
        substation=properties["substation"],
        geometry=feature["geometry"],
        properties=properties,
    )


def _service_point(row: Mapping[str, Any], critical_reason: str | None) -> ServicePoint:
    longitude, latitude = row["coordinates"]
    return ServicePoint(
        id=row["id"],
        name=row["name"],
        node=row["node"],
        customer_class=row["customer_class"],
        profile=row["profile"],
        peak_kw=row["peak_kw"],
        position=(longitude, latitude),
        critical_reason=critical_reason,
    )


def _profiles(path: Path) -> dict[str, tuple[float, ...]]:
    header, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    return {
        name.removesuffix("_pload"): tuple(float(row[column]) for row in rows)
        for column, name in enumerate(header)
        if name.endswith("_pload")
    }
