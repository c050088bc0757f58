"""
Who of an outage's customers is off now, and when supply is back.

Three states of knowledge, each with its own rule:

- The device was **seen open** (`opening` is set): the network says who is off. All back, by the device or by another
  way: RESTORED.
- Only the **alarm** told of it, and the position is still read closed: the network knows of nothing, so its word that
  all are supplied means nothing. Everybody charged stands as off until the opening is read.
- The alarm is **over**, and the device was never seen open: both happened between two polls. RESTORED when the alarm
  ended.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Max

from connectors.landing import Change
from connectors.models import Connector
from gis.models import SwitchOpening, SwitchPosition
from organisation.scope import current_scope
from outage.models import AffectedServicePoint, Outage, Status
from outage.services import affected, evidence
from outage.services.charging import charge, recount
from outage.services.timeline import customers, impact, write
from outage.services.transitions import move


def source_of(change: Change) -> str:
    """The name of the connector that told of a change."""
    return Connector.objects.values_list("name", flat=True).get(pk=change.connector_id)


class Assessment:
    """
    One look at all outages whose supply may have changed, in a transaction that holds them (`hold_outages`).

    :param disturbed: ids of outages whose affected service points were touched before this
    """

    def __init__(self, change: Change, *, disturbed: Collection[int] = ()) -> None:
        self._change = change
        self._now = change.now
        self._outages = {one.pk: one for one in evidence.changeable_outages(now=change.now)}
        self._off_before = {pk: one.customers_off for pk, one in self._outages.items()}
        self._touched = set(disturbed)
        self._tied: set[int] = set()
        self._trips: Mapping[int, evidence.Trip] = {}

    def run(self) -> None:
        if not self._outages:
            return
        self._trips = evidence.trips_of(self._outages.values())
        self._tie_to_openings()
        self._charge_waiting()
        ended = self._ended_unseen()
        back = self._follow_network()
        recount([self._outages[pk] for pk in sorted(self._touched & self._outages.keys())])
        for outage in self._outages.values():
            self._settle(outage, ended_at=ended.get(outage.pk), has_gained=outage.pk in back)
        self._weigh()

    def _tie_to_openings(self) -> None:
        """Give each outage the opening that is its own."""
        newest = evidence.newest_openings([one.element_id for one in self._outages.values()])
        for outage in self._outages.values():
            opening = newest.get(outage.element_id)
            if opening is None:
                continue
            if opening.pk == outage.opening_id:
                if self._has_tripped_since(outage, opening):
                    # Tripped again, and the position tells of the closing only: not seen open yet.
                    outage.opening = None
                    outage.save(update_fields=["opening"])
            elif opening.closed_at is None or self._is_of_this_trip(outage, opening):
                self._tie(outage, opening)

    def _has_tripped_since(self, outage: Outage, opening: SwitchOpening) -> bool:
        trip = self._trips.get(outage.pk)
        if trip is None or trip.ended_at is not None or opening.closed_at is None or outage.status == Status.RESTORED:
            return False
        return trip.at > opening.closed_at

    def _is_of_this_trip(self, outage: Outage, opening: SwitchOpening) -> bool:
        """Whether an opening that is over belongs to an outage that never saw one: its alarm came late."""
        trip = self._trips.get(outage.pk)
        if (
            trip is None
            or outage.opening_id is not None
            or opening.closed_at is None
            or outage.status == Status.RESTORED
        ):
            return False
        return opening.closed_at > trip.at

    def _tie(self, outage: Outage, opening: SwitchOpening) -> None:
        outage.opening = opening
        self._tied.add(outage.pk)
        self._charge(outage, at=max(opening.opened_at, outage.detected_at))
        self._touched.add(outage.pk)
        outage.updated_at = self._now
        outage.save()

    def _charge_waiting(self) -> None:
        for outage in self._outages.values():
            if not outage.is_charged and outage.status != Status.RESTORED:
                self._charge(outage, at=self._now)

    def _charge(self, outage: Outage, *, at: datetime, is_again: bool = False) -> None:
        was_charged = outage.is_charged
        charged = charge(outage, is_again=is_again)
        self._touched |= charged.taken_from
        if charged.has_grown:
            self._touched.add(outage.pk)
            self._off_before[outage.pk] = outage.customers_off
            self._write_impact(outage, at=at)
        if charged.has_grown or outage.is_charged != was_charged:
            outage.updated_at = self._now
            outage.save()

    def _ended_unseen(self) -> dict[int, datetime]:
        """
        Outages whose device was never seen open and whose alarms are over: when that was. Not while the device moves.
        """
        ended = {}
        for outage in self._outages.values():
            trip = self._trips.get(outage.pk)
            if outage.opening_id is None and outage.status != Status.RESTORED and trip is not None and trip.ended_at:
                ended[outage.pk] = trip.ended_at
        moving = evidence.moving_elements([self._outages[pk].element_id for pk in ended]) if ended else set()
        ended = {pk: at for pk, at in ended.items() if self._outages[pk].element_id not in moving}
        for pk, at in ended.items():
            AffectedServicePoint.objects.filter(outage=pk, is_off=True).update(is_off=False, restored_at=at)
        self._touched |= ended.keys()
        for outage in self._outages.values() if ended else ():
            if outage.opening_id is not None and outage.status != Status.RESTORED:
                self._charge(outage, at=max(ended.values()), is_again=True)
        return ended

    def _follow_network(self) -> set[int]:
        """
        Bring the affected service points of devices that were seen open to what the network says. Returns the outages
        of those that came back.
        """
        seen = [one.pk for one in self._outages.values() if one.opening_id is not None]
        if not seen:
            return set()
        back, lost = affected.follow(seen, now=self._now)
        self._touched |= back | lost
        return back

    def _settle(self, outage: Outage, *, ended_at: datetime | None, has_gained: bool) -> None:
        """Move an outage to where its supply is now, or at least write down that it changed."""
        off, charged = outage.customers_off, outage.customers_affected
        opening = outage.opening
        is_closed_again = opening is not None and opening.closed_at is not None
        if outage.status == Status.RESTORED:
            self._reopen_if_lost(outage)
        elif ended_at is not None:
            self._move(outage, Status.RESTORED, "The alarm is over, and the switch was never read open.", at=ended_at)
        elif opening is not None and not off and is_closed_again:
            self._move(outage, Status.RESTORED, "Its device is closed again.", at=opening.closed_at)
        elif opening is not None and not off and outage.is_charged and self._are_supplied(outage):
            self._move(outage, Status.RESTORED, "All of its customers are supplied again, by another way.")
        elif has_gained and 0 < off < charged and outage.status != Status.PARTIALLY_RESTORED:
            reason = f"{customers(charged - off, 0).capitalize()} supplied again, {off:,} still off."
            self._move(outage, Status.PARTIALLY_RESTORED, reason)
        elif off and off == charged and outage.status == Status.PARTIALLY_RESTORED:
            self._move(outage, Status.CONFIRMED, "Supply was lost again.")
        elif off != self._off_before[outage.pk]:
            outage.updated_at = self._now
            outage.save()
            self._write_impact(outage, at=self._changed_at())

    def _are_supplied(self, outage: Outage) -> bool:
        """Whether the affected service points, of which there are some, have supply: none is off by another outage."""
        charged = AffectedServicePoint.objects.filter(outage=outage).values_list("service_point_id", flat=True)
        points = set(charged)
        return bool(points) and not affected.claims(points, besides=outage)

    def _reopen_if_lost(self, outage: Outage) -> None:
        off = outage.customers_off
        if off and off < outage.customers_affected:
            self._move(outage, Status.PARTIALLY_RESTORED, f"{customers(off, 0).capitalize()} lost supply again.")
        elif off:
            self._move(outage, Status.CONFIRMED, "Supply was lost again.")
        elif outage.pk in self._tied and not outage.customers_affected:
            self._move(outage, Status.CONFIRMED, "Its device is open again.")

    def _move(self, outage: Outage, to: Status, reason: str, *, at: datetime | None = None) -> None:
        move(
            outage,
            to=to,
            reason=reason,
            at=min(at or self._changed_at(), self._now),
            now=self._now,
            source=self._source,
        )

    def _write_impact(self, outage: Outage, *, at: datetime) -> None:
        write(outage, impact(outage, at=at, now=self._now, source=self._source), now=self._now)

    def _weigh(self) -> None:
        """Positions that were read make an outage that nobody confirmed yet more or less likely."""
        detected = [one for one in self._outages.values() if one.status == Status.DETECTED]
        for outage, confidence in evidence.weigh(detected):
            if confidence != outage.confidence:
                outage.confidence = confidence
                outage.save(update_fields=["confidence"])

    def _changed_at(self) -> datetime:
        """When supply changed: the newest position of this landing, by its source's clock."""
        landed = SwitchPosition.objects.for_organisation(current_scope().organisation_id).filter(landed_at=self._now)
        newest: datetime | None = landed.aggregate(newest=Max("source_time"))["newest"]
        return self._now if newest is None else newest

    @property
    def _source(self) -> str:
        return source_of(self._change)
