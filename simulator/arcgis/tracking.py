"""Change tracking: which generation of the server saw which feature change, and how far back it still knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.arcgis.layers import LAYERS, Layer, global_id
from simulator.gis.features import Feature

FIRST_GENERATION = 1_000


@dataclass
class ChangeTracking:
    """Looks at the register when it is asked; what differs since the last look gets a generation. Not locked."""

    newest: int = FIRST_GENERATION
    oldest: int = FIRST_GENERATION
    _known: dict[int, dict[str, Feature]] = field(default_factory=dict)
    _changed_in: dict[int, dict[str, int]] = field(default_factory=dict)

    def look(self, collections: Mapping[str, Mapping[str, Feature]]) -> None:
        for layer in LAYERS.values():
            now = {key: one for key, one in collections[layer.collection].items() if layer.holds(one)}
            before = self._known.get(layer.number, now)
            changed = [key for key, one in now.items() if before.get(key) is not one]
            gone = [key for key in before if key not in now]
            if changed or gone:
                self.newest += 1
                self._changed_in.setdefault(layer.number, {}).update(dict.fromkeys((*changed, *gone), self.newest))
            self._known[layer.number] = now

    def purge(self) -> None:
        """What the administrator's cleanupChangeTracking does: earlier generations are forgotten."""
        self.oldest = self.newest

    def changed_since(self, layer: Layer, generation: int) -> tuple[list[Feature], list[str]]:
        """Features that changed after a generation, and GlobalIDs of those that are gone."""
        keys = [key for key, seen in self._changed_in.get(layer.number, {}).items() if seen > generation]
        known = self._known[layer.number]
        return [known[key] for key in keys if key in known], [global_id(key) for key in keys if key not in known]
