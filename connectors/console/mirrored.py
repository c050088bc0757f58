"""Lists of what came from source systems: for reading, found by how a name begins, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from organisation import lookups
from organisation.console import ConsoleAdmin
from organisation.templatetags import marks


class DefaultFilter(admin.SimpleListFilter):
    """A filter that chooses by itself until somebody chooses otherwise, so that a list opens on what matters."""

    choices_of: Sequence[tuple[str, str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return list(self.choices_of[1:])

    def choices(self, changelist: Any) -> Any:
        chosen = self.value() or ""
        for code, label in self.choices_of:
            yield {
                "selected": chosen == code,
                "query_string": changelist.get_query_string({self.parameter_name: code})
                if code
                else changelist.get_query_string(remove=[str(self.parameter_name)]),
                "display": label,
            }


class PresenceFilter(DefaultFilter):
    title = "in the source"
    parameter_name = "presence"
    choices_of = (("", "Still there"), ("gone", "Gone"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "gone":
                return queryset.exclude(retired_at=None)
            case "all":
                return queryset
            case _:
                return queryset.filter(retired_at=None)


class FoundByPrefix:
    """A search term is one text, with its spaces, and fits what begins with it. Upper and lower case are two things."""

    search_fields: Sequence[str] = ()
    search_help_text = "How an id or a name begins, as it is written."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q()
        for field in self.search_fields:
            found |= Q(**{f"{field}__{lookups.Starts.lookup_name}": term})
        return queryset.filter(found), False


class MirroredAdmin(FoundByPrefix, ConsoleAdmin):
    """Rows as a source has them. Nobody changes them here; the source does. They are not counted, for they are many."""

    paginator = InfinitePaginator
    list_filter: Any = (PresenceFilter,)
    list_select_related: Any = ("connector",)
    ordering: Any = ("external_id",)
    search_fields: Sequence[str] = ("external_id",)

    @display(description="Last change", ordering="landed_at")
    def changed(self, row: Any) -> SafeString:
        """When we last learnt something new. Whether the source still proves what we hold is its connector's to say."""
        return ago(row.landed_at)


def ago(at: datetime | None) -> SafeString:
    """An age that counts in place; a dash for what was never."""
    if at is None:
        return SafeString("—")
    return format_html('<span class="nowrap">{}</span>', marks.age(Context({"now": timezone.now()}), at))
