"""Numbering the network: read what conducts, walk it, and swap the numbers under one version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction

from connectors.landing import Change
from gis.models import DeadRange, ElementNumbers, Network, NodeRanking
from gis.numbering import NONE, Integers, Numbering, number
from gis.paging import SIZE, pages
from gis.services.aliases import resolve_aliases
from organisation.scope import current_scope


def lock_network() -> Network:
    """The network of the organisation in scope, held until the transaction ends."""
    organisation_id = current_scope().organisation_id
    network = Network.objects.for_organisation(organisation_id).select_for_update().first()
    if network is None:
        Network.objects.bulk_create([Network(organisation_id=organisation_id)], ignore_conflicts=True)
        network = Network.objects.for_organisation(organisation_id).select_for_update().get()
    return network


@transaction.atomic
def follow_network(change: Change) -> None:
    """
    Elements came, changed or went: resolve the aliases that waited for them, and number the network anew, unless
    whoever numbered last has seen them already.
    """
    resolve_aliases(element_ids=change.ids, now=change.now)
    if lock_network().is_due:
        renumber(now=change.now)


@transaction.atomic
def renumber(*, now: datetime) -> Network:
    """Number the whole network as it stands, in a new version. Readers see the old one until the commit."""
    network = lock_network()
    elements = _read()
    numbered = number(
        nodes=len(elements.nodes),
        sources=elements.from_node[elements.feeding],
        branches=(elements.from_node[elements.conducting], elements.to_node[elements.conducting]),
    )
    outdated = network.version
    network.version += 1
    network.node_count = len(numbered.ranking)
    network.numbered_at, network.is_due = now, False
    network.save(update_fields=["version", "node_count", "numbered_at", "is_due"])
    _write(network, elements, numbered)
    for outdated_rows in (ElementNumbers, NodeRanking, DeadRange):
        outdated_rows.objects.for_organisation(network.organisation_id).filter(version__lte=outdated).delete()
    return network


@dataclass(frozen=True, kw_only=True)
class _Elements:
    """
    The present elements by ascending id, as arrays; nodes are numbered in the order in which they are met.

    :param to_node: -1 for an element that sits on its node
    """

    nodes: Sequence[str]
    ids: npt.NDArray[np.int64]
    from_node: Integers
    to_node: Integers
    is_source: npt.NDArray[np.bool_]
    is_closed: npt.NDArray[np.bool_]

    @property
    def feeding(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.is_source & self.is_closed)

    @property
    def conducting(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero((self.to_node >= 0) & self.is_closed)

    @property
    def on_node(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero((self.to_node < 0) & ~self.is_source & self.is_closed)


READ = """
SELECT element.id, element.from_node, element.to_node, element.kind = 'SOURCE',
  NOT coalesce(position.is_open, element.normally_open)
FROM gis_networkelement AS element LEFT JOIN gis_switchposition AS position
  ON position.organisation_id = element.organisation_id AND position.element_id = element.id
WHERE element.organisation_id = %s AND element.retired_at IS NULL
ORDER BY element.id
"""


def _read() -> _Elements:
    places: dict[str | None, int] = {None: NONE}
    ids: list[npt.NDArray[np.int64]] = []
    ends: list[Integers] = []
    flags: list[npt.NDArray[np.bool_]] = []
    with connection.chunked_cursor() as cursor:
        cursor.execute(READ, [current_scope().organisation_id])
        while rows := cursor.fetchmany(50_000):
            chunk_ids, from_nodes, to_nodes, are_sources, are_closed = zip(*rows, strict=True)
            ids.append(np.array(chunk_ids, dtype=np.int64))
            ends.append(
                np.array(
                    [[places.setdefault(node, len(places) - 1) for node in nodes] for nodes in (from_nodes, to_nodes)],
                    dtype=np.int32,
                )
            )
            flags.append(np.array([are_sources, are_closed], dtype=np.bool_))
    del places[None]
    all_ends = np.concatenate([np.empty((2, 0), dtype=np.int32), *ends], axis=1)
    all_flags = np.concatenate([np.empty((2, 0), dtype=np.bool_), *flags], axis=1)
    return _Elements(
        nodes=[node for node in places if node is not None],
        ids=np.concatenate([np.empty(0, dtype=np.int64), *ids]),
        from_node=all_ends[0],
        to_node=all_ends[1],
        is_source=all_flags[0],
        is_closed=all_flags[1],
    )


def _write(network: Network, elements: _Elements, numbered: Numbering) -> None:
    enters, leaves = (np.full(len(elements.ids), NONE, dtype=np.int32) for _ in range(2))
    branches = np.concatenate([elements.feeding, elements.conducting])
    enters[branches], leaves[branches] = numbered.branch_enter, numbered.branch_leave
    nodes_of = elements.from_node[elements.on_node]
    enters[elements.on_node], leaves[elements.on_node] = (
        numbered.node_enter[nodes_of],
        numbered.node_leave[nodes_of],
    )

    owner = (network.organisation_id, network.version)
    names = elements.nodes
    ranked = [names[place] for place in numbered.ranking.tolist()]
    unsupplied = [names[place] for place in np.flatnonzero(numbered.node_enter < 0).tolist()]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO gis_elementnumbers (organisation_id, version, page, enters, leaves) "
            "VALUES (%s, %s, %s, %s, %s)",
            [(*owner, *page) for page in pages(elements.ids, enters, leaves, fill=NONE)],
        )
        cursor.executemany(
            "INSERT INTO gis_noderanking (organisation_id, version, page, nodes) VALUES (%s, %s, %s, %s)",
            [(*owner, start // SIZE, ranked[start : start + SIZE]) for start in range(0, len(ranked), SIZE)],
        )
        cursor.execute(
            "DELETE FROM gis_unsuppliednode WHERE organisation_id = %s AND node <> ALL(%s::text[])",
            [network.organisation_id, unsupplied],
        )
        cursor.execute(
            "INSERT INTO gis_unsuppliednode (organisation_id, node) SELECT %s, unnest(%s::text[]) "
            "ON CONFLICT (organisation_id, node) DO UPDATE SET rank = NULL WHERE gis_unsuppliednode.rank IS NOT NULL",
            [network.organisation_id, unsupplied],
        )
