"""What the contract suite is for: an adapter that breaks a promise, or claims what it cannot back, fails."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from django.conf import settings

from connectors.protocols.adapter import Adapter
from connectors.testing.contract import ContractSuite
from connectors.testing.wire import FAILURES
from tests.connectors.packages import install, installed

CODE = """
from connectors.adapters.rest_json.adapter import RestJsonAdapter
from connectors.protocols.adapter import Page
from connectors.protocols.errors import BadRecord, ContractBroken, Throttled


class Flawed(RestJsonAdapter):
    kind = "flawed"
    label = "Flawed service"

"""
DOCS = Path(settings.BASE_DIR) / "docs" / "connectors"
PAGE = (DOCS / "rest-json.md").read_text().replace("rest-json", "flawed", 1).replace("JSON service", "Flawed service")
SAMPLES = (DOCS / "rest-json.samples.json").read_text()

Make = Callable[..., type[Adapter]]


@pytest.fixture
def flawed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes an adapter that is as the JSON service's but for a flaw in its code, its page or its samples."""

    def make(flaw: str = "", *, page: str = PAGE, samples: str = SAMPLES) -> type[Adapter]:
        code = CODE + indent(dedent(flaw), "    ")
        files = {"adapter.py": code, "flawed.md": page, "flawed.samples.json": samples}
        install(tmp_path, package="flawed_package", points="flawed = flawed_package.adapter:Flawed", files=files)
        adapter: type[Adapter] = importlib.import_module("flawed_package.adapter").Flawed
        return adapter

    with installed(tmp_path, monkeypatch):
        yield make


SUITE = ContractSuite()


def refused(test: Callable[..., None], *given: Any) -> str:
    """What the suite says of it."""
    with pytest.raises(AssertionError) as caught:
        test(*given)
    return str(caught.value)


def test_what_is_as_it_should_be_passes(flawed: Make) -> None:
    adapter = flawed()

    SUITE.test_it_backs_the_grade_that_it_claims(adapter)
    SUITE.test_its_forms_explain_every_field(adapter)
    SUITE.test_a_record_that_cannot_be_read_is_set_aside(adapter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("grade: silver", "grade: gold"),
            "Tested with a server we did not write: its page names no test",
        ),
        (("peer: ", "peers: "), "Tested with a peer: its page names no peer."),
        (("  resumes: ", "  resume: "), "Goes on where it was broken off: its page names no test under proof."),
        (("grade: silver", "grade: platinum"), "Its page claims no grade. Write one of bronze, silver, gold as grade."),
        (("accepts: []", "accepts: [alarm-acknowledgement/1]"), "its page says otherwise than the adapter: accepts."),
        (("---\n", "***\n"), "flawed.md has to begin with a line of ---, then kind, label, grade, and --- again."),
        (("kind: flawed", "kind: [flawed"), "flawed.md: what stands between the two lines of --- is no YAML"),
    ],
)
def test_a_grade_that_is_not_backed_fails(flawed: Make, change: tuple[str, str], said: str) -> None:
    assert change[0] in PAGE

    assert said in refused(SUITE.test_it_backs_the_grade_that_it_claims, flawed(page=PAGE.replace(*change)))


def test_a_proof_that_is_not_there_fails(flawed: Make) -> None:
    said = refused(SUITE.test_the_tests_that_its_page_names_exist, flawed())

    assert "names tests that are not there: tests/connectors/adapters/test_rest_json_reading.py::test_goes_on" in said


def test_a_contract_without_a_captured_record_fails(flawed: Make) -> None:
    bare = '{"source": "ours", "settings": {"base_url": "https://cis.example/v1"}, "samples": []}'

    said = refused(SUITE.test_captured_records_are_read_alike_each_time, flawed(samples=bare))

    assert said.startswith("There is no captured record of alarm/1, crew/1, equipment/1")


def test_a_record_that_breaks_the_read_fails(flawed: Make) -> None:
    adapter = flawed("def parse(self, raw, stream):\n    return super().parse({**raw}, stream)")

    with pytest.raises(TypeError):
        SUITE.test_a_record_that_cannot_be_read_is_set_aside(adapter)


def test_a_record_set_aside_without_a_reason_fails(flawed: Make) -> None:
    adapter = flawed("def parse(self, raw, stream):\n    raise BadRecord('')")

    assert "set aside without a reason" in refused(SUITE.test_a_record_that_cannot_be_read_is_set_aside, adapter)


def test_a_reader_of_its_own_mind_fails(flawed: Make) -> None:
    adapter = flawed("def reader(self, stream):\n    return lambda raw: None")

    assert "reads service-point/1 otherwise than parse does" in refused(
        SUITE.test_reading_many_is_reading_each, adapter
    )


NAMES_NOTHING = """
def probe(self):
    try:
        return super().probe()
    except Exception as error:
        raise ContractBroken("It did not work at all.") from error
"""
WAITS_FOR_NOTHING = """
def probe(self):
    try:
        return super().probe()
    except Exception as error:
        raise Throttled("It asks us to wait a little.") from error
"""
SPEAKS_PYTHON = """
def probe(self):
    self.http.get(self.base_url, accept_status=(404,))
    raise ContractBroken(repr(ValueError(7)))
"""
TELLS_SECRETS = """
def probe(self):
    body = self.http.get(self.base_url, auth=self.auth, accept_status=(404,)).text
    raise ContractBroken("It said: " + body)
"""
BELIEVES_ANYTHING = """
def fetch(self, stream, *, cursor, mode):
    self.http.get(self.base_url, accept_status=(404,))
    yield Page(records=(), complete=True)
"""


@pytest.mark.parametrize(
    ("flaw", "failure", "said"),
    [
        (NAMES_NOTHING, "refuses our credentials", "It should be Unauthorized."),
        (WAITS_FOR_NOTHING, "asks us to wait", "It does not say when to try again."),
        (SPEAKS_PYTHON, "has nothing there", "Say it as a sentence for a person."),
        (TELLS_SECRETS, "has nothing there", "the message shows a secret."),
        (BELIEVES_ANYTHING, "has nothing there", "it was taken for a whole and complete read."),
    ],
)
def test_a_failure_that_is_told_wrongly_fails(
    flawed: Make, caplog: pytest.LogCaptureFixture, flaw: str, failure: str, said: str
) -> None:
    adapter = flawed(flaw)
    (wire,) = [one for one in FAILURES if one.name == failure]

    verdict = refused(SUITE.test_each_way_to_fail_has_its_name_and_a_plain_sentence, adapter, wire, caplog)

    assert said in verdict


def test_a_secret_in_a_form_or_in_print_fails(flawed: Make) -> None:
    said = refused(
        SUITE.test_its_secrets_are_never_shown, flawed("def __repr__(self):\n    return str(vars(self.auth or object))")
    )

    assert said == "flawed shows a secret when it is printed."
