"""Runs the coroutine of an `async def` view in the thread of its request.

WSGI calls a view and waits for its response, so a coroutine runs to its end before anything else
happens in this thread. Each thread keeps one event loop, which stands still between requests.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
_MISSING = object()


def run_coroutine(coroutine: Coroutine[object, None, T]) -> T:
    """Run a coroutine to its end in this thread and return its result.

    Context variables that it sets keep their values afterwards, as those of a plain function do.
    Tasks that it started and did not await are cancelled, so that nothing of one request runs
    during another one.

    Args:
        coroutine: The result of calling a coroutine function.

    Raises:
        RuntimeError: This thread is running an event loop already, or the coroutine was cancelled.
        Exception: Any exception of the coroutine.

    Example:
        >>> async def add(a, b):
        ...     return a + b
        >>> run_coroutine(add(1, 2))
        3
    """
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    if _is_in_event_loop():
        coroutine.close()
        raise RuntimeError(
            f"{name} cannot run in a thread that is running an event loop already; "
            "call the application in another thread, as in await asyncio.to_thread(client.get, …)"
        )
    loop = _loop_of_thread()
    context = copy_context()
    try:
        return loop.run_until_complete(loop.create_task(coroutine, context=context))
    except asyncio.CancelledError as error:
        # Not an Exception: it would pass all handlers and end the worker.
        raise RuntimeError(f"{name} was cancelled") from error
    finally:
        _cancel_tasks(loop, name)
        _copy_variables(context)


class _ThreadLoop:
    """An event loop that is closed when its thread ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pid = os.getpid()

    def __del__(self) -> None:
        self.loop.close()


_local = threading.local()
# Loops of a parent process. To close one would change the files that the parent waits for.
_inherited: list[_ThreadLoop] = []


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _loop_of_thread() -> asyncio.AbstractEventLoop:
    held: _ThreadLoop | None = getattr(_local, "held", None)
    if held is None or held.pid != os.getpid():
        if held is not None:
            _inherited.append(held)
        held = _local.held = _ThreadLoop()
    return held.loop


def _cancel_tasks(loop: asyncio.AbstractEventLoop, name: str) -> None:
    left = asyncio.all_tasks(loop)
    if not left:
        return
    logger.warning("tasks that %s started and did not await were cancelled: %d", name, len(left))
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def _copy_variables(context: Context) -> None:
    """Set the context variables of this thread to the values that they have in a context."""
    for variable, value in context.items():
        if variable.get(_MISSING) is not value:
            variable.set(value)
