"""The settings of an adapter, once for each way to sign in that its form offers."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from connectors.dossiers import example_config
from connectors.protocols.adapter import Adapter
from connectors.protocols.sign_in import AddressField

SOMEWHERE = "https://sign-in.example/token"
SIGN_IN = "sign_in"


def every_sign_in(adapter: type[Adapter], given: Mapping[str, Any], *, secret: str) -> Iterator[dict[str, Any]]:
    """
    Cleaned settings, as an adapter is built with: those of its samples, each secret one and the same word, and what
    else a way to sign in needs.
    """
    field = adapter.config_form.base_fields.get(SIGN_IN)
    ways = [str(value) for value, _ in field.choices] if isinstance(field, forms.ChoiceField) else []  # type: ignore[union-attr,misc]  # a list by now
    if not ways:
        yield example_config(adapter, given, secret=secret)
    for way in ways:
        yield example_config(adapter, {**_needed(adapter), **given, SIGN_IN: way}, secret=secret)


def as_browser(form: type[forms.Form], given: Mapping[str, Any]) -> QueryDict:
    """Settings as a browser sends them when a form is filled in with them."""
    data = QueryDict(mutable=True)
    for name, value in given.items():
        shown = form.base_fields[name].prepare_value(value)
        data.setlist(name, [str(one) for one in shown] if isinstance(shown, list | tuple) else [str(shown)])
    return data


def _needed(adapter: type[Adapter]) -> dict[str, str]:
    """Something in every text that a form may be left without, since a way to sign in may need it."""
    return {
        name: SOMEWHERE if isinstance(field, AddressField) else "somebody"
        for name, field in adapter.config_form.base_fields.items()
        if name in ("username", "token_url", "client_id", "realm", "tenant", "portal_url")
    }
