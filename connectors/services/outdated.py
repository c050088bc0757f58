"""Of records that had been set aside and can be read now: which are older than what we know by other ways."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Max

from connectors.contracts.base import Record
from connectors.models import Mode, RejectedRecord, Run, RunStatus, Stream, StreamState
from connectors.records import SourceRecord
from connectors.services.lease import LONGEST_PAGE

NEWER = "something newer of it is known here"
NOT_SENT = "the source was read whole since, and no longer sent it like this"


@dataclass(frozen=True)
class Candidate:
    """A record that can be read now, from what was kept when it was set aside."""

    rejected: RejectedRecord
    record: Record


def outdated(
    candidates: Sequence[Candidate], *, stream: Stream, keyed_by_moment: bool, just_landed: Collection[str]
) -> dict[int, str]:
    """
    Why a candidate must not land, by the primary key of its rejected record. The rows that it looks at are locked
    until the transaction ends.

    :param keyed_by_moment: a key stands for many records, one for each moment; that others came later, or that a whole
        read held only the latest, says nothing of one
    :param just_landed: keys whose rows this replay wrote itself, from what was set aside earlier
    """
    keys = sorted({one.record.external_id for one in candidates} - set(just_landed))
    rows = _rows(stream, keys)
    latest = {} if keyed_by_moment else _last_set_aside(stream, keys)
    read_whole_at = None if keyed_by_moment else _last_whole_read_began_at(stream)
    reasons: dict[int, str] = {}
    for one in candidates:
        seen_at, key = one.rejected.last_seen_at, one.record.external_id
        if _is_older(one, rows.get(key)) or seen_at < latest.get(key, seen_at):
            reasons[one.rejected.pk] = NEWER
        elif read_whole_at is not None and seen_at < read_whole_at:
            reasons[one.rejected.pk] = NOT_SENT
    return reasons


def _is_older(one: Candidate, row: tuple[datetime, datetime | None] | None) -> bool:
    if row is None:
        return False
    landed_at, source_time = row
    said_at = one.record.source_time
    # Of what came on one page with the same key, nobody knows any more which was later.
    return landed_at >= one.rejected.last_seen_at or (
        source_time is not None and said_at is not None and source_time > said_at
    )


def _rows(stream: Stream, keys: Sequence[str]) -> dict[str, tuple[datetime, datetime | None]]:
    """When what we hold of each key landed, and when the source says that it was true; retired rows too."""
    found: dict[str, tuple[datetime, datetime | None]] = {}
    for model in _source_tables() if keys else ():
        rows = (
            model.objects.filter(
                connector_id=stream.connector_id, stream__contract=stream.contract, external_id__in=keys
            )
            .select_for_update(of=("self",))
            .order_by("external_id")
        )
        for key, landed_at, source_time in rows.values_list("external_id", "landed_at", "source_time"):
            found[key] = (landed_at, source_time)
    return found


def _source_tables() -> Iterator[type[SourceRecord]]:
    """Whatever the domains keep of source systems, by a key of theirs; asked of Django, which knows them all."""
    return (model for model in apps.get_models() if issubclass(model, SourceRecord))


def _last_set_aside(stream: Stream, keys: Sequence[str]) -> dict[str, datetime]:
    """When something with each key was last set aside, whatever became of it."""
    of_keys = RejectedRecord.objects.filter(stream=stream, external_id__in=keys).order_by()
    return dict(of_keys.values_list("external_id").annotate(at=Max("last_seen_at")))


def _last_whole_read_began_at(stream: Stream) -> datetime | None:
    """
    When the last complete full read began, or earlier. One of a single page that changes nothing leaves no run: that
    one took no longer than a page may.
    """
    read_at = StreamState.objects.filter(stream=stream).values_list("full_read_at", flat=True).first()
    if read_at is None:
        return None
    at_the_latest = read_at - LONGEST_PAGE
    runs = Run.objects.filter(stream=stream, mode=Mode.FULL, status=RunStatus.SUCCEEDED, is_dry=False)
    last = runs.filter(finished_at__gt=at_the_latest).order_by("-finished_at").first()
    return at_the_latest if last is None else last.started_at
