"""What switch positions do to supply."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from connectors.contracts.network_element import ElementKind
from connectors.contracts.reading import SwitchState
from gis.models import DeadRange, Network, UnsuppliedNode
from gis.positions import PositionReport
from gis.queries import range_of
from gis.services.network import lock_network, renumber
from organisation.scope import current_scope


@transaction.atomic
def apply_switch_positions(*, positions: Sequence[PositionReport], now: datetime) -> bool:
    """
    Take in switch positions, in the order of their source times. Returns whether any device opened or closed.

    A position that is no newer than the known one is ignored. A device that opens is charged with what it fed at that
    moment (`SwitchOpening`).

    A device that feeds something alone takes exactly that with it, and gives it back: the other numbers stay true, and
    one `DeadRange` says so. Only a switch in a mesh, or one that was open when the network was numbered, changes who
    feeds whom; then the network is numbered anew, once for all that closed in between.
    """
    if not positions:
        return False
    network = lock_network()
    work = _Work(network=network, now=now, is_due=network.is_due)
    switches = _switches([report.element_id for report in positions])
    for report in sorted(positions, key=lambda report: report.source_time):
        known = switches.get(report.element_id)
        if known is None or (known.source_time is not None and report.source_time <= known.source_time):
            continue
        switches[report.element_id] = moved = known.moved(report)
        if moved.is_open != known.is_open and moved.is_present:
            work.change(moved, at=report.source_time)
        work.keep(moved)
    return work.finish()


@dataclass(frozen=True, kw_only=True)
class _Switch:
    """
    :param is_branch: whether current passes through it; else it only sits on a node
    :param settled: its last position that was open or closed; `None` if none is known
    """

    element_id: int
    nodes: tuple[str, ...]
    is_source: bool
    is_present: bool
    normally_open: bool
    state: str | None
    settled: bool | None
    source_time: datetime | None

    @property
    def is_open(self) -> bool:
        return self.normally_open if self.settled is None else self.settled

    @property
    def is_branch(self) -> bool:
        return self.is_source or len(self.nodes) > 1

    def moved(self, report: PositionReport) -> "_Switch":
        under_way = report.state == SwitchState.INTERMEDIATE
        return replace(
            self,
            state=SwitchState(report.state).value,
            settled=self.settled if under_way else report.state == SwitchState.OPEN,
            source_time=report.source_time,
        )


class _Work:
    """The changes of one batch. Positions are kept before the network is numbered, which reads them."""

    def __init__(self, *, network: Network, now: datetime, is_due: bool) -> None:
        self.network = network
        self.now = now
        self.is_due = is_due
        self.anything = False
        self.kept: dict[int, _Switch] = {}

    def keep(self, switch: _Switch) -> None:
        self.kept[switch.element_id] = switch

    def change(self, switch: _Switch, *, at: datetime) -> None:
        self.anything = True
        if switch.is_open:
            # What it fed is asked of numbers that are true at this moment: all that came before, not this.
            self._number_if_due()
            self._open(switch, at=at)
        else:
            self._close(switch, at=at)

    def finish(self) -> bool:
        if self.anything:
            self._number_if_due()
        self._save_kept()
        return self.anything

    def _open(self, switch: _Switch, *, at: datetime) -> None:
        fed = range_of(switch.element_id) if switch.is_branch else None
        if fed is not None and fed.is_empty:
            self.is_due = True
        enter, leave = (fed.enter, fed.leave) if fed is not None else (0, 0)
        with connection.cursor() as cursor:
            cursor.execute(
                OPEN,
                {
                    "organisation": self.network.organisation_id,
                    "version": self.network.version,
                    "element": switch.element_id,
                    "enter": enter,
                    "leave": leave,
                    "at": at,
                },
            )
        if leave > enter:
            DeadRange.objects.create(
                organisation_id=self.network.organisation_id,
                version=self.network.version,
                element_id=switch.element_id,
                enter=enter,
                leave=leave,
            )

    def _close(self, switch: _Switch, *, at: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE gis_switchopening SET closed_at = %s "
                "WHERE organisation_id = %s AND element_id = %s AND closed_at IS NULL",
                [at, self.network.organisation_id, switch.element_id],
            )
        if self.is_due or not switch.is_branch:
            return
        dead = DeadRange.objects.for_organisation(self.network.organisation_id).filter(
            version=self.network.version, element_id=switch.element_id
        )
        restored = dead.first()
        if restored is None:
            self.is_due = switch.is_source or self._joins_numbered_nodes(switch)
            return
        restored.delete()
        with connection.cursor() as cursor:
            cursor.execute(
                RESTORE,
                {
                    "organisation": self.network.organisation_id,
                    "version": self.network.version,
                    "enter": restored.enter,
                    "leave": restored.leave,
                },
            )

    def _joins_numbered_nodes(self, switch: _Switch) -> bool:
        """Whether a source reached one of its ends when the network was numbered."""
        unnumbered = (
            UnsuppliedNode.objects.for_organisation(self.network.organisation_id)
            .filter(node__in=switch.nodes, rank=None)
            .count()
        )
        return unnumbered < len(set(switch.nodes))

    def _number_if_due(self) -> None:
        if self.is_due:
            self._save_kept()
            self.network = renumber(now=self.now)
            self.is_due = False

    def _save_kept(self) -> None:
        if not self.kept:
            return
        switches = [self.kept[element_id] for element_id in sorted(self.kept)]
        self.kept = {}
        with connection.cursor() as cursor:
            cursor.execute(
                SAVE,
                {
                    "organisation": self.network.organisation_id,
                    "now": self.now,
                    "elements": [switch.element_id for switch in switches],
                    "states": [switch.state for switch in switches],
                    "opens": [switch.settled for switch in switches],
                    "times": [switch.source_time for switch in switches],
                },
            )


def _switches(element_ids: Sequence[int]) -> dict[int, _Switch]:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, {"organisation": current_scope().organisation_id, "elements": sorted(set(element_ids))})
        return {
            element_id: _Switch(
                element_id=element_id,
                nodes=(from_node,) if to_node is None else (from_node, to_node),
                is_source=kind == ElementKind.SOURCE,
                is_present=is_present,
                normally_open=normally_open,
                state=state,
                settled=settled,
                source_time=source_time,
            )
            for (
                element_id,
                from_node,
                to_node,
                kind,
                is_present,
                normally_open,
                state,
                settled,
                source_time,
            ) in cursor.fetchall()
        }


KNOWN = """
SELECT element.id, element.from_node, element.to_node, element.kind, element.retired_at IS NULL,
  element.normally_open, position.state, position.is_open, position.source_time
FROM gis_networkelement AS element LEFT JOIN gis_switchposition AS position
  ON position.organisation_id = element.organisation_id AND position.element_id = element.id
WHERE element.organisation_id = %(organisation)s AND element.id = ANY(%(elements)s)
"""

SAVE = """
INSERT INTO gis_switchposition (organisation_id, element_id, state, is_open, source_time, landed_at)
SELECT %(organisation)s, element_id, state, is_open, source_time, %(now)s
FROM unnest(%(elements)s::bigint[], %(states)s::text[], %(opens)s::boolean[], %(times)s::timestamptz[])
  AS moved (element_id, state, is_open, source_time)
ON CONFLICT (organisation_id, element_id) DO UPDATE SET state = excluded.state, is_open = excluded.is_open,
  source_time = excluded.source_time, landed_at = excluded.landed_at
"""

# The nodes that are without supply already were lost to another device.
OPEN = """
WITH fed AS (
  SELECT one.node, (ranking.page << 10) + one.place::int - 1 AS rank
  FROM gis_noderanking AS ranking CROSS JOIN LATERAL unnest(ranking.nodes) WITH ORDINALITY AS one (node, place)
  WHERE ranking.organisation_id = %(organisation)s AND ranking.version = %(version)s
    AND ranking.page BETWEEN %(enter)s >> 10 AND (%(leave)s - 1) >> 10
), lost AS (
  INSERT INTO gis_unsuppliednode (organisation_id, node, rank)
  SELECT %(organisation)s, node, rank FROM fed WHERE rank >= %(enter)s AND rank < %(leave)s ORDER BY node
  ON CONFLICT (organisation_id, node) DO NOTHING
  RETURNING node
)
INSERT INTO gis_switchopening (organisation_id, element_id, opened_at, version, nodes)
SELECT %(organisation)s, %(element)s, %(at)s, %(version)s, coalesce(array_agg(node), '{}') FROM lost
"""

RESTORE = """
DELETE FROM gis_unsuppliednode AS restored
WHERE restored.organisation_id = %(organisation)s
  AND restored.rank >= %(enter)s AND restored.rank < %(leave)s
  AND NOT EXISTS (
    SELECT 1 FROM gis_deadrange AS dead
    WHERE dead.organisation_id = restored.organisation_id AND dead.version = %(version)s
      AND dead.enter <= restored.rank AND dead.leave > restored.rank)
"""
