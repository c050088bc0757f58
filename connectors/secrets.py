"""
Secrets of connectors at rest: JSON, encrypted with Fernet, with the id of the key in front: `<key id>$<token>`.

The keys come from SECRETS_KEYS, newest first. A key that is missing or wrong is a refusal to start, never garbage.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SEPARATOR = "$"


class KeysUnusable(ImproperlyConfigured):
    """SECRETS_KEYS does not open what is stored, or is no list of keys."""


class SecretsUnreadable(Exception):
    """Stored secrets were encrypted with a key that we do not have. The message is for a person."""


def keyring() -> dict[str, Fernet]:
    """
    The keys by id, newest first.

    :raises KeysUnusable: if SECRETS_KEYS is empty or malformed
    """
    keys: dict[str, Fernet] = {}
    for entry in settings.SECRETS_KEYS:
        key_id, _, key = entry.partition(":")
        if not key_id or SEPARATOR in key_id or key_id in keys:
            raise KeysUnusable("SECRETS_KEYS must be `id:key,id:key`, newest first, each id once and without a $ sign.")
        try:
            keys[key_id] = Fernet(key)
        except ValueError:
            raise KeysUnusable(
                f"The key {key_id!r} in SECRETS_KEYS is no Fernet key: 32 random bytes in URL-safe base64."
            ) from None
    if not keys:
        raise KeysUnusable(
            "SECRETS_KEYS is empty, so no connector's secret can be kept or read. `make up` generates a key into "
            "DATA_DIR; elsewhere set it to `id:key`, and keep a copy of the key."
        )
    return keys


def encrypt(secrets: Mapping[str, Any]) -> str:
    """Secrets as they are stored; nothing is stored as an empty text."""
    if not secrets:
        return ""
    keys = keyring()
    token = MultiFernet(list(keys.values())).encrypt(json.dumps(dict(secrets)).encode())
    return next(iter(keys)) + SEPARATOR + token.decode()


def decrypt(stored: str) -> dict[str, Any]:
    """
    :raises SecretsUnreadable: if the key is not among ours, or is another one under the same id
    """
    if not stored:
        return {}
    keys = keyring()
    key_id, token = key_id_of(stored), stored.partition(SEPARATOR)[2]
    if key_id not in keys:
        raise SecretsUnreadable(f"They were encrypted with the key {key_id!r}, which SECRETS_KEYS does not hold.")
    try:
        secrets: dict[str, Any] = json.loads(keys[key_id].decrypt(token.encode()))
    except InvalidToken:
        raise SecretsUnreadable(
            f"They were encrypted with another key than the one that SECRETS_KEYS holds as {key_id!r}."
        ) from None
    return secrets


def rotate(stored: str) -> str:
    """
    The same secrets under the newest key; what is under it already stays as it is.

    :raises SecretsUnreadable: as `decrypt`
    """
    if not stored or key_id_of(stored) == next(iter(keyring())):
        return stored
    return encrypt(decrypt(stored))


def key_id_of(stored: str) -> str:
    return stored.partition(SEPARATOR)[0]


def check_keys(stored: Iterable[str]) -> None:
    """
    :param stored: secrets as they are stored, at least one for each key in use
    :raises KeysUnusable: if a key is missing or wrong
    """
    keyring()
    for one in stored:
        try:
            decrypt(one)
        except SecretsUnreadable as error:
            raise KeysUnusable(
                f"The stored secrets of connectors cannot be read. {error} Bring that key back into SECRETS_KEYS, "
                "after the newest one, or enter those connectors' secrets anew."
            ) from None
