"""What a change of supply means for outages: a switch position, the network itself, or who hangs on it."""

from django.db import transaction

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from connectors.landing import Change
from outage.queries import open_outages
from outage.services.assessment import Assessment
from outage.services.detection import take_up_alarms
from outage.services.estimates import note_estimates
from outage.services.locking import hold_outages
from outage.services.work import note_work


@transaction.atomic
def follow_supply(change: Change) -> None:
    """
    The network, a switch position or the service points changed, and are numbered and counted by now: take up alarms
    that waited for their element, charge outages that waited for their customers, and see who is off now.
    """
    hold_outages()
    Assessment(change, disturbed=take_up_alarms(change, alarm_ids=None)).run()
    if change.contract == contract_id(NetworkElement):
        # Names that waited for an element are resolved now, those in estimates and work orders too.
        outages = list(open_outages())
        note_work(outages, now=change.now)
        note_estimates(outages, now=change.now)
