"""Who a PI Web API is, and what our account may do there."""

from collections.abc import Iterator
from typing import Any

from connectors.protocols.adapter import Probe
from connectors.protocols.errors import ContractBroken, Unauthorized
from connectors.protocols.pi.updates import NOT_OFFERED, attempt, is_offered
from connectors.protocols.pi.web_api import Part, PiWebApi, items_of


def probe(api: PiWebApi) -> Probe:
    """
    :raises SourceError: if it cannot be reached, lets us not in, or is no PI Web API
    """
    api.home()
    system, status, user = (_told(api, f"system{page}") for page in ("", "/status", "/userinfo"))
    product = str(system.get("ProductTitle") or "PI Web API")
    version = str(system.get("ProductVersion") or "")
    found = _count(len(list(databases(api))), "asset database")
    found += f" and {_count(len(list(servers(api))), 'data server')}"
    name = user.get("Name")
    known_as = f"; it knows us as {name}" if isinstance(name, str) and name else ""
    return Probe(
        summary=f"{product} {version}".strip() + f" shows us {found}{known_as}.",
        product=product,
        product_version=version,
        findings=tuple(_findings(api, status, found)),
    )


def databases(api: PiWebApi) -> Iterator[str]:
    """The paths of the asset databases that our account may see, such as `\\\\AF\\Grid`."""
    for server in _all(api, "assetservers"):
        if server.get("IsConnected") is False:
            continue
        yield from sorted(str(one["Path"]) for one in _all(api, f"assetservers/{server['WebId']}/assetdatabases"))


def servers(api: PiWebApi) -> Iterator[str]:
    """The paths of the data servers, such as `\\\\DA`."""
    yield from sorted(str(server["Path"]) for server in _all(api, "dataservers"))


def _all(api: PiWebApi, resource: str) -> list[dict[str, Any]]:
    items = items_of(api.get(api.url(resource)).body)
    if not all(item.get("WebId") and item.get("Path") for item in items):
        raise ContractBroken(f"The PI Web API lists {resource} without their WebId or Path.")
    return items


def _told(api: PiWebApi, page: str) -> dict[str, Any]:
    """What the server tells of itself; accounts may be kept from it, and older servers have less to tell."""
    try:
        return api.get(api.url(page)).body
    except (ContractBroken, Unauthorized):
        return {}


def _findings(api: PiWebApi, status: dict[str, Any], found: str) -> Iterator[str]:
    state = status.get("State")
    if isinstance(state, str) and state.casefold() != "running":
        yield f"The server says of itself that it is {state}. Ask the PI administrator."
    if found.startswith("no ") and found.endswith("no data server"):
        yield "Our account sees nothing here. Have it mapped to a PI identity that may read."
    for server in (*_all(api, "assetservers"), *_all(api, "dataservers")):
        if server.get("IsConnected") is False:
            yield f"The PI Web API has no connection to {server['Path']}: nothing of it can be read."
    yield from _batch_findings(api)


def _batch_findings(api: PiWebApi) -> Iterator[str]:
    try:
        answers = api.batch({"home": Part(resource=f"{api.base_url}/"), "updates": attempt(api)})
        answers["home"].required()
    except (ContractBroken, Unauthorized) as error:
        yield f"It takes no batch from us, by which elements, values and event frames are read. {error}"
        return
    if not is_offered(answers["updates"]):
        yield f"{NOT_OFFERED} Values are read by schedules."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'s' if number > 1 else ''}"
