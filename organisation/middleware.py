import uuid
from collections.abc import Callable
from typing import cast

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve

from organisation.backends import signed_in_of
from organisation.models import Membership
from organisation.scope import Origin, Scope, acting_for, carrying

CHOSEN_ORGANISATION = "organisation"


class ScopedRequest(HttpRequest):
    """What a request is once the scope was found; a visitor's has only the id."""

    request_id: str
    membership: Membership
    memberships: tuple[Membership, ...]


class ScopeMiddleware:
    """
    Puts a signed-in person's request into the scope of the organisation that they chose.

    The transaction is opened out here, so that lazily rendered templates still see rows; `ATOMIC_REQUESTS` inside it
    rolls a failed view back. A view marked `non_atomic_requests` only carries the scope, and opens units of work.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, bare: HttpRequest) -> HttpResponse:
        request = cast(ScopedRequest, bare)
        request.request_id = uuid.uuid4().hex
        signed_in = signed_in_of(request.user) if request.user.is_authenticated else None
        if signed_in is None:
            return self.get_response(request)
        membership = signed_in.membership(request.session.get(CHOSEN_ORGANISATION))
        if membership is None:
            logout(request)
            return render(request, "organisation/no_membership.html", status=403)
        request.membership = membership
        request.memberships = signed_in.memberships
        scope = console_scope(membership, request_id=request.request_id)
        if opens_its_own_transactions(request):
            with carrying(scope):
                return self.get_response(request)
        with acting_for(scope):
            return self.get_response(request)


def console_scope(membership: Membership, *, request_id: str) -> Scope:
    return Scope(
        organisation_id=membership.organisation_id,
        actor_id=membership.user_id,
        origin=Origin.CONSOLE,
        request_id=request_id,
        capabilities=membership.capabilities,
    )


def opens_its_own_transactions(request: HttpRequest) -> bool:
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return False
    return bool(getattr(view, "_non_atomic_requests", ()))


def switch_organisation(bare: HttpRequest) -> HttpResponse:
    """The header's organisation switch (POST `organisation`); a choice that is not one's own changes nothing."""
    request = cast(ScopedRequest, bare)
    chosen = request.POST.get("organisation", "")
    if request.method == "POST" and any(str(one.organisation_id) == chosen for one in request.memberships):
        request.session[CHOSEN_ORGANISATION] = int(chosen)
    return redirect("admin:index")
