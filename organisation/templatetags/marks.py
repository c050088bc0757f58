"""
The visual language, each mark drawn in one place: shape, word and colour say the same thing, so that any one of them
may be lost. Usable as template tags and, from an admin's columns, as functions.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def span(seconds: float) -> str:
    """
    A length of time as the console says it: one unit, two above an hour. Written the same way in console.js, which
    counts on from it.
    """
    whole = int(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    days, hours = whole // DAY, whole % DAY // HOUR
    return f"{days} d {hours} h" if hours else f"{days} d"


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """A symbol of static/console/icons.svg; it says nothing by itself, so a word stands beside it."""
    return format_html(
        '<svg class="i {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        classes,
        static("console/icons.svg"),
        name,
    )


@register.simple_tag
def moment(value: datetime | None, form: str = "H:i:s") -> SafeString | str:
    """A moment in the organisation's own time, with UTC in the title; of another day, with the day."""
    if value is None:
        return "—"
    local = timezone.localtime(value)
    today = local.date() == timezone.localtime().date()
    shown = local.strftime({"H:i:s": "%H:%M:%S", "H:i": "%H:%M"}[form])
    return format_html(
        '<time datetime="{}" title="{} · {:%H:%M:%S} UTC">{}</time>',
        value.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S}",
        value.astimezone(UTC),
        shown if today else f"{local:%d %b} {shown}",
    )


@register.simple_tag
def age(value: datetime | None, now: datetime | None = None) -> SafeString | str:
    """How long ago; it counts on in place."""
    if value is None:
        return "—"
    return format_html(
        '<time data-age datetime="{}">{}</time>',
        value.isoformat(),
        span(max(0.0, ((now or timezone.now()) - value).total_seconds())),
    )


@register.simple_tag
def due(value: datetime, now: datetime | None = None) -> SafeString:
    """How long until a promise, or how long it has passed; it counts on in place."""
    left = (value - (now or timezone.now())).total_seconds()
    return format_html(
        '<time data-due datetime="{}">{}</time>',
        value.isoformat(),
        f"in {span(left)}" if left >= 0 else f"{span(left)} over",
    )


@register.simple_tag
def chip(freshness: str, at: datetime | None = None, now: datetime | None = None) -> SafeString:
    """
    Whether a value may still be relied on, and its age: FRESH, STALE, UNAVAILABLE and UNKNOWN stay four things.

    :param at: when the source last proved the value; what was never known has no age
    """
    code = str(freshness or "UNKNOWN")
    aged = format_html(" {}", age(at, now)) if at is not None and code != "UNKNOWN" else ""
    return format_html(
        '<span class="chip {}">{}<b>{}</b>{}</span>', code.lower(), icon(code.lower()), code, aged
    )


@register.simple_tag
def state(code: str, word: str = "") -> SafeString:
    """A connector's state."""
    return format_html('<span class="state {}">{}{}</span>', code.lower(), icon(code.lower()), word or code)


@register.simple_tag
def sev(level: str, word: bool = True, tag: bool = False) -> SafeString:
    """
    :param level: critical, major, minor or info
    :param word: whether the word is shown beside the shape, or only told to who cannot see the shape
    :param tag: framed, as it stands beside a title
    """
    label = level.capitalize()
    said = label if word else format_html('<span class="sr">{}</span>', label)
    return format_html(
        '<span class="sev {} {}" title="{}">{}{}</span>',
        level,
        "tag" if tag else "",
        label,
        icon(level, "i-s" if word else ""),
        said,
    )


@register.simple_tag
def ticks(steps: Iterable[str]) -> SafeString:
    """
    A stage in small, beside its word.

    :param steps: in order, each `d` done, `c` current, `s` skipped or empty
    """
    drawn = format_html_join("", '<i class="{}"></i>', ((one,) for one in steps))
    return format_html('<span class="ticks" aria-hidden="true">{}</span>', drawn)


@register.simple_tag
def agebar(at: datetime | None, target_s: float | None, now: datetime | None = None) -> SafeString:
    """Age against its target: the tick is the target, the bar is the age."""
    if at is None or not target_s:
        return format_html(
            '<svg class="agebar none" viewBox="0 0 100 11" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
            _bar(100),
        )
    part = max(0.0, ((now or timezone.now()) - at).total_seconds()) / target_s
    return format_html(
        '<svg class="agebar {}" viewBox="0 0 100 11" preserveAspectRatio="none" aria-hidden="true"'
        ' data-since="{}" data-target="{}">{}<path class="t" d="M66 0v11"/></svg>',
        "over" if part > 1 else "",
        at.isoformat(),
        int(target_s),
        _bar(100 if part > 1 else min(part, 1) * 66),
    )


def _bar(width: float) -> SafeString:
    return format_html('<path class="g" d="M0 5.5h100"/><path class="a" d="M0 5.5h{}"/>', f"{width:.1f}")


@register.simple_tag
def impactbar(count: int, largest: int, hot: bool = False) -> SafeString:
    """A number as its share of the largest one shown."""
    share = 0 if largest <= 0 else max(1.5, 100 * count / largest)
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="g" d="M0 2h100"/><path class="a" d="M0 2h{}"/></svg>',
        "hot" if hot else "",
        f"{share:.1f}",
    )


@register.simple_tag
def prov(
    source: str | None,
    source_time: datetime | None,
    landed_at: datetime | None,
    target_s: float | None = None,
) -> SafeString:
    """How we know a value: the system it came from, how often that should prove it, when it was true, when it landed."""
    if not source:
        return format_html('<div class="prov"><b>{} <span>{}</span></b></div>', "No source", "nothing has told us")
    expected = format_html(" <span>expected within {}</span>", span(target_s)) if target_s else ""
    return format_html(
        '<div class="prov"><b>{}{}</b><span>True at {}</span><span>Proved {}</span></div>',
        source,
        expected,
        moment(source_time),
        moment(landed_at),
    )


@register.filter
def count(value: int | None) -> str:
    """A number as people write it: 1,337. None is not a number, and not zero."""
    return "—" if value is None else f"{value:,}"
