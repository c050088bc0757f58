"""The settings that sources over HTTP share: an address, how to sign in, and whose certificate to trust."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from connectors.protocols.credentials import Basic, Bearer, HeaderKey
from connectors.protocols.errors import BadConfig
from connectors.protocols.forms import SecretField
from connectors.protocols.http import Auth
from connectors.protocols.oauth2 import ClientCredentials
from connectors.protocols.tables import SettingsForm
from connectors.protocols.transport import tls_context


def check_address(value: str) -> None:
    """
    :raises ValidationError: if it is no address that a connector may be given
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    else:
        if parts.username is not None or parts.password is not None:
            raise ValidationError("Leave user name and password out of the address and enter them below.")
        if parts.fragment:
            raise ValidationError("Leave out what follows the # sign.")
    if not usable:
        raise ValidationError("Write a web address, such as https://gis.example.org/ogcapi")


class AddressField(forms.CharField):
    """A web address. Hosts without a dot and ports are fine: sources stand inside."""

    default_validators = [check_address]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1_000, widget=forms.URLInput(), **kwargs)


SIGN_IN = (
    ("NONE", "No sign-in"),
    ("BASIC", "User name and password"),
    ("BEARER", "Bearer token"),
    ("API_KEY", "API key in a header"),
    ("OAUTH2", "OAuth 2.0 client credentials"),
)

NEEDED = {
    "NONE": (),
    "BASIC": ("username", "password"),
    "BEARER": ("token",),
    "API_KEY": ("api_key_header", "api_key"),
    "OAUTH2": ("token_url", "client_id", "client_secret"),
}

BELONGS_TO = {
    "username": ("BASIC",),
    "password": ("BASIC",),
    "token": ("BEARER",),
    "api_key_header": ("API_KEY",),
    "api_key": ("API_KEY",),
    "token_url": ("OAUTH2",),
    "client_id": ("OAUTH2",),
    "client_secret": ("OAUTH2",),
    "scope": ("OAUTH2",),
    "client_in_body": ("OAUTH2",),
}


class HttpSourceForm(SettingsForm):
    """
    Settings of a source that is reached over HTTP; an adapter adds its own.

    :cvar belongs_to: for a field that only some ways to sign in need: which; a page hides it for the others
    """

    belongs_to: ClassVar[Mapping[str, tuple[str, ...]]] = BELONGS_TO

    base_url = AddressField(label="Address", help_text="Where the source answers, with https://.")
    sign_in = forms.ChoiceField(
        label="Sign-in",
        choices=SIGN_IN,
        initial="NONE",
        help_text="How the source knows us. Fill in what belongs to it.",
    )
    username = forms.CharField(
        label="User name",
        required=False,
        max_length=200,
        help_text="Of an account of its own, with no more rights than it needs.",
    )
    password = SecretField(label="Password", required=False, help_text="Of that account.")
    token = SecretField(label="Bearer token", required=False, help_text="Sent as Authorization: Bearer.")
    api_key_header = forms.RegexField(
        r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        label="API key header",
        required=False,
        initial="X-API-Key",
        help_text="The name of the header that the source expects, such as X-API-Key.",
        error_messages={"invalid": "A header's name has letters, digits and hyphens, and no blank or colon."},
    )
    api_key = SecretField(label="API key", required=False, help_text="Sent in the header above.")
    token_url = AddressField(
        label="Token address",
        required=False,
        help_text="Where OAuth 2.0 tokens are given, such as https://…/oauth/token.",
    )
    client_id = forms.CharField(
        label="Client id", required=False, max_length=400, help_text="Under which the token server knows us."
    )
    client_secret = SecretField(
        label="Client secret",
        required=False,
        help_text="That belongs to the client id; sent to the token address alone.",
    )
    scope = forms.CharField(
        label="Scope",
        required=False,
        max_length=400,
        help_text="Scopes to ask for, separated by blanks; often empty.",
    )
    client_in_body = forms.BooleanField(
        label="Client id and secret in the form",
        required=False,
        help_text="Only for token servers that refuse them in the Authorization header.",
    )
    ca_bundle = forms.CharField(
        label="Certificate authority",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="If your own authority signed the source's certificate: the authority's certificate (PEM). "
        "Then no other authority is trusted for this source.",
    )

    def clean_ca_bundle(self) -> str:
        bundle: str = self.cleaned_data["ca_bundle"]
        if bundle:
            if "-----BEGIN CERTIFICATE-----" not in bundle:
                raise ValidationError("Paste the certificate as text that begins with -----BEGIN CERTIFICATE-----.")
            try:
                tls_context(bundle)
            except BadConfig as error:
                raise ValidationError(str(error)) from error
        return bundle

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        style = cleaned.get("sign_in", "NONE")
        for name in NEEDED[style]:
            if not cleaned.get(name) and name not in self.errors:
                label = self.fields[name].label
                self.add_error(name, f"{dict(SIGN_IN)[style]} needs this: enter the {str(label).lower()}.")
        return cleaned


def auth_of(config: Mapping[str, Any]) -> Auth | None:
    """What the settings of an `HttpSourceForm` say about signing in."""
    match config.get("sign_in", "NONE"):
        case "BASIC":
            return Basic(config["username"], config["password"])
        case "BEARER":
            return Bearer(config["token"])
        case "API_KEY":
            return HeaderKey(config["api_key_header"], config["api_key"])
        case "OAUTH2":
            return ClientCredentials(
                token_url=config["token_url"],
                client_id=config["client_id"],
                client_secret=config["client_secret"],
                scope=config.get("scope", ""),
                in_body=bool(config.get("client_in_body")),
            )
    return None
