"""A PI Web API: a data server whose tags were recorded for a day."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.moments import utc_text
from tests.benchmarks.adapters.source import Answer, Question, Source

SERVER = "\\\\PIServers[BENCH]"
START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(days=1)
HEADERS = {"Date": format_datetime(END, usegmt=True)}
VALUES = 200


class DataServer:
    def __init__(self, readings: int) -> None:
        self.tags = {f"I1DP{number}": f"\\\\BENCH\\TAG-{number:06d}.MW" for number in range(readings // VALUES)}
        chance = random.Random(1)
        self.items = {key: _item(key, path, chance) for key, path in self.tags.items()}

    def __call__(self, question: Question) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(question.query).items()}
        match question.path.removeprefix("/piwebapi/"):
            case "dataservers":
                return _answer({"WebId": "I1DS", "Name": "BENCH"})
            case "dataservers/I1DS/points":
                start, count = int(asked["startIndex"]), int(asked["maxCount"])
                page = list(self.tags.items())[start : start + count]
                return _answer({"Links": {}, "Items": [{"WebId": key, "Path": path} for key, path in page]})
        parts = orjson.loads(question.body)
        answers = (b'"%s":%s' % (name.encode(), self._part(one["Resource"])) for name, one in parts.items())
        return Answer(b"{" + b",".join(answers) + b"}", status=207, headers=HEADERS)

    def _part(self, resource: str) -> bytes:
        items = b",".join(self.items[key] for key in parse_qs(urlsplit(resource).query)["webId"])
        return b'{"Status":200,"Headers":{},"Content":{"Links":{},"Items":[' + items + b"]}}"


def _item(key: str, path: str, chance: random.Random) -> bytes:
    step = (END - START) / VALUES
    recorded = [_value(START + step * (number + chance.random()), chance) for number in range(VALUES)]
    return orjson.dumps({"WebId": key, "Path": path, "Links": {}, "Items": recorded, "UnitsAbbreviation": "MW"})


def _value(at: datetime, chance: random.Random) -> dict[str, Any]:
    """A Double with all its digits, at a moment with seven."""
    return {
        "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}{chance.randrange(10)}Z",
        "Value": chance.gauss(7.25, 0.5),
        "UnitsAbbreviation": "MW",
        "Good": True,
        "Questionable": False,
        "Substituted": False,
        "Annotated": False,
    }


def _answer(body: Any) -> Answer:
    return Answer(orjson.dumps(body), headers=HEADERS)


RECORDED = Source(
    name="adapter-pi-web-api",
    what="readings",
    adapter=PiWebApiAdapter,
    path="/piwebapi",
    settings={"sign_in": "NONE"},
    stream=SourceStream(name=SERVER, contract="reading/1"),
    records=200_000,
    make=DataServer,
    cursor={"since": utc_text(START), "behind": {}},
    mode=Mode.INCREMENTAL,
)
