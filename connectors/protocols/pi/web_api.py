"""
The PI Web API: resources and batches as JSON over HTTP.

An answer can refuse on three levels, and each is looked at: the HTTP status (in the session), a `WebException` inside
an answer of status 200, where the server broke after it had begun, and the status of each part of a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from requests.structures import CaseInsensitiveDict

from connectors.protocols.errors import BadConfig, ContractBroken, SourceError
from connectors.protocols.http import Auth, HttpSession, Response
from connectors.protocols.pi.values import errors_in

CSRF = {"X-Requested-With": "XMLHttpRequest"}
"""A server with its defence against forged requests switched on, as it comes, refuses a POST without it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The body of an answer, and when the server gave it by its own clock."""

    body: dict[str, Any]
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """
    One request of a batch, without a body.

    :param resource: an absolute URL; `{0}` in it stands for a token of `each`, and there is a call for each token
    :param after: the part that must be answered before
    :param each: a JSONPath into the answers so far, such as `$.elements.Content.Items[*].WebId`
    """

    resource: str
    after: str = ""
    each: str = ""
    method: str = "GET"

    def write(self) -> dict[str, Any]:
        if self.method != "GET":
            return {"Method": self.method, "Resource": self.resource, "Headers": CSRF}
        if not self.each:
            return {"Method": "GET", "Resource": self.resource}
        return {
            "Method": "GET",
            "RequestTemplate": {"Resource": self.resource},
            "ParentIds": [self.after],
            "Parameters": [self.each],
        }


@dataclass(frozen=True, kw_only=True)
class PartAnswer:
    """
    What a part was answered.

    :param refusal: what is wrong, by the reaction it calls for; `None`: nothing is
    :param said: what is wrong in the server's own words, if it has any
    """

    body: dict[str, Any]
    refusal: SourceError | None = None
    said: str = ""

    def required(self) -> dict[str, Any]:
        """
        :raises SourceError: if the server refused this part
        """
        if self.refusal is not None:
            raise self.refusal
        return self.body


class PiWebApi:
    """
    :param base_url: the address of the API's home page, with its path, such as `https://pi.example/piwebapi`
    :ivar answered_at: when the server last answered, by its own clock
    """

    def __init__(self, http: HttpSession, *, base_url: str, auth: Auth | None) -> None:
        self.base_url = base_url.rstrip("/")
        self.answered_at: datetime | None = None
        self._http = http
        self._auth = auth

    def url(self, resource: str, /, **parameters: Any) -> str:
        """The absolute URL of a resource. A list stands for a parameter that is given several times."""
        query = urlencode(parameters, doseq=True)
        return f"{self.base_url}/{resource}" + (f"?{query}" if query else "")

    def home(self) -> Answer:
        """
        The home page, by which one knows that the address is right.

        :raises BadConfig: if something else answers there
        """
        response = self._http.get(f"{self.base_url}/", auth=self._auth, accept_status=(401, 404))
        if response.status == 401:
            raise self._not_admitted(response)
        try:
            answer = self._read(response) if response.status == 200 else None
        except ContractBroken:
            answer = None
        links = answer.body.get("Links") if answer is not None else None
        if answer is None or not isinstance(links, dict) or not {"AssetServers", "DataServers"} & links.keys():
            raise BadConfig(
                "There is no PI Web API at this address. Give it with its path, which is usually /piwebapi.",
                field="base_url",
            )
        return answer

    def get(self, url: str) -> Answer:
        """
        :param url: as `url` makes it
        :raises SourceError: one of its kinds; `RequestRefused` for a 4xx that may be this request's fault alone
        """
        return self._read(self._http.get(url, auth=self._auth))

    def patch(self, url: str) -> None:
        """
        Have something done that has no body, and whose answer has none. Not sent twice by itself.

        :raises SourceError: as for `get`
        """
        response = self._http.request("PATCH", url, headers=CSRF, auth=self._auth, idempotent=False)
        if response.content:
            self._read(response)

    def batch(self, parts: Mapping[str, Part]) -> dict[str, PartAnswer]:
        """
        Several requests in one round trip; one that fails leaves the others as they are. A part with `each` has its
        answers in `Content.Items`, in the order of the tokens, which `each_answer` reads.

        :raises SourceError: if the batch as a whole is refused, or a part is not answered at all
        """
        response = self._http.post(
            f"{self.base_url}/batch",
            json={name: part.write() for name, part in parts.items()},
            headers=CSRF,
            auth=self._auth,
            idempotent=True,
        )
        body = self._read(response).body
        return {name: self._part(body.get(name), name) for name in parts}

    def each_answer(self, answer: dict[str, Any], *, expected: int) -> Sequence[PartAnswer]:
        """
        The answers to a part with `each`, one for each of its tokens.

        :raises ContractBroken: if there are more or fewer, so that which is whose cannot be told
        """
        items = answer.get("Items")
        if not isinstance(items, list) or len(items) != expected:
            count = len(items) if isinstance(items, list) else "no"
            raise ContractBroken(
                f"The PI Web API sent {count} answers to {expected} questions: which is whose cannot be told."
            )
        return [self._part(item, "Items") for item in items]

    def _part(self, raw: Any, name: str) -> PartAnswer:
        match raw:
            case {"Status": int() as status}:
                content = raw.get("Content")
            case _:
                raise ContractBroken(f"The PI Web API left the part {name} of a batch without an answer.")
        body = content if isinstance(content, dict) else {}
        if not 200 <= status < 300:
            refusal = self._refusal(status, content, raw.get("Headers"))
            return PartAnswer(body=body, refusal=refusal, said=self._http.quote(_said(content)) or f"HTTP {status}")
        if not isinstance(content, dict):
            return PartAnswer(body={}, refusal=ContractBroken(f"The part {name} of a batch is answered without JSON."))
        return PartAnswer(body=body, refusal=self.broken(body), said=self._http.quote(_said(body.get("WebException"))))

    def broken(self, body: Mapping[str, Any]) -> SourceError | None:
        """What the `WebException` of an answer says; `None` if it has none."""
        said = body.get("WebException")
        if not said:
            return None
        status = said.get("StatusCode") if isinstance(said, dict) else None
        return self._refusal(status if isinstance(status, int) and status >= 400 else 500, said, None)

    def _read(self, response: Response) -> Answer:
        body = self._http.json(response)
        if not isinstance(body, dict):
            raise ContractBroken("The answer is JSON but not of a PI Web API. Check the address.")
        if (refusal := self.broken(body)) is not None:
            raise refusal
        self.answered_at = response.date
        return Answer(body=body, at=response.date)

    def _refusal(self, status: int, content: Any, headers: Any) -> SourceError:
        """A status inside an answer means what it means as the answer's own; a `Content` may be text."""
        said = {"Message": content} if isinstance(content, str) else content
        return self._http.refusal(
            Response(
                status=status,
                url=f"{self.base_url}/batch",
                headers=CaseInsensitiveDict(headers if isinstance(headers, dict) else {}),
                content=orjson.dumps(said),
            )
        )

    def _not_admitted(self, response: Response) -> SourceError:
        """Where only Kerberos is offered, no password helps: say so."""
        schemes = {
            one.split()[0].lower() for one in response.headers.get("WWW-Authenticate", "").split(",") if one.split()
        }
        if schemes and schemes <= {"negotiate", "ntlm"}:
            return BadConfig(
                "The PI Web API lets in by Kerberos alone, which we do not speak. Have its administrator allow Basic "
                "or Bearer beside it, then choose that as sign-in.",
                field="sign_in",
            )
        return self._http.refusal(response)


def _said(content: Any) -> str:
    """What the `Content` of a refused part says: text, `{"Errors": […]}` or `{"Message": …}`."""
    message = content.get("Message") if isinstance(content, dict) else content
    return errors_in(content) or (message.strip() if isinstance(message, str) else "")


def items_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    The `Items` of a collection.

    :raises ContractBroken: if it has none, or they are no objects
    """
    items = body.get("Items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ContractBroken("The PI Web API sent no Items where a collection was asked for.")
    return items
