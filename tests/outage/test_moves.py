"""Every move of an outage, legal or not, by a person's hand."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from organisation.models import Membership, Organisation, User
from organisation.scope import Scope, acting_for
from outage.models import Outage, Status
from outage.services.transitions import UnableToTransition, transition_outage
from tests.outage.pretend import PretendUtility, off, ring, ring_customers, the_outage

LEGAL = {
    Status.DETECTED: (Status.CONFIRMED, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.CONFIRMED: (Status.DISPATCHED, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.DISPATCHED: (Status.REPAIRING, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.REPAIRING: (Status.PARTIALLY_RESTORED, Status.RESTORED),
    Status.PARTIALLY_RESTORED: (Status.RESTORED, Status.REPAIRING, Status.DISPATCHED, Status.CONFIRMED),
    Status.RESTORED: (Status.VERIFIED, Status.PARTIALLY_RESTORED, Status.CONFIRMED),
    Status.VERIFIED: (Status.CLOSED,),
    Status.CLOSED: (),
    Status.CANCELLED: (),
}
WAY_TO: dict[Status, tuple[Status, ...]] = {
    Status.DETECTED: (),
    Status.CONFIRMED: (Status.CONFIRMED,),
    Status.DISPATCHED: (Status.CONFIRMED, Status.DISPATCHED),
    Status.REPAIRING: (Status.CONFIRMED, Status.DISPATCHED, Status.REPAIRING),
    Status.PARTIALLY_RESTORED: (Status.PARTIALLY_RESTORED,),
    Status.RESTORED: (Status.RESTORED,),
    Status.VERIFIED: (Status.RESTORED, Status.VERIFIED),
    Status.CLOSED: (Status.RESTORED, Status.VERIFIED, Status.CLOSED),
    Status.CANCELLED: (Status.CANCELLED,),
}
SENTENCES = {
    Status.DETECTED: "2026-0001 is detected and cannot become {} from there. "
    "It can become confirmed or partially restored or restored or cancelled.",
    Status.CONFIRMED: "2026-0001 is confirmed and cannot become {} from there. "
    "It can become dispatched or partially restored or restored or cancelled.",
    Status.DISPATCHED: "2026-0001 is dispatched and cannot become {} from there. "
    "It can become repairing or partially restored or restored or cancelled.",
    Status.REPAIRING: "2026-0001 is repairing and cannot become {} from there. "
    "It can become partially restored or restored.",
    Status.PARTIALLY_RESTORED: "2026-0001 is partially restored and cannot become {} from there. "
    "It can become restored or repairing or dispatched or confirmed.",
    Status.RESTORED: "2026-0001 is restored and cannot become {} from there. "
    "It can become verified or partially restored or confirmed.",
    Status.VERIFIED: "2026-0001 is verified and cannot become {} from there. It can become closed.",
    Status.CLOSED: "2026-0001 is closed, and that is final: it cannot become {}.",
    Status.CANCELLED: "2026-0001 is cancelled, and that is final: it cannot become {}.",
}


@pytest.fixture
def person(coordinator: Membership) -> User:
    return coordinator.user


@pytest.mark.parametrize("status", Status, ids=str)
def test_every_move_is_made_or_refused_with_its_sentence(
    utility_with_ring: PretendUtility, person: User, status: Status
) -> None:
    utility_with_ring.trips("FEEDER")
    outage = the_outage()
    for step in WAY_TO[status]:
        outage = go(outage, step, person=person, utility=utility_with_ring)
    entries = outage.timeline.count()

    for to in Status:
        with transaction.atomic():
            if to in LEGAL[status]:
                moved = go(outage, to, person=person, utility=utility_with_ring)
                entry = moved.timeline.latest("pk")
                assert moved.status == Outage.objects.get().status == to
                assert (entry.from_status, entry.to_status, entry.actor_id) == (status, to, person.pk)
                assert (entry.summary, entry.reason) == (to.label, f"because of {to.label}")
            else:
                with pytest.raises(UnableToTransition) as refused:
                    go(outage, to, person=person, utility=utility_with_ring)
                assert str(refused.value) == (
                    f"2026-0001 is {status.label.lower()} already."
                    if to == status
                    else SENTENCES[status].format(to.label.lower())
                )
                assert refused.value.possible == LEGAL[status]
                assert Outage.objects.get().status == status
                assert outage.timeline.count() == entries
            transaction.set_rollback(True)


def test_what_is_over_stays_so_while_its_alarm_stands_and_is_told_again(
    utility_with_ring: PretendUtility, person: User
) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.closes("FEEDER")
    utility_with_ring.alarm("FEEDER", active=True, acknowledged=True)
    assert the_outage().status == Status.RESTORED
    for step in (Status.VERIFIED, Status.CLOSED):
        go(the_outage(), step, person=person, utility=utility_with_ring)
    closed_at = utility_with_ring.clock

    utility_with_ring.wait(3600)
    utility_with_ring.alarm("FEEDER", active=True)

    outage = the_outage()
    assert (outage.status, outage.closed_at) == (Status.CLOSED, closed_at)

    utility_with_ring.clears("FEEDER")
    utility_with_ring.trips("FEEDER")
    assert Outage.objects.open().get().number == "2026-0002"
    assert len(off()) == 5


def test_two_organisations_have_outages_of_their_own(
    utility_with_ring: PretendUtility, neighbour: Organisation, person: User, now: datetime
) -> None:
    utility_with_ring.trips("FEEDER")
    ours = the_outage()

    with acting_for(Scope(organisation_id=neighbour.pk)):
        other = PretendUtility(now)
        other.network(ring())
        other.customers(ring_customers()[:1])
        other.trips("FEEDER")
        other.opens("FEEDER")

        assert (the_outage().number, the_outage().customers_affected) == ("2026-0001", 1)
        with pytest.raises(Outage.DoesNotExist):
            transition_outage(outage=ours, to=Status.CONFIRMED, reason="not ours", actor=person, now=now)
        other.closes("FEEDER")
        assert the_outage().status == Status.RESTORED

    assert the_outage() == ours
    assert (the_outage().status, the_outage().customers_off) == (Status.DETECTED, 5)
    assert the_outage().timeline.count() == 1


def go(outage: Outage, to: Status, *, person: User, utility: PretendUtility) -> Outage:
    now = utility.clock + timedelta(milliseconds=1)
    utility.clock = now
    return transition_outage(outage=outage, to=to, reason=f"because of {to.label}", actor=person, now=now)
