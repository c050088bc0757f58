import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from connectors.models import Stream
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import acting_for
from outage.models import Outage
from tests.conftest import Tenants
from tests.console.conftest import client_of
from tests.console.nights import Night

BOARD = "/console/outages/"
FRAGMENT = "/console/outages/fragment"


def numbers(html: str) -> list[str]:
    return re.findall(r'data-number="([^"]+)"', html)


def row(html: str, number: str) -> str:
    """The words of one row, without its marks."""
    found = re.search(rf'<tr class="o"[^>]*data-number="{number}".*?</tr>', html, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found.group()).split())


def test_the_worst_stands_first_and_an_outage_that_puts_nobody_off_stands_last(night: Night, signed_in: Client) -> None:
    html = signed_in.get(BOARD).content.decode()

    assert numbers(html) == ["2026-0117", "2026-0118", "2026-0109", "2026-0119"]
    assert re.findall(r'<tbody data-group="(\w+)"', html) == ["act", "done", "calm"]


def test_a_row_tells_where_who_how_long_and_what_to_doubt_most(night: Night, signed_in: Client) -> None:
    html = signed_in.get(BOARD).content.decode()

    told = row(html, "2026-0117")
    assert told.startswith(
        "Critical 2026-0117 SW-1 · breaker · Feeder 8 Confidence 0.70. Confirm or dismiss Feeder 8 East"
    )
    assert "3 1 critical" in told
    assert "26 min" in told
    assert "N-12 On the way" in told
    assert "in 1 h 59 min" in told
    assert told.endswith("UNAVAILABLE 3 min Work orders")
    assert "0 of 2 all back" in row(html, "2026-0109")
    assert "0 nobody off" in row(html, "2026-0119")


def test_customers_that_are_not_counted_yet_are_unknown_and_not_zero(night: Night, signed_in: Client) -> None:
    with acting_for(night.scope()):
        Outage.objects.filter(pk=night.harmless.pk).update(is_charged=False)

    html = signed_in.get(BOARD).content.decode()

    assert "UNKNOWN not counted yet" in row(html, "2026-0119")
    assert re.findall(r'<tbody data-group="(\w+)"', html) == ["act", "done"]


def test_the_figures_count_what_is_off_and_which_sources_to_doubt(night: Night, signed_in: Client) -> None:
    html = signed_in.get(BOARD).content.decode()

    assert re.findall(r'<dd class="v"[^>]*>([^<]+)</dd>', html) == ["3", "8", "1", "0", "2"]
    assert "1 old, 1 unavailable" in html


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("group=act", ["2026-0117", "2026-0118"]),
        ("group=calm", ["2026-0119"]),
        ("critical=1", ["2026-0117"]),
        ("text=n-12", ["2026-0117"]),
        ("text=sw-2", ["2026-0118"]),
        ("zone=East", ["2026-0117", "2026-0118", "2026-0109", "2026-0119"]),
        ("zone=West", []),
        ("group=nonsense", ["2026-0117", "2026-0118", "2026-0109", "2026-0119"]),
    ],
)
def test_filters_narrow_the_board_and_its_fragment_alike(
    night: Night, signed_in: Client, query: str, shown: list[str]
) -> None:
    assert numbers(signed_in.get(f"{BOARD}?{query}").content.decode()) == shown
    assert numbers(signed_in.get(f"{FRAGMENT}?{query}").content.decode()) == shown


def test_an_unchanged_board_is_answered_with_304(night: Night, signed_in: Client) -> None:
    first = signed_in.get(FRAGMENT)

    again = signed_in.get(FRAGMENT, headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert again.content == b""
    assert again["ETag"] == first["ETag"]


def test_a_change_of_one_outage_changes_the_answer_and_that_row_alone(night: Night, signed_in: Client) -> None:
    first = signed_in.get(FRAGMENT)
    with acting_for(night.scope()):
        Outage.objects.filter(pk=night.large.pk).update(customers_off=4)

    second = signed_in.get(FRAGMENT, headers={"If-None-Match": first["ETag"]})

    assert second.status_code == 200
    versions = [
        dict(re.findall(r'data-key="(\d+)" data-version="(\w+)"', answer.content.decode()))
        for answer in (first, second)
    ]
    changed = {key for key, version in versions[1].items() if versions[0][key] != version}
    assert changed == {str(night.large.pk)}


def test_a_source_that_grows_old_changes_the_answer_but_no_row(night: Night, signed_in: Client) -> None:
    first = signed_in.get(FRAGMENT)
    with acting_for(night.scope()):
        Stream.objects.filter(pk=night.elements.pk).update(freshness_s=60)

    second = signed_in.get(FRAGMENT, headers={"If-None-Match": first["ETag"]})

    assert second.status_code == 200
    assert "STALE" in row(second.content.decode(), "2026-0118")
    found = [re.findall(r'data-version="(\w+)"', answer.content.decode()) for answer in (first, second)]
    assert found[0] == found[1]


def test_the_fragment_costs_two_statements_of_its_own(
    night: Night, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    signed_in.get(FRAGMENT)

    with django_assert_num_queries(16) as asked:
        signed_in.get(FRAGMENT)

    read = [query["sql"] for query in asked.captured_queries if "outage_outage" in query["sql"]]
    assert len(read) == 1


def test_without_capability_nothing_is_shown(
    night: Night, coordinator: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(coordinator)
    monkeypatch.setattr(Membership, "capabilities", property(lambda membership: frozenset()))

    answers = [client.get(path).status_code for path in (BOARD, FRAGMENT, f"{BOARD}{night.critical.pk}/")]

    assert answers == [403, 403, 403]


def test_a_visitor_is_asked_to_sign_in(night: Night, client: Client) -> None:
    for path in (BOARD, FRAGMENT):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/console/login/?next={path}")


def test_a_neighbour_sees_an_empty_board(night: Night, neighbour: Organisation, tenants: Tenants) -> None:
    client = client_of(tenants.member(neighbour, Role.COORDINATOR))

    html = client.get(BOARD).content.decode()

    assert numbers(html) == []
    assert "No source is connected yet." in html


def test_silence_is_not_called_calm(night: Night, signed_in: Client) -> None:
    with acting_for(night.scope()):
        Outage.objects.update(status="CANCELLED")

    html = signed_in.get(BOARD).content.decode()

    assert "2 sources are stale or cannot be asked, so this may be silence rather than calm." in html


def test_the_console_opens_on_the_board_and_the_admins_names_lead_there(night: Night, signed_in: Client) -> None:
    for path in ("/console/", "/console/outage/outage/"):
        assert signed_in.get(path)["Location"] == BOARD
    assert signed_in.get(f"/console/outage/outage/{night.large.pk}/change/")["Location"] == f"{BOARD}{night.large.pk}/"
