"""The settings of a PI Web API, and what may be chosen for each of its databases and data servers."""

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.reading import SwitchState
from connectors.protocols.adapter import SourceStream
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import SettingsForm, TableField, initial_values, one_of

STATES = {
    "Open": SwitchState.OPEN.value,
    "Opened": SwitchState.OPEN.value,
    "Closed": SwitchState.CLOSED.value,
    "Intermediate": SwitchState.INTERMEDIATE.value,
    "Travel": SwitchState.INTERMEDIATE.value,
}


POLL_SECONDS = 2


def clean_pattern(value: str, *, groups: int) -> str:
    """
    :raises ValidationError: if it is no regular expression, or has fewer groups than are needed
    """
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ValidationError(f"This is not a regular expression: {error}.") from error
    if pattern.groups < groups:
        raise ValidationError(r"Put the part that names the element in brackets, such as \\([^\\|]+)\|.")
    return value


class PiWebApiForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="The home page of the PI Web API, with its path: https://pi.example/piwebapi.",
    )
    element_pattern = forms.CharField(
        label="Element in a path",
        initial=r"\\([^\\|.]+)[^\\]*$",
        strip=False,
        max_length=400,
        help_text="A regular expression whose first group is the name of the network element: the standard setting "
        r"takes SW-10771 out of \\AF\Grid\SUB-12\SW-10771|MW, and out of the tag \\DA\SW-10771.MW.",
    )
    position_pattern = forms.CharField(
        label="Which signals are switch positions",
        initial=r"(?i)[|.](POS|Position)$",
        strip=False,
        max_length=400,
        help_text="A regular expression found in the path of each switch position.",
    )
    position_states = TableField(
        label="How positions are coded",
        initial=STATES,
        check=one_of(tuple(SwitchState)),
        help_text="One row a line: the name of a digital state, in any case, or a number = ours, such as 2 = CLOSED. "
        "Any other is a faulty indication.",
    )
    signals_per_request = forms.IntegerField(
        label="Signals in one request",
        initial=200,
        min_value=1,
        max_value=5_000,
        help_text="Asked for in one batch. Fewer make smaller answers.",
    )
    values_per_signal = forms.IntegerField(
        label="Values of a signal in one answer",
        initial=1_000,
        min_value=2,
        max_value=150_000,
        help_text="No more than the server allows in a call. Where there are more, reading goes on after the last.",
    )
    list_size = forms.IntegerField(
        label="Elements, tags or event frames a page",
        initial=200,
        min_value=2,
        max_value=1_000,
        help_text="How many a list is asked for at a time, such as 200. Each element brings all its attributes.",
    )
    list_minutes = forms.IntegerField(
        label="Look for new signals every (min)",
        initial=60,
        min_value=1,
        max_value=1_440,
        help_text="In between, the values of the known ones are read.",
    )
    overlap_seconds = forms.IntegerField(
        label="Overlap of reads (s)",
        initial=60,
        min_value=0,
        max_value=604_800,
        help_text="How far before the end of the last read each begins, for values and event frames that come late.",
    )
    history_hours = forms.IntegerField(
        label="Hours of history in a full read",
        initial=0,
        min_value=0,
        max_value=8_760,
        help_text="A full read brings the present value of every signal; with this, also what was recorded before.",
    )
    alarm_look_back_days = forms.IntegerField(
        label="Days of event frames in a full read",
        initial=30,
        min_value=0,
        max_value=3_650,
        help_text="0 reads all there are. Only then does a full read prove which are gone.",
    )

    def clean_element_pattern(self) -> str:
        return clean_pattern(self.cleaned_data["element_pattern"], groups=1)

    def clean_position_pattern(self) -> str:
        return clean_pattern(self.cleaned_data["position_pattern"], groups=0)


class PiStreamForm(SettingsForm):
    """What of an asset database or a data server is read. Filters take the wildcards * and ?."""

    name_filter = forms.CharField(
        label="Names",
        required=False,
        max_length=200,
        help_text="Only elements, tags or event frames with such a name, such as SW-*. Empty: all.",
    )
    template = forms.CharField(
        label="Template",
        required=False,
        max_length=200,
        help_text="Only elements, or event frames, of this template or one derived from it. Not for tags.",
    )
    category = forms.CharField(
        label="Category",
        required=False,
        max_length=200,
        help_text="Only elements, or event frames, of this category. Not for tags.",
    )
    attribute_filter = forms.CharField(
        label="Attributes",
        required=False,
        max_length=200,
        help_text="Only attributes with such a name. Empty: all.",
    )
    data_references = forms.CharField(
        label="Data references",
        required=False,
        initial="PI Point",
        max_length=400,
        help_text="Only attributes whose value comes from one of these, separated by commas: PI Point is what is "
        "recorded, a Formula is worked out when it is asked for. Empty: every attribute.",
    )
    interval_seconds = forms.IntegerField(
        label="Values every (s)",
        required=False,
        min_value=1,
        max_value=86_400,
        help_text="Empty: every value as it was recorded. Otherwise interpolated values at this interval: for "
        "formulas, which record none, and for signals that are faster than you need.",
    )
    poll_seconds = forms.IntegerField(
        label="While listened to, ask every (s)",
        required=False,
        initial=POLL_SECONDS,
        min_value=1,
        max_value=60,
        help_text="How often the server is asked what it has to tell. Where nobody listens, schedules say how often.",
    )
    alarm_types = TableField(
        label="What event frames are",
        required=False,
        initial={},
        check=one_of(tuple(AlarmCategory)),
        help_text="One row a line: the name of an event frame template = TRIP, OFF_NORMAL, LIMIT, SYSTEM or OTHER. "
        "Templates that are not named are OTHER.",
    )

    def clean_poll_seconds(self) -> int:
        return self.cleaned_data["poll_seconds"] or POLL_SECONDS


DEFAULTS = initial_values(PiStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)
