"""Of the message itself: what names it, whom it is for, and which earlier ones it is about."""

import re
from collections.abc import Callable, Iterator

from connectors.cap.message import cap_time
from connectors.cap.reading import TIME, Element, Fault, children, moment, text, texts

Rule = Callable[[Element], Iterator[Fault]]

NAME = re.compile(r"[^\s,<&]+")
NEEDS_REFERENCES = ("Update", "Cancel", "Ack", "Error")
QUOTED_LIST = re.compile(r'(?:\s*(?:"[^"]+"|[^\s"]+)(?=\s|$))+')
"""Parts between spaces; a part that holds a space stands in double quotes."""


def names(alert: Element) -> Iterator[Fault]:
    for name in ("identifier", "sender"):
        if NAME.fullmatch(text(alert, name) or "") is None:
            yield Fault("§3.2.1", f"{name} must be a name without spaces, commas, < and &.")


def references_are_triples(alert: Element) -> Iterator[Fault]:
    for triple in _references(alert):
        parts = triple.split(",")
        named = len(parts) == 3 and all(NAME.fullmatch(part) for part in parts[:2])
        if not named or moment(parts[2]) is None:
            yield Fault("§3.2.1", f"Write a reference as sender,identifier,sent; {triple!r} is none.")


def references_are_there(alert: Element) -> Iterator[Fault]:
    message_type = text(alert, "msgType")
    if message_type in NEEDS_REFERENCES and not _references(alert):
        yield Fault("§3.2.1", f"Name in references the earlier messages that this {message_type} is about.")


def references_go_back(alert: Element) -> Iterator[Fault]:
    sent = moment(text(alert, "sent"))
    own = (text(alert, "sender"), text(alert, "identifier"))
    for triple in _references(alert):
        parts = triple.split(",")
        then = moment(parts[-1])
        if tuple(parts[:2]) == own:
            yield Fault("§3.2.1", "A message cannot refer to itself: remove it from references.")
        elif sent is not None and then is not None and then > sent:
            yield Fault("§3.2.1", f"A message refers to earlier ones only; {triple} was sent after {cap_time(sent)}.")


def restriction_goes_with_restricted(alert: Element) -> Iterator[Fault]:
    restricted = text(alert, "scope") == "Restricted"
    restriction = (text(alert, "restriction") or "").strip()
    if restricted and not restriction:
        yield Fault("§3.2.1", "A message of scope Restricted says in restriction whom it is for.")
    if restriction and not restricted:
        yield Fault("§3.2.1", "restriction is for the scope Restricted alone: remove it.")


def private_has_addresses(alert: Element) -> Iterator[Fault]:
    if text(alert, "scope") == "Private" and not (text(alert, "addresses") or "").strip():
        yield Fault("§3.2.1", "A message of scope Private says in addresses whom it is for.")


def lists_are_quoted(alert: Element) -> Iterator[Fault]:
    for name in ("addresses", "incidents"):
        written = (text(alert, name) or "").strip()
        if written and QUOTED_LIST.fullmatch(written) is None:
            yield Fault("§3.2.1", f'Part {name} by spaces, and put "double quotes" around what holds a space.')


def tells_something(alert: Element) -> Iterator[Fault]:
    if text(alert, "msgType") in ("Alert", "Update") and not children(alert, "info"):
        yield Fault("§3.2.2", "An Alert or Update tells nobody anything without info.")


def sent_is_written_out(alert: Element) -> Iterator[Fault]:
    yield from written_out(alert, "sent", clause="§3.2.1")


def written_out(element: Element, name: str, *, clause: str) -> Iterator[Fault]:
    for written in texts(element, name):
        if TIME.fullmatch(written) is None or moment(written) is None or written.endswith("+00:00"):
            yield Fault(
                f"{clause}, §3.3.2", f"Write {name} as 2026-11-24T02:15:00+01:00 (UTC: -00:00), not {written!r}."
            )


def _references(alert: Element) -> list[str]:
    return (text(alert, "references") or "").split()


MESSAGE_RULES: tuple[Rule, ...] = (
    names,
    sent_is_written_out,
    references_are_triples,
    references_are_there,
    references_go_back,
    restriction_goes_with_restricted,
    private_has_addresses,
    lists_are_quoted,
    tells_something,
)
