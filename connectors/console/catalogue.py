"""The way in: every adapter there is with what it reads and delivers, its page, and what it backs of its grade."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from connectors import registry
from connectors.console.guard import needs
from connectors.console.markdown import rendered
from connectors.contracts.base import contract_id
from connectors.dossiers import DossierBroken, page_of
from connectors.grades import Criterion, Grade, Report, grades_of
from connectors.protocols.adapter import Adapter
from organisation.console import may
from organisation.roles import Capability


@dataclass(frozen=True, kw_only=True)
class Card:
    """
    An adapter as the catalogue shows it; templates would call the class itself.

    :ivar package: the Python package that brings it, if it is not the product's own
    :ivar grade: what its page claims; empty if it has no page, or that claims none
    """

    kind: str
    label: str
    version: str
    reads: tuple[str, ...]
    delivers: tuple[str, ...]
    grade: str
    package: str


@dataclass(frozen=True, kw_only=True)
class Quality:
    card: Card
    report: Report

    @property
    def by_grade(self) -> Iterator[tuple[Grade, list[tuple[Criterion, object]]]]:
        for grade in Grade:
            yield grade, [line for line in self.report.lines if line[0].grade is grade]


def card_of(adapter: type[Adapter]) -> Card:
    try:
        grade = page_of(adapter).front.get("grade", "")
    except DossierBroken:
        grade = ""
    return Card(
        kind=adapter.kind,
        label=adapter.label,
        version=adapter.version,
        reads=tuple(contract_id(one.contract) for one in adapter.emits),
        delivers=tuple(contract_id(one) for one in adapter.accepts),
        grade=str(grade),
        package=registry.package_of(adapter),
    )


def families() -> dict[str, list[Card]]:
    """The catalogue: every adapter, by family and then by label."""
    found: dict[str, list[Card]] = {}
    for adapter in _in_order():
        found.setdefault(adapter.family.value.capitalize(), []).append(card_of(adapter))
    return found


def _in_order() -> list[type[Adapter]]:
    return sorted(registry.adapters().values(), key=lambda one: (one.family, one.label))


def catalogue(request: HttpRequest) -> HttpResponse:
    return _page(request, "catalogue", "Add connector", families=families())


@needs(Capability.VIEW_CONNECTORS, post=False)
def documentation(request: HttpRequest, kind: str) -> HttpResponse:
    """The page of one adapter."""
    if kind not in registry.adapters():
        raise Http404(f"There is no adapter {kind}.")
    adapter = registry.adapter_for(kind)
    try:
        text = rendered(page_of(adapter).text, address_of=_address_of)
    except DossierBroken as error:
        raise Http404(str(error)) from error
    return _page(request, "documentation", adapter.label, card=card_of(adapter), text=text)


@needs(Capability.VIEW_CONNECTORS, post=False)
def quality(request: HttpRequest) -> HttpResponse:
    """What each adapter backs, grade by grade."""
    lines = [Quality(card=card_of(adapter), report=grades_of(adapter)) for adapter in _in_order()]
    return _page(request, "quality", "Quality of the adapters", lines=lines)


def _page(request: HttpRequest, name: str, title: str, **told: object) -> HttpResponse:
    manages = may(request, Capability.MANAGE_CONNECTORS)
    context = {**admin.site.each_context(request), "title": title, "may_manage": manages, **told}
    return TemplateResponse(request, f"connectors/{name}.html", context)


def _address_of(href: str) -> str:
    """Of the other pages, those of adapters can be shown here."""
    kind = href.removesuffix(".md")
    return reverse("adapters:page", args=[kind]) if kind in registry.adapters() else ""
