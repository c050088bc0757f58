"""
The contract suite: what has to hold of every adapter, whoever wrote it. A package tests its own with

    from connectors.testing.contract import ContractSuite

    class TestTides(ContractSuite):
        adapters = (TidesAdapter,)

Nothing leaves the process; landing twice needs the database of the test suite.
"""

import ast
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.utils.html import escape

from connectors.contracts.base import contract_id
from connectors.contracts.catalogue import INBOUND
from connectors.dossiers import example_config, page_of, records_of, samples_of, stream_of
from connectors.grades import grades_of
from connectors.landing import Landed, Landing
from connectors.models import Connector, Stream
from connectors.protocols.adapter import Adapter, Mode, ReadsMany
from connectors.protocols.errors import BadRecord, SourceError, Throttled
from connectors.protocols.forms import secret_names
from connectors.services import pages
from connectors.testing.places import root_of
from connectors.testing.records import spoilt
from connectors.testing.settings import as_browser, every_sign_in
from connectors.testing.wire import FAILURES, NOW, RETRY_AFTER_S, Failure, Wire, failing, session
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, system_job

SECRET = "s3cret-c4nary"  # noqa: S105  # a word to look for, which opens nothing
LONGEST_SENTENCE = 1_000
FEWEST_WORDS = 3


class ContractSuite:
    """One test for each promise, over each of `adapters`."""

    adapters: ClassVar[tuple[type[Adapter], ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "adapter" in metafunc.fixturenames:
            metafunc.parametrize("adapter", self.adapters, ids=[one.kind for one in self.adapters])

    def test_it_backs_the_grade_that_it_claims(self, adapter: type[Adapter]) -> None:
        report = grades_of(adapter)
        claimed = f"{adapter.kind} claims {report.claimed} and backs {report.backed}."
        assert not report.missing, "\n".join([claimed, *report.missing])

    def test_the_tests_that_its_page_names_exist(self, adapter: type[Adapter]) -> None:
        root = root_of(adapter)
        missing = [proof for proof in page_of(adapter).proofs.values() if not _exists(root, proof)]
        assert not missing, f"The page of {adapter.kind} names tests that are not there: {', '.join(missing)}"

    def test_its_forms_explain_every_field(self, adapter: type[Adapter]) -> None:
        for form_class in (adapter.config_form, adapter.stream_form):
            form = form_class()
            shown = form.as_div()
            for field in form.visible_fields():
                assert escape(field.label) in shown, f"{field.name} has no label."
                assert field.help_text, f"{field.name} has no help text: say what it is for, with an example."
                assert f'id="{field.id_for_label or field.auto_id}' in shown, f"{field.name} is not shown."

    def test_captured_records_are_read_alike_each_time(self, adapter: type[Adapter]) -> None:
        first = records_of(adapter)
        missing = {contract_id(one.contract) for one in adapter.emits} - first.keys()
        assert not missing, f"There is no captured record of {', '.join(sorted(missing))}."
        assert records_of(adapter) == first, f"{adapter.kind} reads the same record otherwise the second time."

    def test_reading_many_is_reading_each(self, adapter: type[Adapter]) -> None:
        samples = samples_of(adapter)
        built = adapter(example_config(adapter, samples.settings), session())
        for sample in samples.samples:
            stream = stream_of(adapter, sample)
            read, record = built.reader(stream), built.parse(sample.raw, stream)
            together = read.many([sample.raw, sample.raw]) if isinstance(read, ReadsMany) else None
            alike = read(sample.raw) == record and together in (None, [record, record])
            assert alike, f"The reader of {adapter.kind} reads {sample.contract} otherwise than parse does."

    def test_a_record_that_cannot_be_read_is_set_aside(self, adapter: type[Adapter]) -> None:
        samples = samples_of(adapter)
        built = adapter(example_config(adapter, samples.settings), session())
        for sample in samples.samples:
            stream = stream_of(adapter, sample)
            contract = INBOUND[sample.contract]
            for raw in spoilt(sample.raw):
                try:
                    record = built.parse(raw, stream)
                except BadRecord as error:
                    reason = str(error)
                else:
                    reason = "it is a record, or none of this contract"
                    assert record is None or isinstance(record, contract), f"{raw!r} became {record!r}."
                assert reason, f"A record of {sample.contract} is set aside without a reason: {raw!r}"

    @pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name.replace(" ", "-"))
    def test_each_way_to_fail_has_its_name_and_a_plain_sentence(
        self, adapter: type[Adapter], failure: Failure, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number, config in enumerate(every_sign_in(adapter, samples_of(adapter).settings, secret=SECRET)):
            for doing, asked in _attempts(adapter, config, all_of_them=number == 0):
                with failing(failure) as wire:
                    error = _error_of(asked, wire, doing=f"{adapter.kind}, {doing}, when its source {failure.name}")
                if error is not None and wire.asked:
                    _check(error, failure, doing=f"{adapter.kind}, {doing}")
        assert not _shown(caplog.text), f"A secret of {adapter.kind} stands in a log."

    def test_its_secrets_are_never_shown(self, adapter: type[Adapter]) -> None:
        samples = samples_of(adapter)
        names = secret_names(adapter.config_form)
        given = {**samples.settings, **dict.fromkeys(names, SECRET)}
        filled_in = adapter.config_form(as_browser(adapter.config_form, given))
        shown = filled_in.as_div() + adapter.config_form(initial=given).as_div()
        assert not _shown(shown), f"The form of {adapter.kind} shows a secret that was entered."
        for config in every_sign_in(adapter, samples.settings, secret=SECRET):
            assert not _shown(repr(adapter(config, session()))), f"{adapter.kind} shows a secret when it is printed."

    @pytest.mark.django_db
    def test_landing_its_records_twice_changes_nothing(self, adapter: type[Adapter]) -> None:
        with system_job("contract-suite"):
            organisation = Organisation.objects.create(slug="contract-suite", name="Contract suite")
        with acting_for(Scope(organisation_id=organisation.pk)):
            connector = Connector.objects.create(kind=adapter.kind, name="Source")
            found = records_of(adapter)
            streams = {name: Stream.objects.create(connector=connector, name=name, contract=name) for name in found}
            in_order = [name for name in INBOUND if name in found]
            first = {name: _land(streams[name], found[name]) for name in in_order}
            for name in in_order:
                again = _land(streams[name], found[name])
                changed = (again.created, again.updated, len(again.touched))
                assert changed == (0, 0, 0), f"{name}: the same record again created, updated, touched {changed}."
                assert len(again.set_aside) == len(first[name].set_aside)


def _attempts(adapter: type[Adapter], config: dict[str, Any], *, all_of_them: bool) -> Iterator[tuple[str, Any]]:
    """What is asked of a source, as what it is called and how it is done. Each begins with a new session."""
    yield "testing the connection", lambda: adapter(config, session()).probe()
    if not all_of_them:
        return
    yield "finding what there is", lambda: list(adapter(config, session()).discover())
    modes = {contract_id(one.contract): one.modes for one in adapter.emits}
    for sample in samples_of(adapter).samples:
        stream = stream_of(adapter, sample)
        for mode in modes[sample.contract]:
            if mode is not Mode.EVENT:
                yield (
                    f"reading {sample.contract}, {mode.value.lower()}",
                    lambda stream=stream, mode=mode: list(
                        adapter(config, session()).fetch(stream, cursor=None, mode=mode)
                    ),
                )


def _error_of(asked: Any, wire: Wire, *, doing: str) -> SourceError | None:
    """What it came to; `None`: the source was not asked, or it had an answer that was as good."""
    try:
        result = asked()
    except SourceError as error:
        return error
    pages_whole = [page for page in result if getattr(page, "complete", False)] if isinstance(result, list) else []
    assert not (wire.asked and pages_whole), f"{doing}: it was taken for a whole and complete read."
    return None


def _check(error: SourceError, failure: Failure, *, doing: str) -> None:
    said = str(error)
    where = f"{doing}, when its source {failure.name}: {type(error).__name__}: {said}"
    if failure.named is not SourceError:
        assert isinstance(error, failure.named), f"{where}\nIt should be {failure.named.__name__}."
    if isinstance(error, Throttled) and failure.named is Throttled:
        assert error.retry_at is not None, f"{where}\nIt does not say when to try again."
        assert (error.retry_at - NOW).total_seconds() == RETRY_AFTER_S, f"{where}\nIt waits until {error.retry_at}."
    assert not _shown(said), f"{doing}, when its source {failure.name}: the message shows a secret."
    assert _is_sentence(said), f"{where}\nSay it as a sentence for a person."


def _is_sentence(said: str) -> bool:
    is_python = any(word in said for word in ("Traceback", " object at 0x", "Error("))
    return len(said.split()) >= FEWEST_WORDS and len(said) <= LONGEST_SENTENCE and "\n" not in said and not is_python


def _shown(text: str) -> bool:
    """Whether the secret stands in a text, plainly or as Basic authentication writes it (RFC 7617 §2)."""
    encoded = b64encode(f":{SECRET}".encode()).decode().rstrip("=")
    return SECRET in text or encoded[4:-4] in text


def _land(stream: Stream, record: Any) -> Landed:
    wiring = pages.wiring_of(stream.contract)
    landing = Landing(
        organisation_id=stream.organisation_id, connector_id=stream.connector_id, stream_id=stream.pk, now=NOW
    )
    records = [record]
    return wiring.land(records if wiring.prepare is None else wiring.prepare(records), landing)


def _exists(root: Path, proof: str) -> bool:
    """Whether `path::name` is a function of a file below the root."""
    path, _, name = proof.partition("::")
    if not (root / path).is_file():
        return False
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return name.rpartition("::")[2] in names
