"""The settings that sources over HTTP share."""

from typing import Any

import pytest
from django import forms

from connectors.protocols.credentials import Basic, Bearer, HeaderKey
from connectors.protocols.forms import secret_names
from connectors.protocols.oauth2 import ClientCredentials
from connectors.protocols.sign_in import HttpSourceForm, auth_of
from connectors.protocols.tables import TableField, lines, one_of

ADDRESS = {"base_url": "https://source.example/api"}


def cleaned(**data: Any) -> dict[str, Any]:
    form = HttpSourceForm({**ADDRESS, "sign_in": "NONE", **data})
    assert form.is_valid(), form.errors
    return form.cleaned_data


def errors(**data: Any) -> dict[str, Any]:
    return {name: list(found) for name, found in HttpSourceForm({**ADDRESS, "sign_in": "NONE", **data}).errors.items()}


def test_each_way_to_sign_in_makes_its_credentials() -> None:
    oauth: dict[str, Any] = {
        "token_url": "https://idp.example/t",
        "client_id": "we",
        "client_secret": "s",
        "scope": "read",
    }

    assert auth_of(cleaned()) is None
    assert auth_of(cleaned(sign_in="BASIC", username="u", password=" p ")) == Basic("u", " p ")
    assert auth_of(cleaned(sign_in="BEARER", token="t")) == Bearer("t")
    assert auth_of(cleaned(sign_in="API_KEY", api_key_header="apikey", api_key="k")) == HeaderKey("apikey", "k")
    assert auth_of(cleaned(sign_in="OAUTH2", **oauth)) == ClientCredentials(**oauth)


def test_what_a_way_to_sign_in_needs_is_asked_for_by_name() -> None:
    assert errors(sign_in="BASIC", username="u") == {
        "password": ["User name and password needs this: enter the password."]
    }
    assert errors(sign_in="OAUTH2").keys() == {"token_url", "client_id", "client_secret"}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "source.example",
        "ftp://source.example",
        "https://",
        "https://u:p@source.example",
        "https://x:99999",
        "https://x/#a",
    ],
)
def test_an_address_that_cannot_be_asked_is_an_error_on_its_field(address: str) -> None:
    assert errors(base_url=address).keys() == {"base_url"}


def test_an_address_inside_needs_no_dot() -> None:
    assert cleaned(base_url="http://gis:8080/ogc")["base_url"] == "http://gis:8080/ogc"


def test_what_is_no_certificate_is_an_error_on_its_field() -> None:
    for bundle in ("/etc/ssl/ca.pem", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"):
        assert errors(ca_bundle=bundle).keys() == {"ca_bundle"}


def test_a_header_that_http_does_not_allow_is_an_error_on_its_field() -> None:
    assert errors(sign_in="API_KEY", api_key="k", api_key_header="X Key:").keys() == {"api_key_header"}


def test_what_is_secret_is_known() -> None:
    assert secret_names(HttpSourceForm) == ("password", "token", "api_key", "client_secret")


class TableForm(forms.Form):
    table = TableField(required=False, check=one_of(("A", "B")))


def test_a_table_is_read_from_its_text_and_from_a_mapping() -> None:
    for value in ("x = A\n\n y=B ", {"x": "A", "y": "B"}):
        form = TableForm({"table": value})

        assert form.is_valid()
        assert form.cleaned_data == {"table": {"x": "A", "y": "B"}}
    assert TableForm.base_fields["table"].prepare_value({"x": "A"}) == lines({"x": "A"}) == "x = A"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x A", "“x A” is not a row. Write one row a line, as: left = right"),
        ("x = A\nx = B", "“x” stands twice. Keep one of the two rows."),
        ("x = C", "“x = C”: there is no C. Use one of A, B"),
    ],
)
def test_a_wrong_row_is_shown_with_what_to_do(text: str, message: str) -> None:
    assert TableForm({"table": text}).errors == {"table": [message]}
