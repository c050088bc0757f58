"""Landing of signals: what a source measures or reports over time."""

from collections.abc import Sequence

from django.db import connection

from connectors.contracts.signal import Signal as SignalRecord
from connectors.landing import Gone, Landed, Landing
from connectors.merge import merge, retire
from gis.services.aliases import aliases_for
from telemetry.models import Signal
from telemetry.services.alarms import lock_alarms

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


def retire_signals(landing: Landing, gone: Gone) -> Sequence[int]:
    """Retire what the source no longer has. Its readings stay."""
    return retire(Signal, landing, gone)


def _tie_alarms(signal_ids: Sequence[int], landing: Landing) -> None:
    lock_alarms(landing)
    with connection.cursor() as cursor:
        cursor.execute(
            TIE_ALARMS,
            {
                "organisation": landing.organisation_id,
                "connector": landing.connector_id,
                "signals": list(signal_ids),
                "now": landing.now,
            },
        )


TIE_ALARMS = """
UPDATE telemetry_alarm AS alarm SET alias_id = signal.alias_id, landed_at = %(now)s
FROM telemetry_signal AS signal
WHERE signal.organisation_id = %(organisation)s AND signal.id = ANY(%(signals)s) AND signal.alias_id IS NOT NULL
  AND alarm.organisation_id = signal.organisation_id AND alarm.connector_id = %(connector)s
  AND alarm.alias_id IS NULL AND alarm.signal_external_id = signal.external_id
"""
