"""Every mark of the console, each drawn in one place: a shape, a word and a colour that say the same thing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

NOTHING = mark_safe("")


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """A symbol from the console's sprite; it never stands without a word beside it."""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" i-{size}" if size else "",
        static("console/icons.svg"),
        name,
    )


@register.simple_tag
def moment(at: datetime | None, seconds: bool = True) -> SafeString:
    """A moment by the clock. The browser says it in its reader's zone; without scripts it stands in UTC."""
    if at is None:
        return NOTHING
    return format_html(
        '<time datetime="{}" data-at="{}">{}</time>',
        at.isoformat(),
        "s" if seconds else "m",
        f"{at:%H:%M:%S} UTC" if seconds else f"{at:%H:%M} UTC",
    )


@register.simple_tag(takes_context=True)
def age(context: template.Context, at: datetime | None) -> SafeString:
    """How long ago; it counts in place."""
    if at is None:
        return NOTHING
    return format_html('<time data-age datetime="{}">{}</time>', at.isoformat(), span(context["now"] - at))


@register.simple_tag(takes_context=True)
def due(context: template.Context, at: datetime | None) -> SafeString:
    """How long until then, or how long it has passed; it counts in place."""
    if at is None:
        return NOTHING
    left = at - context["now"]
    words = f"in {span(left)}" if left >= timedelta(0) else f"{span(left)} over"
    return format_html('<time data-due datetime="{}">{}</time>', at.isoformat(), words)


@register.simple_tag(takes_context=True)
def chip(context: template.Context, freshness: str, proved_at: datetime | None = None) -> SafeString:
    """A freshness stamp. The four kinds of not knowing stay four."""
    word = str(freshness or "UNKNOWN")
    return format_html(
        '<span class="chip {}">{}<b>{}</b>{}</span>',
        word.lower(),
        icon(word.lower()),
        word,
        format_html(" {}", age(context, proved_at)) if proved_at else NOTHING,
    )


@register.simple_tag
def state(word: str) -> SafeString:
    """A connector's state."""
    return format_html('<span class="state {}">{}{}</span>', word.lower(), icon(word.lower()), word)


@register.simple_tag
def sev(severity: str, tag: bool = False) -> SafeString:
    """How bad it is; `tag` writes the word out."""
    word = severity.capitalize()
    if tag:
        return format_html('<span class="sev tag {}">{}{}</span>', severity, icon(severity, "s"), word)
    return format_html(
        '<span class="sev {}" title="{}">{}<span class="sr">{}</span></span>', severity, word, icon(severity), word
    )


@register.simple_tag
def ticks(steps: Sequence[str]) -> SafeString:
    """The eight stages, small; the word stands beside them."""
    marks = format_html_join("", '<i class="{}"></i>', ((step,) for step in steps))
    return format_html('<span class="ticks" aria-hidden="true">{}</span>', marks)


@register.simple_tag(takes_context=True)
def agebar(context: template.Context, at: datetime | None, target_s: int | None) -> SafeString:
    """An age against its target: the tick is the target, the bar is the age."""
    if at is None or not target_s:
        return format_html('<svg class="agebar none" {}>{}</svg>', _STRETCHED, _bar(100))
    share = (context["now"] - at).total_seconds() / target_s
    return format_html(
        '<svg class="agebar{}" {} data-since="{}" data-target="{}">{}<path class="t" d="M66 0v10"/></svg>',
        " over" if share > 1 else "",
        _STRETCHED,
        at.isoformat(),
        target_s,
        _bar(100 if share > 1 else max(share, 0) * 66),
    )


@register.simple_tag
def impactbar(number: int, largest: int, hot: bool = False) -> SafeString:
    """A number as its share of the largest one shown."""
    share = max(1.5, 100 * number / largest) if largest else 0
    return format_html('<svg class="bar{}" {}>{}</svg>', " hot" if hot else "", _STRETCHED, _bar(share))


_STRETCHED = mark_safe('viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"')


def _bar(width: float) -> SafeString:
    return format_html('<path class="g" d="M0 5h100"/><path class="a" d="M0 5h{}"/>', f"{width:.1f}")


@register.inclusion_tag("marks/prov.html", takes_context=True)
def prov(context: template.Context, fact: Any) -> dict[str, Any]:
    """Where a fact came from, when it was true and when it was last proved."""
    return {"fact": fact, "now": context["now"]}


@register.filter
def span(given: timedelta | float | None) -> str:
    """A length of time as one says it: `26 min`, `1 h 48 min`."""
    if given is None:
        return ""
    seconds = int(abs(given.total_seconds() if isinstance(given, timedelta) else given))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60:02d} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


@register.filter
def took(length: timedelta) -> str:
    """A length of time that was measured, as finely as it matters: `0.4 s`, `1 min 24 s`, `1 h 48 min`."""
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    if 60 <= seconds < 600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    return span(seconds)


@register.filter
def figure(number: int | None) -> str:
    """A count with its thousands apart; a dash if it is not known, for unknown is not zero."""
    return "—" if number is None else f"{number:,}"


@register.filter
def words(code: str | None) -> str:
    """A code as one says it: `FIELD_TEAM` becomes `field team`."""
    return (code or "").replace("_", " ").lower()
