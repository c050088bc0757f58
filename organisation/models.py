from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from organisation.roles import CAPABILITIES, Capability, Role
from organisation.tenancy import TenantModel, TenantQuerySet


class Organisation(models.Model):
    """A utility. Everything else belongs to one."""

    slug = models.SlugField(max_length=60, unique=True, help_text="Short name, as used on the command line.")
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=60, default="UTC", help_text="IANA name, such as Europe/Berlin.")
    allowed_networks = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="Private networks that connectors may reach, in CIDR form, such as 10.20.0.0/16. "
        "Public addresses are always allowed, other private ones never.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None, *, name: str = "") -> "User":
        user = self.model(email=self.normalize_email(email), name=name)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, who may be a member of several organisations. What they may do is said by their membership in each."""

    last_login = None  # kept as signed_in_at, written by the sign-in door
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    signed_in_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return (self.name or self.email).split()[0]

    @property
    def is_staff(self) -> bool:
        """Everyone who can sign in uses the console; what they see there is decided by their role."""
        return self.is_active

    @property
    def is_superuser(self) -> bool:
        return False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Nothing is granted by Django's model permissions: the console asks for capabilities."""
        return False

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return False


class MembershipQuerySet(TenantQuerySet["Membership"]):
    def active(self) -> "MembershipQuerySet":
        return self.filter(is_active=True, user__is_active=True, organisation__is_active=True)


class Membership(TenantModel):
    """A user's place in an organisation."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    is_active = models.BooleanField(
        default=True, help_text="Switched off, this person no longer sees this organisation."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return CAPABILITIES[Role(self.role)]


class ApiToken(TenantModel):
    """
    A bearer token (RFC 6750) of a member. Only its SHA-256 digest is kept: the token is shown once, when it is made.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=120, help_text="What uses this token, such as Wall display.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False, help_text="The first characters, to tell tokens apart.")
    scopes = ArrayField(models.CharField(max_length=40), help_text="What the token may do; never more than its owner.")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "name"], name="api_token_name_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
