"""An outage: told once, asked again after a pause by one alone, and told when it is over."""

import logging

import pytest

from lback.cache.circuit_breaker import PAUSE, CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_told_once_and_asked_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = CircuitBreaker("no cache", clock=clock)
    assert outage.may_ask()
    with caplog.at_level(logging.WARNING):
        outage.failed(OSError("refused"))
        outage.failed(OSError("refused"))
    assert caplog.messages == ["no cache: OSError: refused"]
    assert not outage.may_ask()
    clock.now += PAUSE
    assert outage.may_ask()
    assert not outage.may_ask(), "one asks, the others wait for what it finds"
    outage.failed(OSError("refused"))
    clock.now += PAUSE
    assert outage.may_ask()
    with caplog.at_level(logging.WARNING):
        outage.worked()
        outage.worked()
    assert caplog.messages[1:] == ["no cache: over"]
    assert outage.may_ask()
    assert outage.may_ask()
