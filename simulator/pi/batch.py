"""Batches: several requests in one, the later ones filled in from the answers to the earlier ones."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from simulator.pi.query import Query
from simulator.pi.resources import PREFIX

Json = dict[str, Any]
Ask = Callable[[str, str, Query], tuple[int, Json]]

HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Unreadable(Exception):
    """It is no batch."""


def answer_batch(requests: Any, ask: Ask) -> Json:
    """
    :raises Unreadable: if it is not an object of requests, or one waits for another that is not there
    """
    if not isinstance(requests, dict) or not all(isinstance(one, dict) for one in requests.values()):
        raise Unreadable("The batch must be a dictionary of requests by their ids.")
    answers: Json = {}
    waiting = dict(requests)
    while waiting:
        ready = [name for name, one in waiting.items() if all(parent in answers for parent in one.get("ParentIds", []))]
        if not ready:
            raise Unreadable(f"The request {next(iter(waiting))} waits for one that is not in the batch.")
        for name in ready:
            answers[name] = _answer(waiting.pop(name), answers, ask)
    return {name: answers[name] for name in requests}


def _answer(request: Json, answers: Json, ask: Ask) -> Json:
    method = str(request.get("Method", ""))
    tokens = [_select(path, answers) for path in request.get("Parameters", [])]
    template = request.get("RequestTemplate")
    if template is None:
        return _call(method, _filled(request.get("Resource", ""), [found[0] if found else "" for found in tokens]), ask)
    if not tokens or not tokens[0]:
        return _reply(400, {"Errors": ["No tokens were selected for the request template."]})
    items = [_call(method, _filled(template["Resource"], list(row)), ask) for row in zip(*tokens, strict=False)]
    return _reply(207, {"Total": len(items), "Items": items})


def _call(method: str, resource: str, ask: Ask) -> Json:
    """The host is ignored: it is always this server."""
    parts = urlsplit(resource)
    path = unquote(parts.path)
    if not path.lower().startswith(PREFIX):
        return _reply(404, {"Message": f"No HTTP resource was found that matches the request URI '{resource}'."})
    return _reply(*ask(method, path[len(PREFIX) :], Query(parse_qsl(parts.query, keep_blank_values=True))))


def _reply(status: int, content: Json) -> Json:
    return {"Status": status, "Headers": dict(HEADERS), "Content": content}


def _filled(resource: str, tokens: list[Any]) -> str:
    for number, token in enumerate(tokens):
        resource = resource.replace(f"{{{number}}}", str(token))
    return resource


def _select(path: str, answers: Mapping[str, Any]) -> list[Any]:
    """What a JSONPath of names and `[*]` selects, such as `$.elements.Content.Items[*].WebId`."""
    found: list[Any] = [answers]
    for step in path.removeprefix("$.").split("."):
        name, star, _ = step.partition("[*]")
        found = [one[name] for one in found if isinstance(one, dict) and name in one]
        if star:
            found = [member for one in found if isinstance(one, list) for member in one]
    return found
