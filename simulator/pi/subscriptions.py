"""Stream Updates: what has come of a stream since one last asked, under a marker that is good until a restart."""

from dataclasses import dataclass
from uuid import uuid4

from simulator.pi.archive import Archive, Json
from simulator.pi.assets import Attribute, Tag

Stream = Attribute | Tag


@dataclass(frozen=True)
class Registration:
    id: str
    stream: Stream

    def marker(self, position: int) -> str:
        return f"{self.id}_{position}"


class Subscriptions:
    """Kept in memory, as the server does. Not locked: who asks holds the utility's lock."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._by_path: dict[str, Registration] = {}

    def forget(self) -> None:
        """What a restart does, or another server behind the same address."""
        self._by_path.clear()

    def reconfigure(self, marker: str) -> tuple[Stream, Json] | None:
        """Let go of a stream, as where its attribute was configured otherwise; `None`: the marker is not known."""
        registration = self._find(marker)
        if registration is None:
            return None
        del self._by_path[registration.stream.path]
        errors = ["The signup was updated and any cached data could be invalid."]
        told = {"RequestedMarker": marker, "LatestMarker": marker, "Exception": {"Errors": errors}}
        return registration.stream, told

    def register(self, stream: Stream) -> Json:
        known = self._by_path.get(stream.path)
        registration = known or Registration(uuid4().hex, stream)
        self._by_path[stream.path] = registration
        marker = registration.marker(len(self._archive.arrived(stream)))
        return {"LatestMarker": marker, "Status": "AlreadyRegistered" if known else "Succeeded"}

    def retrieve(self, marker: str) -> tuple[Stream | None, Json]:
        """The stream, if the marker is known, and what has come of it."""
        registration, position = self._find(marker), marker.partition("_")[2]
        if registration is None or not position.isdecimal():
            return None, {
                "RequestedMarker": marker,
                "Status": "Failed",
                "Exception": {"Errors": ["Cache not found: the marker is not known, or no longer."]},
            }
        arrived = self._archive.arrived(registration.stream)
        action = {"Action": "Add", "PreviousEventAction": "PreviousEventArchived"}
        return registration.stream, {
            "RequestedMarker": marker,
            "LatestMarker": registration.marker(len(arrived)),
            "Status": "Updated",
            "Events": [{**action, **value} for value in arrived[int(position) :]],
        }

    def _find(self, marker: str) -> Registration | None:
        key = marker.partition("_")[0]
        return next((one for one in self._by_path.values() if one.id == key), None)
