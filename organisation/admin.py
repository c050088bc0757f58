from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from organisation import services
from organisation.console import ConsoleAdmin, ServiceForm, TokenAdmin, may, member_of
from organisation.models import ApiToken, Membership
from organisation.roles import Capability, Role
from organisation.scope import current_scope

admin.site.unregister(Group)


class AddMemberForm(ServiceForm):
    refusals = (services.UnableToAddMember, ValidationError)

    email = forms.EmailField(label="E-mail address")
    name = forms.CharField(max_length=200, required=False)
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For somebody who is new here. Who signs in already keeps their own.",
    )

    class Meta:
        model = Membership
        fields: ClassVar = ["role"]

    def _get_validation_exclusions(self) -> set[str]:
        return {"organisation", "user"}

    def perform(self) -> Membership:
        given = self.cleaned_data
        return services.add_member(
            email=given["email"],
            name=given["name"],
            role=Role(given["role"]),
            password=given["password"] or None,
        )


class ChangeMemberForm(ServiceForm):
    refusals = (services.UnableToChangeMember,)

    class Meta:
        model = Membership
        fields: ClassVar = ["role", "is_active"]

    def perform(self) -> Membership:
        membership = Membership.objects.get(pk=self.instance.pk)
        return services.change_member(
            membership=membership,
            role=Role(self.cleaned_data["role"]),
            is_active=self.cleaned_data["is_active"],
        )


@admin.register(Membership)
class MemberAdmin(ConsoleAdmin):
    """Who is in the organisation, and as what."""

    to_view = to_add = to_change = Capability.MANAGE_MEMBERS
    list_display = ("person", "email", "role", "switched_on", "signed_in")
    list_select_related = ("user",)
    list_filter = ("role", "is_active")
    search_fields = ("user__email__startswith", "user__name__startswith")
    ordering = ("user__email",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        options["form"] = ChangeMemberForm if change else AddMemberForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["role", "is_active"] if obj else ["email", "name", "password", "role"]

    @display(description="Person", ordering="user__name")
    def person(self, membership: Membership) -> str:
        return str(membership.user)

    @display(description="E-mail", ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    @display(description="Switched on", boolean=True, ordering="is_active")
    def switched_on(self, membership: Membership) -> bool:
        return membership.is_active

    @display(description="Last signed in", ordering="user__signed_in_at", empty_value="never")
    def signed_in(self, membership: Membership) -> Any:
        return membership.user.signed_in_at


class IssueTokenForm(ServiceForm):
    refusals = (services.UnableToIssueToken,)

    scopes = forms.MultipleChoiceField(
        label="May do",
        choices=[(one.value, one.value) for one in Capability],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(label="Expires after", min_value=1, max_value=366, initial=90, help_text="Days.")

    class Meta:
        model = ApiToken
        fields: ClassVar = ["name"]

    def _get_validation_exclusions(self) -> set[str]:
        return {"organisation", "user", "expires_at", "scopes"}

    def perform(self) -> ApiToken:
        given, now = self.cleaned_data, timezone.now()
        issued, token = services.issue_token(
            user=member_of(self.request).user,
            name=given["name"],
            scopes=frozenset(Capability(one) for one in given["scopes"]),
            expires_at=now + timedelta(days=given["days"]),
            scope=current_scope(),
            now=now,
        )
        messages.warning(self.request, f"This token is shown once. Copy it now: {token}")
        return issued


@admin.register(ApiToken)
class ApiTokenAdmin(TokenAdmin):
    """Bearer tokens: everyone sees and makes their own, an administrator sees everybody's."""

    to_view = to_add = Capability.MANAGE_TOKENS
    list_display = ("name", "hint", "owner", "what", "expires_at", "state")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    readonly_fields = ("name", "hint", "user", "scopes", "expires_at", "revoked_at", "created_at")
    to_issue = IssueTokenForm
    to_revoke = services.revoke_token
    asked = ("name", "scopes", "days")
    effect = "Whoever uses it is refused from now on."

    def get_queryset(self, request: HttpRequest) -> Any:
        tokens = super().get_queryset(request)
        return tokens if may(request, Capability.MANAGE_MEMBERS) else tokens.filter(user=member_of(request).user)

    @display(description="Owner", ordering="user__email")
    def owner(self, token: ApiToken) -> str:
        return str(token.user)

    @display(description="May do")
    def what(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @display(description="State", label={"good": "success", "expired": "warning", "revoked": "danger"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        return "expired" if token.expires_at <= timezone.now() else "good"
