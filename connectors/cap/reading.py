"""Reading CAP messages that may come from anywhere: nothing in them is fetched, expanded or believed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from connectors.contracts.cap_alert import NAMESPACE

Element = etree._Element  # noqa: SLF001  # lxml's only name for the type

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
"""CAP 1.2 §3.3.2. `+00:00` is read as UTC, though it is never to be written."""


class NotCap(Exception):
    """The bytes are no CAP 1.2 alert; the message says what they are instead."""


@dataclass(frozen=True)
class Fault:
    """
    What is wrong with a message.

    :ivar clause: of OASIS CAP 1.2, such as `§3.2.4`; `§3.4` is the schema
    :ivar message: a sentence that says what to do
    """

    clause: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} (CAP 1.2 {self.clause})"


def read(document: bytes) -> Element:
    """
    The alert of a document.

    :raises NotCap: if it is no XML, declares entities, or is no CAP 1.2 alert
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        alert = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise NotCap(f"This is no XML: {error.msg}.") from error
    if alert.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # the stubs have no attributes of it
        raise NotCap("A CAP message has no document type declaration: remove it.")
    if alert.tag != f"{{{NAMESPACE}}}alert":
        raise NotCap(f"The outermost element must be alert of {NAMESPACE}; it is {alert.tag}.")
    return alert


def children(element: Element, name: str) -> list[Element]:
    return element.findall(f"{{{NAMESPACE}}}{name}")


def texts(element: Element, name: str) -> Iterator[str]:
    """The texts of the children of that name; of one that is empty the empty text."""
    return (child.text or "" for child in children(element, name))


def text(element: Element, name: str) -> str | None:
    """The text of the first child of that name; `None` if there is no such child."""
    return next(texts(element, name), None)


def moment(written: str | None) -> datetime | None:
    """A moment as CAP writes it; `None` if it is none."""
    if written is None or TIME.fullmatch(written.strip()) is None:
        return None
    try:
        return datetime.fromisoformat(written.strip())
    except ValueError:
        return None
