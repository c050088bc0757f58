"""Which signals there are: the attributes of an asset database's elements, or the tags of a data server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.protocols.errors import BadConfig, ContractBroken
from connectors.protocols.pi.collections import Collection
from connectors.protocols.pi.web_api import Part, PiWebApi, items_of
from connectors.protocols.wire import RequestRefused

BRIEF = {"webIdType": "IDOnly"}
"""WebIds without a path in them: shorter, and the same after an object was renamed."""

MOST_ATTRIBUTES = 1_000
"""How many attributes of one element are asked for at a time."""

ATTRIBUTE = ("WebId", "Path", "Name", "Type", "DataReferencePlugIn", "DefaultUnitsName", "DefaultUnitsNameAbbreviation")
POINT = ("WebId", "Path", "Name", "Descriptor", "PointType", "EngineeringUnits")


def selected(*names: str) -> dict[str, str]:
    """The parameter for these fields of a list's members. Without the link, one would not be told that it goes on."""
    return {"selectedFields": ";".join([*(f"Items.{name}" for name in names), "Links.Next"])}


@dataclass(frozen=True, kw_only=True)
class Root:
    """
    An asset database, `\\\\AF\\Grid`, or a data server, `\\\\DA`.

    :param at: when the source told us of it, by its own clock
    """

    path: str
    web_id: str
    at: datetime

    @property
    def is_database(self) -> bool:
        return is_database(self.path)


def is_database(path: str) -> bool:
    """Whether it is the path of a database, not of a data server."""
    return "\\" in path.removeprefix("\\\\")


@dataclass(frozen=True, kw_only=True)
class SignalPage:
    """
    Raw attributes or points.

    :param place: where the list goes on after them, as `Collection.state` gives it
    :param doubt: why the list may not be whole, as a sentence
    """

    signals: list[dict[str, Any]]
    place: dict[str, Any]
    is_last: bool
    doubt: str


def find_root(api: PiWebApi, path: str) -> Root:
    """
    :raises BadConfig: if there is none, or none that our account may see
    """
    what = "assetdatabases" if is_database(path) else "dataservers"
    try:
        answer = api.get(api.url(what, path=path, selectedFields="WebId;Name", **BRIEF))
    except RequestRefused as error:
        kind = "asset database" if is_database(path) else "data server"
        raise BadConfig(
            f"The PI Web API shows no {kind} {path}: it is gone, or our account may not see it. {error}"
        ) from error
    web_id = answer.body.get("WebId")
    if not isinstance(web_id, str) or not web_id:
        raise ContractBroken(f"The PI Web API tells no WebId of {path}.")
    if answer.at is None:
        raise ContractBroken("The PI Web API does not say what time it is: its answers have no Date.")
    return Root(path=path, web_id=web_id, at=answer.at)


def list_signals(
    api: PiWebApi, root: Root, options: Mapping[str, Any], *, size: int, place: Mapping[str, Any] | None = None
) -> Iterator[SignalPage]:
    """
    :param place: where to go on, as a page before told; `None`: at the beginning
    """
    collection = Collection.resumed(place, size=size) if place else Collection(size=size)
    ask = _ask_for_attributes if root.is_database else _ask_for_points
    is_last = False
    while not is_last:
        signals, is_last = ask(api, root, options, collection)
        yield SignalPage(signals=signals, place=collection.state(), is_last=is_last, doubt=collection.doubt)


def _ask_for_points(
    api: PiWebApi, root: Root, options: Mapping[str, Any], collection: Collection
) -> tuple[list[dict[str, Any]], bool]:
    filters = {"nameFilter": options["name_filter"]} if options["name_filter"] else {}
    url = api.url(f"dataservers/{root.web_id}/points", **collection.window, **filters, **BRIEF, **selected(*POINT))
    body = api.get(url).body
    known, is_last = collection.take(body)
    return items_of(body)[known:], is_last


def _ask_for_attributes(
    api: PiWebApi, root: Root, options: Mapping[str, Any], collection: Collection
) -> tuple[list[dict[str, Any]], bool]:
    """A page of elements and the attributes of each, in one round trip."""
    asked = {"nameFilter": "name_filter", "templateName": "template", "categoryName": "category"}
    filters = {name: options[option] for name, option in asked.items() if options[option]}
    answers = api.batch(
        {
            "elements": Part(
                resource=api.url(
                    f"assetdatabases/{root.web_id}/elements",
                    searchFullHierarchy="true",
                    **collection.window,
                    **filters,
                    **BRIEF,
                    **selected("WebId"),
                )
            ),
            "attributes": Part(
                resource=_attributes_url(api, "{0}", Collection(size=MOST_ATTRIBUTES), options),
                after="elements",
                each="$.elements.Content.Items[*].WebId",
            ),
        }
    )
    body = answers["elements"].required()
    elements = items_of(body)
    known, is_last = collection.take(body)
    if not elements:
        return [], is_last
    signals: list[dict[str, Any]] = []
    each = api.each_answer(answers["attributes"].required(), expected=len(elements))
    for element, answer in list(zip(elements, each, strict=True))[known:]:
        if answer.refusal is not None:
            collection.proof.doubt = f"The attributes of an element could not be listed. {answer.refusal}"
            continue
        signals += _all_attributes(api, element["WebId"], answer.body, collection, options)
    wanted = {name.strip() for name in options["data_references"].split(",") if name.strip()}
    return [one for one in signals if not wanted or one.get("DataReferencePlugIn") in wanted], is_last


def _all_attributes(
    api: PiWebApi, element: str, body: dict[str, Any], elements: Collection, options: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The attributes of an element: those that came with it, and what they were cut short of."""
    collection = Collection(size=MOST_ATTRIBUTES)
    known, is_last = collection.take(body)
    yield from items_of(body)[known:]
    while not is_last:
        body = api.get(_attributes_url(api, element, collection, options)).body
        known, is_last = collection.take(body)
        yield from items_of(body)[known:]
    elements.proof.doubt = elements.proof.doubt or collection.doubt


def _attributes_url(api: PiWebApi, element: str, collection: Collection, options: Mapping[str, Any]) -> str:
    filters = {"nameFilter": options["attribute_filter"]} if options["attribute_filter"] else {}
    return api.url(
        f"elements/{element}/attributes",
        searchFullHierarchy="true",
        **collection.window,
        **filters,
        **BRIEF,
        **selected(*ATTRIBUTE),
    )
