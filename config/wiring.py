"""Which landing function serves which contract, and who follows it. The one place where the domains meet."""

from functools import partial

from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.base import contract_id
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
from connectors.merge import retire_unseen
from customer import models as customer_models
from customer import services as customer
from gis import models as gis_models
from gis import services as gis
from outage import services as outage
from telemetry import models as telemetry_models
from telemetry import queries as telemetry_queries
from telemetry import services as telemetry
from work import models as work_models
from work import services as work


def follow_switch_positions(change: Change) -> None:
    """Switch positions go from telemetry, which reads them, down to the network that they open and close."""
    gis.apply_switch_positions(positions=telemetry_queries.switch_positions(change.ids), now=change.now)


def follow_numbering(change: Change) -> None:
    customer.recount(now=change.now)


WIRING = ContractWiring(
    inbound={
        contract_id(wiring.contract): wiring
        for wiring in (
            Wiring(
                contract=Zone,
                land=gis.land_zones,
                retire=partial(retire_unseen, gis_models.Zone),
                followers=(gis.follow_zones,),
            ),
            Wiring(contract=Feature, land=gis.land_features, retire=partial(retire_unseen, gis_models.Feature)),
            Wiring(
                contract=NetworkElement,
                land=gis.land_network_elements,
                retire=partial(retire_unseen, gis_models.NetworkElement),
                followers=(gis.follow_network, follow_numbering, outage.follow_supply),
            ),
            Wiring(
                contract=ServicePoint,
                land=customer.land_service_points,
                retire=partial(retire_unseen, customer_models.ServicePoint),
                followers=(customer.follow_service_points, outage.follow_supply),
            ),
            Wiring(
                contract=Signal,
                land=telemetry.land_signals,
                retire=partial(retire_unseen, telemetry_models.Signal),
            ),
            Wiring(
                contract=Reading,
                land=telemetry.land_readings,
                followers=(follow_switch_positions, follow_numbering, outage.follow_supply),
            ),
            Wiring(contract=Alarm, land=telemetry.land_alarms, followers=(outage.follow_alarms,)),
            Wiring(
                contract=Equipment,
                land=work.land_equipment,
                retire=partial(retire_unseen, work_models.Equipment),
                followers=(outage.follow_work,),
            ),
            Wiring(
                contract=WorkOrder,
                land=work.land_work_orders,
                retire=partial(retire_unseen, work_models.WorkOrder),
                followers=(outage.follow_work,),
            ),
            Wiring(
                contract=Crew,
                land=work.land_crews,
                retire=partial(retire_unseen, work_models.Crew),
                followers=(outage.follow_work,),
            ),
            Wiring(
                contract=RestorationEstimate,
                land=outage.land_restoration_estimates,
                followers=(outage.follow_estimates,),
            ),
        )
    },
    receipts={contract_id(AlarmAcknowledgement): telemetry.settle_acknowledgement},
)
