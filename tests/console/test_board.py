import re

from django.test import Client

from tests.console.nights import Night

BOARD = "/console/outages/"
FRAGMENT = "/console/outages/fragment"


def numbers(html: str) -> list[str]:
    return re.findall(r'data-number="([^"]+)"', html)


def test_the_worst_stands_first_and_an_outage_that_puts_nobody_off_stands_last(night: Night, signed_in: Client) -> None:
    html = signed_in.get(BOARD).content.decode()

    assert numbers(html) == ["2026-0117", "2026-0118", "2026-0109", "2026-0119"]
    assert re.findall(r'<tbody data-group="(\w+)"', html) == ["act", "done", "calm"]
