import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from gis.services.landing import land_network_elements
from tests.gis.networks import customers, land_customers, land_network, make_landing, source, switch

pytestmark = pytest.mark.usefixtures("scope")


@pytest.fixture(autouse=True)
def network(now: datetime, scope: object) -> None:
    land_network([source("S", "bus"), switch("Q1", "bus", "a"), switch("Q2", "a", "b")], now=now)
    land_customers([*customers("a", normal=2), *customers("b", normal=1, critical=1)], now=now)


def run(*arguments: str) -> list[dict[str, object]]:
    out = StringIO()
    call_command("impact", *arguments, "--json", "--organisation", "utility", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def refused(*arguments: str, organisation: str = "utility") -> dict[str, object]:
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("impact", *arguments, "--json", "--organisation", organisation, stdout=out)
    assert stopped.value.code == 2
    error: dict[str, object] = json.loads(out.getvalue())
    return error


def test_one_line_for_each_element_in_the_order_given() -> None:
    assert run("Q2", "Q1") == [
        {"element": "Q2", "service_points": 2, "critical": 1},
        {"element": "Q1", "service_points": 4, "critical": 1},
    ]


def test_an_unknown_element_gives_an_error_and_no_answers() -> None:
    assert refused("Q1", "nobody") == {"error": "The network has no element nobody.", "elements": ["nobody"]}


def test_a_name_that_two_systems_use_is_not_guessed(now: datetime) -> None:
    other = make_landing(contract=contract_id(NetworkElement), now=now, connector="second GIS")
    land_network_elements([switch("Q1", "x", "y")], other)

    assert refused("Q1") == {"error": "More than one system has an element Q1.", "elements": ["Q1"]}


def test_an_unknown_organisation_gives_an_error() -> None:
    assert refused("Q1", organisation="nowhere")["organisation"] == "nowhere"


def test_without_json_people_read_it() -> None:
    out = StringIO()
    call_command("impact", "Q1", "--organisation", "utility", stdout=out)
    assert out.getvalue().split() == ["Q1", "4", "service", "points,", "1", "critical"]

    with pytest.raises(CommandError) as error:
        call_command("impact", "nobody", "--organisation", "utility")
    assert error.value.returncode == 2
