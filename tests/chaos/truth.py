"""What the source has: the features as they should stand in our tables once everything has come to rest."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

SIZES = {"poles": 1_200, "lines": 200}
"""How many features each collection begins with: poles are read as features, lines as network elements."""


def write_whole(path: Path, content: Any) -> None:
    """Replace a file at one stroke, so that nobody reads half of it."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(orjson.dumps(content))
    draft.replace(path)


@dataclass
class Truth:
    """
    Collections of features by id. An id that is gone never comes back, so that each is created once and retired once.
    """

    path: Path
    collections: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    _made: int = 0

    def begin(self, chance: random.Random, sizes: Mapping[str, int] = SIZES) -> None:
        for name, size in sizes.items():
            self.collections[name], self.gone[name] = {}, set()
            for _ in range(size):
                self._add(name, chance)
        self._publish()

    def change(self, chance: random.Random) -> None:
        """Edit some features of each collection, take some away, and add as many, anywhere in its order."""
        for name, features in self.collections.items():
            for key in chance.sample(list(features), chance.randint(1, 40)):
                _edit(features[key])
            for key in chance.sample(list(features), chance.randint(0, 8)):
                self.remove(name, key)
                self._add(name, chance)
        self._publish()

    def remove(self, name: str, key: str) -> None:
        del self.collections[name][key]
        self.gone[name].add(key)

    def _add(self, name: str, chance: random.Random) -> None:
        self._made += 1
        key = f"{name}-{chance.randrange(10**6):06}-{self._made}"
        point = [round(chance.uniform(9, 10), 6), round(chance.uniform(47, 48), 6)]
        properties: dict[str, Any] = {"name": key, "revision": 0}
        if name == "lines":
            properties |= {"kind": "LINE", "from_node": f"{key} from", "to_node": f"{key} to", "nominal_kv": 20}
        feature = {
            "type": "Feature",
            "id": key,
            "geometry": {"type": "Point", "coordinates": point},
            "properties": properties,
        }
        _edit(feature)
        self.collections[name][key] = feature

    def _publish(self) -> None:
        write_whole(
            self.path,
            {name: [features[key] for key in sorted(features)] for name, features in self.collections.items()},
        )


def _edit(feature: dict[str, Any]) -> None:
    properties = feature["properties"]
    properties["revision"] += 1
    properties["name"] = f"{feature['id']} as of {properties['revision']}"
    properties["modified"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
