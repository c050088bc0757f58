"""What an administrator may set: the server, how we sign in, and how a layer is asked for and read."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from connectors.protocols.adapter import SourceStream
from connectors.protocols.arcgis.rest import services_root
from connectors.protocols.arcgis.sign_in import AppToken, FixedToken, UserToken
from connectors.protocols.errors import BadConfig
from connectors.protocols.features.mapping import FeatureMappingForm
from connectors.protocols.forms import SecretField
from connectors.protocols.http import Auth
from connectors.protocols.sign_in import BELONGS_TO, AddressField, HttpSourceForm
from connectors.protocols.tables import initial_values

BY_EDIT_DATE, BY_TRACKING, NOT_AT_ALL = "EDIT_DATE", "TRACKING", "NONE"


class ArcgisEnterpriseForm(HttpSourceForm):
    base_url = AddressField(
        label="Address",
        help_text="The services directory of the ArcGIS Server, such as "
        "https://gis.example.org/server/rest/services, or one folder or service in it.",
    )
    sign_in = forms.ChoiceField(
        label="Sign-in",
        choices=(
            ("OAUTH2", "App of the portal (OAuth 2.0 client credentials)"),
            ("BASIC", "User name and password (generateToken)"),
            ("BEARER", "API key or long-lived token"),
            ("NONE", "No sign-in"),
        ),
        initial="OAUTH2",
        help_text="An app sees what its owner shares with it. Make one for this connector alone.",
    )
    token = SecretField(label="API key or token", required=False, help_text="Sent in the header X-Esri-Authorization.")
    token_url = AddressField(
        label="Token address",
        required=False,
        help_text="For an app https://gis.example.org/portal/sharing/rest/oauth2/token, for a user "
        "…/sharing/rest/generateToken. For a user of a server without a portal leave it empty: the server says it.",
    )
    webhook_secret = SecretField(
        label="Webhook secret",
        required=False,
        help_text="The signature key of the webhook by which ArcGIS tells of edits, if you make one. Choose a long "
        "random text, and enter it there too.",
    )
    belongs_to: ClassVar[Mapping[str, tuple[str, ...]]] = {**BELONGS_TO, "token_url": ("OAUTH2", "BASIC")}
    # Fields that ArcGIS has no use for, left out in Django's way.
    api_key_header = None  # type: ignore[assignment]
    api_key = None  # type: ignore[assignment]
    scope = None  # type: ignore[assignment]
    client_in_body = None  # type: ignore[assignment]

    def clean_base_url(self) -> str:
        address: str = self.cleaned_data["base_url"]
        try:
            services_root(address)
        except BadConfig as error:
            raise ValidationError(str(error)) from error
        return address.partition("?")[0].rstrip("/")


class LayerStreamForm(FeatureMappingForm):
    """How a layer is asked for, and how the fields of its features are to be read."""

    id_property = forms.CharField(
        label="Id field",
        required=False,
        help_text="The field that names a feature for good, such as the asset number. Empty: the GlobalID, or where "
        "there is none the object id, which does not outlive a republished layer.",
    )
    modified_property = forms.CharField(
        label="Edit date field",
        required=False,
        initial="last_edited_date",
        help_text="The field that the server stamps when a feature is edited. Empty: there is none.",
    )
    changes = forms.ChoiceField(
        label="How to ask for changes",
        required=False,
        initial=BY_EDIT_DATE,
        choices=[
            (BY_TRACKING, "By the server's change tracking (extractChanges)"),
            (BY_EDIT_DATE, "By the edit date"),
            (NOT_AT_ALL, "Not at all: always read everything"),
        ],
        help_text="Change tracking misses nothing. An edit date misses what was changed past the editor tracking, "
        "such as a load into the database.",
    )
    overlap_s = forms.IntegerField(
        label="Overlap",
        required=False,
        initial=300,
        min_value=0,
        max_value=2_592_000,
        help_text="Seconds before the newest edit date seen that are asked for again. Make it some days where "
        "versions are posted: their edits carry the dates on which they were made.",
    )
    where = forms.CharField(
        label="Only those with",
        required=False,
        max_length=1_000,
        help_text="A condition in standardised SQL, such as LIFECYCLESTATUS = 8. Empty: all.",
    )
    page_size = forms.IntegerField(
        label="Page size",
        required=False,
        initial=2_000,
        min_value=10,
        max_value=10_000,
        help_text="Features asked for at a time; never more than the layer gives. Becomes smaller by itself if the "
        "server cannot make them.",
    )
    geometry_format = forms.ChoiceField(
        label="Geometry",
        required=False,
        initial="GEOJSON",
        choices=[("GEOJSON", "As GeoJSON where the layer offers it"), ("JSON", "As ArcGIS writes it")],
        help_text="GeoJSON is faster. Choose the other if a server draws its polygons wrong.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("changes") == BY_TRACKING and cleaned.get("where"):
            self.add_error(
                "changes", "Change tracking knows no condition. Ask by the edit date, or drop the condition."
            )
        return cleaned


DEFAULTS = initial_values(LayerStreamForm)


def options_of(stream: SourceStream) -> Mapping[str, Any]:
    """The options of a stream, with defaults for those that were never set."""
    return ChainMap(dict(stream.options), DEFAULTS)


def auth_of(config: Mapping[str, Any]) -> Auth | None:
    """What the settings say about signing in."""
    match config["sign_in"]:
        case "OAUTH2":
            return AppToken(
                token_url=config["token_url"], client_id=config["client_id"], client_secret=config["client_secret"]
            )
        case "BASIC":
            return UserToken(
                token_url=config["token_url"],
                info_url=services_root(config["base_url"]).removesuffix("/services") + "/info",
                username=config["username"],
                password=config["password"],
            )
        case "BEARER":
            return FixedToken(config["token"])
    return None
