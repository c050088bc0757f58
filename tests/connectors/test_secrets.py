from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from connectors import secrets
from connectors.checks import require_keys
from connectors.models import Connector
from connectors.secrets import KeysUnusable, SecretsUnreadable
from organisation.models import Organisation
from organisation.scope import Scope, acting_for

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = {"password": "hunter2 “ä”"}


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.SECRETS_KEYS = [f"old:{OLD}"]


def test_what_is_stored_names_its_key_and_shows_nothing() -> None:
    stored = secrets.encrypt(SECRET)

    assert stored.startswith("old$")
    assert "hunter2" not in stored
    assert secrets.decrypt(stored) == SECRET
    assert (secrets.encrypt({}), secrets.decrypt("")) == ("", {})


def test_a_new_key_goes_first_and_the_old_one_still_opens(settings: Settings) -> None:
    stored = secrets.encrypt(SECRET)
    settings.SECRETS_KEYS = [f"new:{NEW}", f"old:{OLD}"]

    assert secrets.decrypt(stored) == SECRET
    rotated = secrets.rotate(stored)
    assert rotated.startswith("new$")
    assert secrets.decrypt(rotated) == SECRET
    assert secrets.rotate(rotated) == rotated
    settings.SECRETS_KEYS = [f"new:{NEW}"]
    assert secrets.decrypt(rotated) == SECRET
    with pytest.raises(SecretsUnreadable, match="'old', which SECRETS_KEYS does not hold"):
        secrets.decrypt(stored)


@pytest.mark.parametrize("damage", ["", "x", "gAAAAA"])
def test_a_wrong_key_under_the_same_id_is_no_garbage(settings: Settings, damage: str) -> None:
    stored = secrets.encrypt(SECRET)
    settings.SECRETS_KEYS = [f"old:{OTHER}"]

    with pytest.raises(SecretsUnreadable, match="another key than the one"):
        secrets.decrypt(stored + damage)


@pytest.mark.parametrize(
    "keys",
    [[], ["without-id"], [f":{OLD}"], [f"a:{OLD}", f"a:{NEW}"], ["a:short"], [f"a$b:{OLD}"]],
)
def test_a_list_of_keys_that_is_none_is_refused(settings: Settings, keys: list[str]) -> None:
    settings.SECRETS_KEYS = keys

    with pytest.raises(KeysUnusable, match="SECRETS_KEYS") as refused:
        secrets.encrypt(SECRET)
    assert OLD not in str(refused.value)


def test_a_start_is_refused_when_any_organisations_secrets_would_not_open(
    settings: Settings, utility: Organisation, neighbour: Organisation
) -> None:
    for organisation in (utility, neighbour):
        with acting_for(Scope(organisation_id=organisation.pk)):
            Connector.objects.create(kind="push", name="Tablets", secrets=secrets.encrypt(SECRET))
            Connector.objects.create(kind="push", name="Without secrets")
    require_keys()

    settings.SECRETS_KEYS = [f"new:{NEW}", f"old:{OLD}"]
    with acting_for(Scope(organisation_id=utility.pk)):
        Connector.objects.create(kind="push", name="Newer", secrets=secrets.encrypt(SECRET))
    require_keys()
    for missing in ([f"new:{NEW}"], [f"old:{OLD}"], [f"new:{NEW}", f"old:{OTHER}"], []):
        settings.SECRETS_KEYS = missing
        with pytest.raises(KeysUnusable):
            require_keys()


def test_the_system_check_says_so_too(settings: Settings, scope: Scope, capsys: Any) -> None:
    Connector.objects.create(kind="push", name="Tablets", secrets=secrets.encrypt(SECRET))
    call_command("check", databases=["default"])
    settings.SECRETS_KEYS = [f"old:{OTHER}"]

    with pytest.raises(SystemCheckError, match=r"connectors\.E002"):
        call_command("check", databases=["default"])
