from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Name, Position, Record, Text


class ServicePriority(StrEnum):
    NORMAL = "NORMAL"
    CRITICAL = "CRITICAL"


class ServicePoint(Record, frozen=True, kw_only=True):
    """
    Where a customer takes supply (CIM UsagePoint). `node` is the connectivity node on which it hangs.

    `priority_reason` says why a point is critical (home dialysis, pumping station).
    """

    contract_name: ClassVar[str] = "service-point"
    contract_version: ClassVar[str] = "1"

    name: Text = ""
    node: Name | None = None
    customer_class: Text = ""
    priority: ServicePriority = ServicePriority.NORMAL
    priority_reason: Text = ""
    account_number: Text = ""
    position: Position | None = None
