"""When the field team expects power back."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from connectors.contracts.restoration_estimate import RestorationEstimate as RestorationEstimateRecord
from connectors.landing import Change, Landed, Landing
from connectors.merge import merge
from gis.services.aliases import aliases_for
from outage.local_time import in_local_time
from outage.models import Outage, RestorationEstimate, TimelineKind
from outage.queries import estimates_of, open_outages
from outage.services.locking import hold_outages
from outage.services.timeline import Note, since_detection, write_all

COLUMNS = (
    "external_id",
    "source_time",
    "alias_id",
    "work_order_external_id",
    "estimated_at",
    "confidence",
    "cause",
    "note",
)


def land_restoration_estimates(records: Sequence[RestorationEstimateRecord], landing: Landing) -> Landed:
    """
    Land estimates. One is kept whether or not the element or work order that it names is known, and counts as soon
    as that is. An older telling of the same one replaces no newer.
    """
    aliases = aliases_for(names={record.element for record in records if record.element is not None}, landing=landing)
    merged = merge(
        RestorationEstimate,
        [
            (
                record.external_id,
                record.source_time,
                None if record.element is None else aliases[record.element],
                record.work_order,
                record.estimated_at,
                record.confidence.value,
                record.cause,
                record.note,
            )
            for record in records
        ],
        landing=landing,
        columns=COLUMNS,
        newest_by="source_time",
    )
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
    )


@transaction.atomic
def follow_estimates(change: Change) -> None:
    """Estimates were touched: say so on the timelines of the open outages that they are about."""
    hold_outages()
    note_estimates(list(open_outages()), now=change.now)


def note_estimates(outages: Collection[Outage], *, now: datetime) -> None:
    """Write down each estimate of these outages that their timelines do not have yet."""
    if not outages:
        return
    told = estimates_of(outages)
    write_all(
        (
            (
                outage,
                Note(
                    kind=TimelineKind.ESTIMATE,
                    key=f"estimate:{estimate.pk}:{_stamp(estimate)}",
                    at=since_detection(estimate.source_time or estimate.landed_at, outage),
                    summary=_summary(estimate),
                    reason=estimate.note,
                    source=estimate.connector.name,
                ),
            )
            for outage in outages
            for estimate in told[outage.pk]
        ),
        now=now,
    )


def _stamp(estimate: RestorationEstimate) -> str:
    return (estimate.source_time or estimate.landed_at).isoformat()


def _summary(estimate: RestorationEstimate) -> str:
    confidence = estimate.get_confidence_display().lower()
    cause = f": {estimate.cause}" if estimate.cause else ""
    at = in_local_time(estimate.estimated_at)
    return f"Power expected back at {at:%H:%M %Z on %d %b}, {confidence} confidence{cause}"
