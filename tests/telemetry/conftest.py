from datetime import datetime

import pytest

from tests.telemetry.days import make_days


@pytest.fixture
def days(db: None, now: datetime) -> None:
    """Two days of readings before today, and one after it."""
    make_days(now)
