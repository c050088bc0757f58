from datetime import datetime

import pytest

from organisation.scope import Scope
from tests.outage.pretend import PretendUtility, ring, ring_customers


@pytest.fixture
def pretend(scope: Scope, now: datetime) -> PretendUtility:
    """A utility of which nothing has landed yet."""
    return PretendUtility(now)


@pytest.fixture
def utility_with_ring(pretend: PretendUtility) -> PretendUtility:
    """Two feeders that meet at an open tie, with their customers, all supplied."""
    pretend.network(ring())
    pretend.customers(ring_customers())
    return pretend
