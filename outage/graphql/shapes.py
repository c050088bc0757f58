"""How the types of the outage board are read in SQL (see graphql_kit.compiler)."""

from graphql_kit.compiler import Shape, global_id
from outage import facts

_PROVENANCE = {
    "source_time": "{a}.source_time",
    "landed_at": "{a}.landed_at",
    "age_seconds": "extract(epoch FROM greatest(%(now)s, {a}.landed_at) - {a}.landed_at)::int",
    "freshness": "coalesce({a}.freshness, 'UNKNOWN')",
}
_SOURCE = {
    "source": (
        "(SELECT {json} FROM (SELECT {a}.source_name, {a}.source_kind, {a}.source_state) {t}"
        " WHERE {t}.source_name IS NOT NULL)"
    )
}


def _fact(query: str) -> str:
    """One object even where there is nothing to tell: its values are null then, and its freshness UNKNOWN."""
    return f"(SELECT {{json}} FROM (SELECT 1) one LEFT JOIN LATERAL ({query}) {{t}} ON true)"


def _many(query: str, *, order: str) -> str:
    return f"(SELECT coalesce(json_agg({{json}} ORDER BY {order}), '[]') FROM ({query}) {{t}})"


def _zone(column: str) -> str:
    return (
        "(SELECT {json} FROM gis_zone {t} WHERE {t}.organisation_id = {a}.organisation_id"
        f" AND {{t}}.id = {{a}}.{column})"
    )


SHAPES: dict[str, Shape] = {
    "Outage": Shape(
        columns={
            "id": global_id("Outage"),
            "number": "{a}.number",
            "type": "{a}.type",
            "status": "{a}.status",
            "cause": "{a}.cause",
            "confidence": "{a}.confidence",
            "detected_at": "{a}.detected_at",
            "recorded_at": "{a}.recorded_at",
            "restored_at": "{a}.restored_at",
            "closed_at": "{a}.closed_at",
            "customers_affected": "{a}.customers_affected",
            "critical_customers_affected": "{a}.critical_customers_affected",
            "customers_off": "{a}.customers_off",
            "critical_customers_off": "{a}.critical_customers_off",
        },
        relations={
            # The context has no row of its own: it is read from its outage's.
            "context": "(SELECT {json} FROM (SELECT {a}.*) {t})",
            "timeline": _many(facts.TIMELINE, order="{t}.at, {t}.id"),
            "alerts": _many(facts.ALERTS, order="{t}.sequence"),
        },
    ),
    "OutageContext": Shape(
        relations={
            "location": _fact(facts.LOCATION),
            "customers": _fact(facts.CUSTOMERS),
            "crew": _fact(facts.CREW),
            "restoration": _fact(facts.RESTORATION),
            "telemetry": _many(facts.TELEMETRY, order="{t}.signal, {t}.id"),
        }
    ),
    "LocationFact": Shape(
        columns={
            **_PROVENANCE,
            "element_id": "{a}.element_id",
            "name": "{a}.name",
            "kind": "{a}.kind",
            "longitude": "{a}.longitude",
            "latitude": "{a}.latitude",
        },
        relations={
            **_SOURCE,
            "zone": _zone("zone_id"),
        },
    ),
    "CustomersFact": Shape(
        columns={
            **_PROVENANCE,
            "affected": "{a}.affected",
            "critical": "{a}.critical",
            "off": "{a}.off",
            "critical_off": "{a}.critical_off",
        },
        relations=_SOURCE,
    ),
    "CrewFact": Shape(
        columns={
            **_PROVENANCE,
            "name": "{a}.name",
            "status": "{a}.status",
            "work_order_number": "{a}.work_order_number",
            "work_order_status": "{a}.work_order_status",
        },
        relations=_SOURCE,
    ),
    "RestorationFact": Shape(
        columns={
            **_PROVENANCE,
            "estimated_at": "{a}.estimated_at",
            "confidence": "{a}.confidence",
            "cause": "nullif({a}.cause, '')",
        },
        relations=_SOURCE,
    ),
    "TelemetryFact": Shape(
        columns={
            **_PROVENANCE,
            "signal": "{a}.signal",
            "value": "{a}.value",
            "state": "{a}.state",
            "unit": "{a}.unit",
            "quality": "{a}.quality",
        },
        relations=_SOURCE,
    ),
    "Source": Shape(
        # A source is read from the fact that names it.
        columns={"name": "{a}.source_name", "kind": "{a}.source_kind", "state": "{a}.source_state"}
    ),
    "Zone": Shape(
        columns={
            "id": global_id("Zone"),
            "external_id": "{a}.external_id",
            "name": "{a}.name",
            "level": "{a}.level",
            "geometry": "{a}.geometry",
        },
        relations={
            "parent": _zone("parent_id"),
        },
    ),
    "TimelineEntry": Shape(
        columns={
            "id": global_id("TimelineEntry"),
            "at": "{a}.at",
            "recorded_at": "{a}.recorded_at",
            "kind": "{a}.kind",
            "actor": "{a}.actor",
            "source": "nullif({a}.source, '')",
            "from_status": "nullif({a}.from_status, '')",
            "to_status": "nullif({a}.to_status, '')",
            "summary": "{a}.summary",
            "reason": "nullif({a}.reason, '')",
            "customers_affected": "{a}.customers_affected",
            "critical_customers_affected": "{a}.critical_customers_affected",
        }
    ),
    "PublicAlert": Shape(
        columns={
            "identifier": "{a}.identifier",
            "sender": "{a}.sender",
            "sent_at": "{a}.sent_at",
            "status": "upper({a}.status)",
            "message_type": "upper({a}.message_type)",
            "expires_at": "{a}.expires_at",
            "headline": "{a}.headline",
            "is_signed": "{a}.is_signed",
            "document": "convert_from({a}.content, 'UTF8')",
        }
    ),
}
