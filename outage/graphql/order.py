from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import graphene


class OutageOrderValue(StrEnum):
    NEWEST = "NEWEST"
    WORST = "WORST"


OutageOrder = graphene.Enum.from_enum(
    OutageOrderValue,
    name="OutageOrder",
    description={
        None: "In which order outages come.",
        OutageOrderValue.NEWEST: "Last detected first.",
        OutageOrderValue.WORST: "Most critical customers off first, then most customers off, then the oldest.",
    }.get,
)


@dataclass(frozen=True)
class SqlOrder:
    """Expressions of one direction that end in the key, and what each is in a cursor."""

    columns: tuple[str, ...]
    kinds: tuple[type, ...]
    descending: bool = False


ORDERS = {
    OutageOrderValue.NEWEST: SqlOrder(columns=("o.detected_at", "o.id"), kinds=(datetime, int), descending=True),
    OutageOrderValue.WORST: SqlOrder(
        columns=("-o.critical_customers_off", "-o.customers_off", "o.detected_at", "o.id"),
        kinds=(int, int, datetime, int),
    ),
}
