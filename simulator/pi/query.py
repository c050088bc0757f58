"""What a request asks for by its parameters, and what of an answer it wants."""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """The request cannot be met, with the status and the sentence that say so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Query:
    """The parameters of one GET; names in any case, some given several times."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def all(self, name: str) -> list[str]:
        return [value for one, value in self._pairs if one == name.lower()]

    def one(self, name: str, default: str = "") -> str:
        return next(iter(self.all(name)), default)

    def number(self, name: str, default: int) -> int:
        text = self.one(name, str(default))
        if not text.isdecimal():
            raise Refusal(400, f"The value '{text}' is not valid for {name}.")
        return int(text)

    @property
    def is_brief(self) -> bool:
        return self.one("webIdType").lower() == "idonly"


def with_name(items: list[Json], query: Query) -> list[Json]:
    wanted = query.one("nameFilter", "*").lower()
    return [item for item in items if fnmatch.fnmatchcase(item["Name"].lower(), wanted)]


def selected(body: Json, fields: str) -> Json:
    """Only the fields that were asked for, such as `Items.WebId;Links.Next`; names in any case."""
    wanted = [field.lower().split(".") for field in fields.split(";") if field]
    return _only(body, wanted) if wanted else body


def _only(value: Any, wanted: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_only(one, wanted) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept: Json = {}
    for name, member in value.items():
        below = [path[1:] for path in wanted if path and path[0] == name.lower()]
        if below:
            kept[name] = member if [] in below else _only(member, below)
    return kept
