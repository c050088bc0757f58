"""Of what is told: its times, its words in each language, and what is attached to it."""

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import urlsplit

from connectors.cap.message import cap_time
from connectors.cap.message_rules import Rule, written_out
from connectors.cap.reading import Element, Fault, children, moment, text, texts

MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(?:#\d+|[A-Za-z]+);")
PLAIN = ("event", "senderName", "headline", "description", "instruction", "contact", "audience")
SHA_1 = re.compile(r"[0-9A-Fa-f]{40}")
MIME_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")


def times_are_written_out(alert: Element) -> Iterator[Fault]:
    for info, name in product(children(alert, "info"), ("effective", "onset", "expires")):
        yield from written_out(info, name, clause="§3.2.2")


def expires_after_it_begins(alert: Element) -> Iterator[Fault]:
    """Not of `onset`: a message may end, and be renewed, before what it foretells begins."""
    sent = moment(text(alert, "sent"))
    for info in children(alert, "info"):
        effective, expires = moment(text(info, "effective")) or sent, moment(text(info, "expires"))
        if expires is None or sent is None or effective is None:
            continue
        if expires <= sent:
            yield Fault("§3.2.2", f"expires must be after sent, {cap_time(sent)}: it is {cap_time(expires)}.")
        elif expires < effective:
            yield Fault("§3.2.2", f"expires cannot be before effective, {cap_time(effective)}.")


def languages_tell_of_one_event(alert: Element) -> Iterator[Fault]:
    told = {
        (frozenset(texts(info, "category")), frozenset(map(_named_value, children(info, "eventCode"))))
        for info in children(alert, "info")
    }
    if len(told) > 1:
        yield Fault("§3.2.2", "Every info of a message has the same category and eventCode; only the language differs.")


def required_words_are_there(alert: Element) -> Iterator[Fault]:
    for info in children(alert, "info"):
        if not (text(info, "event") or "").strip():
            yield Fault("§3.2.2", "event is empty: name what happens, such as Power outage.")
        for pair in (*children(info, "eventCode"), *children(info, "parameter")):
            if not all(part.strip() for part in _named_value(pair)):
                yield Fault("§3.2.2", "A code or parameter needs both a valueName and a value.")


def words_are_plain(alert: Element) -> Iterator[Fault]:
    for info, name in product(children(alert, "info"), PLAIN):
        found = MARKUP.search(text(info, name) or "")
        if found is not None:
            yield Fault("§3.2.2, §3.3.3", f"{name} is plain text: remove {found.group()}.")


def web_is_whole(alert: Element) -> Iterator[Fault]:
    for info in children(alert, "info"):
        written = text(info, "web")
        if written is not None and not _is_whole(written):
            yield Fault("§3.2.2", f"web must be a whole address, such as https://example.org/outages: {written!r}.")


def resources_can_be_had(alert: Element) -> Iterator[Fault]:
    for resource in (one for info in children(alert, "info") for one in children(info, "resource")):
        if MIME_TYPE.fullmatch(text(resource, "mimeType") or "") is None:
            yield Fault("§3.2.3", "mimeType must be a media type, such as image/png.")
        uri, embedded = text(resource, "uri"), text(resource, "derefUri")
        if uri is not None and embedded is None and not _is_whole(uri):
            yield Fault("§3.2.3", f"A relative uri needs what it names in derefUri: {uri!r}.")
        digest = text(resource, "digest")
        if digest is not None and SHA_1.fullmatch(digest) is None:
            yield Fault("§3.2.3", "digest is the SHA-1 of the resource in 40 hexadecimal digits.")


def _is_whole(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _named_value(pair: Element) -> tuple[str, str]:
    return text(pair, "valueName") or "", text(pair, "value") or ""


INFO_RULES: tuple[Rule, ...] = (
    times_are_written_out,
    expires_after_it_begins,
    languages_tell_of_one_event,
    required_words_are_there,
    words_are_plain,
    web_is_whole,
    resources_can_be_had,
)
