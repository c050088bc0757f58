"""The REST API of an ArcGIS Server (Esri GeoServices): questions by POST, and errors in the body of an answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from connectors.protocols.arcgis.faults import Fault, error_of, fault_in
from connectors.protocols.errors import BadConfig, ContractBroken
from connectors.protocols.http import Auth, HttpSession, Response
from connectors.protocols.wire import host_of, same_origin

SERVICES = "/rest/services"
TOKEN_STATUSES = (498, 499)
LONGEST_FAULT = 65_536
"""Bytes of the longest answer that is looked at for an error: a page of features is longer, and is none."""


class ArcgisRest:
    """
    :param base_url: the services directory (`…/rest/services`), or a folder or service in it
    """

    def __init__(self, http: HttpSession, base_url: str, auth: Auth | None) -> None:
        self.http = http
        self.base_url = base_url.rstrip("/")
        self.root = services_root(base_url)
        self.clock: datetime | None = None
        """What the server's clock showed at its last answer, if it says."""
        self._auth = auth

    @property
    def host(self) -> str:
        return host_of(self.root)

    def url(self, path: str) -> str:
        """The address of what has this path in the services directory."""
        return f"{self.root}/{path}"

    def info(self) -> dict[str, Any]:
        """What the server says of itself."""
        return self.object(f"{self.root.removesuffix('/services')}/info")

    def object(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        """
        :raises ContractBroken: if the answer is no JSON object
        """
        return self._object(self.ask(url, form or {}))

    def document(self, url: str) -> dict[str, Any]:
        """
        What the server has laid down for us, perhaps in a storage elsewhere that admits us by the address alone: our
        token goes only to the server itself.
        """
        response = self.http.get(url, auth=self._auth_for(url))
        self._raise_fault(_fault_of(response), url)
        return self._object(response)

    def ask(self, url: str, form: Mapping[str, str]) -> Response:
        """
        The answer to a question, which holds no error.

        By POST, so that no condition is too long and none stands in a log. Asked again, once, after a token that was
        good before is refused.
        """
        auth = self._auth_for(url)
        response, fault = self._post(url, form, auth)
        if fault is not None and fault.is_about_token and auth is not None and auth.renew(self.http):
            response, fault = self._post(url, form, auth)
        self._raise_fault(fault, url)
        return response

    def _auth_for(self, url: str) -> Auth | None:
        return self._auth if same_origin(url, self.root) else None

    def _raise_fault(self, fault: Fault | None, url: str) -> None:
        if fault is not None:
            said = self.http.without_secrets(fault.words)
            raise error_of(fault, host=host_of(url), said=said, signs_in=self._auth_for(url) is not None)

    def _object(self, response: Response) -> dict[str, Any]:
        answer = self.http.json(response)
        if not isinstance(answer, dict):
            raise ContractBroken(f"{self.host} answered something else where an object belongs.")
        return answer

    def _post(self, url: str, form: Mapping[str, str], auth: Auth | None) -> tuple[Response, Fault | None]:
        response = self.http.post(
            url, data={"f": "json", **form}, auth=auth, idempotent=True, accept_status=TOKEN_STATUSES
        )
        self.clock = response.date
        fault = _fault_of(response)
        if fault is None and response.status in TOKEN_STATUSES:
            fault = Fault(response.status, "")
        return response, fault


def services_root(base_url: str) -> str:
    """
    The address of the services directory.

    :raises BadConfig: if the address does not lead into one
    """
    before, found, _ = base_url.partition(SERVICES)
    if not found:
        raise BadConfig(
            "The address must lead into a services directory, such as https://gis.example.org/server/rest/services.",
            field="base_url",
        )
    return before + SERVICES


def _fault_of(response: Response) -> Fault | None:
    if len(response.content) > LONGEST_FAULT:
        return None
    try:
        return fault_in(orjson.loads(response.content))
    except orjson.JSONDecodeError:
        return None
