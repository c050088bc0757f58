"""The resources of the PI Web API: what each request is answered, on its own or within a batch."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simulator.pi.archive import Archive, Json, time_text
from simulator.pi.assets import (
    AF,
    ARCHIVE,
    ASSET_DATABASE,
    ATTRIBUTE,
    DATA_SERVER,
    DATABASE,
    ELEMENT,
    PI_POINT,
    POINT,
    SERVER,
    Attribute,
    Tag,
    guid,
    rural_assets,
    web_id,
)
from simulator.pi.frames import AlreadyAcknowledged, Frame, FrameLog
from simulator.pi.query import Query, Refusal, selected, with_name
from simulator.pi.subscriptions import Subscriptions
from simulator.utility import Utility

PREFIX = "/piwebapi"
PAGE = 1_000
MAX_ITEMS = 150_000
TITLE, VERSION = "PI Web API 2018 SP1", "1.11.1.5383"


class Resources:
    """Not locked: who asks holds the utility's lock."""

    def __init__(
        self,
        utility: Utility,
        archive: Archive,
        subscriptions: Subscriptions,
        frame_log: FrameLog,
        *,
        user: str,
        fault: str | None,
    ) -> None:
        self._utility = utility
        self._archive = archive
        self._subscriptions = subscriptions
        self._frame_log = frame_log
        self._assets = rural_assets()
        self._now = utility.now()
        self._user = user
        self._fault = fault

    def ask(self, method: str, path: str, query: Query) -> tuple[int, Json]:
        """
        :param path: below the home page, such as `streams/…/value`
        """
        for served, pattern, answer in () if self._is_switched_off(path) else ROUTES:
            if found := re.fullmatch(pattern, path.strip("/"), re.IGNORECASE):
                if method.upper() != served:
                    continue
                try:
                    body = answer(self, query, *found.groups())
                    return (200, selected(body, query.one("selectedFields"))) if body else (204, {})
                except Refusal as refusal:
                    return refusal.status, {"Errors": [refusal.sentence]}
        if not self._is_switched_off(path) and any(
            re.fullmatch(pattern, path.strip("/"), re.IGNORECASE) for _, pattern, _ in ROUTES
        ):
            return 405, {"Message": f"The requested resource does not support http method '{method.upper()}'."}
        return 404, {"Message": f"No HTTP resource was found that matches the request URI '{PREFIX}/{path}'."}

    def home(self, query: Query) -> Json:
        names = {"AssetServers": "assetservers", "DataServers": "dataservers", "System": "system"}
        return {"Links": {"Self": f"{PREFIX}/"} | {name: f"{PREFIX}/{path}" for name, path in names.items()}}

    def system(self, query: Query) -> Json:
        return {"ProductTitle": TITLE, "ProductVersion": VERSION, "Links": {}}

    def status(self, query: Query) -> Json:
        up = (self._now - self._utility.started_at) / timedelta(minutes=1)
        return {"UpTimeInMinutes": up, "State": "Running", "CacheInstances": 0, "ServerTime": time_text(self._now)}

    def userinfo(self, query: Query) -> Json:
        return {"IdentityType": "WindowsIdentity", "Name": f"RURAL\\{self._user}", "IsAuthenticated": True}

    def asset_servers(self, query: Query) -> Json:
        return {"Links": {}, "Items": [self._named(SERVER, AF, query) | self._connection()]}

    def databases(self, query: Query, server: str) -> Json:
        self._found(server, AF)
        return {"Links": {}, "Items": [self._named(ASSET_DATABASE, DATABASE, query)]}

    def database(self, query: Query) -> Json:
        return self._by_path(ASSET_DATABASE, DATABASE, query)

    def data_servers(self, query: Query) -> Json:
        if query.one("path"):
            return self._by_path(ARCHIVE, DATA_SERVER, query) | self._connection()
        return {"Links": {}, "Items": [self._named(ARCHIVE, DATA_SERVER, query) | self._connection()]}

    def elements(self, query: Query, database: str) -> Json:
        self._found(database, DATABASE)
        template, deep = query.one("templateName"), query.one("searchFullHierarchy") == "true"
        found = [
            {
                **self._named(ELEMENT, element.path, query),
                "Description": element.description,
                "TemplateName": element.template,
                "HasChildren": element.template != "Switch",
                "CategoryNames": [],
            }
            for element in sorted(self._assets.elements.values(), key=lambda one: (one.name, one.path))
            if template in ("", element.template) and (deep or element.path.count("\\") == DATABASE.count("\\") + 1)
        ]
        return self._page(with_name(found, query), query, f"assetdatabases/{database}/elements")

    def attributes(self, query: Query, element: str) -> Json:
        owner = self._assets.elements.get(self._assets.paths.get(element, ""))
        if owner is None:
            raise Refusal(404, "The specified element was not found.")
        found = [self._attribute(one, query) for one in sorted(owner.attributes, key=lambda one: one.name)]
        return self._page(with_name(found, query), query, f"elements/{element}/attributes")

    def points(self, query: Query, server: str) -> Json:
        self._found(server, DATA_SERVER)
        found = [self._point(tag, query) for _, tag in sorted(self._assets.tags.items())]
        return self._page(with_name(found, query), query, f"dataservers/{server}/points")

    def frames(self, query: Query, database: str) -> Json:
        self._found(database, DATABASE)
        start, end = self._time(query, "startTime", timedelta(hours=8)), self._time(query, "endTime", timedelta())
        template = query.one("templateName")
        found = [
            frame.as_json(is_brief=query.is_brief) for frame in self._frame_log.frames() if frame.overlaps(start, end)
        ]
        found = [one for one in found if template in ("", one["TemplateName"])]
        return self._page(with_name(found, query), query, f"assetdatabases/{database}/eventframes")

    def frame(self, query: Query, key: str) -> Json:
        return self._frame(key).as_json(is_brief=query.is_brief)

    def several_frames(self, query: Query) -> Json:
        items: list[Json] = []
        for key in query.all("webId"):
            frame = self._frame_log.find(key)
            told = {"Exception": {"Errors": ["The specified event frame was not found."]}}
            items.append(
                {"Identifier": key, "IdentifierType": "WebId"}
                | (told if frame is None else {"Object": frame.as_json(is_brief=query.is_brief)})
            )
        return {"Links": {}, "Items": items}

    def acknowledge(self, query: Query, key: str) -> Json:
        frame = self._frame(key)
        if self._fault == "read-only":
            raise Refusal(403, "The user does not have Annotate permission on the event frame.")
        try:
            self._frame_log.acknowledge(frame, by=f"RURAL\\{self._user}", at=self._now)
        except AlreadyAcknowledged:
            raise Refusal(409, "The event frame has been acknowledged already.") from None
        return {}

    def security(self, query: Query, database: str) -> Json:
        self._found(database, DATABASE)
        may = self._fault != "read-only"
        rights = {"CanRead": True, "CanReadData": True, "CanAnnotate": may, "CanWrite": False, "HasAdmin": False}
        items = [{"SecurityItem": item, **rights} for item in query.all("securityItem") or ["Default"]]
        return {"Links": {}, "Items": items}

    def referenced_elements(self, query: Query, key: str) -> Json:
        paths = [self._assets.paths[one] for one in self._frame(key).as_json(is_brief=True)["RefElementWebIds"]]
        return {"Links": {}, "Items": [self._named(ELEMENT, path, query) for path in paths]}

    def _frame(self, key: str) -> Frame:
        frame = self._frame_log.find(key)
        if frame is None:
            raise Refusal(404, "The specified event frame was not found.")
        return frame

    def stream(self, query: Query, stream: str, what: str) -> Json:
        found = self._stream_of(stream)
        if what.lower() == "value":
            return self._broken() or self._archive.present(found, now=self._now)
        return self._broken() or {"Items": self._values(what, found, query), "UnitsAbbreviation": ""}

    def stream_set(self, query: Query, what: str) -> Json:
        items = []
        for key in query.all("webId"):
            stream = self._stream_of(key)
            marker = POINT if isinstance(stream, Tag) else ATTRIBUTE
            item = self._named(marker, stream.path, query)
            del item["Id"]
            if what.lower() == "value":
                item["Value"] = self._archive.present(stream, now=self._now)
            else:
                item |= {"Items": self._values(what, stream, query), "UnitsAbbreviation": ""}
            items.append(item)
        return self._broken() or {"Links": {}, "Items": items}

    def register(self, query: Query) -> Json:
        streams = [self._stream_of(key) for key in query.all("webId")]
        if any(isinstance(stream, Attribute) and stream.tag is None for stream in streams):
            raise Refusal(409, "Updates of a static attribute cannot be followed.")
        items = [{**self._source(one, query), **self._subscriptions.register(one)} for one in streams]
        return {"Links": {}, "Items": items}

    def retrieve(self, query: Query) -> Json:
        items = []
        for marker in query.all("marker"):
            reconfigured = self._subscriptions.reconfigure(marker) if self._fault == "reconfigured" else None
            stream, told = reconfigured or self._subscriptions.retrieve(marker)
            items.append({**(self._source(stream, query) if stream else {}), **told})
        return {"Links": {}, "Items": items}

    def _is_switched_off(self, path: str) -> bool:
        return self._fault == "no-updates" and path.strip("/").lower() == "streamsets/updates"

    def _source(self, stream: Attribute | Tag, query: Query) -> Json:
        named = self._named(POINT if isinstance(stream, Tag) else ATTRIBUTE, stream.path, query)
        return {"Source": named["WebId"], "SourceName": named["Name"], "SourcePath": named["Path"]}

    def _values(self, what: str, stream: Attribute | Tag, query: Query) -> list[Json]:
        return self._recorded(stream, query) if what.lower() == "recorded" else self._interpolated(stream, query)

    def _interpolated(self, stream: Attribute | Tag, query: Query) -> list[Json]:
        seconds = query.one("interval", "3600s").removesuffix("s")
        if not seconds.isdecimal() or int(seconds) < 1:
            raise Refusal(400, "The interval is not a valid time span.")
        start, end = self._time(query, "startTime", timedelta(days=1)), self._time(query, "endTime", timedelta())
        step = timedelta(seconds=int(seconds))
        if (end - start) / step >= MAX_ITEMS:
            raise Refusal(400, f"The number of values is greater than the maximum allowed ({MAX_ITEMS}).")
        return self._archive.interpolated(stream, start=start, end=end, step=step)

    def _recorded(self, stream: Attribute | Tag, query: Query) -> list[Json]:
        if isinstance(stream, Attribute) and stream.tag is None:
            raise Refusal(409, "The attribute does not support this operation: it has no data reference.")
        count = query.number("maxCount", PAGE)
        if count > MAX_ITEMS:
            raise Refusal(400, f"Parameter (maxCount) is greater than the maximum allowed ({MAX_ITEMS}).")
        start, end = self._time(query, "startTime", timedelta(days=1)), self._time(query, "endTime", timedelta())
        return self._archive.recorded(stream, start=start, end=end, count=count)

    def _broken(self) -> Json:
        """The injected fault that a status of 200 hides: the server broke after it had sent its headers."""
        if self._fault != "truncated":
            return {}
        return {"WebException": {"StatusCode": 502, "Errors": ["The connection to the data archive was lost."]}}

    def _stream_of(self, key: str) -> Attribute | Tag:
        stream = self._assets.streams.get(self._assets.paths.get(key, ""))
        if stream is None:
            raise Refusal(404, "The specified stream was not found.")
        return stream

    def _attribute(self, attribute: Attribute, query: Query) -> Json:
        tag = attribute.tag
        unit = attribute.fixed_unit if tag is None else tag.unit
        return {
            **self._named(ATTRIBUTE, attribute.path, query),
            "Description": "",
            "Type": "EnumerationValue" if tag is not None and tag.is_digital else "Double",
            "TypeQualifier": "",
            "DefaultUnitsName": {"kW": "kilowatt", "A": "ampere", "kV": "kilovolt"}.get(unit, ""),
            "DefaultUnitsNameAbbreviation": unit,
            "DataReferencePlugIn": "" if tag is None else PI_POINT,
            "ConfigString": "" if tag is None else tag.path,
            "IsConfigurationItem": tag is None,
            "IsExcluded": False,
            "IsHidden": False,
            "HasChildren": False,
            "CategoryNames": [],
            "Step": tag is not None and tag.is_digital,
        }

    def _point(self, tag: Tag, query: Query) -> Json:
        return {
            **self._named(POINT, tag.path, query),
            "Id": int(guid(tag.path)) % 1_000_000,
            "Descriptor": f"{tag.switch.name} {tag.signal}",
            "PointClass": "classic",
            "PointType": "Digital" if tag.is_digital else "Float64",
            "DigitalSetName": "SwitchPosition" if tag.is_digital else "",
            "EngineeringUnits": tag.unit,
            "Step": tag.is_digital,
            "Future": False,
        }

    def _named(self, marker: str, path: str, query: Query) -> Json:
        name = re.split(r"[\\|]", path)[-1]
        key = web_id(marker, path, is_brief=query.is_brief)
        return {"WebId": key, "Id": str(guid(path)), "Name": name, "Path": path, "Links": {}}

    def _connection(self) -> Json:
        return {"IsConnected": True, "ServerVersion": "2.10.8.440", "ServerTime": time_text(self._now)}

    def _by_path(self, marker: str, path: str, query: Query) -> Json:
        if query.one("path").lower() != path.lower():
            raise Refusal(404, f"The specified path was not found: {query.one('path')}")
        return self._named(marker, path, query)

    def _found(self, key: str, path: str) -> None:
        if self._assets.paths.get(key) != path:
            raise Refusal(404, "Unknown or invalid WebID format.")

    def _time(self, query: Query, name: str, before: timedelta) -> datetime:
        text = query.one(name, "*")
        if text == "*":
            return self._now - before
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal(400, f"The value '{text}' is not a valid time for {name}.") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _page(self, items: list[Json], query: Query, path: str) -> Json:
        start, count = query.number("startIndex", 0), query.number("maxCount", PAGE)
        if self._fault == "repeated":
            start = 0
        links = {"First": f"{PREFIX}/{path}?startIndex=0&maxCount={count}"}
        if start + count < len(items):
            links["Next"] = f"{PREFIX}/{path}?startIndex={start + count}&maxCount={count}"
        return {"Links": links, "Items": items[start : start + count]}


Answer = Callable[..., Json]

ROUTES: tuple[tuple[str, str, Answer], ...] = (
    ("GET", "", Resources.home),
    ("GET", "system", Resources.system),
    ("GET", "system/status", Resources.status),
    ("GET", "system/userinfo", Resources.userinfo),
    ("GET", "assetservers", Resources.asset_servers),
    ("GET", "assetservers/([^/]+)/assetdatabases", Resources.databases),
    ("GET", "assetdatabases", Resources.database),
    ("GET", "assetdatabases/([^/]+)/elements", Resources.elements),
    ("GET", "assetdatabases/([^/]+)/eventframes", Resources.frames),
    ("GET", "elements/([^/]+)/attributes", Resources.attributes),
    ("GET", "assetdatabases/([^/]+)/security", Resources.security),
    ("GET", "eventframes/multiple", Resources.several_frames),
    ("GET", "eventframes/([^/]+)", Resources.frame),
    ("PATCH", "eventframes/([^/]+)/acknowledge", Resources.acknowledge),
    ("GET", "eventframes/([^/]+)/referencedelements", Resources.referenced_elements),
    ("GET", "dataservers", Resources.data_servers),
    ("GET", "dataservers/([^/]+)/points", Resources.points),
    ("GET", "streams/([^/]+)/(value|recorded|interpolated)", Resources.stream),
    ("GET", "streamsets/(value|recorded|interpolated)", Resources.stream_set),
    ("GET", "streamsets/updates", Resources.retrieve),
    ("POST", "streamsets/updates", Resources.register),
)
