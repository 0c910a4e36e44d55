"""docs/guides/realtime-limits.md: the numbers that it names are those of the code."""

import re

import pytest

from lback.core.settings.defaults import Settings
from lback.realtime import limits
from tests.guides.conftest import GUIDES

TEXT = (GUIDES / "realtime-limits.md").read_text()


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("`REALTIME_CONNECTIONS`, 20,000", Settings().REALTIME_CONNECTIONS == 20_000),
        ("`REALTIME_RECEIVE_BYTES`, 64 KiB", Settings().REALTIME_RECEIVE_BYTES == 64 * 1024),
        ("`REALTIME_RECEIVE_RATE`, 50", Settings().REALTIME_RECEIVE_RATE == 50),
        ("`REALTIME_MESSAGE_BYTES`, 256 KiB", Settings().REALTIME_MESSAGE_BYTES == 256 * 1024),
        ("`REALTIME_THREADS`, 8", Settings().REALTIME_THREADS == 8),
        ("rooms of a connection | 20 ", limits.MOST_ROOMS == 20),
        ("handshake | 10 seconds", limits.HANDSHAKE_SECONDS == 10),
        ("request | 32 KiB, 128 fields", limits.HEAD_BYTES == 32 * 1024),
        ("wait for a client | 1 MiB", limits.UNREAD_BYTES == 1024 * 1024),
        ("what waits | 20 seconds", limits.UNREAD_SECONDS == 20),
        ("a ping | 20 seconds, after 20 seconds", limits.PING_SECONDS == 20),
    ],
)
def test_a_limit_is_that_of_the_code(words: str, value: bool) -> None:
    assert words in TEXT
    assert value


def test_every_setting_of_the_guide_exists() -> None:
    named = set(re.findall(r"`(REALTIME_[A-Z_]+)`", TEXT))
    assert named
    assert all(hasattr(Settings(), name) for name in named)
