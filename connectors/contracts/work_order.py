from enum import StrEnum
from typing import ClassVar

import msgspec

from connectors.contracts.base import Instant, Name, Record, Text


class WorkStatus(StrEnum):
    """Where a work order stands (CIM WorkStatusKind, without its waiting states told apart)."""

    WAITING = "WAITING"
    APPROVED = "APPROVED"
    DISPATCHED = "DISPATCHED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class CrewAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """A crew on a work order; `status` in the source's own words."""

    crew: Name
    assigned_at: Instant | None = None
    status: Text = ""


class WorkOrder(Record, frozen=True, kw_only=True):
    """A job of work management, with the crews assigned to it. `status_label` keeps the source's own word."""

    contract_name: ClassVar[str] = "work-order"
    contract_version: ClassVar[str] = "1"

    summary: Text = ""
    status: WorkStatus
    status_label: Text = ""
    work_type: Text = ""
    priority: int | None = None
    element: Name | None = None
    equipment: Name | None = None
    reported_at: Instant | None = None
    scheduled_start: Instant | None = None
    scheduled_finish: Instant | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    assignments: tuple[CrewAssignment, ...] = ()
