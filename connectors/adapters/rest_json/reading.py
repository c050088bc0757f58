"""The pages of a JSON resource, and the evidence that they are the whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError

from connectors.protocols.adapter import Page
from connectors.protocols.errors import BadConfig, ContractBroken
from connectors.protocols.expressions import compiled, finder
from connectors.protocols.http import Auth, HttpSession, Response
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.paging import ReadProof
from connectors.protocols.wire import RequestRefused, host_of, same_origin

ROUNDING = timedelta(days=1)
"""Services may round the time that changes are asked for down to a whole day."""

Place = dict[str, Any]
"""Where the next page is: `{"page"}`, `{"cursor"}` or `{"link"}`; empty for the first without a number."""


@dataclass
class Read:
    """
    One read of one resource.

    :param keys: expressions that together name a record
    :param since: ask for what has changed since then; `None` asks for everything
    :param before: the watermark that holds if this read proves incomplete
    """

    http: HttpSession
    auth: Auth | None
    url: str
    options: Mapping[str, Any]
    keys: Sequence[str]
    since: datetime | None
    before: str | None
    newest: datetime | None
    proof: ReadProof = field(default_factory=ReadProof)
    full_page: int = 0

    def pages(self, resume: Mapping[str, Any] | None) -> Iterator[Page]:
        """
        :param resume: the cursor of a page of this read, after which to go on
        """
        if resume is None:
            place = self._first()
            response = self._ask(place)
        else:
            place = dict(resume["place"])
            self.proof, self.full_page = ReadProof.resumed(resume["proof"]), resume["full_page"]
            try:
                response = self._ask(place)
            except RequestRefused as error:
                if error.status not in (400, 404, 410):
                    raise
                # Cursors run out: read again from the start, which costs time and loses nothing.
                self.proof, self.full_page, place = ReadProof(), 0, self._first()
                response = self._ask(place)
        self.proof.is_new_place(repr(place))
        yield from self._from(place, response)

    def _from(self, place: Place, response: Response | None) -> Iterator[Page]:
        while True:
            answer = self.http.json(response) if response is not None else None
            records = self._records(answer) if response is not None else []
            self._note(records, response.date if response is not None else None)
            goes_on = self.proof.add(self._keys(records), self._total(answer))
            following = self._following(place, answer, response, len(records)) if goes_on else None
            if following is None or not self.proof.is_new_place(repr(following)):
                yield self._last(records)
                return
            yield Page(records=records, cursor=self._cursor(following), total=self.proof.total)
            place = following
            response = self._ask(place)

    def _first(self) -> Place:
        return {"page": self.options["first_page"]} if self.options["paging"] == "PAGE" else {}

    def _ask(self, place: Place) -> Response | None:
        """A page; `None` where a service answers 404 past the last page."""
        options = self.options
        if "link" in place:
            return self.http.get(place["link"], auth=self.auth)
        params: dict[str, Any] = dict(options["query"])
        if options["paging"] != "NONE" and options["size_parameter"]:
            params[options["size_parameter"]] = options["page_size"]
        if "page" in place:
            params[options["page_parameter"]] = place["page"]
        if "cursor" in place:
            params[options["cursor_parameter"]] = place["cursor"]
        if self.since is not None:
            params[options["since_parameter"]] = utc_text(self.since)
        past_the_first = place.get("page", 0) > options["first_page"]
        response = self.http.get(
            self.url, params=params, auth=self.auth, accept_status=(404,) if past_the_first else ()
        )
        return None if response.status == 404 else response

    def _following(self, place: Place, answer: Any, response: Response | None, count: int) -> Place | None:
        match self.options["paging"]:
            case "PAGE":
                self.full_page = self.full_page or count
                total = self.proof.total
                # A service may give smaller pages than were asked for: only the first one tells their size.
                is_first = place["page"] == self.options["first_page"]
                more = self.proof.seen < total if total is not None else is_first or count >= self.full_page
                return {"page": place["page"] + 1} if count and more else None
            case "NEXT" if response is not None:
                found = self._find("next_page", answer)
                if found is None or found == "" or found is False:
                    return None
                if self.options["cursor_parameter"]:
                    return {"cursor": found}
                return {"link": self._link(str(found), response)}
        return None

    def _link(self, found: str, response: Response) -> str:
        link = urljoin(response.url, found)
        if not same_origin(link, self.url):
            raise BadConfig(
                f"{host_of(self.url)} points to {host_of(link)} for the next page, where our credentials "
                "must not go. Use its cursor instead, or have its links corrected.",
                field="next_page",
            )
        return link

    def _records(self, answer: Any) -> list[Any]:
        records = self._find("records", answer)
        if not isinstance(records, list):
            raise ContractBroken(
                f"{host_of(self.url)} answered without a list of records at “{self.options['records']}”."
            )
        return records

    def _find(self, option: str, answer: Any) -> Any:
        try:
            return compiled(self.options[option]).search(answer)
        except JMESPathError as error:
            raise ContractBroken(
                f"The answer of {host_of(self.url)} does not suit the expression “{self.options[option]}”."
            ) from error

    def _total(self, answer: Any) -> int | None:
        total = self._find("total", answer) if self.options["total"] and answer is not None else None
        if isinstance(total, str) and total.isdecimal():
            total = int(total)
        return total if isinstance(total, int) and not isinstance(total, bool) else None

    def _keys(self, records: Sequence[Any]) -> list[str | None]:
        keys: list[str | None] = []
        finders = [finder(expression) for expression in self.keys]
        for record in records:
            try:
                parts = [find(record) for find in finders]
            except ValueError:
                parts = [None]
            keys.append(None if None in parts else "\0".join(map(str, parts)))
        return keys

    def _note(self, records: Sequence[Any], clock: datetime | None) -> None:
        """
        Follow the newest change, and see that the service heeded what was asked.

        :param clock: the source's time: a change stamped later is asked for again
        """
        if not self.options["updated"]:
            return
        find, zone = finder(self.options["updated"]), ZoneInfo(self.options["time_zone"])
        for record in records:
            try:
                stamp = parse_moment(find(record), zone)
            except ValueError:
                continue
            if stamp is None:
                continue
            if self.since and stamp < self.since - ROUNDING:
                raise BadConfig(
                    f"{host_of(self.url)} was asked for changes since {utc_text(self.since)} and also sends "
                    "what is older: it does not heed the parameter. Correct it, or leave it empty.",
                    field="since_parameter",
                )
            stamp = min(stamp, clock) if clock else stamp
            self.newest = max(stamp, self.newest) if self.newest else stamp

    def _cursor(self, place: Place) -> dict[str, Any]:
        return {
            "place": place,
            "full_page": self.full_page,
            "proof": self.proof.state(),
            "since": utc_text(self.since) if self.since else None,
            "before": self.before,
            "watermark": utc_text(self.newest) if self.newest else None,
        }

    def _last(self, records: Sequence[Any]) -> Page:
        shortfall = self.proof.shortfall(last_page_full=False, may_be_empty=self.since is not None)
        watermark = utc_text(self.newest) if self.newest else None
        return Page(
            records=records,
            cursor={"watermark": self.before if shortfall else watermark},
            complete=not shortfall,
            incomplete_reason=shortfall,
            total=self.proof.total,
        )
