"""A night on which the public is warned, and a stranger reads the warning."""

import urllib.error
import urllib.request
from typing import Any

import pytest
import shapely
from lxml import etree

from connectors.cap.reading import children, read, text, texts
from connectors.cap.validation import faults_of
from tests.journeys.conftest import System, until

pytestmark = pytest.mark.xdist_group("journey")

ATOM = {"a": "http://www.w3.org/2005/Atom"}
BOARD = """{ outages(first: 50, open: true) { edges { node { id number
  context { location { elementId longitude latitude } restoration { estimatedAt } } } } } }"""
MUTATION = """
mutation($outage: ID!) {{
  {name}(input: {{outage: $outage}}) {{ alert {{ identifier document }} errors {{ code message }} }}
}}
"""
SOON_S = 10


def fetch(url: str) -> bytes:
    """As anybody would, without signing in."""
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own loopback address
        content: bytes = response.read()
        return content


def listed(system: System) -> list[str]:
    """The addresses of the messages in the feed."""
    feed = etree.fromstring(fetch(f"{system.url}/feeds/rural-grid/cap.atom"))
    return [str(link.get("href")) for link in feed.findall("a:entry/a:link", ATOM)]


def estimated(system: System, element: str) -> dict[str, Any] | None:
    """The open outage of an element, once somebody has said until when."""
    nodes = [edge["node"] for edge in system.graphql(BOARD)["outages"]["edges"]]
    found = (node for node in nodes if node["context"]["location"]["elementId"] == element)
    return next((node for node in found if node["context"]["restoration"]["estimatedAt"]), None)


def test_the_public_is_warned_of_an_outage_and_told_when_it_is_over(system: System) -> None:
    system.simulator("/scenarios/restore")
    fault = system.simulator("/scenarios/hv-fault")
    outage = until(lambda: estimated(system, fault["element"]), within_s=SOON_S, what="an outage with its estimate")

    warned = system.graphql(MUTATION.format(name="issueAlert"), outage=outage["id"])["issueAlert"]
    [address] = listed(system)
    document = fetch(address)

    assert warned["errors"] == []
    assert document == warned["alert"]["document"].encode()
    assert faults_of(document) == ()
    alert = read(document)
    [english, german] = children(alert, "info")
    assert (text(alert, "status"), text(alert, "incidents")) == ("Test", outage["number"])
    assert (text(english, "event"), text(german, "event")) == ("Power outage", "Stromausfall")
    areas = [
        shapely.Polygon([tuple(map(float, pair.split(",")))[::-1] for pair in ring.split()])
        for ring in texts(children(english, "area")[0], "polygon")
    ]
    location = outage["context"]["location"]
    assert shapely.union_all(areas).distance(shapely.Point(location["longitude"], location["latitude"])) < 0.1

    system.simulator("/scenarios/restore")
    until(lambda: not estimated(system, fault["element"]), within_s=SOON_S, what="a restored outage")
    ended = system.graphql(MUTATION.format(name="cancelAlert"), outage=outage["id"])["cancelAlert"]

    [address] = listed(system)
    cancel = read(fetch(address))
    assert ended["errors"] == []
    assert (text(cancel, "msgType"), text(cancel, "identifier")) == ("Cancel", ended["alert"]["identifier"])
    assert str(text(children(cancel, "info")[0], "headline")).startswith("TEST: Power is back: ")


def test_a_utility_that_has_opened_nothing_has_no_feed(system: System) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{system.url}/feeds/neighbour/cap.atom")
