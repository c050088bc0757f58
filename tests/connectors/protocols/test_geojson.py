"""What is looked up of a page's features at once is what each of them would tell."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors.protocols.geojson import SourceFeature, SourceFeatures
from connectors.protocols.moments import parse_moment


def features(*properties: bytes) -> SourceFeatures:
    return SourceFeatures([SourceFeature(id=7, properties=msgspec.Raw(one)) for one in properties])


@pytest.mark.parametrize(
    "properties",
    [
        (b'{"name":"a","height":7.5}', b'{"height":8}', b"null", b"{}"),
        (b'{"name":"a"}', b'["no object"]', b'{"name":[1]}'),
        (b'{"name":"a","name":"b"}', b'{"name":null}'),
    ],
)
def test_a_column_is_the_property_of_each(properties: tuple[bytes, ...]) -> None:
    page = features(*properties)

    page.look_up("name", "height", "name")

    for name in ("name", "height", "neither"):
        assert page.column(name) == [one.property(name) for one in page]


def test_whether_all_have_properties_is_told() -> None:
    assert features(b"{}", b"null").look_up("name")
    assert not features(b"{}", b"7").look_up("name")


def test_moments_are_read_and_what_is_none_says_why() -> None:
    page = features(b'{"at":"2026-11-20T10:00:00Z"}', b'{"at":"never"}', b'{"at":[]}', b"{}")

    first, never, listed, missing = page.moments("at", parse_moment)

    assert (first, missing) == (datetime(2026, 11, 20, 10, tzinfo=UTC), None)
    assert str(never) == "Invalid isoformat string: 'never'"
    assert str(listed) == "[] is not a time in ISO 8601"


def test_ids_are_text_and_may_be_properties() -> None:
    page = features(b'{"key":"a"}', b'{"key":8}', b'{"key":""}')

    assert page.ids() == ["7", "7", "7"]
    assert page.ids("key") == ["a", "8", None]


def test_pages_are_told_apart_by_what_is_read_of_them() -> None:
    page, same, other = features(b'{"a":1}'), features(b'{"a":1}'), features(b'{"a":2}')

    assert page.fingerprint(None) == same.fingerprint(None)
    assert page.fingerprint(None) != other.fingerprint(None)
    assert page.fingerprint(None) != page.fingerprint("EPSG:25832")
