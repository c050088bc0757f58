"""Landing of alarms: each branch of a condition as its newest notification says that it stands."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection

from connectors.contracts.alarm import Alarm as AlarmRecord
from connectors.contracts.alarm import AlarmCategory, Shelving, alarm_key
from connectors.landing import Gone, Landed, Landing
from connectors.merge import merge, retire
from gis.services.aliases import aliases_for
from telemetry.conditions import Condition, fold
from telemetry.models import Alarm, Signal

COLUMNS = (
    "external_id",
    "source_time",
    "condition",
    "branch",
    "event_id",
    "event_ids",
    "category",
    "name",
    "message",
    "severity",
    "is_active",
    "is_acknowledged",
    "is_retained",
    "active_since",
    "activation",
    "alias_id",
    "signal_external_id",
    "is_confirmed",
    "shelving",
    "shelved_until",
    "comment",
    "commented_by",
)


def land_alarms(records: Sequence[AlarmRecord], landing: Landing) -> Landed:
    """
    Land notifications of conditions, which may be late, repeated and out of order: none overwrites a newer one.

    An alarm that is no longer retained stays as a row. One that names no element has that of its signal.
    """
    notifications: dict[str, list[AlarmRecord]] = defaultdict(list)
    for record in records:
        notifications[alarm_key(record.condition, record.branch)].append(record)
    if not notifications:
        return Landed()
    lock_alarms(landing)
    rows = _known(notifications, landing)
    changed: dict[str, Condition] = {}
    for key, told in notifications.items():
        row = rows.get(key)
        known = None if row is None else _condition(row)
        condition = fold(known, told)
        if condition is not None and (condition != known or (row is not None and row.retired_at is not None)):
            changed[key] = condition
    if not changed:
        return Landed(unchanged=len(notifications))
    aliases = _aliases([condition.newest for condition in changed.values()], landing)
    merged = merge(
        Alarm,
        [_row(key, condition, aliases) for key, condition in changed.items()],
        landing=landing,
        columns=COLUMNS,
    )
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged + len(notifications) - len(changed),
        touched=merged.ids_touched,
    )


def retire_alarms(landing: Landing, gone: Gone) -> Sequence[int]:
    """Retire what the source no longer holds: it is over, and off the operators' list. What it said is kept."""
    retired = retire(Alarm, landing, gone)
    Alarm.objects.for_organisation(landing.organisation_id).filter(pk__in=retired).update(
        is_retained=False, is_active=False
    )
    return retired


def lock_alarms(landing: Landing) -> None:
    """
    One transaction at a time changes a connector's alarms: what a notification means hangs on what is known.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('alarms'), hashint8(%s))", [landing.connector_id])


def _known(keys: Iterable[str], landing: Landing) -> dict[str, Alarm]:
    rows = (
        Alarm.objects.for_organisation(landing.organisation_id)
        .filter(connector_id=landing.connector_id, external_id__in=list(keys))
        .select_related("alias")
    )
    return {row.external_id: row for row in rows}


def _condition(row: Alarm) -> Condition:
    """A row as the notification that made it what it is."""
    newest = AlarmRecord(
        external_id=row.external_id,
        source_time=row.source_time,
        condition=row.condition,
        branch=row.branch,
        event_id=row.event_id,
        category=AlarmCategory(row.category),
        name=row.name,
        message=row.message,
        severity=row.severity,
        active=row.is_active,
        acknowledged=row.is_acknowledged,
        retained=row.is_retained,
        element=row.alias.external_id if row.alias else None,
        signal=row.signal_external_id,
        confirmed=row.is_confirmed,
        shelving=Shelving(row.shelving) if row.shelving else None,
        shelved_until=row.shelved_until,
        comment=row.comment,
        commented_by=row.commented_by,
    )
    return Condition(
        newest=newest,
        event_ids=tuple(row.event_ids),
        activation=row.activation,
        active_since=row.active_since,
    )


def _aliases(records: Sequence[AlarmRecord], landing: Landing) -> dict[str, int | None]:
    """The alias of each record's element, or of its signal's, by external id of the alarm."""
    elements = {record.element for record in records if record.element is not None}
    by_element = aliases_for(names=elements, landing=landing) if elements else {}
    signals = {record.signal for record in records if record.element is None and record.signal is not None}
    by_signal: dict[str, int | None] = {}
    if signals:
        by_signal = dict(
            Signal.objects.for_organisation(landing.organisation_id)
            .filter(connector_id=landing.connector_id, external_id__in=signals)
            .values_list("external_id", "alias_id")
        )
    return {
        alarm_key(record.condition, record.branch): by_signal.get(record.signal or "")
        if record.element is None
        else by_element[record.element]
        for record in records
    }


def _row(key: str, condition: Condition, aliases: dict[str, int | None]) -> tuple[object, ...]:
    newest = condition.newest
    return (
        key,
        newest.source_time,
        newest.condition,
        newest.branch,
        newest.event_id,
        condition.event_ids,
        newest.category.value,
        newest.name,
        newest.message,
        newest.severity,
        newest.active,
        newest.acknowledged,
        newest.retained,
        condition.active_since,
        condition.activation,
        aliases[key],
        newest.signal,
        newest.confirmed,
        newest.shelving.value if newest.shelving else "",
        newest.shelved_until,
        newest.comment,
        newest.commented_by,
    )
