"""
How sure we are that an alarm means an outage, from 0 to 1. A stated rule, so that a coordinator can weigh it:

====================================================  ====
the trip alarm alone                                  0.70
… and the switch is read open                         0.95
… and the switch is read open, with doubtful quality  0.85
… but the switch is read closed later than the alarm  0.50
an off-normal alarm of a switch that is read open     0.80
====================================================  ====
"""

from dataclasses import dataclass
from datetime import datetime

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.reading import Quality, SwitchState

TRIP_ALONE = 0.70
TRIP_AND_OPEN = 0.95
TRIP_AND_OPEN_IN_DOUBT = 0.85
TRIP_AND_CLOSED = 0.50
OFF_NORMAL_AND_OPEN = 0.80


@dataclass(frozen=True, kw_only=True)
class ReadPosition:
    """What a switch was last read to be."""

    state: str
    quality: str
    source_time: datetime


def confidence(*, category: str, alarm_at: datetime, position: ReadPosition | None) -> float:
    """
    :param category: of the alarm that opened the outage
    :param alarm_at: when that alarm became active, by its source
    :param position: `None` if none was read
    """
    if category != AlarmCategory.TRIP:
        return OFF_NORMAL_AND_OPEN
    if position is None:
        return TRIP_ALONE
    if position.state == SwitchState.OPEN:
        return TRIP_AND_OPEN if position.quality == Quality.GOOD else TRIP_AND_OPEN_IN_DOUBT
    if position.state == SwitchState.CLOSED and position.source_time > alarm_at:
        return TRIP_AND_CLOSED
    return TRIP_ALONE
