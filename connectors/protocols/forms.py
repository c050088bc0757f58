"""Form fields that adapters use to describe their settings."""

import inspect
from typing import Any

from django import forms


class SecretField(forms.CharField):
    """
    A password, key or token: stored encrypted, never shown again. Left empty on an edit, the stored one stays.
    """

    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)


class NoSettingsForm(forms.Form):
    """For what needs no settings."""


def secret_names(form: type[forms.Form]) -> tuple[str, ...]:
    """The fields of a form that hold secrets."""
    return tuple(name for name, field in form.base_fields.items() if isinstance(field, SecretField))


def filled_stream_form(form: type[forms.Form], contract: str, data: Any = None, **options: Any) -> forms.Form:
    """
    An adapter's stream form, which is told the contract that the stream is read into if it asks for it.

    :param data: what it is filled in with; `None`: nothing yet
    """
    if "contract" in inspect.signature(form.__init__).parameters:
        options["contract"] = contract
    return form(data, **options)
