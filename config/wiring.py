"""Which landing function serves which contract, and who follows it. The one place where the domains meet."""

from functools import partial

from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving
from connectors.contracts.base import contract_id
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
from connectors.landing import Change, ContractWiring, Wiring
from connectors.merge import retire
from customer import models as customer_models
from customer.services.counting import follow_service_points, recount
from customer.services.landing import land_service_points
from gis import models as gis_models
from gis.services.landing import (
    follow_zones,
    land_features,
    land_network_elements,
    land_zones,
    prepare_features,
    retire_network_elements,
)
from gis.services.network import follow_network
from gis.services.positions import apply_switch_positions
from outage.reach import reach_of
from outage.services.alerts import settle_alert
from outage.services.detection import follow_alarms
from outage.services.estimates import follow_estimates, land_restoration_estimates
from outage.services.supply import follow_supply
from outage.services.work import follow_work
from telemetry.queries.signals import switch_positions, switch_positions_of_elements
from telemetry.services.acknowledgements import settle_acknowledgement
from telemetry.services.alarm_actions import settle_alarm_action
from telemetry.services.alarms import land_alarms, retire_alarms
from telemetry.services.readings import land_readings
from telemetry.services.signals import land_signals, retire_signals
from work import models as work_models
from work.services import land_crews, land_equipment, land_work_orders


def follow_positions_of_signals(change: Change) -> None:
    """Switch positions go from telemetry, which reads them, down to the network that they open and close."""
    apply_switch_positions(positions=switch_positions(change.ids), now=change.now)


def follow_positions_of_elements(change: Change) -> None:
    """Positions that were read before their element was known reach it now."""
    apply_switch_positions(positions=switch_positions_of_elements(change.ids), now=change.now)


def follow_numbering(change: Change) -> None:
    recount(now=change.now)


WIRING = ContractWiring(
    inbound={
        contract_id(wiring.contract): wiring
        for wiring in (
            Wiring(
                contract=Zone,
                land=land_zones,
                retire=partial(retire, gis_models.Zone),
                followers=(follow_zones,),
            ),
            Wiring(
                contract=Feature,
                prepare=prepare_features,
                land=land_features,
                retire=partial(retire, gis_models.Feature),
            ),
            Wiring(
                contract=NetworkElement,
                land=land_network_elements,
                retire=retire_network_elements,
                followers=(follow_network, follow_positions_of_elements, follow_numbering, follow_supply),
            ),
            Wiring(
                contract=ServicePoint,
                land=land_service_points,
                retire=partial(retire, customer_models.ServicePoint),
                followers=(follow_service_points, follow_supply),
            ),
            Wiring(
                contract=Signal,
                land=land_signals,
                retire=retire_signals,
                followers=(follow_positions_of_signals, follow_numbering, follow_supply),
            ),
            Wiring(
                contract=Reading,
                land=land_readings,
                followers=(follow_positions_of_signals, follow_numbering, follow_supply),
            ),
            Wiring(contract=Alarm, land=land_alarms, retire=retire_alarms, followers=(follow_alarms,)),
            Wiring(
                contract=Equipment,
                land=land_equipment,
                retire=partial(retire, work_models.Equipment),
                followers=(follow_work,),
            ),
            Wiring(
                contract=WorkOrder,
                land=land_work_orders,
                retire=partial(retire, work_models.WorkOrder),
                followers=(follow_work,),
            ),
            Wiring(
                contract=Crew,
                land=land_crews,
                retire=partial(retire, work_models.Crew),
                followers=(follow_work,),
            ),
            Wiring(contract=RestorationEstimate, land=land_restoration_estimates, followers=(follow_estimates,)),
        )
    },
    receipts={
        contract_id(AlarmAcknowledgement): settle_acknowledgement,
        contract_id(AlarmConfirmation): settle_alarm_action,
        contract_id(AlarmComment): settle_alarm_action,
        contract_id(AlarmShelving): settle_alarm_action,
        contract_id(CapAlert): settle_alert,
    },
    reach=reach_of,
)
