"""
What every page of the console shares: access by the member's capabilities, and no Django admin log (the trail has it).
"""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from organisation.middleware import ScopedRequest
from organisation.models import Membership
from organisation.roles import Capability


def member_of(request: HttpRequest) -> Membership:
    """The membership whose organisation this request acts for."""
    return cast(ScopedRequest, request).membership


def may(request: HttpRequest, capability: Capability | None) -> bool:
    membership: Membership | None = getattr(request, "membership", None)
    return membership is not None and capability is not None and capability in membership.capabilities


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """
    A form whose valid submission makes one service call. What the service refuses becomes the form's error, so that
    the page never says that something was saved which was not.
    """

    refusals: ClassVar[tuple[type[Exception], ...]] = ()
    request: ClassVar[HttpRequest]

    def perform(self) -> Any:
        """Make the service call and give back the object."""
        raise NotImplementedError  # each form makes its own call

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook, which the stubs do not know
        if not self.errors and self.is_bound:
            try:
                self.instance = self.perform()
            except self.refusals as refusal:
                self.add_error(None, str(refusal))

    def save(self, commit: bool = True) -> Any:
        self.save_m2m = lambda: None  # type: ignore[method-assign]  # the admin calls it after save
        return self.instance


class Guarded:
    """Rights by capability. `None` means nobody: mirrored data is for reading."""

    to_view: ClassVar[Capability | None] = Capability.VIEW_OPERATIONS
    to_add: ClassVar[Capability | None] = None
    to_change: ClassVar[Capability | None] = None
    to_delete: ClassVar[Capability | None] = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.to_view)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_view)

    def has_view_or_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_view) or may(request, self.to_change)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return may(request, self.to_add)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_change)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_delete)

    def has_view_history_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, Capability.VIEW_AUDIT)


class ConsoleAdmin(Guarded, ModelAdmin):
    """A page of the console over one model. It filters by organisation for the plan; the row policy is for safety."""

    show_full_result_count = False
    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request)
        for_organisation: Callable[[int], models.QuerySet[Any]] | None = getattr(rows, "for_organisation", None)
        return rows if for_organisation is None else for_organisation(member_of(request).organisation_id)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        if issubclass(form, ServiceForm):
            form.request = request
        return form

    def row_or_404(self, request: HttpRequest, object_id: Any) -> Any:
        """
        :raises Http404: if there is no such row here, or its address names none that could be
        """
        row = self.get_object(request, str(object_id))
        if row is None:
            raise Http404
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not isinstance(form, ServiceForm):
            super().save_model(request, obj, form, change)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No bulk deletion: mirrored rows are retired by syncs, settings are switched off."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """History has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """History has it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """History has it."""


class TokenAdmin(ConsoleAdmin):
    """Bearer tokens: shown once when they are made, then looked at and taken back, never changed."""

    actions_detail: ClassVar = ["revoke"]
    to_issue: ClassVar[type[ServiceForm]]
    to_revoke: ClassVar[Callable[..., object]]
    """The service that takes one back: `(token=, now=)`."""
    asked: ClassVar[tuple[str, ...]]
    effect: ClassVar[str]
    """What revoking one means, for the person about to do so."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        if not change:
            options["form"] = self.to_issue
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else self.asked

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    @action(description="Revoke", url_path="revoke")
    def revoke(self, request: HttpRequest, object_id: int) -> HttpResponse:
        if not may(request, self.to_add):
            raise PermissionDenied
        token = self.row_or_404(request, object_id)
        if request.method == "POST":
            type(self).to_revoke(token=token, now=timezone.now())
            messages.success(request, f"{token.name} is revoked. {self.effect}")
        elif token.revoked_at is None:
            told = {"token": token, "effect": self.effect, "title": f"Revoke {token.name}?", "opts": self.opts}
            return TemplateResponse(
                request, "organisation/revoke.html", {**self.admin_site.each_context(request), **told}
            )
        return redirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))


class ConsoleInline(Guarded, TabularInline):
    """Rows of another model on a page, for reading unless it says otherwise."""

    extra = 0
    show_change_link = True
    can_delete = False
