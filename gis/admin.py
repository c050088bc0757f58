from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from connectors.console.mirrored import DefaultFilter, FoundByPrefix, MirroredAdmin, ago
from connectors.contracts.reading import SwitchState
from gis.models import ElementAlias, NetworkElement, Zone
from gis.services.aliases import UnableToMap, map_alias
from organisation.console import ConsoleAdmin, ServiceForm
from organisation.roles import Capability


@admin.register(NetworkElement)
class NetworkElementAdmin(MirroredAdmin):
    """The elements of the network model."""

    list_display = ("external_id", "name", "kind", "voltage", "position", "zone", "connector", "changed")
    list_select_related = ("connector", "zone")
    list_filter = (*MirroredAdmin.list_filter, "kind")
    search_fields = ("external_id", "name", "from_node", "to_node")
    fields = (
        "external_id",
        "name",
        "kind",
        "nominal_voltage_v",
        ("from_node", "to_node"),
        "normally_open",
        "position",
        "zone",
        ("latitude", "longitude"),
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )
    readonly_fields = ("position",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("geometry", "extent").prefetch_related("positions")

    @display(description="Voltage", ordering="nominal_voltage_v")
    def voltage(self, element: NetworkElement) -> str:
        return "—" if element.nominal_voltage_v is None else f"{element.nominal_voltage_v / 1000:g} kV"

    @display(description="Position")
    def position(self, element: NetworkElement) -> str:
        """The live one where it is read, else the planned one, and said so."""
        live = next(iter(element.positions.all()), None)
        if live is not None:
            return SwitchState(live.state).value.capitalize()
        return "Open by plan" if element.normally_open else "—"


@admin.register(Zone)
class ZoneAdmin(MirroredAdmin):
    """The areas of the utility."""

    list_display = ("name", "external_id", "level", "parent", "connector", "changed")
    list_select_related = ("connector", "parent")
    list_filter = (*MirroredAdmin.list_filter, "level")
    search_fields = ("external_id", "name")
    ordering = ("name", "pk")
    fields = ("external_id", "name", "level", "parent", "connector", "source_time", "landed_at", "retired_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("geometry", "extent")


class ResolvedFilter(DefaultFilter):
    title = "element"
    parameter_name = "resolved"
    choices_of = (("", "Not known yet"), ("yes", "Known"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.exclude(element=None)
            case "all":
                return queryset
            case _:
                return queryset.filter(element=None)


class MapAliasForm(ServiceForm):
    refusals = (UnableToMap,)

    element_id = forms.CharField(
        label="Element",
        widget=UnfoldAdminTextInputWidget,
        help_text="The element's id in the network GIS, such as SW-10918. Outages, jobs and estimates that name it are "
        "looked at again.",
    )

    class Meta:
        model = ElementAlias
        fields: ClassVar[list[str]] = []

    def clean_element_id(self) -> NetworkElement:
        given = self.cleaned_data["element_id"].strip()
        found = (
            NetworkElement.objects.for_organisation(self.instance.organisation_id)
            .present()
            .filter(external_id=given)
            .order_by("pk")[:2]
        )
        if len(found) != 1:
            count = "No element" if not found else "More than one element"
            raise forms.ValidationError(f"{count} of the network has the id {given}. Look it up under Elements.")
        return found[0]

    def perform(self) -> ElementAlias:
        return map_alias(alias=self.instance, element=self.cleaned_data["element_id"], now=timezone.now())


@admin.register(ElementAlias)
class ElementAliasAdmin(FoundByPrefix, ConsoleAdmin):
    """What other systems call the elements. A name that fits no element's id waits here for a person to map it."""

    to_change = Capability.MANAGE_CONNECTORS
    list_display = ("external_id", "connector", "element", "first_heard", "resolved")
    list_select_related = ("connector", "element")
    list_filter = (ResolvedFilter,)
    search_fields = ("external_id", "element__external_id")
    ordering = ("external_id", "pk")
    readonly_fields = ("external_id", "connector", "element", "created_at", "resolved_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("element__geometry", "element__extent")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A name that means an element already is history: jobs and outages stand on it."""
        return super().has_change_permission(request, obj) and (obj is None or obj.element_id is None)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if self.has_change_permission(request, obj):
            options["form"] = MapAliasForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ["element_id"] if self.has_change_permission(request, obj) else []
        return ["external_id", "connector", "element", *own, "created_at", "resolved_at"]

    @display(description="First heard", ordering="created_at")
    def first_heard(self, alias: ElementAlias) -> str:
        return ago(alias.created_at)

    @display(description="Mapped", ordering="resolved_at")
    def resolved(self, alias: ElementAlias) -> str:
        return ago(alias.resolved_at)
