"""What a source sent, with the offending field marked."""

import json
from html import unescape
from typing import Any

import pytest

from connectors.console.payload import find, payload

RECORD: dict[str, Any] = {
    "crs": "http://www.opengis.net/def/crs/EPSG/0/4326",
    "feature": {
        "id": "B-17",
        "geometry": None,
        "properties": {"id": 17, "kind": "SW9", "terminals": [{"node": "N1"}, {"node": ""}]},
    },
}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("crs", ("crs",)),
        ("properties.kind", ("feature", "properties", "kind")),
        ("id", ("feature", "id")),
        ("terminals[1].node", ("feature", "properties", "terminals", 1, "node")),
        ("feature/properties/kind", ("feature", "properties", "kind")),
        ("properties.voltage", ("feature", "properties")),
        ("nowhere", None),
        ("", None),
    ],
)
def test_the_field_is_found_from_as_near_to_the_root_as_there_is_one(path: str, place: Any) -> None:
    assert find(RECORD, path) == place


def test_a_value_is_marked_with_its_name() -> None:
    html = payload('{"id":17,"properties":{"at":[[0,1],[2,3]],"none":{}},"z":1}', "at")

    assert (
        unescape(html)
        == """\
<pre class="payload">{
  "id": 17,
  "properties": {
    <mark>"at": [
      [0, 1],
      [2, 3]
    ]</mark>,
    "none": {}
  },
  "z": 1
}</pre>"""
    )


def test_of_a_list_in_one_line_all_is_marked() -> None:
    assert unescape(payload('[["N1", ""]]', "[0][1]")) == ('<pre class="payload">[\n  <mark>["N1", ""]</mark>\n]</pre>')


def test_what_is_nested_too_deep_to_be_walked_stands_as_it_is() -> None:
    deep = "[" * 50_000 + "]" * 50_000

    assert payload(deep, "id") == f'<pre class="payload">{deep}</pre>'


def test_what_is_no_json_stands_as_it_is_and_nothing_is_markup() -> None:
    assert payload("<b>1</b>", "id") == '<pre class="payload">&lt;b&gt;1&lt;/b&gt;</pre>'
    marked = payload(json.dumps({"name": "<script>"}), "name")
    assert "<script>" not in marked
    assert "<mark>&quot;name&quot;: &quot;&lt;script&gt;&quot;</mark>" in marked


def test_without_a_path_or_if_it_leads_nowhere_nothing_is_marked() -> None:
    plain = '<pre class="payload">{\n  &quot;a&quot;: 1\n}</pre>'

    assert payload('{"a":1}', "") == payload('{"a":1}', "b") == plain
