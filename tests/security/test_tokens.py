"""Signed tokens: what they carry, for how long they are valid, and clocks that differ."""

import time
from typing import Any

import pytest

from lback import Application, Config
from lback.security import TokenSigner

CONFIG = Config(None, settings={"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"})


class Clock:
    now = 1_700_000_000.9

    def __call__(self) -> float:
        return self.now


def test_a_token_is_valid_up_to_its_age() -> None:
    clock = Clock()
    signer = TokenSigner(CONFIG, clock=clock)
    token = signer.sign("news", [7])
    clock.now += 3600
    assert signer.read("news", token, 3600) == [7]
    clock.now += 1
    assert signer.read("news", token, 3600) is None
    assert signer.read("news", token, 3601.5) == [7]


@pytest.mark.parametrize("tolerance", [0, 60, 600])
def test_the_clock_of_the_signer_may_be_ahead_by_the_tolerance(
    tolerance: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    signer = TokenSigner(CONFIG, clock=clock, clock_tolerance=tolerance)
    token = signer.sign("news", [7])
    clock.now -= tolerance
    assert signer.read("news", token, 3600) == [7]
    clock.now -= 1
    for _ in range(3):
        assert signer.read("news", token, 3600) is None
    assert len(caplog.messages) == 1
    assert f"more than CLOCK_TOLERANCE ({tolerance} s)" in caplog.text


def test_a_forged_token_from_the_future_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    signer = TokenSigner(CONFIG, clock=clock)
    token = signer.sign("news", [7])
    clock.now -= 3600
    assert signer.read("news", token[:-2] + "AA", 3600) is None
    assert not caplog.messages


@pytest.mark.parametrize(("settings", "data"), [({}, [7]), ({"CLOCK_TOLERANCE": 5}, None)])
def test_the_tolerance_of_an_application_is_a_setting(
    settings: dict[str, Any], data: list[int] | None
) -> None:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DEBUG=True, **settings)
    half_a_minute_ahead = TokenSigner(app.config, clock=lambda: time.time() + 30)
    token = half_a_minute_ahead.sign("news", [7])
    assert app.token_signer.read("news", token, 3600) == data
