"""What Unfold's frame loads and looks like. What stands in its navigation is in `config.navigation`."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

TITLE = "Utility Enterprise Connectors"

STYLES = ("tokens", "controls", "marks", "shell", "board", "outage", "dialogs", "map", "connectors", "narrow")
SCRIPTS = ("theme", "shell")


def _file(path: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(path)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": TITLE,
    "SITE_HEADER": TITLE,
    "SITE_URL": None,
    "SITE_ICON": _file("console/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("console/logo.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [_file(f"console/css/{name}.css") for name in STYLES],
    "SCRIPTS": [_file(f"console/js/{name}.js") for name in SCRIPTS],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "config.navigation.navigation"},
    # Unfold writes these as variables; the ground and the ink are then set over them in shell.css, with tokens.css.
    "COLORS": {
        "primary": {
            "50": "#f3f6ff",
            "100": "#ebf0ff",
            "200": "#c2d0fb",
            "300": "#a3bdff",
            "400": "#7f9df5",
            "500": "#6285ee",
            "600": "#2347b8",
            "700": "#1f43b0",
            "800": "#1c3a99",
            "900": "#182f7c",
            "950": "#17223d",
        },
    },
}
