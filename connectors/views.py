"""
What sources and their programmers meet over HTTP: the doors for pushed records and for word that something has changed,
the published contracts, and the manifest of what can be connected.
"""

from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe

from connectors import registry
from connectors.cap.validation import SCHEMA
from connectors.contracts.catalogue import CONTRACTS, INBOUND
from connectors.contracts.schemas import schema_of
from connectors.manifest import encoded_manifest
from connectors.models import Connector
from connectors.protocols.errors import BadConfig
from connectors.protocols.webhook import NotSigned, WebhookCall, WronglySigned
from connectors.queries import ConnectorDoor, ConnectorTokenExpired, find_called_connector, find_connector_token
from connectors.services.push import NotPushed, accept_lines
from connectors.services.requests import NothingToWake, wake_connector
from connectors.services.webhook import NoWebhooks, take_webhook
from connectors.tasks import deliver_outbox, work_off_outbox
from organisation.scope import acting_for, carrying

REALM = 'Bearer realm="Utility Enterprise Connectors"'
NDJSON = "application/x-ndjson"
TAKEN = frozenset({NDJSON, "application/ndjson", "application/jsonl", "text/plain", ""})
LARGEST_BODY = 20 * 1024 * 1024
LARGEST_CALL = 64 * 1024
"""Of a webhook: what it says is a hint, and short."""


class Refusal(Exception):
    """In the words of RFC 6750 §3.1; without a code there were no credentials at all."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    def response(self) -> JsonResponse:
        response = JsonResponse(
            {"error": self.code or "refused", "error_description": self.message}, status=self.status
        )
        if self.status in (401, 403):
            said = f', error="{self.code}", error_description="{self.message}"' if self.code else ""
            response.headers["WWW-Authenticate"] = REALM + said
        if self.status == 405:
            response.headers["Allow"] = "POST"
        return response


NO_TOKEN = Refusal(401, "Send the connector's token: Authorization: Bearer, followed by the token.")


@csrf_exempt
@transaction.non_atomic_requests
def wake(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """
    POST that something has changed in the source: 202 once its streams are asked to be read for changes at once, rather
    than by their schedules.

    With a token of the connector, `?stream=` names those concerned; without it they all are, and the body is not looked
    at. Without one it is a webhook call in the source's own words, which its signature admits.
    """
    try:
        woken = _woken_by_token(request, uuid) if "Authorization" in request.headers else _woken_by_call(request, uuid)
    except Refusal as refusal:
        return refusal.response()
    return JsonResponse({"streams": woken}, status=202)


def _woken_by_token(request: HttpRequest, uuid: UUID) -> list[str]:
    door = _open_door(request)
    if request.method != "POST":
        raise Refusal(405, "Wake a connector by POST.")
    names = request.GET.getlist("stream")
    with carrying(door.scope):
        with acting_for(door.scope):
            _check_own(door, uuid)
            try:
                woken = wake_connector(connector_id=door.connector_id, names=names, now=timezone.now())
            except NothingToWake as error:
                raise Refusal(404, str(error)) from error
        work_off_outbox()
    return woken


def _woken_by_call(request: HttpRequest, uuid: UUID) -> list[str]:
    """Answers before anything is read: who calls a webhook waits for seconds only, and gives up after some calls."""
    door = find_called_connector(uuid, request_id=getattr(request, "request_id", ""))
    if door is None:
        raise NO_TOKEN
    if request.method != "POST":
        raise Refusal(405, "Wake a connector by POST.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = WebhookCall(headers=headers, body=_body(request, most=LARGEST_CALL))
    with carrying(door.scope):
        try:
            woken = take_webhook(connector_id=door.connector_id, call=call, now=timezone.now())
        except NoWebhooks:
            raise NO_TOKEN from None
        except NotSigned as error:
            raise Refusal(401, str(error)) from error
        except WronglySigned as error:
            raise Refusal(403, str(error), "invalid_signature") from error
        except BadConfig as error:
            raise Refusal(503, str(error)) from error
        if woken:
            deliver_outbox.delay()
    return woken


def _check_own(door: ConnectorDoor, uuid: UUID) -> None:
    if not Connector.objects.filter(pk=door.connector_id, uuid=uuid).exists():
        raise Refusal(403, "This token is for another connector.", "insufficient_scope")


@csrf_exempt
@transaction.non_atomic_requests
def push_records(request: HttpRequest, uuid: UUID, name: str, version: str) -> HttpResponse:
    """
    POST newline-delimited JSON, one record of the contract a line; 200 with one result a line, in the same order.
    An empty body is a sign of life.
    """
    try:
        door = _open_door(request)
        if request.method != "POST":
            raise Refusal(405, "Push records by POST.")
        if (request.content_type or "") not in TAKEN:
            raise Refusal(415, f"Send one JSON object a line, as {NDJSON}.")
        body = _body(request, most=LARGEST_BODY)
        contract = f"{name}/{version}"
        with carrying(door.scope):
            with acting_for(door.scope):
                _check_own(door, uuid)
            if contract not in INBOUND:
                raise Refusal(404, f"There is no contract {contract}. There are {', '.join(sorted(INBOUND))}.")
            try:
                lines = accept_lines(connector_id=door.connector_id, contract=contract, body=body, clock=timezone.now)
            except NotPushed as error:
                raise Refusal(404, str(error)) from error
            work_off_outbox()
    except Refusal as refusal:
        return refusal.response()
    return HttpResponse(b"".join(line.as_json() + b"\n" for line in lines), content_type=NDJSON)


def _body(request: HttpRequest, *, most: int) -> bytes:
    """Read only as far as is allowed, whatever length the request announces."""
    try:
        if int(request.headers.get("Content-Length") or 0) <= most and len(request.body) <= most:
            return request.body
    except RequestDataTooBig:
        pass
    raise Refusal(413, f"At most {most} bytes a request; send the rest in another.")


def _open_door(request: HttpRequest) -> ConnectorDoor:
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if not header:
        raise NO_TOKEN
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal(400, "Use the header Authorization: Bearer, followed by a token.", "invalid_request")
    try:
        door = find_connector_token(token.strip(), now=timezone.now(), request_id=getattr(request, "request_id", ""))
    except ConnectorTokenExpired as error:
        raise Refusal(401, "The token has expired or was revoked.", "invalid_token") from error
    if door is None:
        raise Refusal(401, "The token is not known.", "invalid_token")
    return door


@require_safe
@transaction.non_atomic_requests
def manifest(request: HttpRequest) -> HttpResponse:
    """What can be connected here, for programs; 304 to one that has it already."""
    body, tag = encoded_manifest(tuple(registry.adapters().values()))
    response = HttpResponse(body, content_type="application/json", headers={"ETag": tag, "Cache-Control": "no-cache"})
    return get_conditional_response(request, etag=tag, response=response) or response


@require_GET
@transaction.non_atomic_requests
def cap_schema(request: HttpRequest) -> HttpResponse:
    """The XML schema of what a `cap-alert/1.2` record carries."""
    return HttpResponse(SCHEMA.read_bytes(), content_type="application/xml")


@require_GET
@transaction.non_atomic_requests
def contract_schema(request: HttpRequest, name: str, version: str) -> JsonResponse:
    contract = CONTRACTS.get(f"{name}/{version}")
    if contract is None:
        raise Http404(f"There is no contract {name}/{version}.")
    return JsonResponse(schema_of(contract), content_type="application/schema+json")
