"""What an administrator says of a collection's properties: which is the id, the kind, the voltage, the zone."""

from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from connectors.contracts.network_element import ElementKind
from connectors.contracts.service_point import ServicePriority
from connectors.contracts.zone import ZoneLevel
from connectors.protocols.tables import SettingsForm, TableField, one_of

SKIP = "SKIP"
KINDS = {kind.value.lower(): kind.value for kind in ElementKind} | {
    "cable": "LINE",
    "circuit_breaker": "BREAKER",
    "switch": "LOAD_BREAK_SWITCH",
}
LEVELS = {level.value.lower(): level.value for level in ZoneLevel}
PRIORITIES = {priority.value.lower(): priority.value for priority in ServicePriority}


class FeatureMappingForm(SettingsForm):
    """How the properties of a feature become the fields of a contract."""

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
    time_zone = forms.CharField(
        label="Time zone",
        required=False,
        initial="UTC",
        help_text="What times without an offset are meant in, such as Europe/Berlin.",
    )
    name_property = forms.CharField(
        label="Name property", required=False, initial="name", help_text="What people call it."
    )
    kind_property = forms.CharField(
        label="Kind property", required=False, initial="kind", help_text="What kind of element it is; see Kinds."
    )
    kinds = TableField(
        label="Kinds",
        required=False,
        initial=KINDS,
        check=one_of((*ElementKind, SKIP)),
        help_text="One row a line: the source's word = ours, in any case. SKIP leaves such features out.",
    )
    voltage_property = forms.CharField(
        label="Voltage property", required=False, initial="nominal_kv", help_text="Its nominal voltage, a number."
    )
    voltage_unit = forms.ChoiceField(
        label="Voltage unit",
        required=False,
        initial="kV",
        choices=[("kV", "kV"), ("V", "V")],
        help_text="What it counts.",
    )
    terminal_properties = forms.CharField(
        label="Terminal properties",
        required=False,
        initial="from_node, to_node",
        help_text="The one or two properties that name the connectivity nodes, separated by a comma. An "
        "element whose second is empty sits on its node.",
    )
    normally_open_property = forms.CharField(
        label="Normally open property",
        required=False,
        initial="normally_open",
        help_text="Whether it is open in the planned state.",
    )
    zone_property = forms.CharField(
        label="Zone property", required=False, initial="zone", help_text="The id of the zone that it is in."
    )
    level_property = forms.CharField(
        label="Zone level property",
        required=False,
        initial="level",
        help_text="Which level a zone is of; see Zone levels.",
    )
    levels = TableField(
        label="Zone levels",
        required=False,
        initial=LEVELS,
        check=one_of((*ZoneLevel, SKIP)),
        help_text="One row a line: the source's word = ours, in any case. SKIP leaves such zones out.",
    )
    parent_property = forms.CharField(
        label="Parent zone property", required=False, initial="parent", help_text="The id of the zone that holds it."
    )
    node_property = forms.CharField(
        label="Node property",
        required=False,
        initial="node",
        help_text="Of a service point: the property that names the connectivity node on which it hangs.",
    )
    customer_class_property = forms.CharField(
        label="Customer class property",
        required=False,
        initial="customer_class",
        help_text="Such as residential or agricultural.",
    )
    priority_property = forms.CharField(
        label="Priority property",
        required=False,
        initial="priority",
        help_text="How much a service point matters; see Priorities.",
    )
    priorities = TableField(
        label="Priorities",
        required=False,
        initial=PRIORITIES,
        check=one_of((*ServicePriority, SKIP)),
        help_text="One row a line: the source's word = ours, in any case. SKIP leaves such service points out; one "
        "without a word is NORMAL.",
    )
    priority_reason_property = forms.CharField(
        label="Priority reason property",
        required=False,
        initial="priority_reason",
        help_text="Why it has that priority, such as a dialysis patient.",
    )
    account_property = forms.CharField(
        label="Account property",
        required=False,
        initial="account_number",
        help_text="The number of the customer's account.",
    )

    def clean_kinds(self) -> dict[str, str]:
        return {word.lower(): kind for word, kind in (self.cleaned_data["kinds"] or KINDS).items()}

    def clean_levels(self) -> dict[str, str]:
        return {word.lower(): level for word, level in (self.cleaned_data["levels"] or LEVELS).items()}

    def clean_priorities(self) -> dict[str, str]:
        return {word.lower(): priority for word, priority in (self.cleaned_data["priorities"] or PRIORITIES).items()}

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


def names_in(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
