"""Each rule that the OASIS schema does not hold: a message with this one fault passes the schema, and not us."""

from pathlib import Path

import pytest

from connectors.cap.reading import NotCap, read
from connectors.cap.validation import faults_of, schema_faults
from tests.connectors.cap.alerts import GOOD, with_fault

PAYLOADS = Path("tests/connectors/payloads/cap")

RING = "53.60,11.40 53.70,11.40 53.70,11.50 53.60,11.40"
FIRST = "outages@utility.example,utility.2026-0117.1,2026-11-24T01:15:00-00:00"

PASS_THE_SCHEMA = {
    "a space in the identifier": ("utility.2026-0117.2", "utility 2", "identifier must be a name"),
    "an empty identifier": ("utility.2026-0117.2", "", "identifier must be a name"),
    "a comma in the sender": ("<sender>outages@utility.example", "<sender>outages,utility", "sender must be a name"),
    "a bracket in the sender": ("<sender>outages@", "<sender>outages&lt;", "sender must be a name"),
    "an ampersand in the identifier": ("utility.2026-0117.2", "a&amp;b", "identifier must be a name"),
    "UTC as +00:00": ("<sent>2026-11-24T02:15:00-00:00", "<sent>2026-11-24T02:15:00+00:00", "Write sent as"),
    "expires as +00:00": ("06:15:00-00:00</expires>", "06:15:00+00:00</expires>", "Write expires as"),
    "a reference that is no triple": (FIRST, "utility.2026-0117.1", "Write a reference as sender,identifier,sent"),
    "a reference without offset": (f"{FIRST}<", f"{FIRST[:-6]}<", "Write a reference as sender,identifier,sent"),
    "an update of nothing": (f"<references>{FIRST}</references>", "", "that this Update is about"),
    "a reference to itself": ("0117.1,2026-11-24T01:15", "0117.2,2026-11-24T02:15", "cannot refer to itself"),
    "a reference to the future": ("0117.1,2026-11-24T01:15", "0117.1,2026-11-24T03:15", "refers to earlier ones only"),
    "restricted to nobody": ("<scope>Public", "<scope>Restricted", "says in restriction whom it is for"),
    "a restriction of a public message": ("</scope>", "</scope><restriction>Staff</restriction>", "remove it"),
    "private without addresses": ("<scope>Public", "<scope>Private", "says in addresses whom it is for"),
    "an open quote": ("<incidents>2026-0117", '<incidents>"2026 0117', "double quotes"),
    "expires before sent": ("2026-11-24T06:15:00-00:00</expires>", "2026-11-24T01:15:00-00:00</expires>", "after sent"),
    "expires before effective": (
        "<effective>2026-11-24T02:15",
        "<effective>2026-11-24T07:15",
        "expires cannot be before effective, 2026-11-24T07:15:00-00:00",
    ),
    "two events in one message": ("OET-145", "OET-146", "same category and eventCode"),
    "an event without a name": ("<event>Power outage", "<event> ", "event is empty"),
    "a parameter without a value": (
        "<resource>",
        "<parameter><valueName>Feeders</valueName><value/></parameter><resource>",
        "both a valueName and a value",
    ),
    "markup": ("Some customers", "&lt;b&gt;Some&lt;/b&gt; customers", "description is plain text: remove <b>"),
    "an entity of HTML": ("Some customers", "Some&amp;nbsp;customers", "description is plain text: remove &nbsp;"),
    "half a web address": ("<web>https://utility.example/outages", "<web>outages", "web must be a whole address"),
    "a relative uri": ("<uri>https://utility.example/map.png", "<uri>map.png", "A relative uri needs"),
    "a digest that is no SHA-1": ("da39a3ee", "zz", "40 hexadecimal digits"),
    "no media type": ("image/png", "picture", "mimeType must be a media type"),
    "an area without a name": ("<areaDesc>East", "<areaDesc>", "areaDesc is empty"),
    "an area in words alone": (
        f"<areaDesc>Ost</areaDesc><polygon>{RING}</polygon>",
        "<areaDesc>Ost</areaDesc>",
        "geocode",
    ),
    "nowhere": (f"<area><areaDesc>Ost</areaDesc><polygon>{RING}</polygon></area>", "", "Say in area"),
    "longitude first": (RING, "111.40,53.60 111.40,53.70 111.50,53.70 111.40,53.60", "pairs in degrees"),
    "an open polygon": (RING, "53.60,11.40 53.70,11.40 53.70,11.50 53.60,11.50", "Close the polygon"),
    "three pairs": (RING, "53.60,11.40 53.70,11.40 53.60,11.40", "at least four pairs"),
    "a bow tie": (RING, "53.6,11.4 53.7,11.5 53.7,11.4 53.6,11.5 53.6,11.4", "crosses itself"),
    "pairs by semicolons": (RING, RING.replace(" ", ";"), "pairs in degrees, parted by spaces"),
    "a circle without radius": ("53.65,11.45 2<", "53.65,11.45<", "a radius in km"),
    "a circle turned inside out": ("53.65,11.45 2<", "53.65,11.45 -2<", "a radius in km"),
    "a ceiling over nothing": ("<altitude>0</altitude>", "", "give the lower one in altitude"),
}


@pytest.mark.parametrize("name", PASS_THE_SCHEMA)
def test_a_fault_that_passes_the_schema_is_found_alone(name: str) -> None:
    before, after, said = PASS_THE_SCHEMA[name]
    document = with_fault(before, after)

    faults = faults_of(document)

    assert schema_faults(read(document)) == ()
    assert len(faults) == 1, faults
    assert said in faults[0].message
    assert faults[0].clause.startswith("§3.")


def test_an_update_that_tells_nothing_passes_the_schema_alone() -> None:
    document = (GOOD[: GOOD.index("  <info>")] + "</alert>").encode()

    assert schema_faults(read(document)) == ()
    assert [fault.message for fault in faults_of(document)] == [
        "An Alert or Update tells nobody anything without info."
    ]


def test_a_good_message_has_no_fault() -> None:
    assert faults_of(GOOD.encode()) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<status>Actual", "<status>Serious"),
        ("<urgency>Immediate", "<urgency>Now"),
        ("02:15:00-00:00</sent>", "02:15:00Z</sent>"),
        ("02:15:00-00:00</sent>", "02:15:00.5-00:00</sent>"),
        ("2026-11-24T02:15:00-00:00</sent>", "2026-02-30T02:15:00-00:00</sent>"),
        ("<category>Infra</category>", ""),
        ("<scope>Public</scope>", ""),
        ("<severity>Minor</severity>\n    <certainty>Observed</certainty>", "<certainty>Observed</certainty>"),
    ],
)
def test_what_the_schema_finds_is_told_by_line(before: str, after: str) -> None:
    faults = [fault for fault in faults_of(with_fault(before, after)) if fault.clause == "§3.4"]

    assert faults
    assert faults[0].message.startswith("Line ")


@pytest.mark.parametrize("name", ["thunderstorm.cap", "wcatwc-warning.cap", "canada.cap"])
def test_alerts_of_public_services_are_right(name: str) -> None:
    assert faults_of((PAYLOADS / name).read_bytes()) == ()


def test_alerts_of_public_services_that_are_not_are_told_why() -> None:
    earthquake = faults_of((PAYLOADS / "earthquake-iso8859-1.cap").read_bytes())
    storm = faults_of((PAYLOADS / "australia.cap").read_bytes())

    assert {fault.clause for fault in earthquake} == {"§3.2.1, §3.3.2", "§3.2.2, §3.3.2"}
    assert "description is plain text: remove <br />." in [fault.message for fault in storm]


def test_a_message_that_wants_a_file_read_is_refused_unread() -> None:
    with pytest.raises(NotCap, match="no document type declaration"):
        read((PAYLOADS / "xee.cap").read_bytes())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"<alert/>", "The outermost element must be alert of urn:oasis:names:tc:emergency:cap:1.2; it is alert."),
        (b"power is out", "This is no XML"),
        (b"", "This is no XML"),
    ],
)
def test_what_is_no_cap_at_all_is_said_so(document: bytes, said: str) -> None:
    [fault] = faults_of(document)

    assert said in fault.message
