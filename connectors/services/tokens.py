"""Bearer tokens with which sources push (RFC 6750)."""

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from connectors.models import Connector, ConnectorToken
from organisation.queries import digest_of

PREFIX = "uecc_"
LONGEST_LIFE = timedelta(days=366)


class UnableToIssueConnectorToken(Exception):
    """Its name is taken, or it would live too long."""


def issue_connector_token(
    *, connector: Connector, name: str, expires_at: datetime, now: datetime
) -> tuple[ConnectorToken, str]:
    """
    Make a token for one connector. The second value is the token itself, which cannot be read again.

    :raises UnableToIssueConnectorToken: if the name is taken, or it would outlive a year
    """
    if not now < expires_at <= now + LONGEST_LIFE:
        raise UnableToIssueConnectorToken("A token must expire within a year from now.")
    token = PREFIX + secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            issued = ConnectorToken.objects.create(
                connector=connector, name=name, digest=digest_of(token), hint=token[:9], expires_at=expires_at
            )
    except IntegrityError as error:
        raise UnableToIssueConnectorToken(f"{connector} has a token named {name} already.") from error
    return issued, token


@transaction.atomic
def revoke_connector_token(*, token: ConnectorToken, now: datetime) -> ConnectorToken:
    """Take a token back; revoking it twice keeps the first moment."""
    ConnectorToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    token.refresh_from_db()
    return token
