"""What an administrator may set: the server, and how a collection's properties are to be read."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from connectors.contracts.network_element import ElementKind
from connectors.contracts.zone import ZoneLevel
from connectors.protocols.adapter import SourceStream
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import SettingsForm, TableField, initial_values, one_of

SKIP = "SKIP"
KINDS = {kind.value.lower(): kind.value for kind in ElementKind} | {
    "cable": "LINE",
    "circuit_breaker": "BREAKER",
    "switch": "LOAD_BREAK_SWITCH",
}
LEVELS = {level.value.lower(): level.value for level in ZoneLevel}


class OgcApiFeaturesForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="The landing page of the OGC API, such as https://gis.example.org/ogcapi; the rest is "
        "found from there.",
    )


class FeatureStreamForm(SettingsForm):
    """How the properties of a collection's features are to be read."""

    id_property = forms.CharField(
        label="Id property",
        required=False,
        help_text="The property that names a feature for good. Empty: the feature's own id.",
    )
    id_prefix = forms.CharField(
        label="Id prefix",
        required=False,
        strip=False,
        help_text="Put before each id, where several collections count from 1. Usually empty.",
    )
    modified_property = forms.CharField(
        label="Modified property",
        required=False,
        initial="modified",
        help_text="The property that says when a feature was last changed. Empty: there is none.",
    )
    changes = forms.ChoiceField(
        label="How to ask for changes",
        required=False,
        initial="FILTER",
        choices=[
            ("FILTER", "By a filter on the modified property"),
            ("DATETIME", "By the datetime parameter"),
            ("NONE", "Not at all: always read everything"),
        ],
        help_text="Choose datetime only if the collection's time is when a feature was last changed; "
        "it usually is when it was built or became valid.",
    )
    overlap_s = forms.IntegerField(
        label="Overlap",
        required=False,
        initial=300,
        min_value=0,
        max_value=604_800,
        help_text="Seconds before the newest change seen that are asked for again, so that edits saved late "
        "are not missed.",
    )
    page_size = forms.IntegerField(
        label="Page size",
        required=False,
        initial=1_000,
        min_value=10,
        max_value=10_000,
        help_text="Features asked for at a time. Becomes smaller by itself if the server cannot make them.",
    )
    crs = forms.CharField(
        label="Reference system",
        required=False,
        help_text="The definition URI of a reference system to ask for. Empty, which is best: longitude and "
        "latitude (CRS84).",
    )
    swap_axes = forms.BooleanField(
        label="Axes are swapped",
        required=False,
        help_text="For servers that write coordinates in another order than their reference system has.",
    )
    time_zone = forms.CharField(
        label="Time zone",
        required=False,
        initial="UTC",
        help_text="What times without an offset are meant in, such as Europe/Berlin.",
    )
    name_property = forms.CharField(label="Name property", required=False, initial="name")
    kind_property = forms.CharField(label="Kind property", required=False, initial="kind")
    kinds = TableField(
        label="Kinds",
        required=False,
        initial=KINDS,
        check=one_of((*ElementKind, SKIP)),
        help_text="One row a line: the source's word = ours, in any case. SKIP leaves such features out.",
    )
    voltage_property = forms.CharField(label="Voltage property", required=False, initial="nominal_kv")
    voltage_unit = forms.ChoiceField(
        label="Voltage unit", required=False, initial="kV", choices=[("kV", "kV"), ("V", "V")]
    )
    terminal_properties = forms.CharField(
        label="Terminal properties",
        required=False,
        initial="from_node, to_node",
        help_text="The one or two properties that name the connectivity nodes, separated by a comma. An "
        "element whose second is empty sits on its node.",
    )
    normally_open_property = forms.CharField(label="Normally open property", required=False, initial="normally_open")
    zone_property = forms.CharField(label="Zone property", required=False, initial="zone")
    level_property = forms.CharField(label="Zone level property", required=False, initial="level")
    levels = TableField(
        label="Zone levels",
        required=False,
        initial=LEVELS,
        check=one_of((*ZoneLevel, SKIP)),
        help_text="One row a line: the source's word = ours, in any case. SKIP leaves such zones out.",
    )
    parent_property = forms.CharField(label="Parent zone property", required=False, initial="parent")

    def clean_kinds(self) -> dict[str, str]:
        return {word.lower(): kind for word, kind in (self.cleaned_data["kinds"] or KINDS).items()}

    def clean_levels(self) -> dict[str, str]:
        return {word.lower(): level for word, level in (self.cleaned_data["levels"] or LEVELS).items()}

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"] or "UTC"
        if name not in available_timezones():
            raise ValidationError(f"“{name}” is no time zone. Write one such as UTC or Europe/Berlin.")
        return name

    def clean_terminal_properties(self) -> str:
        text: str = self.cleaned_data["terminal_properties"]
        if text and not 1 <= len(names_in(text)) <= 2:
            raise ValidationError("Name one or two properties, separated by a comma.")
        return text


DEFAULTS = initial_values(FeatureStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)


def names_in(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
