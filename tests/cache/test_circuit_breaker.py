"""Circuit breaker: log an outage once, probe the server after a pause, log the recovery."""

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
    breaker = CircuitBreaker("no cache", clock=clock)
    assert breaker.allows_call()
    with caplog.at_level(logging.WARNING):
        breaker.record_failure(OSError("refused"))
        breaker.record_failure(OSError("refused"))
    assert caplog.messages == ["no cache: OSError: refused"]
    assert not breaker.allows_call()
    clock.now += PAUSE
    assert breaker.allows_call()
    assert not breaker.allows_call(), "one caller probes, the others wait for its result"
    breaker.record_failure(OSError("refused"))
    clock.now += PAUSE
    assert breaker.allows_call()
    with caplog.at_level(logging.WARNING):
        breaker.record_success()
        breaker.record_success()
    assert caplog.messages[1:] == ["no cache: resolved"]
    assert breaker.allows_call()
    assert breaker.allows_call()
