import pytest
from django.core.checks import run_checks


@pytest.mark.django_db
def test_every_table_is_guarded() -> None:
    assert [
        str(message) for message in run_checks(databases=["default"]) if str(message.id).startswith("organisation")
    ] == []
