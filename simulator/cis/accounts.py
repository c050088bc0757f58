"""The CIS's records: service points with their accounts. Nobody in them is real."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from simulator.errors import Refused
from simulator.grid import ServicePoint, rural_grid

CustomerRecord = Mapping[str, Any]

FIRST_CHANGE = datetime(2024, 1, 1, tzinfo=UTC)
HOLDER = {"residential": "Household", "commercial": "Business", "agricultural": "Farm"}
EDITABLE = frozenset({"name", "customerClass", "priority", "priorityReason", "connectivityNode"})


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1)
def _records() -> Mapping[str, CustomerRecord]:
    points = rural_grid().service_points.values()
    return {point.id: _record(number, point) for number, point in enumerate(points, start=1)}


def _record(number: int, point: ServicePoint) -> CustomerRecord:
    longitude, latitude = point.position
    changed_at = FIRST_CHANGE + timedelta(hours=zlib.crc32(point.id.encode()) % (24 * 365))
    # A block of numbers that the regulator keeps free for invented people.
    phone = f"+49 40 66969 {number % 1000:03}" if number % 9 else None
    return {
        "servicePointId": point.id,
        "name": point.name,
        "connectivityNode": point.node,
        "customerClass": point.customer_class,
        "priority": "CRITICAL" if point.is_critical else None,
        "priorityReason": point.critical_reason,
        "account": {
            "number": f"{700_000_000 + number}",
            "holder": f"{HOLDER[point.customer_class]} {number}",
            "phone": phone,
        },
        "peakKw": point.peak_kw,
        "location": {"lon": longitude, "lat": latitude},
        "updatedAt": stamp(changed_at),
    }


class CustomerRecords:
    """One simulator's own copy. Not locked."""

    def __init__(self) -> None:
        self.by_id: dict[str, CustomerRecord] = dict(_records())

    def updated_since(self, since: datetime | None) -> list[CustomerRecord]:
        """From this instant on, it included; all without one. By id, in the order of the register."""
        if since is None:
            return list(self.by_id.values())
        return [record for record in self.by_id.values() if datetime.fromisoformat(record["updatedAt"]) >= since]

    def edit(self, point_id: str, changes: Mapping[str, Any], *, now: datetime) -> None:
        """
        :raises Refused: 404 unknown, 400 a field that cannot be set.
        """
        unknown = set(changes) - EDITABLE
        if unknown:
            raise Refused(f"Of a service point, only {', '.join(sorted(EDITABLE))} can be set.")
        self.by_id[point_id] = {**self._known(point_id), **changes, "updatedAt": stamp(now)}

    def remove(self, point_id: str) -> None:
        """
        :raises Refused: 404 unknown.
        """
        self._known(point_id)
        del self.by_id[point_id]

    def _known(self, point_id: str) -> CustomerRecord:
        try:
            return self.by_id[point_id]
        except KeyError:
            raise Refused(f"The CIS has no service point {point_id}.", status=404) from None
