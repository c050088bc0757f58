"""Of where it is: areas that exist, in the right order of coordinates, and closed."""

import re
from collections.abc import Iterator

import shapely

from connectors.cap.message_rules import Rule
from connectors.cap.reading import Element, Fault, children, text, texts

NUMBER = r"[-+]?\d+(?:\.\d+)?"
PAIR = re.compile(rf"({NUMBER}),({NUMBER})")
CIRCLE = re.compile(rf"({NUMBER},{NUMBER}) (\d+(?:\.\d+)?)")
CLAUSE = "§3.2.4, §3.3.1"


def each_info_has_an_area(alert: Element) -> Iterator[Fault]:
    """The schema lets a message be about nowhere; whoever warns by place would warn nobody, or everybody."""
    for info in children(alert, "info"):
        areas = children(info, "area")
        if not areas:
            yield Fault("§3.2.4", "Say in area where the event is.")
        for area in areas:
            if not (text(area, "areaDesc") or "").strip():
                yield Fault("§3.2.4", "areaDesc is empty: name the area for people.")
            if not any(children(area, name) for name in ("polygon", "circle", "geocode")):
                yield Fault("§3.2.4", "Give the area a polygon, circle or geocode: machines cannot read areaDesc.")


def polygons_are_rings(alert: Element) -> Iterator[Fault]:
    for written in (one for area in _areas(alert) for one in texts(area, "polygon")):
        pairs = [_pair(part) for part in written.split()]
        ring = [pair for pair in pairs if pair is not None]
        if len(ring) < len(pairs) or not ring:
            yield Fault(CLAUSE, "A polygon is latitude,longitude pairs in degrees, parted by spaces.")
        elif len(ring) < 4:
            yield Fault(CLAUSE, f"A polygon has at least four pairs, the first one twice; this one has {len(ring)}.")
        elif ring[0] != ring[-1]:
            yield Fault(CLAUSE, "Close the polygon: its last pair repeats its first.")
        elif not shapely.Polygon(ring).is_valid:
            yield Fault(CLAUSE, "The polygon crosses itself: draw it as several.")


def circles_are_round(alert: Element) -> Iterator[Fault]:
    for written in (one for area in _areas(alert) for one in texts(area, "circle")):
        found = CIRCLE.fullmatch(written.strip())
        if found is None or _pair(found.group(1)) is None:
            yield Fault(CLAUSE, f"A circle is latitude,longitude, a space and a radius in km: {written!r} is none.")


def ceiling_has_an_altitude(alert: Element) -> Iterator[Fault]:
    for area in _areas(alert):
        if text(area, "ceiling") is not None and text(area, "altitude") is None:
            yield Fault("§3.2.4", "ceiling is the upper end of a range: give the lower one in altitude, in feet.")


def _areas(alert: Element) -> Iterator[Element]:
    return (area for info in children(alert, "info") for area in children(info, "area"))


def _pair(written: str) -> tuple[float, float] | None:
    """Latitude and longitude; `None` if they are not, or on no Earth: the sign that the two were exchanged."""
    found = PAIR.fullmatch(written)
    if found is None:
        return None
    latitude, longitude = float(found.group(1)), float(found.group(2))
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


AREA_RULES: tuple[Rule, ...] = (
    each_info_has_an_area,
    polygons_are_rings,
    circles_are_round,
    ceiling_has_an_altitude,
)
