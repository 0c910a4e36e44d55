"""What is said about signals holds, and what does not hold is told."""

import pytest

from lback.core.signals import SignalDispatcher
from lback.testing import SignalRecorder


@pytest.fixture
def dispatcher() -> SignalDispatcher:
    return SignalDispatcher()


def test_all_signals_are_kept_and_receivers_hear_them(dispatcher: SignalDispatcher) -> None:
    heard: list[int] = []
    dispatcher.connect("paid", lambda sender, amount: heard.append(amount))
    with SignalRecorder().listening(dispatcher) as signals:
        assert dispatcher.has_receivers(frozenset({"anything"}))
        assert dispatcher.receivers
        results = dispatcher.send("paid", signals, amount=3)
        dispatcher.send("sent")
    dispatcher.send("after")
    assert len(results) == 1
    assert (heard, signals.names) == ([3], ["paid", "sent"])
    assert signals.sent[0].sender is signals
    assert not dispatcher.has_receivers(frozenset({"anything"}))
    assert list(dispatcher.receivers) == ["paid"]


def test_assertions_hold_or_tell(dispatcher: SignalDispatcher) -> None:
    with SignalRecorder().listening(dispatcher) as signals:
        for amount in (1, 2):
            dispatcher.send("paid", None, amount=amount, by="ada")
    assert signals.assert_sent("paid", by="ada", times=2).arguments["amount"] == 2
    assert len(signals.named("paid", amount=1)) == 1
    signals.assert_not_sent("paid", amount=3)
    signals.assert_order("paid", "paid")
    with pytest.raises(AssertionError, match=r"paid\(\) was sent 2 times, not 1; sent instead:"):
        signals.assert_sent("paid", times=1)
    with pytest.raises(AssertionError, match=r"paid\(amount=1, by='ada'\) was sent 1 times"):
        signals.assert_not_sent("paid", amount=1)
    with pytest.raises(AssertionError, match="'paid' was not sent after 'paid'"):
        signals.assert_order("paid", "paid", "paid")
    signals.clear()
    with pytest.raises(AssertionError, match=r"paid\(\) was not sent; sent instead: none"):
        signals.assert_sent("paid")
    with pytest.raises(AssertionError, match="'paid' was not sent; sent instead: none"):
        signals.assert_order("paid")


def test_what_a_block_raises_ends_the_recording(dispatcher: SignalDispatcher) -> None:
    recorder = SignalRecorder()
    with pytest.raises(ZeroDivisionError), recorder.listening(dispatcher):
        raise ZeroDivisionError
    dispatcher.send("after")
    assert recorder.sent == []
