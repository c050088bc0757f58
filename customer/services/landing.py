"""Service points as the CIS has them."""

from collections.abc import Sequence

from connectors.contracts.service_point import ServicePoint as ServicePointRecord
from connectors.landing import Landed, Landing
from connectors.merge import merge
from customer.models import ServicePoint

_COLUMNS = (
    *("external_id", "source_time", "name", "node", "customer_class", "priority", "priority_reason"),
    *("account_number", "longitude", "latitude"),
)


def land_service_points(records: Sequence[ServicePointRecord], landing: Landing) -> Landed:
    """Land service points. The network need not know the node that one hangs on; it may land later."""
    merged = merge(
        ServicePoint,
        [
            (
                record.external_id,
                record.source_time,
                record.name,
                record.node,
                record.customer_class,
                record.priority,
                record.priority_reason,
                record.account_number,
                record.position.longitude if record.position else None,
                record.position.latitude if record.position else None,
            )
            for record in records
        ],
        landing=landing,
        columns=_COLUMNS,
    )
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
    )
