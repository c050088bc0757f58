"""A CAP 1.2 alert message as values, and its XML (OASIS CAP 1.2 §3.2). The elements stand in the schema's order."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lxml import etree

from connectors.cap.reading import Element
from connectors.contracts.cap_alert import NAMESPACE, AlertStatus, MessageType

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document can hold (XML 1.0 §2.2): in a name from a source, they are noise."""

Ring = tuple[tuple[float, float], ...]
"""Latitude and longitude in WGS 84 degrees, the reverse of GeoJSON; the last pair repeats the first (§3.2.4)."""


class ResponseType(StrEnum):
    MONITOR = "Monitor"
    ALL_CLEAR = "AllClear"


class Urgency(StrEnum):
    IMMEDIATE = "Immediate"
    PAST = "Past"


class Severity(StrEnum):
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    OBSERVED = "Observed"
    LIKELY = "Likely"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The identity of an earlier message, letter by letter; `sent` as that message writes it."""

    sender: str
    identifier: str
    sent: str

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent}"


@dataclass(frozen=True, kw_only=True)
class Area:
    description: str
    polygons: tuple[Ring, ...]


@dataclass(frozen=True, kw_only=True)
class Info:
    """
    What is told in one language. Infos of one message in several languages are about the same event.

    :ivar event_codes: the list's name and the code in it
    :ivar expires: when this message ends, which need not be when the event does
    """

    language: str
    category: str
    event: str
    response_type: ResponseType
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    event_codes: tuple[tuple[str, str], ...]
    effective: datetime
    onset: datetime
    expires: datetime
    sender_name: str
    headline: str
    description: str
    instruction: str
    web: str = ""
    contact: str = ""
    areas: tuple[Area, ...]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """
    A public message.

    :ivar references: every earlier message that it takes the place of and that has not ended
    """

    identifier: str
    sender: str
    sent: datetime
    status: AlertStatus
    message_type: MessageType
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: str = ""
    infos: tuple[Info, ...]

    @property
    def gist(self) -> str:
        """A digest of what is told and where, which stays the same while only the clock goes on."""
        told = [
            (info.headline, info.description, info.instruction, info.severity, info.certainty, info.areas)
            for info in self.infos
        ]
        return hashlib.sha256(repr((self.message_type, self.status, told)).encode()).hexdigest()

    def element(self) -> Element:
        return _element("alert", *_alert_parts(self))


def cap_time(moment: datetime) -> str:
    """
    A moment as CAP writes it (§3.3.2): whole seconds and a numeric offset, UTC as `-00:00` and never as `Z`.

    :param moment: timezone-aware
    """
    text = moment.replace(microsecond=0).isoformat()
    return text.removesuffix("+00:00") + "-00:00" if moment.utcoffset() == timedelta() else text


def document(element: Element) -> bytes:
    """The bytes that are issued, in UTF-8. Nothing is laid out: space between elements would be signed too."""
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8")


def _alert_parts(alert: Alert) -> Iterator[Element | None]:
    yield _element("identifier", alert.identifier)
    yield _element("sender", alert.sender)
    yield _element("sent", cap_time(alert.sent))
    yield _element("status", alert.status)
    yield _element("msgType", alert.message_type)
    yield _element("scope", "Public")
    yield _if_said("note", alert.note)
    yield _if_said("references", " ".join(map(str, alert.references)))
    yield _if_said("incidents", alert.incidents)
    yield from (_element("info", *_info_parts(info)) for info in alert.infos)


def _info_parts(info: Info) -> Iterator[Element | None]:
    yield _element("language", info.language)
    yield _element("category", info.category)
    yield _element("event", info.event)
    yield _element("responseType", info.response_type)
    yield _element("urgency", info.urgency)
    yield _element("severity", info.severity)
    yield _element("certainty", info.certainty)
    for name, code in info.event_codes:
        yield _element("eventCode", _element("valueName", name), _element("value", code))
    yield _element("effective", cap_time(info.effective))
    yield _element("onset", cap_time(info.onset))
    yield _element("expires", cap_time(info.expires))
    yield _element("senderName", info.sender_name)
    yield _element("headline", info.headline)
    yield _element("description", info.description)
    yield _if_said("instruction", info.instruction)
    yield _if_said("web", info.web)
    yield _if_said("contact", info.contact)
    for area in info.areas:
        polygons = (_element("polygon", ring_text(ring)) for ring in area.polygons)
        yield _element("area", _element("areaDesc", area.description), *polygons)


def ring_text(ring: Ring) -> str:
    """Five decimals are about a metre."""
    return " ".join(f"{latitude:.5f},{longitude:.5f}" for latitude, longitude in ring)


def _if_said(name: str, text: str) -> Element | None:
    return _element(name, text) if text else None


def _element(name: str, *content: Element | str | None) -> Element:
    made = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # the stubs know no default namespace
    for part in content:
        if isinstance(part, str):
            made.text = NOT_XML.sub("", part)
        elif part is not None:
            made.append(part)
    return made
