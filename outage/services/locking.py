"""One at a time, for each organisation: what follows alarms and what follows supply look at each other's work."""

from django.db import connection

from organisation.scope import current_scope


def hold_outages() -> None:
    """
    Wait until nobody else works out this organisation's outages, until the transaction ends. Take it before reading:
    an alarm and its switch's position arrive at the same moment by two ways, and each must see what the other wrote.

    Whoever renumbers the network holds that lock first and asks for this one last; nobody does it the other way round.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('outages'), hashint8(%s))", [current_scope().organisation_id]
        )
