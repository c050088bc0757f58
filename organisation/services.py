import secrets
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils.text import slugify

from organisation.models import ApiToken, Membership, Organisation, User
from organisation.queries import digest_of
from organisation.roles import Capability, Role
from organisation.scope import Scope, current_scope, system_job

TOKEN_PREFIX = "uec_"  # noqa: S105  # what every token begins with, so that scanners know a leaked one
LONGEST_TOKEN_LIFE = timedelta(days=366)


class UnableToAddOrganisation(Exception):
    """An organisation of that slug exists."""


def add_organisation(
    *,
    slug: str,
    name: str,
    administrator_email: str,
    administrator_password: str | None,
    allowed_networks: list[str] | None = None,
) -> Organisation:
    """
    Make an organisation and its first administrator, who may be a user already.

    :raises UnableToAddOrganisation: if the slug is taken
    :raises ValidationError: if the password is too weak
    """
    with system_job("add-organisation"):
        if slug != slugify(slug) or not slug:
            raise UnableToAddOrganisation(f"{slug!r} is no slug: use lower-case letters, digits and hyphens.")
        if Organisation.objects.filter(slug=slug).exists():
            raise UnableToAddOrganisation(f"There is an organisation {slug!r} already.")
        organisation = Organisation.objects.create(slug=slug, name=name, allowed_networks=allowed_networks or [])
        administrator = _find_or_create_user(email=administrator_email, name="", password=administrator_password)
        Membership.objects.create(organisation=organisation, user=administrator, role=Role.ADMINISTRATOR)
    return organisation


class UnableToAddMember(Exception):
    """That person is a member already, or would need a password."""


@transaction.atomic
def add_member(*, email: str, name: str, role: Role, password: str | None) -> Membership:
    """
    Make a person a member of the organisation in scope. A person who is a user already keeps their password.

    :raises UnableToAddMember: if they are a member already, or are new and no password was given
    :raises ValidationError: if the password is too weak
    """
    scope = current_scope()
    with system_job("find-user-by-email"):
        known = User.objects.filter(email__iexact=email).first()
        if known is not None and Membership.objects.filter(user=known, organisation_id=scope.organisation_id).exists():
            raise UnableToAddMember(
                f"{email} is a member already. Change their role, or switch them on again, in the list."
            )
        if known is None and not password:
            raise UnableToAddMember(f"{email} is new here: give a first password.")
        user = known or _find_or_create_user(email=email, name=name, password=password)
    return Membership.objects.create(user=user, role=role)


class UnableToChangeMember(Exception):
    """The change would leave the organisation without an administrator."""


@transaction.atomic
def change_member(*, membership: Membership, role: Role, is_active: bool) -> Membership:
    """
    Change a member's role, or switch them off or on.

    :raises UnableToChangeMember: if nobody would be left to administer the organisation
    """
    members = Membership.objects.for_organisation(membership.organisation_id).select_for_update()
    administrators = {one.pk for one in members if one.is_active and one.role == Role.ADMINISTRATOR}
    stays = is_active and role == Role.ADMINISTRATOR
    if administrators == {membership.pk} and not stays:
        raise UnableToChangeMember(f"{membership.user} is the last administrator. Make somebody else one first.")
    membership.role, membership.is_active = role, is_active
    membership.save(update_fields=["role", "is_active"])
    return membership


class UnableToIssueToken(Exception):
    """The token would outlive what is allowed, do more than its owner may, or share its name with another."""


@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: frozenset[Capability], expires_at: datetime, scope: Scope, now: datetime
) -> tuple[ApiToken, str]:
    """
    Make a bearer token for a member. The second value is the token itself, which cannot be read again.

    :raises UnableToIssueToken: if it would outlive a year, may do more than its owner, or the name is taken
    """
    membership = Membership.objects.active().filter(user=user, organisation_id=scope.organisation_id).first()
    allowed = membership.capabilities if membership else frozenset()
    if not scopes or not scopes <= allowed:
        excess = ", ".join(sorted(scopes - allowed)) or "nothing at all"
        raise UnableToIssueToken(f"{user} may not do this here: {excess}.")
    if not now < expires_at <= now + LONGEST_TOKEN_LIFE:
        raise UnableToIssueToken("A token must expire within a year from now.")
    if ApiToken.objects.for_organisation(scope.organisation_id).filter(name=name).exists():
        raise UnableToIssueToken(f"There is a token named {name!r} already; choose another name.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    issued = ApiToken.objects.create(
        user=user,
        name=name,
        digest=digest_of(token),
        hint=token[:8],
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return issued, token


@transaction.atomic
def revoke_token(*, token: ApiToken, now: datetime) -> ApiToken:
    """Take a token back; revoking it twice keeps the first moment."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    token.refresh_from_db()
    return token


def _find_or_create_user(*, email: str, name: str, password: str | None) -> User:
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    user = User(email=User.objects.normalize_email(email), name=name)
    validate_password(password or "", user)
    user.set_password(password)
    user.save()
    return user
