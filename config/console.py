"""The console's shell: what stands in the navigation and who sees it, and what Unfold's frame loads and looks like."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.functional import lazystr

from organisation.console import may
from organisation.roles import Capability

Permission = Callable[[HttpRequest], bool]

TITLE = "Utility Enterprise Connectors"


def _allows(capability: Capability) -> Permission:
    return lambda request: may(request, capability)


def _page(title: str, icon: str, name: str, capability: Capability) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": _address(name), "permission": _allows(capability)}


def _address(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: reverse(name)


def _file(path: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(path)
