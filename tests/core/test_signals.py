"""Signals: who hears what, in which order, and what a send gives back."""

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lback.core.dispatcher_instance
from lback.core.dispatcher_instance import SignalSender
from lback.core.signals import SignalDispatcher


def answer(sender: object, **_: object) -> str:
    return "answer"


class Listener:
    """Hears as an object, by a bound method and by a class method."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, sender: object, **_: object) -> str:
        self.heard.append("called")
        return "object"

    def hear(self, sender: object, **_: object) -> str:
        self.heard.append("method")
        return "method"

    @classmethod
    def everybody(cls, sender: object, **_: object) -> str:
        return cls.__name__


# connecting and sending


def test_a_new_dispatcher_has_no_receivers() -> None:
    dispatcher = SignalDispatcher()
    assert dispatcher.send("anything", sender=None) == []
    assert dispatcher.receivers == {}


def test_a_receiver_gets_the_sender_and_the_arguments() -> None:
    dispatcher, heard = SignalDispatcher(), []

    def receiver(sender: object, **arguments: object) -> str:
        heard.append((sender, arguments))
        return "done"

    dispatcher.connect("saved", receiver)
    results = dispatcher.send("saved", "the sender", key=1, value=None)
    assert heard == [("the sender", {"key": 1, "value": None})]
    assert results == [(receiver, "done")]


def test_a_signal_without_a_sender_has_none() -> None:
    dispatcher = SignalDispatcher()
    dispatcher.connect("saved", lambda sender: sender)
    [(_, result)] = dispatcher.send("saved")
    assert result is None


def test_receivers_are_called_in_the_order_they_were_connected() -> None:
    dispatcher, heard = SignalDispatcher(), []
    for number in range(5):
        dispatcher.connect("saved", lambda sender, number=number: heard.append(number))
    dispatcher.send("saved")
    assert heard == [0, 1, 2, 3, 4]


def test_a_signal_is_heard_by_its_own_receivers_only() -> None:
    dispatcher = SignalDispatcher()
    dispatcher.connect("saved", answer)
    assert dispatcher.send("deleted") == []
    assert dispatcher.send("Saved") == []
    assert dispatcher.send("saved") == [(answer, "answer")]


def test_connecting_twice_calls_once() -> None:
    dispatcher, listener = SignalDispatcher(), Listener()
    for _ in range(2):
        dispatcher.connect("saved", answer)
        dispatcher.connect("saved", listener.hear)
    assert dispatcher.send("saved") == [(answer, "answer"), (listener.hear, "method")]
    assert listener.heard == ["method"]


@pytest.mark.parametrize(
    ("receiver", "result"),
    [
        (functools.partial(answer, extra=1), "answer"),
        (Listener(), "object"),
        (Listener().hear, "method"),
        (Listener.everybody, "Listener"),
        (lambda sender: "lambda", "lambda"),
    ],
    ids=["partial", "object", "bound method", "class method", "lambda"],
)
def test_anything_callable_receives(receiver: Callable[..., Any], result: str) -> None:
    dispatcher = SignalDispatcher()
    dispatcher.connect("saved", receiver)
    assert dispatcher.send("saved") == [(receiver, result)]
    dispatcher.disconnect("saved", receiver)
    assert dispatcher.send("saved") == []


def test_receivers_are_kept_alive_by_the_dispatcher() -> None:
    dispatcher = SignalDispatcher()
    dispatcher.connect("saved", Listener().hear)
    assert [result for _, result in dispatcher.send("saved")] == ["method"]


def test_dispatchers_do_not_share_receivers() -> None:
    one, two = SignalDispatcher(), SignalDispatcher()
    one.connect("saved", answer)
    assert two.send("saved") == []


# disconnecting


def test_a_disconnected_receiver_is_not_called_any_more() -> None:
    dispatcher, listener = SignalDispatcher(), Listener()
    dispatcher.connect("saved", listener.hear)
    dispatcher.connect("saved", answer)
    dispatcher.disconnect("saved", listener.hear)
    assert dispatcher.send("saved") == [(answer, "answer")]
    assert listener.heard == []
    assert "saved" in dispatcher.receivers
    dispatcher.disconnect("saved", answer)
    assert dispatcher.receivers == {}


def test_disconnecting_what_is_not_connected_is_not_an_error() -> None:
    dispatcher = SignalDispatcher()
    dispatcher.disconnect("saved", answer)
    dispatcher.connect("saved", answer)
    dispatcher.disconnect("deleted", answer)
    dispatcher.disconnect("saved", Listener())
    assert dispatcher.send("saved") == [(answer, "answer")]


# wrong ways in


@pytest.mark.parametrize("receiver", [None, "answer", 5, object()])
def test_a_receiver_that_cannot_be_called_is_refused(receiver: Any) -> None:
    dispatcher = SignalDispatcher()
    with pytest.raises(TypeError, match=f"must be callable, {type(receiver).__name__} is not"):
        dispatcher.connect("saved", receiver)
    assert dispatcher.receivers == {}


async def wait(sender: object) -> None:
    """A coroutine function, which a send would call and nobody await."""


class Waiting:
    async def __call__(self, sender: object) -> None:
        """The same as an object."""

    async def hear(self, sender: object) -> None:
        """The same as a method."""


@pytest.mark.parametrize(
    "receiver", [wait, Waiting(), Waiting().hear, functools.partial(wait, sender=None)]
)
def test_a_coroutine_function_is_refused(receiver: Any) -> None:
    dispatcher = SignalDispatcher()
    with pytest.raises(TypeError, match="must be a plain function"):
        dispatcher.connect("saved", receiver)
    assert dispatcher.receivers == {}


@pytest.mark.parametrize("name", [None, 5, b"saved", ["saved"]])
def test_a_signal_name_that_is_not_text_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match=f"must be text, not {type(name).__name__}"):
        SignalDispatcher().connect(name, answer)


def test_an_empty_signal_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        SignalDispatcher().connect("", answer)


# receivers that fail


def test_a_failing_receiver_keeps_no_one_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    dispatcher = SignalDispatcher()
    failure = RuntimeError("broken")

    def fail(sender: object) -> None:
        raise failure

    dispatcher.connect("saved", fail)
    dispatcher.connect("saved", answer)
    assert dispatcher.send("saved") == [(fail, failure), (answer, "answer")]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "a receiver of signal saved failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is failure


def test_a_receiver_that_does_not_take_the_arguments_fails_alone() -> None:
    dispatcher = SignalDispatcher()
    dispatcher.connect("saved", lambda: None)
    dispatcher.connect("saved", answer)
    [(_, first), (_, second)] = dispatcher.send("saved", key=1)
    assert isinstance(first, TypeError)
    assert second == "answer"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_must_end_the_process_is_not_held_up(kind: type[BaseException]) -> None:
    dispatcher = SignalDispatcher()

    def end(sender: object) -> None:
        raise kind

    dispatcher.connect("saved", end)
    with pytest.raises(kind):
        dispatcher.send("saved")


# logging


class Telling:
    """An argument that would give its secret away wherever it is turned into text."""

    def __repr__(self) -> str:
        return "secret-object"


@pytest.mark.parametrize(
    "arguments",
    [
        {"environ": {"HTTP_COOKIE": "secret-cookie"}},
        {"key": "secret-key", "value": Telling()},
        {"body": b"secret-body"},
    ],
)
def test_no_argument_is_ever_logged(
    arguments: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dispatcher = SignalDispatcher()
    listener = Listener()

    def fail(sender: object, **_: object) -> None:
        raise RuntimeError("broken")

    dispatcher.connect("saved", fail)
    dispatcher.connect("saved", listener)
    dispatcher.connect("saved", functools.partial(answer, token="secret-token"))
    dispatcher.send("saved", sender=Telling(), **arguments)
    dispatcher.disconnect("saved", listener)
    dispatcher.disconnect("saved", listener)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "signal saved from Telling to 3 receivers",
        "a receiver of signal saved failed",
        "disconnect: 'saved' has no such receiver",
    ]
    assert "secret" not in caplog.text


def test_a_signal_that_no_one_hears_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    SignalDispatcher().send("saved", key=1)
    assert caplog.records == []


# sends within sends, and threads


def test_a_receiver_may_send_connect_and_disconnect() -> None:
    dispatcher, heard = SignalDispatcher(), []

    def late(sender: object) -> None:
        heard.append("late")

    def outer(sender: object) -> None:
        heard.append("outer")
        dispatcher.disconnect("outer", outer)
        dispatcher.disconnect("outer", last)
        dispatcher.connect("outer", late)
        dispatcher.send("inner")

    def last(sender: object) -> None:
        heard.append("last")

    dispatcher.connect("outer", outer)
    dispatcher.connect("outer", last)
    dispatcher.connect("inner", lambda sender: heard.append("inner"))
    dispatcher.send("outer")
    assert heard == ["outer", "inner", "last"], "a send keeps the receivers it began with"
    heard.clear()
    dispatcher.send("outer")
    assert heard == ["late"]


def test_a_receiver_in_another_thread_may_use_the_dispatcher_during_a_send() -> None:
    dispatcher = SignalDispatcher()
    finished = threading.Event()

    def receiver(sender: object) -> bool:
        def connect() -> None:
            dispatcher.connect("other", answer)
            finished.set()

        threading.Thread(target=connect, daemon=True).start()
        return finished.wait(timeout=10)

    dispatcher.connect("saved", receiver)
    assert dispatcher.send("saved") == [(receiver, True)]


def test_threads_that_connect_and_send_lose_no_receiver() -> None:
    dispatcher = SignalDispatcher()
    together = threading.Barrier(8)

    def work(thread: int) -> list[Callable[..., Any]]:
        together.wait()
        kept: list[Callable[..., Any]] = []
        for number in range(60):
            receiver = functools.partial(answer, place=(thread, number))
            dispatcher.connect(f"signal {number % 3}", receiver)
            dispatcher.send(f"signal {number % 3}")
            assert dispatcher.has_receivers(frozenset({f"signal {number % 3}"}))
            if number % 2:
                dispatcher.disconnect(f"signal {number % 3}", receiver)
            else:
                kept.append(receiver)
        return kept

    with ThreadPoolExecutor(max_workers=8) as pool:
        kept = [receiver for part in pool.map(work, range(8)) for receiver in part]
    connected = [receiver for group in dispatcher.receivers.values() for receiver in group]
    assert len(connected) == len(kept) == 240
    assert all(receiver in connected for receiver in kept)


# asking before the work


def test_hears_any_follows_every_change() -> None:
    dispatcher, names = SignalDispatcher(), frozenset({"one", "two"})
    assert not dispatcher.has_receivers(names)
    dispatcher.connect("three", answer)
    assert not dispatcher.has_receivers(names)
    dispatcher.connect("two", answer)
    assert dispatcher.has_receivers(names)
    assert dispatcher.has_receivers(names)
    dispatcher.disconnect("two", answer)
    assert not dispatcher.has_receivers(names)
    assert not dispatcher.has_receivers(frozenset())


NAMES = st.sampled_from(["one", "two", "three"])
RECEIVERS = [functools.partial(answer, number=number) for number in range(3)]


@given(st.lists(st.tuples(st.booleans(), NAMES, st.sampled_from(RECEIVERS)), max_size=30))
def test_it_agrees_with_a_plain_dict_of_lists(
    steps: list[tuple[bool, str, Callable[..., Any]]],
) -> None:
    dispatcher = SignalDispatcher()
    model: dict[str, list[Callable[..., Any]]] = {"one": [], "two": [], "three": []}
    for connects, name, receiver in steps:
        if connects:
            dispatcher.connect(name, receiver)
            if receiver not in model[name]:
                model[name].append(receiver)
        else:
            dispatcher.disconnect(name, receiver)
            if receiver in model[name]:
                model[name].remove(receiver)
        for each, receivers in model.items():
            assert [who for who, _ in dispatcher.send(each)] == receivers
            assert (each in dispatcher.receivers) == bool(receivers)
            assert dispatcher.has_receivers(frozenset({each})) == bool(receivers)


# the dispatcher of the process


class Shop(SignalSender):
    """A part that sends."""

    def __init__(self, dispatcher: SignalDispatcher | None = None) -> None:
        self._dispatcher = dispatcher


def test_a_part_sends_on_the_dispatcher_it_was_built_with() -> None:
    dispatcher = SignalDispatcher()
    assert Shop(dispatcher).dispatcher is dispatcher


def test_a_part_without_one_sends_on_that_of_the_process() -> None:
    assert Shop().dispatcher is lback.core.dispatcher_instance.dispatcher
    assert isinstance(Shop().dispatcher, SignalDispatcher)


def test_the_dispatcher_of_the_process_is_looked_up_at_each_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, replacement = Shop(), SignalDispatcher()
    monkeypatch.setattr(lback.core.dispatcher_instance, "dispatcher", replacement)
    assert shop.dispatcher is replacement
