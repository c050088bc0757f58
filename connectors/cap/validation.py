"""Is a CAP 1.2 message right: by the OASIS schema, and by what the standard says that no schema can."""

from functools import cache
from pathlib import Path

from lxml import etree

from connectors.cap.area_rules import AREA_RULES
from connectors.cap.info_rules import INFO_RULES
from connectors.cap.message_rules import MESSAGE_RULES
from connectors.cap.reading import Element, Fault, NotCap, read

SCHEMA = Path(__file__).parent / "CAP-v1.2.xsd"
"""As OASIS published it; its licence stands beside it."""

RULES = (*MESSAGE_RULES, *INFO_RULES, *AREA_RULES)


def faults_of(document: bytes) -> tuple[Fault, ...]:
    """Everything that is wrong with a message; nothing if it may be issued."""
    try:
        alert = read(document)
    except NotCap as error:
        return (Fault("§3.4", str(error)),)
    return (*schema_faults(alert), *(fault for rule in RULES for fault in rule(alert)))


def schema_faults(alert: Element) -> tuple[Fault, ...]:
    """What the OASIS schema finds."""
    schema = _schema()
    if schema.validate(alert):
        return ()
    log = schema.error_log
    return tuple(
        Fault("§3.4", f"Line {entry.line}: {entry.message}")
        for entry in log  # type: ignore[attr-defined]  # the stubs do not know that it can be gone through
    )


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(SCHEMA))
