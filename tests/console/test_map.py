from django.core.cache import cache
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from organisation.scope import acting_for
from outage.models import Outage
from tests.console.nights import Night


def test_the_map_draws_what_is_off_around_the_failed_element(night: Night, signed_in: Client) -> None:
    with override_settings(MAP_ATTRIBUTION="Network: ours"):
        answer = signed_in.get(f"/console/outages/{night.critical.pk}/map.json")

    drawn = answer.json()
    assert answer.status_code == 200
    assert drawn["attribution"] == "Network: ours"
    assert drawn["failed"] == {"id": "SW-1", "kind": "BREAKER", "lat": 53.64, "lon": 11.41}
    assert [True, [[53.64, 11.41], [53.641, 11.411]], True] in drawn["lines"]
    assert [off for off, *_ in drawn["lines"]].count(True) == 1
    assert drawn["points"] == [[True, 53.641, 11.4111], [True, 53.641, 11.4112]]
    assert drawn["critical"] == [[True, 53.641, 11.411, 1]]
    assert drawn["is_cut"] is False


def test_an_unchanged_map_is_304_and_is_not_read_again(
    night: Night, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = f"/console/outages/{night.critical.pk}/map.json"
    first = signed_in.get(path)

    with django_assert_num_queries(15) as asked:
        again = signed_in.get(path)

    assert again.content == first.content
    assert not any("gis_networkelement" in query["sql"] for query in asked.captured_queries)
    assert signed_in.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_a_changed_outage_has_a_new_map(night: Night, signed_in: Client) -> None:
    path = f"/console/outages/{night.critical.pk}/map.json"
    first = signed_in.get(path)
    with acting_for(night.scope()):
        Outage.objects.filter(pk=night.critical.pk).update(customers_off=0)

    second = signed_in.get(path, headers={"If-None-Match": first["ETag"]})

    assert second.status_code == 200
    assert second["ETag"] != first["ETag"]


def test_an_outage_without_a_place_has_an_empty_map(night: Night, signed_in: Client) -> None:
    switch = night.switches["SW-2"]
    with acting_for(night.scope()):
        type(switch).objects.filter(pk=switch.pk).update(latitude=None, longitude=None, geometry=None, extent=None)
        night.large.affected.all().delete()
    cache.clear()

    drawn = signed_in.get(f"/console/outages/{night.large.pk}/map.json").json()

    assert (drawn["failed"], drawn["lines"], drawn["points"]) == (None, [], [])
