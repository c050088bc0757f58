from dataclasses import dataclass
from datetime import datetime

from connectors.contracts.reading import SwitchState


@dataclass(frozen=True, kw_only=True)
class PositionReport:
    """Where a switch stood at one moment, by the source's clock."""

    element_id: int
    state: SwitchState
    source_time: datetime
