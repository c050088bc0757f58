"""Which variables there are to read: a list that is dear to make, and so travels in the cursor of the readings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols.adapter import Cursor
from connectors.protocols.opcua.values import read_moment, write_date_time
from connectors.protocols.opcua.walk import Tree, walk_twice
from connectors.protocols.opcua.web_api import WebApi

OF_ONE_READ = frozenset({"next", "past", "until", "doubt", "since", "goes_on"})
"""What a cursor says of the read that it belongs to. The rest of it is the list, and outlasts the read."""

SOON = timedelta(minutes=1)
"""After so long a list is made anew that may not be whole."""


def walked(api: WebApi, config: Mapping[str, Any]) -> Tree:
    return walk_twice(api, config["start_node"], batch=config["read_batch"])


def new_list(api: WebApi, config: Mapping[str, Any]) -> Cursor:
    """
    `prefix` and `names` of all variables below the start node, why they may not be all (`incomplete`), how many are
    asked for at once (`batch`), and when the server was walked by its own clock (`browsed_at`, not known yet).
    """
    tree = walked(api, config)
    names = sorted(tree.variables)
    prefix = _shared_prefix(names)
    return {
        "prefix": prefix,
        "names": [name.removeprefix(prefix) for name in names],
        "incomplete": tree.incomplete or nothing_found(tree, config["start_node"]),
        "batch": config["read_batch"],
        "browsed_at": None,
    }


def nodes_of(listed: Cursor) -> list[str]:
    return [listed["prefix"] + name for name in listed["names"]]


def is_in_force(listed: Cursor, at: datetime | None, config: Mapping[str, Any]) -> bool:
    """Whether a list need not be made anew yet, at a moment of the server's clock."""
    if "names" not in listed or listed["prefix"].startswith("ns="):  # an index says nothing after a restart
        return False
    browsed_at = read_moment(listed["browsed_at"])
    lasts = SOON if listed["incomplete"] else timedelta(minutes=config["browse_minutes"])
    return at is not None and browsed_at is not None and at - browsed_at < lasts


def list_in_force(api: WebApi, config: Mapping[str, Any], cursor: Cursor | None, *, now: datetime) -> Cursor:
    """
    The cursor's list of variables, or a new one where it is due.

    :param now: by the server's clock
    """
    listed = {name: value for name, value in (cursor or {}).items() if name not in OF_ONE_READ}
    if is_in_force(listed, now, config):
        return listed
    return new_list(api, config) | {"browsed_at": write_date_time(now)}


def nothing_found(tree: Tree, start: str) -> str:
    return "" if tree.variables else f"No variable was found below {start}, which proves nothing."


def _shared_prefix(names: Sequence[str]) -> str:
    """What all names of a sorted list begin with, so that a cursor need not repeat it for each."""
    if len(names) < 2:
        return ""
    first, last = names[0], names[-1]
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return first[:shared]
