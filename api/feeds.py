"""What an organisation tells the world, if it has opened its feed: an Atom index of CAP alerts, and each as issued."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import wraps

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_safe

from api.atom import ALERT, AlertFeed
from organisation.models import Organisation
from organisation.queries import UnknownOrganisation, scope_of
from organisation.scope import Origin, acting_for, current_scope
from outage.queries import alert_settings, alerts_in_feed, issued_alert, newest_alert

FEED = "application/atom+xml; charset=utf-8"

View = Callable[..., HttpResponse]


@contextmanager
def visiting(slug: str) -> Iterator[None]:
    """
    A visitor's scope in an organisation, without any right.

    :raises Http404: if there is none of that slug, or its feed is closed: which of the two is nobody's business
    """
    try:
        scope = replace(scope_of(slug, origin=Origin.API), capabilities=frozenset())
    except UnknownOrganisation:
        raise Http404 from None
    with acting_for(scope):
        if not alert_settings().feed_is_public:
            raise Http404
        yield


def open_to_visitors(view: View) -> View:
    """For whoever asks; a session of another organisation counts for nothing here."""

    @transaction.non_atomic_requests
    @require_safe
    @wraps(view)
    def opened(request: HttpRequest, organisation: str, **arguments: str) -> HttpResponse:
        with visiting(organisation):
            return view(request, organisation, **arguments)

    return opened


@open_to_visitors
def alert_feed(request: HttpRequest, organisation: str) -> HttpResponse:
    """Of each outage the latest message, until it ends; newest first."""
    utility = Organisation.objects.get(pk=current_scope().organisation_id)
    newest = newest_alert()
    feed = AlertFeed(
        utility=utility.name,
        address=_address(request, reverse("cap-feed", args=[organisation])),
        updated_at=utility.created_at if newest is None else newest.sent_at,
    )
    for alert in alerts_in_feed(now=timezone.now()):
        feed.add(alert, address=_address(request, reverse("cap-alert", args=[organisation, alert.identifier])))
    content = feed.writeString("utf-8").encode()
    return _answer(request, content, content_type=FEED, digest=hashlib.sha256(content).hexdigest())


@open_to_visitors
def alert_document(request: HttpRequest, organisation: str, identifier: str) -> HttpResponse:
    """An alert, byte by byte as it was issued; one that has ended too, because others refer to it."""
    alert = issued_alert(identifier)
    if alert is None:
        raise Http404
    return _answer(request, bytes(alert.content), content_type=ALERT, digest=alert.digest, modified=alert.sent_at)


def _answer(
    request: HttpRequest, content: bytes, *, content_type: str, digest: str, modified: datetime | None = None
) -> HttpResponse:
    """With what a poller needs to be answered 304. Nobody between may keep it unasked: a Cancel must come at once."""
    etag = quote_etag(digest)
    response = HttpResponse(content, content_type=content_type, headers={"ETag": etag, "Cache-Control": "no-cache"})
    if modified is not None:
        response.headers["Last-Modified"] = http_date(modified.timestamp())
    answer = get_conditional_response(request, etag, None if modified is None else int(modified.timestamp()), response)
    return answer or response


def _address(request: HttpRequest, path: str) -> str:
    """A proxy that speaks TLS asks us without it."""
    scheme = "https" if settings.SESSION_COOKIE_SECURE else request.scheme
    return f"{scheme}://{request.get_host()}{path}"
