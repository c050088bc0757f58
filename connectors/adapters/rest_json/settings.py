"""What an administrator may set: the service, and how one of its resources becomes records of a contract."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from connectors.protocols.adapter import SourceStream
from connectors.protocols.expressions import check_expression
from connectors.protocols.mapping import Rows, rows_of
from connectors.protocols.mapping_form import MappingField, tell_contract
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import SettingsForm, TableField, initial_values


class ExpressionField(forms.CharField):
    """A JMESPath expression (https://jmespath.org)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2_000, **kwargs)

    def clean(self, value: Any) -> str:
        expression: str = super().clean(value)
        if expression:
            try:
                check_expression(expression)
            except ValueError as error:
                raise ValidationError(f"“{expression}” is {error}.") from error
        return expression


class RestJsonForm(HttpSourceForm):
    base_url = AddressField(
        label="Address", help_text="What all resources of the service begin with: https://cis.example.org/v1"
    )
    probe_path = forms.CharField(
        label="Path to test",
        required=False,
        max_length=500,
        help_text="A small resource to ask for when the connection is tested. Empty: the address itself.",
    )


class RestStreamForm(SettingsForm):
    """
    How one resource is read.

    :param contract: the contract id that the records are for, to check the table of fields against
    """

    path = forms.CharField(
        label="Path",
        required=False,
        max_length=500,
        help_text="Of the resource, after the address. Empty: the stream's name.",
    )
    query = TableField(
        label="Fixed parameters",
        required=False,
        help_text="Sent with every request. One a line: name = value.",
    )
    records = ExpressionField(
        label="Records",
        required=False,
        initial="@",
        help_text="A JMESPath expression that finds the list of records in an answer, such as data or "
        "result.items. @ is the answer itself.",
    )
    mapping = MappingField(
        label="Fields",
        help_text="Where the value of each field of the contract comes from: a JMESPath expression on one record, such "
        "as account.number or location.{longitude: lon, latitude: lat}.",
    )
    total = ExpressionField(
        label="Number of records",
        required=False,
        help_text="A JMESPath expression that finds how many records there are in all. Without it, a read "
        "that ends early cannot always be told from a whole one.",
    )
    paging = forms.ChoiceField(
        label="Paging",
        required=False,
        initial="NONE",
        choices=[
            ("NONE", "None: one answer holds everything"),
            ("PAGE", "By page number"),
            ("NEXT", "By a cursor or link to the next page"),
        ],
        help_text="How the service hands out more records than fit in one answer.",
    )
    page_parameter = forms.CharField(
        label="Page parameter",
        required=False,
        initial="page",
        help_text="The parameter that takes the number of the page.",
    )
    first_page = forms.IntegerField(
        label="First page", required=False, initial=1, min_value=0, max_value=1, help_text="0 or 1."
    )
    size_parameter = forms.CharField(
        label="Page size parameter",
        required=False,
        initial="per_page",
        help_text="Empty: the service decides how many records a page has.",
    )
    page_size = forms.IntegerField(
        label="Page size",
        required=False,
        initial=200,
        min_value=1,
        max_value=10_000,
        help_text="Records to ask for at once.",
    )
    next_page = ExpressionField(
        label="Next page",
        required=False,
        help_text="A JMESPath expression that finds the cursor or link to the next page; null at the end.",
    )
    cursor_parameter = forms.CharField(
        label="Cursor parameter",
        required=False,
        help_text="The parameter that takes the cursor. Empty: what is found is a link.",
    )
    since_parameter = forms.CharField(
        label="Parameter for changes",
        required=False,
        help_text="The parameter that asks for what has changed since a time, such as updated_since. Empty: "
        "the service cannot be asked for changes.",
    )
    updated = ExpressionField(
        label="Time of change",
        required=False,
        help_text="A JMESPath expression on a record: when it was last changed. Needed with the above.",
    )
    overlap_s = forms.IntegerField(
        label="Overlap",
        required=False,
        initial=300,
        min_value=0,
        max_value=604_800,
        help_text="Seconds before the newest change seen that are asked for again, so that what was saved "
        "late is not missed.",
    )
    time_zone = forms.CharField(
        label="Time zone",
        required=False,
        initial="UTC",
        help_text="What times without an offset are meant in, such as Europe/Berlin.",
    )

    def __init__(self, *args: Any, contract: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tell_contract(self, contract)

    def clean_path(self) -> str:
        path: str = self.cleaned_data["path"]
        if "://" in path or ".." in path or "?" in path or "#" in path:
            raise ValidationError("Write only the path; parameters have a field of their own.")
        return path

    def clean_records(self) -> str:
        return self.cleaned_data["records"] or "@"

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"] or "UTC"
        if name not in available_timezones():
            raise ValidationError(f"“{name}” is no time zone. Write one such as UTC or Europe/Berlin.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        needed = {
            "page_parameter": cleaned.get("paging") == "PAGE",
            "next_page": cleaned.get("paging") == "NEXT",
            "updated": bool(cleaned.get("since_parameter")),
        }
        for name, is_needed in needed.items():
            if is_needed and not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "This is needed for what is chosen above.")
        if self.data.get("words"):
            self.add_error(
                "mapping", "Words stand with their field now: write priority: VIP = CRITICAL among the fields."
            )
        return cleaned


DEFAULTS = initial_values(RestStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)


def mapping_of(options: Mapping[str, Any]) -> Rows:
    """The rows of a stream's mapping. Words were once a table beside it: `field: source's word = our word`."""
    rows = dict(rows_of(options["mapping"]))
    for left, ours in options.get("words", {}).items():
        name, _, word = map(str.strip, left.partition(":"))
        if name in rows:
            rows[name] = replace(rows[name], words={**rows[name].words, word: ours})
    return rows
