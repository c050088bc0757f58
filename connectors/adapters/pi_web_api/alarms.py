"""
Event frames as alarms. Each frame is one occurrence of a condition: active until its end, and on the operators' list
until it is acknowledged, if it can be.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.adapters.pi_web_api.listing import BRIEF, Root
from connectors.adapters.pi_web_api.records import name_element
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.moments import parse_moment
from connectors.protocols.pi.collections import Collection
from connectors.protocols.pi.values import read_end
from connectors.protocols.pi.web_api import Part, PiWebApi, items_of

SEVERITIES = {"None": 1, "Information": 100, "Warning": 300, "Minor": 500, "Major": 700, "Critical": 900}
"""From the words of event frames to the numbers of alarms, 1 to 1000 (OPC 10000-5 §6.4.2)."""

FRAME = (
    "WebId",
    "Id",
    "Name",
    "Description",
    "Path",
    "TemplateName",
    "StartTime",
    "EndTime",
    "Severity",
    "CanBeAcknowledged",
    "IsAcknowledged",
    "AcknowledgedDate",
)


def list_frames(
    api: PiWebApi, root: Root, options: Mapping[str, Any], *, start: str, end: str, collection: Collection
) -> Iterator[tuple[list[dict[str, Any]], bool]]:
    """
    The event frames that were under way at some time from `start` to `end`, oldest first, with the elements that each
    refers to under `Elements`; and whether they are the last. `collection` tells how far it has come.
    """
    asked = {"nameFilter": "name_filter", "templateName": "template", "categoryName": "category"}
    filters = {name: options[option] for name, option in asked.items() if options[option]}
    is_last = False
    while not is_last:
        answers = api.batch(
            {
                "frames": Part(
                    resource=api.url(
                        f"assetdatabases/{root.web_id}/eventframes",
                        startTime=start,
                        endTime=end,
                        searchMode="Overlapped",
                        searchFullHierarchy="true",
                        sortField="StartTime",
                        **collection.window,
                        **filters,
                        **BRIEF,
                        selectedFields=";".join([*(f"Items.{name}" for name in FRAME), "Links.Next"]),
                    )
                ),
                "elements": Part(
                    resource=api.url("eventframes/{0}/referencedelements", selectedFields="Items.Path"),
                    after="frames",
                    each="$.frames.Content.Items[*].WebId",
                ),
            }
        )
        body = answers["frames"].required()
        frames = items_of(body)
        known, is_last = collection.take(body)
        if frames:
            each = api.each_answer(answers["elements"].required(), expected=len(frames))
            for frame, elements in zip(frames, each, strict=True):
                # A frame that was deleted meanwhile still is what it was.
                frame["Elements"] = [] if elements.refusal else [one.get("Path") for one in items_of(elements.body)]
        yield frames[known:], is_last


def read_alarm(
    raw: Mapping[str, Any], *, element_pattern: re.Pattern[str], types: Mapping[str, AlarmCategory]
) -> Alarm:
    """
    :param raw: an event frame with `Elements`, the paths of what it refers to
    :param types: what frames of a template are
    :raises BadRecord: if it cannot be read
    """
    key = raw.get("Id")
    try:
        started, ended = parse_moment(raw.get("StartTime")), read_end(raw.get("EndTime"))
        if started is None:
            raise ValueError("it has no StartTime")
        can_wait = raw.get("CanBeAcknowledged") is True
        acknowledged = not can_wait or raw.get("IsAcknowledged") is True
        acknowledged_at = parse_moment(raw.get("AcknowledgedDate")) if can_wait and acknowledged else None
        told_at: list[datetime] = [one for one in (started, ended, acknowledged_at) if one is not None]
    except (TypeError, ValueError) as error:
        raise BadRecord.of(key, error) from error
    active = ended is None
    elements = [one for one in raw.get("Elements") or [] if isinstance(one, str)]
    fields = {
        "external_id": key,
        "condition": key,
        "event_id": raw.get("WebId"),
        "source_time": max(told_at),
        "category": types.get(str(raw.get("TemplateName")), AlarmCategory.OTHER),
        "name": raw.get("Name") or "",
        "message": raw.get("Description") or raw.get("Name") or "",
        "severity": SEVERITIES.get(str(raw.get("Severity")), 1),
        "active": active,
        "acknowledged": acknowledged,
        "retained": active or not acknowledged,
        "active_since": started if active else None,
        "element": next(filter(None, (name_element(path, element_pattern) for path in elements)), None),
    }
    return to_record(Alarm, fields)
