from datetime import datetime, timedelta

import pytest

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from gis.models import ElementAlias
from gis.models import NetworkElement as ElementRow
from gis.services.aliases import aliases_for
from gis.services.landing import land_network_elements
from gis.services.network import follow_network
from tests.gis.networks import change_of, ids_of_elements, land_network, line, make_landing, source

pytestmark = pytest.mark.usefixtures("scope")


def test_a_name_equal_to_an_elements_external_id_is_resolved_at_once(now: datetime) -> None:
    land_network([source("S", "a"), line("L", "a", "b")], now=now)
    landing = make_landing(contract="alarm/1", now=now, connector="SCADA")

    aliases = aliases_for(names=["L", "ns=2;s=Q7", "L"], landing=landing)

    rows = {one.external_id: one for one in ElementAlias.objects.all()}
    assert aliases == {name: row.pk for name, row in rows.items()}
    assert (rows["L"].element_id, rows["L"].resolved_at) == (ids_of_elements()["L"], now)
    assert (rows["ns=2;s=Q7"].element_id, rows["ns=2;s=Q7"].resolved_at) == (None, None)
    assert aliases_for(names=["L", "ns=2;s=Q7"], landing=landing) == aliases


def test_no_names_make_no_aliases(now: datetime) -> None:
    assert aliases_for(names=[], landing=make_landing(contract="alarm/1", now=now)) == {}


def test_an_alias_waits_for_its_element_to_land(now: datetime) -> None:
    landing = make_landing(contract="alarm/1", now=now, connector="SCADA")
    aliases_for(names=["L"], landing=landing)

    land_network([line("L", "a", "b")], now=now + timedelta(hours=1))

    alias = ElementAlias.objects.get()
    assert (alias.element_id, alias.resolved_at) == (ids_of_elements()["L"], now + timedelta(hours=1))


def test_a_name_that_two_systems_give_to_elements_is_for_a_person(now: datetime) -> None:
    scada = make_landing(contract="alarm/1", now=now, connector="SCADA")
    aliases_for(names=["early"], landing=scada)
    old, new = (
        make_landing(contract=contract_id(NetworkElement), now=now, connector=connector)
        for connector in ("old GIS", "new GIS")
    )
    for landing in (old, new):
        land_network_elements([line("late", "a", "b"), line("early", "a", "b")], landing)
    everything = tuple(ElementRow.objects.values_list("pk", flat=True))
    follow_network(change_of(new, NetworkElement, everything))

    aliases_for(names=["late"], landing=scada)

    assert {one.external_id: one.element for one in ElementAlias.objects.all()} == {"early": None, "late": None}


def test_a_name_of_an_element_that_is_gone_goes_over_to_the_one_of_a_newer_system(now: datetime) -> None:
    old, new = (
        make_landing(contract=contract_id(NetworkElement), now=now, connector=connector)
        for connector in ("old GIS", "new GIS")
    )
    land_network_elements([line("L", "a", "b")], old)
    aliases_for(names=["L"], landing=make_landing(contract="alarm/1", now=now, connector="SCADA"))
    ElementRow.objects.update(retired_at=now)
    land_network_elements([line("L", "a", "b")], new)
    newer = ElementRow.objects.get(retired_at=None)

    follow_network(change_of(new, NetworkElement, (newer.pk,)))

    assert ElementAlias.objects.get().element_id == newer.pk
