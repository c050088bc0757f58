"""Who has not signed in is asked to, wherever they come."""

import pytest
from django.test import Client

from tests.console.nights import Night


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/outages/",
        "/console/outages/fragment",
        "/console/outages/{pk}/",
        "/console/outages/{pk}/fragment",
        "/console/outages/{pk}/map.json",
        "/console/outages/{pk}/alert",
        "/console/telemetry/alarm/",
        "/console/gis/elementalias/",
    ],
)
def test_a_stranger_is_asked_to_sign_in_and_then_comes_where_they_wanted_to(night: Night, path: str) -> None:
    wanted = path.format(pk=night.critical.pk)

    answer = Client().get(wanted)

    assert (answer.status_code, answer["Location"]) == (302, f"/console/login/?next={wanted}")


@pytest.mark.parametrize(
    "path", ["/console/organisation", "/console/outages/{pk}/transition", "/console/outages/{pk}/alert"]
)
def test_a_stranger_changes_nothing(night: Night, path: str) -> None:
    address = path.format(pk=night.critical.pk)

    answer = Client().post(address, {"organisation": "1", "to": "CONFIRMED", "reason": "Because"})

    assert (answer.status_code, answer["Location"]) == (302, f"/console/login/?next={address}")


def test_the_printed_address_leads_to_the_sign_in_page(db: None) -> None:
    answer = Client().get("/", follow=True)

    assert answer.redirect_chain[-1] == ("/console/login/?next=/console/", 302)
    assert 'name="password"' in answer.content.decode()
