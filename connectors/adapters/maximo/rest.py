"""Maximo's REST API: lean JSON, pages, and what it says when it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.protocols.errors import BadConfig, ContractBroken
from connectors.protocols.http import Auth, HttpSession, Response

LEAN = {"lean": "1"}


@dataclass(frozen=True, kw_only=True)
class Members:
    """One page of an object structure; `following` is the address of the next, `total` how many there are."""

    records: list[dict[str, Any]]
    following: str
    total: int | None


class MaximoRest:
    """
    :param base_url: `https://host/maximo/api` or `…/oslc`, which is also what links must begin with
    """

    def __init__(self, http: HttpSession, *, base_url: str, auth: Auth) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._auth = auth

    def structure(self, name: str) -> str:
        return f"{self._base}/os/{name}"

    def about(self, resource: str) -> Any:
        """`whoami` or `systeminfo`; `None` where this Maximo does not have it."""
        response = self._get(f"{self._base}/{resource}", LEAN)
        return None if response.status in (400, 404) else self._http.json(response)

    def members(self, url: str, params: Mapping[str, str] | None, *, setting: str) -> Members:
        """
        A page of an object structure.

        :param params: `None` for a link of Maximo's own, which has them
        :param setting: the form's field that names the structure
        """
        if params is None and not url.startswith(f"{self._base}/"):
            raise ContractBroken(
                "Maximo's link to the next page leads away from the address of this connector. With an API "
                "key the address ends in /maximo/api; a proxy in between must let x-public-uri pass."
            )
        response = self._get(url, None if params is None else {**LEAN, **params})
        if response.status == 404:
            raise BadConfig(
                f"Maximo has no object structure {url.rpartition('/')[2]}, or does not let this user see it"
                f"{self._said(response)}",
                field=setting,
            )
        if response.status == 400:
            raise BadConfig(
                f"Maximo refuses the question{self._said(response)} Check the names of attributes and the "
                "conditions in the settings."
            )
        return _read_members(self._http.json(response))

    def _get(self, url: str, params: Mapping[str, str] | None) -> Response:
        return self._http.get(
            url,
            params=params,
            # Without it, links lead to /maximo/oslc, where an API key is not accepted.
            headers={"x-public-uri": self._base},
            auth=self._auth,
            accept_status=(400, 404),
        )

    def _said(self, response: Response) -> str:
        try:
            body = self._http.json(response)
        except ContractBroken:
            return "."
        match body:
            case {"Error": {"message": str() as message}}:
                return f": {message.strip().rstrip('.')}."
        return "."


def _read_members(body: Any) -> Members:
    match body:
        case {"member": list() as members}:
            pass
        case {"rdfs:member": _}:
            raise ContractBroken("Maximo ignores lean=1: it is older than 7.6.0.2.")
        case _:
            raise ContractBroken("Maximo's answer has no members. Check that the address ends in /maximo/api.")
    match body.get("responseInfo"):
        case {"nextPage": {"href": str() as following}}:
            pass
        case _:
            following = ""
    total = (body.get("responseInfo") or {}).get("totalCount")
    if not all(isinstance(member, dict) for member in members):
        raise ContractBroken("Maximo sent a member that is not an object.")
    return Members(records=members, following=following, total=int(total) if isinstance(total, int | str) else None)
