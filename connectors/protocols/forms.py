"""Form fields that adapters use to describe their settings."""

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
