"""The settings of an OPC UA gateway, and what they mean once read."""

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import TextChoices

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.base import contract_id
from connectors.contracts.reading import Reading, SwitchState
from connectors.protocols.adapter import SourceStream
from connectors.protocols.opcua.node_ids import read_node_id
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import SettingsForm, initial_values


class Encoding(TextChoices):
    COMPACT = "COMPACT", "Compact"
    VERBOSE = "VERBOSE", "Verbose"


class Dialect(TextChoices):
    WEB_API = "WEB_API", "OPC UA Web API: signals, values, alarms, acknowledgements, listening"
    KEPWARE = "KEPWARE", "Kepware IoT Gateway, REST server: signals and present values only"
    OPC_PUBLISHER = "OPC_PUBLISHER", "OPC Publisher, REST API 2: signals and present values only"


class PositionEncoding(TextChoices):
    DOUBLE_POINT = "DOUBLE_POINT", "Double point: 0 intermediate, 1 open, 2 closed, 3 faulty"
    CLOSED_IS_TRUE = "CLOSED_IS_TRUE", "Single point: 1 or true is closed, 0 or false is open"
    OPEN_IS_TRUE = "OPEN_IS_TRUE", "Single point: 1 or true is open, 0 or false is closed"


POSITIONS: dict[str, dict[int, SwitchState]] = {
    PositionEncoding.DOUBLE_POINT: {
        0: SwitchState.INTERMEDIATE,
        1: SwitchState.OPEN,
        2: SwitchState.CLOSED,
    },
    PositionEncoding.CLOSED_IS_TRUE: {0: SwitchState.OPEN, 1: SwitchState.CLOSED},
    PositionEncoding.OPEN_IS_TRUE: {0: SwitchState.CLOSED, 1: SwitchState.OPEN},
}
"""Switch states by what the source sends; a value that is not in it, such as 3, is a faulty indication."""


def clean_pattern(value: str, *, groups: int) -> str:
    """
    :raises ValidationError: if it is no regular expression, or has fewer groups than are needed
    """
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ValidationError(f"This is not a regular expression: {error}.") from error
    if pattern.groups < groups:
        raise ValidationError("Put the part that names the element in brackets, such as ;s=([^.;]+).")
    return value


def clean_node(value: str) -> str:
    """
    :raises ValidationError: if it is not a NodeId
    """
    try:
        node = read_node_id(value.strip())
    except ValueError:
        node = None
    if node is None:
        raise ValidationError("Write a NodeId such as i=85 or nsu=urn:utility:scada;s=Substations.")
    return node


class Names(TextChoices):
    URI = "URI", "By the URI of their namespace: nsu=urn:utility:scada;s=…"
    INDEX = "INDEX", "By its index, looked up in the server's table each time: ns=2;s=…"


class Values(TextChoices):
    PRESENT = "PRESENT", "Present values"
    HISTORY = "HISTORY", "History: every value since the last read"


class OpcUaRestForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="Where the OPC UA Web API answers, with its path but without the name of a service: "
        "https://gateway.example/opcua. For the other gateways: the machine with its port, such as "
        "https://kepware.example:39320.",
    )
    dialect = forms.ChoiceField(
        label="Gateway",
        choices=Dialect.choices,
        initial=Dialect.WEB_API,
        required=False,
        help_text="Which API the gateway offers. Only the OPC UA Web API, the standard's own, knows alarms.",
    )
    server_endpoint = forms.CharField(
        label="OPC UA server behind OPC Publisher",
        required=False,
        max_length=400,
        help_text="For OPC Publisher alone: the address under which it reaches the OPC UA server, such as "
        "opc.tcp://scada.example:4840.",
    )
    encoding = forms.ChoiceField(
        label="JSON encoding",
        choices=Encoding.choices,
        initial=Encoding.COMPACT,
        help_text="What to ask the gateway for. Every gateway answers Compact; Verbose is easier to read in "
        "a capture. Either is understood, whatever it answers.",
    )
    node_names = forms.ChoiceField(
        label="Names of nodes in requests",
        choices=Names.choices,
        initial=Names.URI,
        help_text="Every gateway of 1.05 understands URIs, which a restart does not change. Choose the index only for "
        "one that does not. What we keep is named by URI in either case.",
    )
    start_node = forms.CharField(
        label="Start node",
        initial="i=85",
        max_length=400,
        help_text="Signals are looked for below this node; i=85 is the Objects folder. Nodes of the OPC UA "
        "standard itself are left out.",
    )
    notifier_node = forms.CharField(
        label="Alarm node",
        initial="i=2253",
        max_length=400,
        help_text="The node whose event history holds the alarms; i=2253 is the server itself.",
    )
    element_pattern = forms.CharField(
        label="Element in a NodeId",
        initial=r";s=([^.;]+)",
        strip=False,
        max_length=400,
        help_text="A regular expression whose first group is the name of the network element: the standard "
        "setting takes SW-10771 out of nsu=urn:utility:scada;s=SW-10771.POS.",
    )
    position_pattern = forms.CharField(
        label="Which signals are switch positions",
        initial=r"\.POS$",
        strip=False,
        max_length=400,
        help_text="A regular expression found in the NodeId of each switch position.",
    )
    position_encoding = forms.ChoiceField(
        label="How positions are coded",
        choices=PositionEncoding.choices,
        initial=PositionEncoding.DOUBLE_POINT,
        help_text="What the value of a switch position means.",
    )
    alarm_types = forms.JSONField(
        label="Alarm types of this server",
        required=False,
        initial={},
        help_text="Only if the server has types of its own: NodeIds of event types and what they are "
        '(TRIP, OFF_NORMAL, LIMIT, SYSTEM or OTHER), such as {"nsu=urn:vendor;i=1001": "TRIP"}.',
    )
    alarm_look_back_days = forms.IntegerField(
        label="Days of alarms in a full read",
        initial=30,
        min_value=0,
        max_value=3_650,
        help_text="0 reads the whole history that the gateway keeps. Only then does a full read prove which "
        "alarms are gone.",
    )
    alarm_overlap_seconds = forms.IntegerField(
        label="Overlap of alarm reads (s)",
        initial=60,
        min_value=0,
        max_value=86_400,
        help_text="How far before the newest alarm each read begins, for alarms that reach the gateway late.",
    )
    history_hours = forms.IntegerField(
        label="Hours of history after a break",
        initial=72,
        min_value=1,
        max_value=8_760,
        help_text="How far back the values are read that were missed in a break, or since the last read.",
    )
    history_overlap_seconds = forms.IntegerField(
        label="Overlap of history reads (s)",
        initial=60,
        min_value=0,
        max_value=86_400,
        help_text="How far before the last read the history of values begins, for values that reach the gateway late.",
    )
    history_values = forms.IntegerField(
        label="Values of a signal in one answer",
        initial=200,
        min_value=1,
        max_value=50_000,
        help_text="Of history. Where there are more, reading goes on after the last.",
    )
    event_page_size = forms.IntegerField(
        label="Alarms a page",
        initial=500,
        min_value=1,
        max_value=10_000,
        help_text="Asked for at once; a gateway may send fewer.",
    )
    read_batch = forms.IntegerField(
        label="Nodes in one request",
        initial=500,
        min_value=1,
        max_value=10_000,
        help_text="Halved by itself when the gateway says that it is too many.",
    )
    browse_minutes = forms.IntegerField(
        label="Look for new signals every (min)",
        initial=10,
        min_value=1,
        max_value=1_440,
        help_text="In between, the known ones are read without browsing.",
    )

    def clean_dialect(self) -> str:
        return self.cleaned_data["dialect"] or Dialect.WEB_API

    def clean_server_endpoint(self) -> str:
        value: str = self.cleaned_data["server_endpoint"].strip()
        if self.cleaned_data.get("dialect") != Dialect.OPC_PUBLISHER:
            return value
        if not re.fullmatch(r"opc\.(tcp|https|wss)://[^\s/@]+(/\S*)?", value):
            raise ValidationError(
                "Write the address of the OPC UA server without a user name, such as opc.tcp://scada.example:4840."
            )
        return value

    def clean_start_node(self) -> str:
        return clean_node(self.cleaned_data["start_node"])

    def clean_notifier_node(self) -> str:
        return clean_node(self.cleaned_data["notifier_node"])

    def clean_element_pattern(self) -> str:
        return clean_pattern(self.cleaned_data["element_pattern"], groups=1)

    def clean_position_pattern(self) -> str:
        return clean_pattern(self.cleaned_data["position_pattern"], groups=0)

    def clean_alarm_types(self) -> dict[str, str]:
        value = self.cleaned_data["alarm_types"] or {}
        if not isinstance(value, dict):
            raise ValidationError('Write an object, such as {"nsu=urn:vendor;i=1001": "TRIP"}.')
        types = {}
        for node, category in value.items():
            if category not in AlarmCategory.__members__:
                raise ValidationError(f"{category} is none of {', '.join(AlarmCategory)}.")
            types[clean_node(node)] = category
        return types


class OpcUaStreamForm(SettingsForm):
    """What of the signals' values is read; other streams have nothing to choose."""

    values = forms.ChoiceField(
        label="Values",
        required=False,
        choices=Values.choices,
        initial=Values.PRESENT,
        help_text="History brings what comes and goes between two reads, of signals that the gateway keeps a history "
        "of. Of others, and in either case in the first read, present values are read. What was missed while it was "
        "not listened to is always read by history.",
    )

    def __init__(self, data: Any = None, *args: Any, contract: str = contract_id(Reading), **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        if contract != contract_id(Reading):
            del self.fields["values"]

    def clean_values(self) -> str:
        return self.cleaned_data["values"] or Values.PRESENT.value


DEFAULTS = initial_values(OpcUaStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)
