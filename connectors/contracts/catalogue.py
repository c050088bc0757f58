"""Every contract there is, by name; the waist of the hourglass."""

from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.cap_alert import CapAlert
from connectors.contracts.crew import Crew
from connectors.contracts.equipment import Equipment
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.reading import Reading
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.service_point import ServicePoint
from connectors.contracts.signal import Signal
from connectors.contracts.work_order import WorkOrder
from connectors.contracts.zone import Zone

INBOUND: dict[str, type[Record]] = {
    contract_id(contract): contract
    for contract in (
        NetworkElement,
        Feature,
        Zone,
        Signal,
        Reading,
        Alarm,
        ServicePoint,
        Equipment,
        WorkOrder,
        Crew,
        RestorationEstimate,
    )
}

OUTBOUND: dict[str, type[OutboundRecord]] = {
    contract_id(contract): contract
    for contract in (AlarmAcknowledgement, AlarmConfirmation, AlarmComment, AlarmShelving, CapAlert)
}

CONTRACTS: dict[str, type[Record] | type[OutboundRecord]] = {**INBOUND, **OUTBOUND}

BY_NAMESPACE: dict[str, type[OutboundRecord]] = {CapAlert.namespace: CapAlert}
"""Contracts that are a published standard's own documents, by the XML namespace that these carry."""
