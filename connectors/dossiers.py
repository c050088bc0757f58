"""
What an adapter brings beside its code: its page, `<kind>.md`, and records as its source sent them,
`<kind>.samples.json`.

Both lie next to the module that the adapter is in, or in docs/connectors, where those of the product's own are.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
from django.conf import settings
from django.forms import Form

from connectors.contracts.base import Record
from connectors.contracts.catalogue import INBOUND
from connectors.protocols.adapter import Adapter, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadRecord
from connectors.protocols.forms import filled_stream_form, secret_names
from connectors.protocols.http import HttpSession
from connectors.protocols.tables import initial_values

PLACEHOLDER = "not-a-secret"
FENCE = "---\n"


class DossierBroken(Exception):
    """The page or the samples of an adapter are missing or cannot be read. The message says what to mend, and where."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    One record as a source sent it.

    :ivar stream: the source's name of the stream that it came on
    :ivar options: what the adapter's stream form was filled in with
    :ivar raw: the record, as the adapter's `parse` takes it
    """

    contract: str
    stream: str
    raw: Any
    options: dict[str, Any] = {}


class Samples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    :ivar source: who sent them, when, and under which licence they may be passed on
    :ivar settings: what the adapter's form is filled in with, without secrets
    """

    source: str
    samples: tuple[Sample, ...]
    settings: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Page:
    """
    An adapter's page.

    :ivar front: what stands between its fences, such as `grade` and `emits`
    :ivar text: the rest, in Markdown (CommonMark with tables)
    """

    front: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def proofs(self) -> dict[str, str]:
        """The test that backs a criterion of the grade, as `path::name`."""
        found = self.front.get("proof")
        return {str(key): str(test) for key, test in found.items()} if isinstance(found, dict) else {}


def page_of(adapter: type[Adapter]) -> Page:
    """
    :raises DossierBroken: if there is none, or its front matter is no YAML mapping
    """
    path = _path(adapter, ".md")
    text = _text_of(path, f"Write the page of {adapter.kind}")
    front, body = _divided(text)
    try:
        read = yaml.safe_load(front)
    except yaml.YAMLError as error:
        raise DossierBroken(f"{path.name}: what stands between the two lines of --- is no YAML: {error}") from error
    if not isinstance(read, dict):
        raise DossierBroken(f"{path.name} has to begin with a line of ---, then kind, label, grade, and --- again.")
    return Page(front=read, text=body)


def samples_of(adapter: type[Adapter]) -> Samples:
    """
    :raises DossierBroken: if there are none, or the file does not have the shape of `Samples`
    """
    path = _path(adapter, ".samples.json")
    text = _text_of(path, f"Put captured records of {adapter.kind}")
    try:
        return msgspec.json.decode(text, type=Samples)
    except msgspec.DecodeError as error:
        raise DossierBroken(f"{path.name}: {error}") from error


def example_form(adapter: type[Adapter], given: Mapping[str, Any], *, secret: str = PLACEHOLDER) -> Form:
    """An adapter's form filled in: with what is `given`, one word for every secret, and else its initial values."""
    form_class = adapter.config_form
    initial = {
        name: field.prepare_value(field.initial)
        for name, field in form_class.base_fields.items()
        if field.initial not in (None, False) and not callable(field.initial)
    }
    return form_class({**initial, **dict.fromkeys(secret_names(form_class), secret), **given})


def example_config(adapter: type[Adapter], given: Mapping[str, Any], *, secret: str = PLACEHOLDER) -> dict[str, Any]:
    """
    Cleaned settings, as an adapter is built with, from the form that `example_form` fills in.

    :raises DossierBroken: if the form refuses them
    """
    form = example_form(adapter, given, secret=secret)
    if not form.is_valid():
        raise DossierBroken(f"The settings in the samples of {adapter.kind} are refused: {_said(form.errors)}")
    return {**initial_values(adapter.config_form), **form.cleaned_data}


def stream_of(adapter: type[Adapter], sample: Sample) -> SourceStream:
    """
    :raises DossierBroken: if the stream's form refuses the sample's options
    """
    form = filled_stream_form(adapter.stream_form, sample.contract, dict(sample.options))
    if not form.is_valid():
        raise DossierBroken(f"The options of a sample of {adapter.kind} are refused: {_said(form.errors)}")
    return SourceStream(name=sample.stream, contract=sample.contract, options=form.cleaned_data)


def records_of(adapter: type[Adapter]) -> dict[str, Record]:
    """
    What the first sample of each contract is read into, by contract. Nothing leaves the process.

    :raises DossierBroken: if a sample cannot be read, or is of a contract that there is not
    """
    samples = samples_of(adapter)
    session = HttpSession(egress=EgressPolicy(), now=lambda: datetime.now(UTC))
    try:
        built = adapter(example_config(adapter, samples.settings), session)
        found: dict[str, Record] = {}
        for sample in samples.samples:
            if sample.contract not in INBOUND:
                raise DossierBroken(f"A sample of {adapter.kind} is of {sample.contract}, which is no contract.")
            try:
                record = built.parse(sample.raw, stream_of(adapter, sample))
            except BadRecord as error:
                raise DossierBroken(
                    f"A sample of {adapter.kind} for {sample.contract} cannot be read: {error}"
                ) from None
            if record is not None:
                found.setdefault(sample.contract, record)
        return found
    finally:
        session.close()


def _path(adapter: type[Adapter], ending: str) -> Path:
    beside = Path(inspect.getfile(adapter)).parent / f"{adapter.kind}{ending}"
    return beside if beside.exists() else Path(settings.BASE_DIR) / "docs" / "connectors" / beside.name


def _text_of(path: Path, what_to_do: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DossierBroken(f"{what_to_do} into {path.name}, next to its module.") from None


def _divided(text: str) -> tuple[str, str]:
    """The front matter and what comes after it."""
    if not text.startswith(FENCE):
        return "", text
    front, _, body = text.removeprefix(FENCE).partition(f"\n{FENCE}")
    return front, body


def _said(errors: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in errors.items())
