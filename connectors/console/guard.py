"""Who may see a view of the console, and that what changes something is posted."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from organisation.console import may
from organisation.roles import Capability

View = Callable[..., HttpResponse]


def needs(capability: Capability, *, post: bool = True) -> Callable[[View], View]:
    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            if not may(request, capability):
                raise PermissionDenied
            if post and request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return view(request, *args, **options)

        return guarded

    return guard
