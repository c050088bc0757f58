"""The three doors that open before a scope exists, each a short system job; and who is in an organisation."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from organisation.models import ApiToken, Membership, Organisation, User
from organisation.roles import Capability
from organisation.scope import Origin, Scope, system_job


@dataclass(frozen=True)
class SignedIn:
    """A session's user with the memberships among which they may switch, by organisation name."""

    user: User
    memberships: tuple[Membership, ...]

    def membership(self, organisation_id: int | None) -> Membership | None:
        """The chosen membership; the first one if that choice is no longer open."""
        chosen = [one for one in self.memberships if one.organisation_id == organisation_id]
        return next(iter(chosen or self.memberships), None)


def load_signed_in(user_id: int) -> SignedIn | None:
    """The session's user and what they are a member of; `None` if they are gone or switched off."""
    with system_job("load-session-user"):
        user = User.objects.filter(pk=user_id, is_active=True).first()
        if user is None:
            return None
        memberships = (
            Membership.objects.active()
            .filter(user=user)
            .select_related("organisation")
            .order_by("organisation__name", "pk")
        )
        return SignedIn(user=user, memberships=tuple(memberships))


@dataclass(frozen=True)
class TokenHolder:
    user: User
    membership: Membership
    scope: Scope


class TokenExpired(Exception):
    """The token was good and is no longer: revoked, expired, or its owner switched off (RFC 6750 §3.1)."""


def digest_of(token: str) -> str:
    """Tokens carry 256 random bits, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_token_holder(token: str, *, now: datetime, request_id: str = "") -> TokenHolder | None:
    """
    Who holds an API token, and the scope it opens: what the token may do and its owner still may.

    :raises TokenExpired: if it is known, and no longer good
    """
    with system_job("find-token"):
        found = ApiToken.objects.select_related("user", "organisation").filter(digest=digest_of(token)).first()
        if found is None:
            return None
        membership = (
            Membership.objects.active()
            .select_related("organisation", "user")
            .filter(user_id=found.user_id, organisation_id=found.organisation_id)
            .first()
        )
    if found.revoked_at is not None or found.expires_at <= now or membership is None:
        raise TokenExpired(found.name)
    return TokenHolder(
        user=found.user,
        membership=membership,
        scope=Scope(
            organisation_id=found.organisation_id,
            actor_id=found.user_id,
            origin=Origin.API,
            request_id=request_id,
            capabilities=membership.capabilities & {Capability(scope) for scope in found.scopes},
        ),
    )


def active_organisations() -> list[tuple[int, str]]:
    """Id and slug of every active organisation, for jobs that visit each."""
    with system_job("list-organisations"):
        return list(Organisation.objects.filter(is_active=True).order_by("pk").values_list("pk", "slug"))


class UnknownOrganisation(Exception):
    """No active organisation has that slug."""


def scope_of(slug: str, *, origin: Origin = Origin.SYSTEM) -> Scope:
    """
    The scope in which a command works for an organisation.

    :raises UnknownOrganisation: if there is none of that slug
    """
    with system_job("find-organisation"):
        organisation_id = Organisation.objects.filter(slug=slug, is_active=True).values_list("pk", flat=True).first()
    if organisation_id is None:
        raise UnknownOrganisation(
            f"There is no organisation {slug!r}. `manage.py organisation list` shows those there are."
        )
    return Scope(organisation_id=organisation_id, origin=origin)
