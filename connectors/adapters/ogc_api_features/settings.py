"""What an administrator may set: the server, and how a collection's properties are to be read."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connectors.protocols.adapter import SourceStream
from connectors.protocols.features.mapping import FeatureMappingForm
from connectors.protocols.ogc_filters import Filter
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import initial_values


class OgcApiFeaturesForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="The landing page of the OGC API, such as https://gis.example.org/ogcapi; the rest is "
        "found from there.",
    )


class FeatureStreamForm(FeatureMappingForm):
    """How a collection is asked for, and how the properties of its features are to be read."""

    filter = forms.CharField(
        label="Filter",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Only features that it is true of are read. In CQL2, as text (kind = 'line' AND nominal_kv >= 20) or "
        "as JSON. Empty: all of the collection. What no longer matches is retired by the next full read.",
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

    def clean_filter(self) -> str:
        written: str = self.cleaned_data["filter"]
        if written:
            try:
                Filter(written)
            except ValueError as error:
                raise ValidationError(str(error)) from error
        return written


DEFAULTS = initial_values(FeatureStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)
