"""What work management says about outages, on their timelines. A crew's states are its own: they move no outage."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from connectors.contracts.crew import CrewStatus
from connectors.landing import Change
from outage.models import Outage, TimelineEntry, TimelineKind
from outage.queries import jobs_of, open_outages
from outage.services.estimates import note_estimates
from outage.services.locking import hold_outages
from outage.services.timeline import Note, since_detection, write_all
from work.queries import Work, elements_concerned

_DOES: dict[str, str] = {
    CrewStatus.AVAILABLE: "is available again",
    CrewStatus.ASSIGNED: "is assigned",
    CrewStatus.ENROUTE: "is on the way",
    CrewStatus.ONSITE: "is on site",
    CrewStatus.OFF_SHIFT: "is off shift",
}


@transaction.atomic
def follow_work(change: Change) -> None:
    """
    Equipment, work orders or crews were touched: say on the timelines of the open outages which crew is on the job
    and what it does. An estimate that waited for its work order finds its outage now.
    """
    hold_outages()
    concerned = elements_concerned(change)
    outages = [outage for outage in open_outages() if outage.element_id in concerned]
    note_work(outages, now=change.now)
    note_estimates(outages, now=change.now)


def note_work(outages: Collection[Outage], *, now: datetime) -> None:
    """Write down what the crew of each outage does, if that is not what was written last."""
    if not outages:
        return
    jobs = jobs_of(outages)
    told = _told_last(outages)
    news = []
    for outage in outages:
        job = jobs.get(outage.pk)
        if job is None:
            continue
        summary = _summary(job)
        if told.get(outage.pk) != summary:
            at = _happened_at(job)
            note = Note(
                kind=TimelineKind.CREW,
                key=f"crew:{job.order.pk}:{at.isoformat()}:{now.isoformat()}",
                at=since_detection(at, outage),
                summary=summary,
                source=job.order.connector.name,
            )
            news.append((outage, note))
    write_all(news, now=now)


def _told_last(outages: Collection[Outage]) -> dict[int, str]:
    newest = (
        TimelineEntry.objects.filter(outage__in=[one.pk for one in outages], kind=TimelineKind.CREW)
        .values("outage_id")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return dict(TimelineEntry.objects.filter(pk__in=newest).values_list("outage_id", "summary"))


def _summary(job: Work) -> str:
    number = job.order.external_id
    if not job.crews:
        return f"Work order {number} is {job.order.get_status_display().lower()}"
    crew = job.crews[0]
    does = _DOES.get(crew.status, f"is {crew.status.lower()}" if crew.status else "is assigned")
    return f"{crew.name} {does} (work order {number})"


def _happened_at(job: Work) -> datetime:
    """When the newest of what makes up the job changed, by its source."""
    stamps = [job.order.source_time, *(crew.source_time for crew in job.crews[:1])]
    return max((one for one in stamps if one is not None), default=job.order.landed_at)
