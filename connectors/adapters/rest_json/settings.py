"""What an administrator may set: the service, and how one of its resources becomes records of a contract."""

from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import jmespath
import msgspec
from django import forms
from django.core.exceptions import ValidationError
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from connectors.contracts.base import Record
from connectors.contracts.catalogue import INBOUND
from connectors.protocols.adapter import SourceStream
from connectors.protocols.convert import fields_of
from connectors.protocols.sign_in import AddressField, HttpSourceForm
from connectors.protocols.tables import SettingsForm, TableField, initial_values

KNOWN_FIELDS = frozenset(name for contract in INBOUND.values() for name in fields_of(contract))


@lru_cache(maxsize=512)
def compiled(expression: str) -> ParsedResult:
    """
    :raises JMESPathError: if it is no JMESPath expression
    """
    return jmespath.compile(expression)


def check_expression(expression: str) -> None:
    """
    :raises ValueError: with a sentence that points at the fault
    """
    try:
        compiled(expression)
    except JMESPathError as error:
        # Its text draws the expression and an arrow on lines of their own.
        raise ValueError(f"not a JMESPath expression: {str(error).splitlines()[0].rstrip(':')}") from error


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


def _check_field(left: str, right: str) -> None:
    if left not in KNOWN_FIELDS:
        raise ValueError(f"no contract has a field {left}")
    check_expression(right)


def _check_word(left: str, right: str) -> None:
    name, colon, _ = left.partition(":")
    if not colon:
        raise ValueError("begin with the field and a colon, as in priority: VIP = CRITICAL")
    if name.strip() not in KNOWN_FIELDS:
        raise ValueError(f"no contract has a field {name.strip()}")


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
    mapping = TableField(
        label="Fields",
        required=True,
        check=_check_field,
        help_text="One row a line: the contract's field = a JMESPath expression on one record. Such as "
        "position = location.{longitude: lon, latitude: lat}",
    )
    words = TableField(
        label="Words",
        required=False,
        check=_check_word,
        help_text="Where the source's words are not ours. One row a line: field: source's word = our word.",
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
        self.contract = contract

    def clean_path(self) -> str:
        path: str = self.cleaned_data["path"]
        if "://" in path or ".." in path or "?" in path or "#" in path:
            raise ValidationError("Write only the path; parameters have a field of their own.")
        return path

    def clean_records(self) -> str:
        return self.cleaned_data["records"] or "@"

    def clean_mapping(self) -> dict[str, str]:
        table: dict[str, str] = self.cleaned_data["mapping"]
        if self.contract in INBOUND and (fault := fault_of_table(table, INBOUND[self.contract])):
            raise ValidationError(fault)
        return table

    def clean_words(self) -> dict[str, str]:
        rows = ((*left.partition(":"), right) for left, right in self.cleaned_data["words"].items())
        return {f"{name.strip()}: {word.strip()}": ours for name, _, word, ours in rows}

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
        return cleaned


def fault_of_table(table: Mapping[str, str], contract: type[Record]) -> str:
    """What is wrong with a table of fields for a contract; empty if nothing."""
    fields = fields_of(contract)
    if unknown := [name for name in table if name not in fields]:
        return f"There is no field {', '.join(unknown)} here. There are: {', '.join(fields)}."
    if missing := [name for name, field in fields.items() if field.required and name not in table]:
        return f"A row is missing for: {', '.join(missing)}."
    return ""


def word_key(name: str, value: Any) -> str:
    """How a field and the source's word for it stand in the table of words; true and null as in JSON."""
    return f"{name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"


DEFAULTS = initial_values(RestStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)
