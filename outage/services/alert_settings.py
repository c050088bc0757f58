"""Who an organisation's public alerts come from, and who may read them."""

from collections.abc import Sequence

from django.db import transaction

from connectors.cap.message_rules import NAME
from connectors.contracts.cap_alert import AlertStatus
from organisation.scope import current_scope
from outage.alerts.words import LANGUAGES
from outage.models import AlertSettings


class UnableToSave(Exception):
    """The settings would make alerts that break the standard; the message says which."""


def alert_settings_in_scope() -> AlertSettings:
    """The one row, made when it is first looked at."""
    kept, _ = AlertSettings.objects.get_or_create(organisation_id=current_scope().organisation_id)
    return kept


@transaction.atomic
def save_alert_settings(
    *, sender: str, status: AlertStatus, languages: Sequence[str], web: str, contact: str, feed_is_public: bool
) -> AlertSettings:
    """
    :param languages: tags of `outage.alerts.words`, the first one that of the headline in lists
    :raises UnableToSave: if the sender is no name by CAP 1.2 §3.2.1, or a language is unknown, missing or there twice
    """
    if sender and NAME.fullmatch(sender) is None:
        raise UnableToSave("The sender is one word without commas, < and &, such as outages@utility.example.")
    if not languages or len(set(languages)) < len(languages) or not set(languages) <= set(LANGUAGES):
        raise UnableToSave(f"Choose at least one language, each once, of {', '.join(LANGUAGES)}.")
    kept = alert_settings_in_scope()
    kept.sender, kept.status, kept.languages = sender, status.value, list(languages)
    kept.web, kept.contact, kept.feed_is_public = web, contact, feed_is_public
    kept.save()
    return kept
