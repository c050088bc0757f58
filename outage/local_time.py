"""Moments as the organisation's people say them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from organisation.models import Organisation
from organisation.scope import current_scope


def in_local_time(moment: datetime) -> datetime:
    """The moment in the time zone of the organisation in scope."""
    name = Organisation.objects.values_list("time_zone", flat=True).get(pk=current_scope().organisation_id)
    return moment.astimezone(ZoneInfo(name))
