"""The OPC UA Web API (OPC 10000-6 annex G.3): one POST per service."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.faults_on_wire import fault_of
from simulator.opcua import codes, subscriptions
from simulator.opcua.address_space import rural_address_space
from simulator.opcua.encoding import NAMESPACE, Encoder, Json, Undecodable, date_time
from simulator.opcua.history import history_read
from simulator.opcua.methods import call_methods
from simulator.opcua.services import (
    Call,
    ContinuationPoints,
    ServiceFault,
    browse,
    browse_next,
    read,
)
from simulator.opcua.sessions import Sessions
from simulator.utility import Utility

BETWEEN_LOOKS_S = 0.05
LONGEST_WAIT_S = 10.0

OWN_NODE = re.compile(rf'"nsu={re.escape(NAMESPACE)};(?=[is]=)')

Service = Callable[[Call, Mapping[str, Any]], Json]

# The rest of the API. Known, and refused as a service and not as a page that is not there.
UNSUPPORTED = (
    "write",
    "historyupdate",
    "translate",
    "cancel",
    "registernodes",
    "unregisternodes",
    "modifymonitoreditems",
    "setmonitoringmode",
    "settriggering",
    "deletemonitoreditems",
    "modifysubscription",
    "setpublishingmode",
    "transfersubscriptions",
)


def _unsupported(call: Call, body: Mapping[str, Any]) -> Json:
    raise ServiceFault(codes.BAD_SERVICE_UNSUPPORTED)


def _application() -> Json:
    return {
        "ApplicationUri": NAMESPACE,
        "ProductUri": "urn:simulator",
        "ApplicationName": {"Text": "Rural Grid SCADA gateway", "Locale": "en"},
    }


def _find_servers(call: Call, body: Mapping[str, Any]) -> Json:
    return {"Servers": [_application()]}


def _get_endpoints(call: Call, body: Mapping[str, Any]) -> Json:
    endpoint = {
        "EndpointUrl": body.get("EndpointUrl") or "",
        "Server": _application(),
        "SecurityMode": call.encoder.enum(1, {1: "None"}),
        "SecurityPolicyUri": "http://opcfoundation.org/UA/SecurityPolicy#None",
        "TransportProfileUri": "http://opcfoundation.org/UA-Profile/Transport/https-uajson-openapi",
    }
    return {"Endpoints": [endpoint]}


SERVICES: Mapping[str, Service] = {
    "read": read,
    "browse": browse,
    "browsenext": browse_next,
    "historyread": history_read,
    "call": call_methods,
    "createsession": subscriptions.create_session,
    "activatesession": subscriptions.activate_session,
    "closesession": subscriptions.close_session,
    "createsubscription": subscriptions.create_subscription,
    "deletesubscriptions": subscriptions.delete_subscriptions,
    "createmonitoreditems": subscriptions.create_monitored_items,
    "publish": subscriptions.publish,
    "republish": subscriptions.republish,
    "findservers": _find_servers,
    "getendpoints": _get_endpoints,
    **dict.fromkeys(UNSUPPORTED, _unsupported),
}


class OpcUaRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._space = rural_address_space()
        self._points = ContinuationPoints()
        self._sessions = Sessions()

    def routes(self) -> list[Route]:
        return [
            Route(f"/opcua/{name}", self._endpoint(service), methods=["POST"]) for name, service in SERVICES.items()
        ]

    def _endpoint(self, service: Service) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            """Whoever has nothing to say yet is asked again, until the client would hear no more."""
            raw = await request.body()
            until = time.monotonic() + _patience_s(raw)
            while True:
                try:
                    return self._answer(service, request, raw)
                except subscriptions.NothingToSay:
                    if time.monotonic() >= until:
                        return self._answer(_timed_out, request, raw)
                await asyncio.sleep(BETWEEN_LOOKS_S)

        return endpoint

    def _answer(self, service: Service, request: Request, raw: bytes) -> Response:
        encoder = Encoder(is_verbose=_wants_verbose(request))
        utility = self._utility
        utility.advance()
        with utility.lock:
            now = utility.now()
            self._sessions.forget_if_restarted(utility.gateway_restarts)
            handle, token = 0, ""
            try:
                body = json.loads(raw)
                if not isinstance(body, dict):
                    raise Undecodable
                handle, token = _request_header(body)
                call = Call(
                    utility,
                    self._space,
                    self._points,
                    self._sessions,
                    token,
                    encoder,
                    now,
                    _user(request),
                    fault_of(request),
                )
                result, code = service(call, body), codes.GOOD
            except ServiceFault as fault:
                result, code = {}, fault.code
            except (ValueError, Undecodable):
                return Response(status_code=400)
        header = {"Timestamp": date_time(now)} | encoder.structure(
            {"RequestHandle": handle, "ServiceResult": encoder.status(code)}
        )
        encoding = "verbose" if encoder.is_verbose else "compact"
        content = json.dumps({"ResponseHeader": header, **result}, ensure_ascii=False, separators=(",", ":"))
        if utility.settings.names_by_index:
            content = OWN_NODE.sub(f'"ns={utility.gateway_index};', content)
        return Response(content.encode(), headers={"content-type": f"application/json; encoding={encoding}"})


def is_admitted(request: Request) -> bool:
    return auth.matches(auth.bearer_token(request), credentials.SCADA_BEARER_TOKEN) or auth.is_basic(
        request, user=credentials.SCADA_USERNAME, password=credentials.SCADA_PASSWORD
    )


def refusal(status: int, sentence: str) -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="opcua", Basic realm="opcua"'} if status == 401 else None
    return Response(status_code=status, headers=headers)


def _user(request: Request) -> str:
    pair = auth.basic_pair(request)
    return pair[0] if pair else "gateway"


def _timed_out(call: Call, body: Mapping[str, Any]) -> Json:
    raise ServiceFault(codes.BAD_TIMEOUT)


def _patience_s(raw: bytes) -> float:
    """How long the client waits for an answer; its TimeoutHint is in milliseconds."""
    try:
        return float(json.loads(raw)["RequestHeader"]["TimeoutHint"]) / 1_000
    except (ValueError, KeyError, TypeError):
        return LONGEST_WAIT_S


def _request_header(body: Mapping[str, Any]) -> tuple[int, str]:
    """The request's handle, and the session's token."""
    header = body.get("RequestHeader") or {}
    if not isinstance(header, dict):
        raise Undecodable
    handle, token = header.get("RequestHandle", 0), header.get("AuthenticationToken") or ""
    if not isinstance(handle, int) or not isinstance(token, str):
        raise Undecodable
    return handle, token


def _wants_verbose(request: Request) -> bool:
    """Accept wins over Content-Type."""
    for name in ("accept", "content-type"):
        value = request.headers.get(name, "").lower().replace(" ", "")
        if "encoding=" in value:
            return "encoding=verbose" in value
    return False
