"""The engine, its outbox and the network together: a first load is numbered once, however its pages come."""

from datetime import datetime

import pytest

from config.wiring import WIRING
from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.service_point import ServicePoint
from connectors.models import OutboxItem
from connectors.services.outbox import work_off
from connectors.services.pages import tell_followers
from customer.queries import impact
from gis.models import Network
from tests.gis.networks import ids_of_elements, make_landing, rural_grid

PAGE = 1_000


@pytest.mark.usefixtures("scope")
def test_the_demo_grid_is_numbered_once_though_other_changes_come_between_its_pages(now: datetime) -> None:
    elements, points = rural_grid()
    gis = make_landing(contract=contract_id(NetworkElement), now=now)
    cis = make_landing(contract=contract_id(ServicePoint), now=now, connector="CIS")
    network, customers = (WIRING.inbound[contract_id(contract)] for contract in (NetworkElement, ServicePoint))
    for at in range(0, len(elements), PAGE):
        landed = network.land(elements[at : at + PAGE], gis)
        tell_followers(network, gis, contract_id(NetworkElement), landed.touched)
        landed = customers.land(points[at // 2 : (at + PAGE) // 2], cis)
        tell_followers(customers, cis, contract_id(ServicePoint), landed.touched)
    assert OutboxItem.objects.filter(contract=contract_id(NetworkElement)).count() == 12

    work_off(clock=lambda: now)

    assert not OutboxItem.objects.exists()
    known = Network.objects.get()
    assert (known.version, known.is_due) == (1, False)
    feeder = ids_of_elements()["SW-10918"]
    assert impact([feeder])[feeder].total == 1_337
