"""Maximo Manage by its REST API: equipment, work orders with their crews, and crews."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.adapters.maximo.records import moment, read_crew, read_equipment, read_work_order
from connectors.adapters.maximo.rest import MaximoRest, Members
from connectors.adapters.maximo.settings import MaximoForm, MaximoStreamForm
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.crew import Crew, CrewStatus
from connectors.contracts.equipment import Equipment
from connectors.contracts.work_order import WorkOrder, WorkStatus
from connectors.protocols.adapter import (
    Adapter,
    Cursor,
    Emission,
    Family,
    Mode,
    Page,
    Probe,
    Receipt,
    SourceStream,
)
from connectors.protocols.convert import require_object
from connectors.protocols.credentials import HeaderKey
from connectors.protocols.errors import BadConfig, BadRecord, ContractBroken, Unauthorized
from connectors.protocols.http import Auth, HttpSession
from connectors.protocols.paging import ReadProof

EQUIPMENT, WORK_ORDER, CREW = contract_id(Equipment), contract_id(WorkOrder), contract_id(Crew)

CAME_OR_WENT = "Records came or went while Maximo was being read, so some may have slipped between two pages."
NO_COUNT = "Maximo sent no count of the records, so nothing proves that these are all."


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How an object structure is asked for. Without `has_changes`, every read is of the whole."""

    key: str
    setting: str
    label: str
    select: tuple[str, ...]
    per_site: bool = True
    has_changes: bool = True


class MaximoAdapter(Adapter):
    kind: ClassVar[str] = "maximo"
    label: ClassVar[str] = "Maximo Manage"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.WORK
    config_form = MaximoForm
    stream_form = MaximoStreamForm
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Equipment, modes=(Mode.FULL, Mode.INCREMENTAL), freshness=timedelta(days=1)),
        Emission(contract=WorkOrder, modes=(Mode.FULL, Mode.INCREMENTAL), freshness=timedelta(minutes=15)),
        Emission(contract=Crew, modes=(Mode.FULL, Mode.INCREMENTAL), freshness=timedelta(minutes=5)),
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = ()

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.config = config
        self.rest = MaximoRest(http, base_url=config["base_url"], auth=_auth(config))
        self.shapes = _shapes(config)
        self.work_statuses = {word.upper(): WorkStatus(ours) for word, ours in config["work_statuses"].items()}
        self.crew_statuses = {word.upper(): CrewStatus(ours) for word, ours in config["crew_statuses"].items()}

    def probe(self) -> Probe:
        user, system = self.rest.about("whoami"), self.rest.about("systeminfo")
        name, version = _product(system)
        findings = []
        for stream in self.discover():
            shape = self.shapes[stream.contract]
            try:
                asked = {"oslc.select": shape.key, "oslc.pageSize": "1"}
                self.rest.members(self.rest.structure(stream.name), asked, setting=shape.setting)
            except (BadConfig, ContractBroken, Unauthorized) as error:
                findings.append(f"{shape.label} cannot be read. {error}")
        return Probe(
            summary=f"{name} {version}".strip() + f" knows us as {_user(user)}.",
            product=name,
            product_version=version,
            findings=tuple(findings),
        )

    def discover(self) -> Iterator[SourceStream]:
        for emission in self.emits:
            contract = contract_id(emission.contract)
            shape = self.shapes[contract]
            yield SourceStream(
                name=self.config[shape.setting], contract=contract, label=shape.label, modes=emission.modes
            )

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        shape = self.shapes[stream.contract]
        if mode is Mode.INCREMENTAL and shape.has_changes:
            yield from self._changes(stream, shape, cursor or {})
        else:
            yield from self._everything(stream, shape, cursor or {})

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        config, raw = self.config, require_object(raw)
        if stream.contract == EQUIPMENT:
            return read_equipment(raw, element_attribute=config["element_attribute"])
        if stream.contract == WORK_ORDER:
            return read_work_order(
                raw,
                statuses=self.work_statuses,
                element_attribute=config["work_order_element_attribute"] or config["element_attribute"],
                assignment_child=config["assignment_child"],
            )
        return read_crew(
            raw,
            statuses=self.crew_statuses,
            status_attribute=config["crew_status_attribute"],
            stamp_attribute=config["crew_stamp_attribute"],
            latitude_attribute=config["latitude_attribute"],
            longitude_attribute=config["longitude_attribute"],
        )

    def deliver(self, record: OutboundRecord) -> Receipt:
        raise BadConfig(f"This Maximo connector only reads; it takes no {contract_id(type(record))}.")

    def _everything(self, stream: SourceStream, shape: Shape, cursor: Cursor) -> Iterator[Page]:
        """
        All records in the order of their keys, which no edit changes. `as_of` is the newest change when the
        read began: the next incremental read starts there, so that what changed meanwhile is read again.
        """
        proof = ReadProof.resumed(cursor["proof"]) if "next" in cursor else ReadProof()
        site: str = cursor.get("site", "")
        if "next" in cursor:
            as_of, url, params = cursor["changedate"], cursor["next"], None
        else:
            as_of = self._newest_change(stream, shape) if shape.has_changes else None
            url, params = self.rest.structure(stream.name), self._question(stream, shape, f"+{shape.key}")
        while url:
            answer = self.rest.members(url, params, setting=shape.setting)
            site = self._only_site(answer, site)
            if proof.total is not None and answer.total != proof.total:
                proof.doubt = CAME_OR_WENT
            fresh = proof.add([_key(record, shape) for record in answer.records], answer.total)
            goes_on = fresh and bool(answer.following) and proof.is_new_place(answer.following)
            reason = "" if goes_on else _shortfall(proof)
            resumed_by = {"next": answer.following, "proof": proof.state()} if goes_on else {}
            yield Page(
                records=answer.records,
                cursor={"changedate": as_of, "site": site, **resumed_by},
                complete=not goes_on and not reason,
                incomplete_reason=reason,
                total=answer.total,
            )
            url, params = (answer.following, None) if goes_on else ("", None)

    def _changes(self, stream: SourceStream, shape: Shape, cursor: Cursor) -> Iterator[Page]:
        """
        What has changed since the cursor, oldest change first. An edit in between moves a record to the end
        and all others up by one, so each page is asked for by the last change seen and not by its number;
        only a page that is full of one and the same moment goes on by Maximo's link.
        """
        newest = _read(cursor.get("changedate"))
        site: str = cursor.get("site", "")
        since = newest - timedelta(minutes=self.config["overlap_minutes"]) if newest else None
        url, params = self._since(stream, shape, since)
        seen, previous = 0, None
        while url:
            answer = self.rest.members(url, params, setting=shape.setting)
            site = self._only_site(answer, site)
            keys = [_key(record, shape) for record in answer.records]
            seen = len(keys) if params is not None else seen + len(keys)
            last = max(filter(None, map(_changed, answer.records)), default=None)
            newest = max(filter(None, (newest, last)), default=None)
            reason = ""
            if params is None and keys == previous:
                reason = "Maximo sends the same page again instead of the next one."
            elif not answer.following:
                reason = _too_few(seen, answer.total)
            goes_on = bool(answer.following) and not reason
            yield Page(
                records=answer.records,
                cursor={"changedate": newest.isoformat() if newest else None, "site": site},
                complete=not goes_on and not reason,
                incomplete_reason=reason,
            )
            previous = keys
            if not goes_on:
                return
            if last is not None and (since is None or last > since):
                since = last
                url, params = self._since(stream, shape, since)
            else:
                url, params = answer.following, None

    def _since(self, stream: SourceStream, shape: Shape, since: datetime | None) -> tuple[str, dict[str, str] | None]:
        condition = f'changedate>="{since.isoformat()}"' if since else ""
        order = f"+changedate,+{shape.key}"
        return self.rest.structure(stream.name), self._question(stream, shape, order, condition)

    def _question(self, stream: SourceStream, shape: Shape, order: str, condition: str = "") -> dict[str, str]:
        site = self.config["site"] if shape.per_site else ""
        conditions = (f'siteid="{site}"' if site else "", stream.options.get("where", ""), condition)
        where = " and ".join(filter(None, conditions))
        return {
            "oslc.select": ",".join(shape.select),
            "oslc.orderBy": order,
            "oslc.pageSize": str(self.config["page_size"]),
            "collectioncount": "1",
            "internalvalues": "1",
            **({"oslc.where": where} if where else {}),
        }

    def _newest_change(self, stream: SourceStream, shape: Shape) -> str | None:
        """When the newest change was that Maximo has now, by its own clock."""
        asked = self._question(stream, shape, "-changedate")
        asked |= {"oslc.select": "changedate", "oslc.pageSize": "1", "collectioncount": "0"}
        answer = self.rest.members(self.rest.structure(stream.name), asked, setting=shape.setting)
        newest = max(filter(None, map(_changed, answer.records)), default=None)
        return newest.isoformat() if newest else None

    def _only_site(self, answer: Members, site: str) -> str:
        """
        The one site that records come from.

        :raises BadConfig: if there are several: their numbers would be taken for the same things
        """
        found = {site, *(str(record.get("siteid") or "") for record in answer.records)} - {""}
        if len(found) > 1:
            raise BadConfig(
                f"Maximo holds several sites here ({', '.join(sorted(found))}), and their numbers repeat. "
                "Make a connector for each, and name its site.",
                field="site",
            )
        return found.pop() if found else ""


def _shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    child = config["assignment_child"]
    children = f"{child}{{amcrew,laborcode,status,scheduledate}}" if child else ""
    return {
        EQUIPMENT: Shape(
            key="assetnum",
            setting="asset_structure",
            label="Equipment",
            select=_names("assetnum,siteid,description,status,location,changedate", config["element_attribute"]),
        ),
        WORK_ORDER: Shape(
            key="wonum",
            setting="work_order_structure",
            label="Work orders",
            select=_names(
                "wonum,siteid,description,status,changedate,reportdate,worktype,wopriority,assetnum,"
                "schedstart,schedfinish,actstart,actfinish,amcrew",
                config["work_order_element_attribute"],
                children,
            ),
        ),
        CREW: Shape(
            key="amcrew",
            setting="crew_structure",
            label="Crews",
            select=_names(
                "amcrew,description,status",
                config["crew_status_attribute"],
                config["crew_stamp_attribute"],
                config["latitude_attribute"],
                config["longitude_attribute"],
            ),
            per_site=False,
            has_changes=False,  # crews are few, and not every Maximo stamps them
        ),
    }


def _names(*parts: str) -> tuple[str, ...]:
    return tuple(filter(None, parts))


def _auth(config: Mapping[str, Any]) -> Auth:
    if config["sign_in"] == "BASIC":
        pair = f"{config['username']}:{config['password']}".encode()
        return HeaderKey("maxauth", b64encode(pair).decode())
    return HeaderKey(config["api_key_header"], config["api_key"])


def _key(record: Mapping[str, Any], shape: Shape) -> str | None:
    value = record.get(shape.key)
    return None if value in (None, "") else str(value)


def _changed(record: Mapping[str, Any]) -> datetime | None:
    """When a record changed; one that does not say so readably is set aside by `parse`, not here."""
    try:
        return moment(record, "changedate", key="")
    except BadRecord:
        return None


def _read(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _shortfall(proof: ReadProof) -> str:
    if not proof.doubt and proof.total is None:
        return NO_COUNT
    return proof.shortfall(last_page_full=False, may_be_empty=True)


def _too_few(seen: int, total: int | None) -> str:
    if total is None:
        return NO_COUNT
    return "" if seen >= total else f"Maximo speaks of {total} changed records and sent {seen}."


def _product(system: Any) -> tuple[str, str]:
    """Name and version, from the shapes that `systeminfo` has had."""
    match system:
        case {"apps": [{"productname": str() as name, **app}, *_]}:
            return name, str(app.get("installedversion") or "")
        case {"appVersion": str() as version} | {"version": str() as version}:
            return "Maximo", version
    return "Maximo", ""


def _user(user: Any) -> str:
    match user:
        case {"displayName": str() as name, "userName": str() as login}:
            return f"{name} ({login})"
        case {"userName": str() as login} | {"loginUserName": str() as login}:
            return login
    return "a user that it does not name"
