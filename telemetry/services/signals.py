"""Landing of signals: what a source measures or reports over time."""

from collections.abc import Sequence

from connectors.contracts.signal import Signal as SignalRecord
from connectors.landing import Landed, Landing, SeenKeys
from connectors.merge import merge, retire_unseen
from gis.services.aliases import aliases_for
from telemetry.models import Alarm, Signal

COLUMNS = ("external_id", "source_time", "name", "kind", "unit", "alias_id", "equipment_external_id")


def land_signals(records: Sequence[SignalRecord], landing: Landing) -> Landed:
    """
    Land signals. Alarms that name one of them, and no element themselves, are tied to its element.

    What is measured without an element, such as a pump station's level, keeps none.
    """
    names = {record.element for record in records if record.element is not None}
    aliases = aliases_for(names=names, landing=landing) if names else {}
    merged = merge(
        Signal,
        [
            (
                record.external_id,
                record.source_time,
                record.name,
                record.kind.value,
                record.unit,
                aliases.get(record.element or ""),
                record.equipment,
            )
            for record in records
        ],
        landing=landing,
        columns=COLUMNS,
    )
    if merged.ids_touched:
        _tie_alarms(merged.ids_touched, landing)
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
    )


def retire_signals(landing: Landing, seen: SeenKeys) -> Sequence[int]:
    """Retire what the source no longer has. Its readings stay."""
    return retire_unseen(Signal, landing, seen)


def _tie_alarms(signal_ids: Sequence[int], landing: Landing) -> None:
    alias_by_signal = dict(
        Signal.objects.for_organisation(landing.organisation_id)
        .filter(pk__in=signal_ids, alias__isnull=False)
        .values_list("external_id", "alias_id")
    )
    waiting = list(
        Alarm.objects.for_organisation(landing.organisation_id)
        .filter(connector_id=landing.connector_id, alias=None, signal_external_id__in=alias_by_signal)
        .order_by("external_id")
        .select_for_update()
    )
    for alarm in waiting:
        alarm.alias_id = alias_by_signal[alarm.signal_external_id]
        alarm.landed_at = landing.now
    Alarm.objects.bulk_update(waiting, ["alias_id", "landed_at"])
