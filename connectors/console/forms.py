"""The adapters' forms as pages of the console: a name, the adapter's fields, one service call."""

from typing import Any, ClassVar

from django import forms
from django.forms.widgets import Input
from django.utils import timezone
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, SWITCH_CLASSES, TEXTAREA_CLASSES

from connectors import registry
from connectors.console.trial import wanted_of
from connectors.contracts.base import contract_id
from connectors.models import Connector, Mode, Schedule, Stream
from connectors.protocols.mapping_form import MappingField, tell_contract
from connectors.services.draft import Draft, save_draft
from connectors.services.preview import Wanted
from connectors.services.schedules import UnableToSchedule, save_schedule
from connectors.services.settings import InvalidSettings, save_stream, stored_secrets
from organisation.console import ServiceForm

CHOSEN = "chosen_stream"
"""The field in which a form says what is to be read, once for each stream."""

_CLASSES: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (forms.CheckboxSelectMultiple, CHECKBOX_CLASSES),
    (forms.CheckboxInput, SWITCH_CLASSES),
    (forms.Textarea, TEXTAREA_CLASSES),
    (forms.Select, SELECT_CLASSES),
    (Input, INPUT_CLASSES),
)


def dressed(field: forms.Field) -> forms.Field:
    """A plain form field in the console's clothes."""
    for widget, classes in _CLASSES:
        if isinstance(field.widget, widget):
            field.widget.attrs["class"] = " ".join(classes)
            break
    return field


class SettingsServiceForm(ServiceForm):
    """What the service finds wrong with a field stands at that field."""

    def _post_clean(self) -> None:
        try:
            super()._post_clean()
        except InvalidSettings as error:
            for field, texts in error.errors.items():
                self.add_error(field if field in self.fields else None, texts)


class ConnectorForm(SettingsServiceForm):
    kind: ClassVar[str]

    class Meta:
        model = Connector
        fields: ClassVar = ["name"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        adapter_fields = registry.adapter_for(self.kind).config_form.base_fields
        for name in stored_secrets(self.instance):
            if name in self.fields:
                self.fields[name].required = False
                self.fields[name].help_text = "Kept, and never shown. Leave it empty to keep it."
        for name in adapter_fields:
            if self.instance.pk and name in self.instance.config:
                self.initial.setdefault(name, self.instance.config[name])

    def perform(self) -> Connector:
        draft = Draft(kind=self.kind, name=self.cleaned_data["name"], settings=self.data, connector_id=self.instance.pk)
        return save_draft(draft, streams=chosen_streams(self.data), now=timezone.now())


def chosen_streams(data: Any) -> list[Wanted]:
    """What was ticked of what a test from inside the form had found."""
    return [wanted_of(text) for text in data.getlist(CHOSEN)]


def connector_form(kind: str) -> type[ConnectorForm]:
    """The form of one kind of connector."""
    form = registry.adapter_for(kind).config_form
    fields = {name: dressed(_copy(field)) for name, field in form.base_fields.items()}
    for name, ways in getattr(form, "belongs_to", {}).items():
        if name in fields:
            fields[name].widget.attrs["data-for-sign-in"] = " ".join(ways)
    return type("ConnectorForm", (ConnectorForm,), {"kind": kind, **fields})


class StreamForm(SettingsServiceForm):
    connector: ClassVar[Connector]
    adapter_fields: ClassVar[tuple[str, ...]]

    class Meta:
        model = Stream
        fields: ClassVar = ["name", "contract", "label", "freshness_s", "is_enabled", "is_listened_to", "keeps_changes"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        emits = [contract_id(one.contract) for one in registry.adapter_for(self.connector.kind).emits]
        self.fields["contract"] = dressed(
            forms.ChoiceField(choices=[(name, name) for name in emits], help_text="What its records are read into.")
        )
        if "freshness_s" in self.fields:  # not for who may only look
            self.fields["freshness_s"].label = "Fresh if younger than"
        if not can_be_listened_to(self.connector):
            self.fields.pop("is_listened_to", None)
        for name in self.adapter_fields:
            if self.instance.pk and name in self.instance.options:
                self.initial.setdefault(name, self.instance.options[name])
        if self.is_mapped:
            # Its rows are those of one contract, which is chosen before.
            self.fields["contract"].disabled = True
            self.initial["contract"] = self.instance.contract or self.request.GET.get("contract")
            tell_contract(self, self.initial["contract"])

    @property
    def is_mapped(self) -> bool:
        return any(isinstance(field, MappingField) for field in self.fields.values())

    def perform(self) -> Stream:
        given = self.cleaned_data
        known = Stream.objects.get(pk=self.instance.pk) if self.instance.pk else None
        return save_stream(
            connector=self.connector,
            name=given["name"],
            contract=given["contract"],
            label=given["label"],
            options=self.data,
            freshness_s=given["freshness_s"],
            is_enabled=given["is_enabled"],
            is_listened_to=given.get("is_listened_to", False),
            keeps_changes=given["keeps_changes"],
            stream=known,
        )

    def _get_validation_exclusions(self) -> set[str]:
        return {"organisation", "connector", "options", "name"}


def can_be_listened_to(connector: Connector) -> bool:
    """Whether any of its streams can."""
    emits = registry.adapter_for(connector.kind).emits
    return any(registry.can_listen(connector.kind, contract_id(one.contract)) for one in emits)


def stream_form(connector: Connector) -> type[StreamForm]:
    own = registry.adapter_for(connector.kind).stream_form.base_fields
    fields = {name: dressed(_copy(field)) for name, field in own.items()}
    return type("StreamForm", (StreamForm,), {"connector": connector, "adapter_fields": tuple(own), **fields})


class ScheduleForm(ServiceForm):
    refusals = (UnableToSchedule,)

    class Meta:
        model = Schedule
        fields: ClassVar = ["stream", "mode", "every_s", "is_enabled"]

    def perform(self) -> Schedule:
        given = self.cleaned_data
        stream = given.get("stream") or self.instance.stream
        return save_schedule(
            stream=Stream.objects.select_related("connector").get(pk=stream.pk),
            mode=Mode(given.get("mode") or self.instance.mode),
            every_s=given["every_s"],
            is_enabled=given["is_enabled"],
        )

    def _get_validation_exclusions(self) -> set[str]:
        return {"organisation", "periodic_task", "stream", "mode"}


def _copy(field: forms.Field) -> forms.Field:
    """A copy, because the classes that it is given are the console's business alone."""
    return field.__deepcopy__({})
