"""
Which moves an outage may make. One table, for people and for the product alike; every move has a reason.

Crews have states of their own, which move no outage: a first responder is followed by a repair crew, and one in
twenty goes back from the site before the repair (what a utility's public feed of 2.5 years shows).
"""

from collections.abc import Mapping

from outage.models import Status

MOVES: Mapping[str, tuple[Status, ...]] = {
    Status.DETECTED: (Status.CONFIRMED, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.CONFIRMED: (Status.DISPATCHED, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.DISPATCHED: (Status.REPAIRING, Status.PARTIALLY_RESTORED, Status.RESTORED, Status.CANCELLED),
    Status.REPAIRING: (Status.PARTIALLY_RESTORED, Status.RESTORED),
    # Switching may bring part of the customers back before a crew is sent. Supply that is lost again takes an outage
    # back among those that are known and not mended.
    Status.PARTIALLY_RESTORED: (Status.RESTORED, Status.REPAIRING, Status.DISPATCHED, Status.CONFIRMED),
    Status.RESTORED: (Status.VERIFIED, Status.PARTIALLY_RESTORED, Status.CONFIRMED),
    Status.VERIFIED: (Status.CLOSED,),
    Status.CLOSED: (),
    Status.CANCELLED: (),
}


def possible(status: str) -> tuple[Status, ...]:
    """What an outage in this status may become, the usual next one first."""
    return MOVES[status]


def allows(status: str, to: str) -> bool:
    return to in MOVES[status]
