"""The GraphQL endpoint: POST only, small bodies, limits before validation, one transaction in the caller's scope."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from api.doors import Caller, Refusal, identify
from api.schema import schema
from graphql_kit.execution import Executor
from organisation.models import User
from organisation.scope import Scope, acting_for

LARGEST_BODY = 20_000


@dataclass(frozen=True)
class Context:
    """What resolvers are given: who asks, for which organisation, and when."""

    user: User
    scope: Scope
    now: datetime


class BadRequest(Exception):
    """The request is no GraphQL request; the message says what to send."""


@cache
def executor() -> Executor:
    return Executor(schema)


@csrf_exempt
@transaction.non_atomic_requests
def graphql(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        response = _refused(405, "Send GraphQL queries by POST, as application/json.")
        response.headers["Allow"] = "POST"
        return response
    now = timezone.now()
    try:
        caller = identify(request, now=now)
        document = _document(request)
    except Refusal as refusal:
        return refusal.response()
    except BadRequest as error:
        return _refused(400, str(error))
    if not caller.by_token and _is_forged(request):
        return _refused(403, "The CSRF token is missing or wrong. Reload the page, or use a bearer token.")
    return _answer(caller, document, now=now)


def _answer(caller: Caller, document: dict[str, Any], *, now: datetime) -> HttpResponse:
    with acting_for(caller.scope):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{settings.STATEMENT_TIMEOUT_S}s"])
        answer = executor().run(
            document["query"],
            variables=document.get("variables"),
            operation_name=document.get("operationName"),
            context=Context(user=caller.user, scope=caller.scope, now=now),
        )
    return HttpResponse(
        orjson.dumps(answer.payload()), content_type="application/json", status=200 if answer.ran else 400
    )


def _document(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise BadRequest('Send the query as application/json: {"query": "…", "variables": {…}}.')
    if int(request.headers.get("Content-Length") or 0) > LARGEST_BODY or len(request.body) > LARGEST_BODY:
        raise BadRequest(f"A request has at most {LARGEST_BODY} bytes.")
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("query"), str):
        raise BadRequest("The body must be one object with a query; batches are not taken.")
    if not isinstance(document.get("variables"), dict | None):
        raise BadRequest("variables must be an object.")
    return document


def _is_forged(request: HttpRequest) -> bool:
    """A session's request must carry the CSRF token, as any form does; a bearer token cannot be sent by accident."""
    return (
        CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, lambda _: HttpResponse(), (), {}) is not None
    )


def _refused(status: int, message: str) -> JsonResponse:
    return JsonResponse({"errors": [{"message": message}]}, status=status)
