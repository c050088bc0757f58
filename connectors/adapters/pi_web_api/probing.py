"""Who a PI Web API is, and what our account may do there."""

from collections.abc import Iterator, Mapping
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
    seen = databases(api)
    found = _count(len(seen), "asset database")
    found += f" and {_count(len(list(servers(api))), 'data server')}"
    name = user.get("Name")
    known_as = f"; it knows us as {name}" if isinstance(name, str) and name else ""
    return Probe(
        summary=f"{product} {version}".strip() + f" shows us {found}{known_as}.",
        product=product,
        product_version=version,
        findings=tuple(_findings(api, status, seen, found)),
    )


def databases(api: PiWebApi) -> dict[str, str]:
    """The WebId of each asset database that our account may see, by its path, such as `\\\\AF\\Grid`."""
    found: dict[str, str] = {}
    for server in _all(api, "assetservers"):
        if server.get("IsConnected") is not False:
            there = _all(api, f"assetservers/{server['WebId']}/assetdatabases")
            found |= sorted((str(one["Path"]), str(one["WebId"])) for one in there)
    return found


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


def _findings(api: PiWebApi, status: dict[str, Any], seen: Mapping[str, str], found: str) -> Iterator[str]:
    state = status.get("State")
    if isinstance(state, str) and state.casefold() != "running":
        yield f"The server says of itself that it is {state}. Ask the PI administrator."
    if found.startswith("no ") and found.endswith("no data server"):
        yield "Our account sees nothing here. Have it mapped to a PI identity that may read."
    for server in (*_all(api, "assetservers"), *_all(api, "dataservers")):
        if server.get("IsConnected") is False:
            yield f"The PI Web API has no connection to {server['Path']}: nothing of it can be read."
    yield from _batch_findings(api, seen)


def _batch_findings(api: PiWebApi, seen: Mapping[str, str]) -> Iterator[str]:
    """What our account or the server cannot do, by one batch."""
    rights = {
        f"rights{number}": Part(resource=api.url(f"assetdatabases/{web_id}/security", securityItem="EventFrame"))
        for number, web_id in enumerate(seen.values())
    }
    try:
        answers = api.batch({"home": Part(resource=f"{api.base_url}/"), "updates": attempt(api), **rights})
        answers["home"].required()
    except (ContractBroken, Unauthorized) as error:
        yield f"It takes no batch from us, by which elements, values and event frames are read. {error}"
        return
    if not is_offered(answers["updates"]):
        yield f"{NOT_OFFERED} Values are read by schedules."
    for number, path in enumerate(seen):
        if _may_not_acknowledge(answers[f"rights{number}"].body):
            yield (
                f"Our account may not acknowledge event frames of {path}. If it is to, have it given the right to "
                "annotate them."
            )


def _may_not_acknowledge(body: Mapping[str, Any]) -> bool:
    """Whether the server says so: servers that do not tell of rights leave it open."""
    items = body.get("Items")
    rights = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    return any(one.get("CanAnnotate") is False for one in rights)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'s' if number > 1 else ''}"
