"""An administrator's own filter: whether the server can be asked it, and whether it heeds it."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.protocols.errors import BadConfig
from connectors.protocols.geojson import SourceFeature
from connectors.protocols.ogc_features import Collection, FeatureService
from connectors.protocols.ogc_filters import Filter
from connectors.protocols.wire import RequestRefused, host_of

LANGUAGES = {"cql2-text": "CQL2 text", "cql2-json": "CQL2 JSON"}


def own_filter(options: Mapping[str, Any]) -> Filter | None:
    """The filter that the stream's form holds; `None`: everything is read."""
    return Filter(options["filter"]) if options["filter"] else None


def check_filter(own: Filter, service: FeatureService, collection: Collection, classes: Sequence[str]) -> None:
    """
    :param classes: the conformance classes that the server declares
    :raises BadConfig: on the field `filter`, if it cannot be asked there, names what is no queryable of the collection
        (Part 3 §6), or is not heeded
    """
    host = host_of(service.base_url)
    if not service.filters(classes):
        raise BadConfig(
            f"{host} does not declare that it filters features (OGC API - Features, Part 3). Leave the filter empty.",
            field="filter",
        )
    spoken = [name for name in LANGUAGES if any(one.endswith(f"/conf/{name}") for one in classes)]
    if spoken and own.language not in spoken:
        raise BadConfig(
            f"{host} reads {' and '.join(LANGUAGES[name] for name in spoken)}, and the filter is "
            f"{LANGUAGES[own.language]}. Write it so that it is understood there.",
            field="filter",
        )
    queryables = service.queryables(collection)
    unknown = sorted(own.names - queryables.keys())
    if queryables and unknown:
        raise BadConfig(
            f"{collection.id} cannot be filtered by {', '.join(unknown)}, but by: {', '.join(sorted(queryables))}.",
            field="filter",
        )
    try:
        in_vain = service.items(collection.items, {**own.asked_in_vain(), "limit": "1"})
    except RequestRefused as error:
        raise BadConfig(f"The filter is refused. {error}", field="filter") from error
    if in_vain.features:
        raise BadConfig(
            f"{host} declares that it filters features, and ignores the filter. Leave it empty, and tell those who run "
            "the server.",
            field="filter",
        )


def check_heeded(own: Filter, features: Sequence[SourceFeature]) -> None:
    """
    :raises BadConfig: on the field `filter`, if one of them surely does not match
    """
    for feature in features:
        if own.is_false_of(feature.parsed()["properties"], feature.id):
            raise BadConfig(
                f"The server also sends features that do not match the filter, such as {feature.id}: it understands it "
                "otherwise. Write it more exactly (CASEI for words in any case), or leave it empty.",
                field="filter",
            )
