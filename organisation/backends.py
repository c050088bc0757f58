from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from organisation.models import User
from organisation.queries import SignedIn, load_signed_in
from organisation.scope import system_job


class MembershipBackend(BaseBackend):
    """Signs people in by e-mail and password. What they may do is their membership's business."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        email = username or credentials.get("email")
        if not email or password is None:
            return None
        with system_job("sign-in"):
            user = User.objects.filter(email__iexact=email).first()
            if user is None:
                User().set_password(password)  # the same work as for a known address, so that timing tells nothing
                return None
            if not user.check_password(password) or not user.is_active:
                return None
            user.signed_in_at = timezone.now()
            user.save(update_fields=["signed_in_at"])
        return user

    def get_user(self, user_id: int) -> User | None:
        signed_in = load_signed_in(user_id)
        if signed_in is None:
            return None
        signed_in.user.signed_in = signed_in  # type: ignore[attr-defined]  # carried to the middleware, not a field
        return signed_in.user


def signed_in_of(user: Any) -> SignedIn | None:
    """The memberships that came along when the session's user was loaded."""
    found: SignedIn | None = getattr(user, "signed_in", None)
    return found
