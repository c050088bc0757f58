"""Health for whoever runs it: alive is the process, ready is what it needs. Nothing of a tenant, no versions."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error, connection, transaction
from django.http import HttpRequest, JsonResponse

PATIENCE_S = 2


@transaction.non_atomic_requests
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@transaction.non_atomic_requests
def ready(request: HttpRequest) -> JsonResponse:
    checks: dict[str, Callable[[], None]] = {"database": _ask_database, "broker": _ask_broker}
    found = {}
    for name, ask in checks.items():
        try:
            ask()
            found[name] = "ok"
        except (Error, redis.RedisError, OSError) as error:
            found[name] = f"failed: {type(error).__name__}"
    well = set(found.values()) == {"ok"}
    return JsonResponse({"status": "ok" if well else "unavailable", "checks": found}, status=200 if well else 503)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    ) as client:
        client.ping()
