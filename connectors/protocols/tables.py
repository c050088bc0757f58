"""Forms for settings, which files and commands fill in too, and tables in them: one row a line."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict


class SettingsForm(forms.Form):
    """
    A form whose initial values also stand for what a command or a file leaves out. A browser leaves out
    nothing but unticked boxes, so its data is taken as it is.
    """

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(data, dict) and not isinstance(data, QueryDict):
            untouched = {name: field.initial for name, field in self.base_fields.items()}
            data = {name: value for name, value in untouched.items() if value is not None} | data
        super().__init__(data, *args, **kwargs)


def lines(table: Mapping[str, str]) -> str:
    """A table as it is written in the form."""
    return "\n".join(f"{left} = {right}" for left, right in table.items())


def read_lines(text: str) -> dict[str, str]:
    """
    A table from the text of the form.

    :raises ValueError: with a sentence about the line that is no row, or stands twice
    """
    rows: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        left, equals, right = map(str.strip, line.partition("="))
        if not equals or not left or not right:
            raise ValueError(f"“{line}” is not a row. Write one row a line, as: left = right")
        if left in rows:
            raise ValueError(f"“{left}” stands twice. Keep one of the two rows.")
        rows[left] = right
    return rows


class TableField(forms.Field):
    """
    A table of words, cleaned to a dict. Takes the text of the form, or a mapping as a file has it.

    :param check: called with each row; its ValueError is shown with the line that it is about
    """

    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false"})

    def __init__(self, *, check: Callable[[str, str], None] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def prepare_value(self, value: Any) -> Any:
        return lines(value) if isinstance(value, Mapping) else value

    def to_python(self, value: Any) -> dict[str, str]:
        if isinstance(value, Mapping):
            rows = {str(left).strip(): str(right).strip() for left, right in value.items()}
        else:
            try:
                rows = read_lines(str(value or ""))
            except ValueError as error:
                raise ValidationError(str(error)) from error
        if self.check is not None:
            for left, right in rows.items():
                try:
                    self.check(left, right)
                except ValueError as error:
                    raise ValidationError(f"“{left} = {right}”: {error}") from error
        return rows


def one_of(words: tuple[str, ...]) -> Callable[[str, str], None]:
    """A check that the right side is one of some words."""

    def check(left: str, right: str) -> None:
        if right not in words:
            raise ValueError(f"there is no {right}. Use one of {', '.join(words)}")

    return check


def initial_values(form: type[forms.Form]) -> dict[str, Any]:
    """What the fields of a form come to when nobody touches them; for options that were never edited."""
    return {
        name: field.clean(field.initial)
        for name, field in form.base_fields.items()
        if not field.required or field.initial not in field.empty_values
    }
