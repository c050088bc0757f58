"""Moving an outage through its lifecycle, by a person or by the product."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from organisation.models import User
from outage import lifecycle
from outage.models import AffectedServicePoint, Cause, Outage, Status, TimelineKind
from outage.services.charging import charge
from outage.services.locking import hold_outages
from outage.services.timeline import Note, impact, write

LETTING_GO = (Status.RESTORED, Status.CANCELLED)
"""With these, a person says that an outage's customers are not off by it any more."""


class UnableToTransition(Exception):
    """
    The outage cannot make that move, or no reason was given.

    :ivar possible: what it may become instead, the usual next one first
    """

    def __init__(self, message: str, possible: Sequence[Status] = ()) -> None:
        super().__init__(message)
        self.possible = tuple(possible)


@transaction.atomic
def transition_outage(
    *, outage: Outage, to: Status, reason: str, actor: User, now: datetime, cause: Cause | None = None
) -> Outage:
    """
    Move an outage as a person decides, and say so on its timeline with the customers off at that moment.

    :param cause: what the person now knows of its cause; `None` leaves it as it is
    :raises UnableToTransition: if the move is not legal from where the outage is, or the reason is empty
    """
    if to in LETTING_GO:
        hold_outages()
    moved = Outage.objects.select_for_update().get(pk=outage.pk)
    possible = lifecycle.possible(moved.status)
    if not reason.strip():
        raise UnableToTransition("Say why: every move of an outage has a reason.", possible)
    if to not in possible:
        raise UnableToTransition(_refusal(moved, to, possible), possible)
    if cause is not None:
        moved.cause = cause
    if to == Status.RESTORED and moved.opening_id is not None:
        # The person's word against the network's: the switch positions no longer speak for this outage.
        moved.opening = None
    if to == Status.RESTORED:
        _give_back(moved, now=now)
    move(moved, to=to, reason=reason.strip(), at=now, now=now, actor_id=actor.pk)
    if to == Status.CANCELLED:
        # After the entry, which keeps what was claimed until then.
        _give_back(moved, now=None)
        moved.save(update_fields=["customers_off", "critical_customers_off"])
    if to in LETTING_GO:
        _charge_others(now=now)
    return moved


def move(
    outage: Outage,
    *,
    to: Status,
    reason: str,
    at: datetime,
    now: datetime,
    actor_id: int | None = None,
    source: str = "",
) -> None:
    """
    Put a locked outage into a status that it may take. Whoever calls has set what else changed on it.

    :param at: when it happened, by who told of it
    """
    if not lifecycle.allows(outage.status, to):
        raise UnableToTransition(_refusal(outage, to, lifecycle.possible(outage.status)))
    before, outage.status = outage.status, to
    if to == Status.RESTORED:
        outage.restored_at = max(outage.detected_at, at)
    elif before == Status.RESTORED and to in (Status.CONFIRMED, Status.PARTIALLY_RESTORED):
        outage.restored_at = None
    if to in (Status.CLOSED, Status.CANCELLED):
        outage.closed_at = now
    outage.updated_at = now
    outage.save()
    note = Note(
        kind=TimelineKind.TRANSITION,
        key=f"transition:{to}:{now.isoformat()}",
        at=at,
        summary=outage.get_status_display(),
        reason=reason,
        actor_id=actor_id,
        source=source,
        from_status=before,
        to_status=to,
    )
    write(outage, note, now=now)


def _give_back(outage: Outage, *, now: datetime | None) -> None:
    AffectedServicePoint.objects.filter(outage=outage, is_off=True).update(is_off=False, restored_at=now)
    outage.customers_off = outage.critical_customers_off = 0


def _charge_others(*, now: datetime) -> None:
    """Whoever is off by the opening of another device, and was this outage's, is that one's now."""
    others = Outage.objects.open().exclude(opening=None).select_for_update().order_by("pk")
    for other in others:
        if charge(other, is_again=True).has_grown:
            other.updated_at = now
            other.save()
            write(other, impact(other, at=now, now=now, source=""), now=now)


def _refusal(outage: Outage, to: Status, possible: Sequence[Status]) -> str:
    is_now = f"{outage.number} is {outage.get_status_display().lower()}"
    if to == outage.status:
        return f"{is_now} already."
    if not possible:
        return f"{is_now}, and that is final: it cannot become {to.label.lower()}."
    options = " or ".join(one.label.lower() for one in possible)
    return f"{is_now} and cannot become {to.label.lower()} from there. It can become {options}."
