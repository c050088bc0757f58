"""Who is concerned by rows of a contract: what a dry run says that a read would touch."""

from collections.abc import Collection

from connectors.contracts.alarm import Alarm as AlarmRecord
from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement as NetworkElementRecord
from connectors.contracts.reading import Reading as ReadingRecord
from connectors.contracts.restoration_estimate import RestorationEstimate as EstimateRecord
from connectors.contracts.service_point import ServicePoint as ServicePointRecord
from connectors.contracts.signal import Signal as SignalRecord
from connectors.contracts.work_order import WorkOrder as WorkOrderRecord
from connectors.contracts.zone import Zone as ZoneRecord
from connectors.landing import Change, Reach
from customer.models import ServicePoint
from gis.models import ElementAlias, NetworkElement
from organisation.scope import current_scope
from outage.models import AffectedServicePoint, Outage, RestorationEstimate
from telemetry.models import Alarm, Signal
from work.models import WorkOrder
from work.queries import CONCERNED, elements_concerned, work_for_elements

SIGNALS = frozenset({contract_id(SignalRecord), contract_id(ReadingRecord)})


def reach_of(change: Change) -> Reach:
    """
    Open outages at the elements that the rows are or name, or among whose customers they are; open work at those
    elements; and the customers who are the rows, stand at the elements, or are off by those outages.
    """
    organisation = current_scope().organisation_id
    elements = _elements_of(change)
    outages = Outage.objects.for_organisation(organisation).open()
    affected = AffectedServicePoint.objects.for_organisation(organisation)
    if change.contract == contract_id(ServicePointRecord):
        found = outages.filter(pk__in=affected.filter(service_point__in=change.ids).values("outage_id"))
        customers = set(change.ids)
    else:
        found = outages.filter(element_id__in=elements)
        off = affected.filter(outage__in=found.values("pk"), is_off=True)
        customers = set(off.values_list("service_point_id", flat=True)) | _at(_nodes_of(change))
    return Reach(
        outages=dict(found.values_list("pk", "number")), work_orders=_work_orders(change, elements), customers=customers
    )


def _elements_of(change: Change) -> set[int]:
    organisation = current_scope().organisation_id
    if change.contract in CONCERNED:
        return elements_concerned(change)
    if change.contract == contract_id(NetworkElementRecord):
        return set(change.ids)
    if change.contract == contract_id(ZoneRecord):
        inside = NetworkElement.objects.for_organisation(organisation).filter(zone__in=change.ids)
        return set(inside.values_list("pk", flat=True))
    names = ElementAlias.objects.for_organisation(organisation).exclude(element=None)
    if change.contract in SIGNALS:
        named = names.filter(pk__in=Signal.objects.filter(pk__in=change.ids).values("alias"))
    elif change.contract == contract_id(AlarmRecord):
        named = names.filter(pk__in=Alarm.objects.filter(pk__in=change.ids).values("alias"))
    elif change.contract == contract_id(EstimateRecord):
        named = names.filter(pk__in=RestorationEstimate.objects.filter(pk__in=change.ids).values("alias"))
    else:
        return set()
    return set(NetworkElement.objects.filter(aliases__in=named).values_list("pk", flat=True))


def _nodes_of(change: Change) -> set[str]:
    """The connectivity nodes that elements among the rows connect."""
    if change.contract != contract_id(NetworkElementRecord):
        return set()
    elements = NetworkElement.objects.for_organisation(current_scope().organisation_id).filter(pk__in=change.ids)
    ends = elements.values_list("from_node", "to_node")
    return {node for pair in ends for node in pair if node is not None}


def _at(nodes: Collection[str]) -> set[int]:
    if not nodes:
        return set()
    points = ServicePoint.objects.for_organisation(current_scope().organisation_id).present()
    return set(points.filter(node__in=nodes).values_list("pk", flat=True))


def _work_orders(change: Change, elements: Collection[int]) -> set[str]:
    if change.contract == contract_id(WorkOrderRecord):
        orders = WorkOrder.objects.for_organisation(current_scope().organisation_id).filter(pk__in=change.ids)
        return set(orders.values_list("external_id", flat=True))
    return {one.order.external_id for several in work_for_elements(elements).values() for one in several}
