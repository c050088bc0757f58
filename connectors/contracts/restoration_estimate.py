from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Instant, Name, Record, Text


class EstimateConfidence(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class RestorationEstimate(Record, frozen=True, kw_only=True):
    """
    When the field team expects power back (CIM EstimatedRestorationTime). It names a network element, a work order,
    or both; one of the two is required.
    """

    contract_name: ClassVar[str] = "restoration-estimate"
    contract_version: ClassVar[str] = "1"

    source_time: Instant
    element: Name | None = None
    work_order: Name | None = None
    estimated_at: Instant
    confidence: EstimateConfidence = EstimateConfidence.MEDIUM
    cause: Text = ""
    note: Text = ""

    def __post_init__(self) -> None:
        if self.element is None and self.work_order is None:
            raise ValueError("name the element or the work order that the estimate is for")
