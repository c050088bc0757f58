"""The settings of an adapter, once for each way to sign in that its form offers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from django import forms
from django.http import QueryDict

from connectors.dossiers import example_config, example_form
from connectors.protocols.adapter import Adapter
from connectors.protocols.sign_in import AddressField

SOMEWHERE = "https://sign-in.example/token"
SIGN_IN = "sign_in"


def every_sign_in(adapter: type[Adapter], given: Mapping[str, Any], *, secret: str) -> Iterator[dict[str, Any]]:
    """
    Cleaned settings, as an adapter is built with: those of its samples, each secret one and the same word, and what
    else a way to sign in asks for.
    """
    field = adapter.config_form.base_fields.get(SIGN_IN)
    if not isinstance(field, forms.ChoiceField):
        yield example_config(adapter, given, secret=secret)
        return
    for way, _ in cast("Iterable[tuple[str, str]]", field.choices):
        chosen = {**given, SIGN_IN: way}
        asked_for = example_form(adapter, chosen, secret=secret).errors
        yield example_config(adapter, {**chosen, **_something(adapter, asked_for)}, secret=secret)


def as_browser(form: type[forms.Form], given: Mapping[str, Any]) -> QueryDict:
    """Settings as a browser sends them when a form is filled in with them."""
    data = QueryDict(mutable=True)
    for name, value in given.items():
        shown = form.base_fields[name].prepare_value(value)
        data.setlist(name, [str(one) for one in shown] if isinstance(shown, list | tuple) else [str(shown)])
    return data


def _something(adapter: type[Adapter], names: Iterable[str]) -> dict[str, str]:
    fields = adapter.config_form.base_fields
    return {
        name: SOMEWHERE if isinstance(fields[name], AddressField) else "somebody" for name in names if name in fields
    }
